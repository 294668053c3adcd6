//! Captures that own their bytes.

use bevy_ecs::prelude::*;
use keepstone_bevy::Registry;
use keepstone_world::{Codec, Filter, Kind, LoadMode, LoadOptions, OwnedCapture, SaveOptions, WorldFiles};

use crate::support::{Score, Title, number, world};

fn plain() -> SaveOptions<'static, Registry> {
    SaveOptions::default().codec(Codec::None)
}

#[test]
fn a_capture_is_saved_later_as_the_world_was() {
    let mut saved = world(1);
    let mut expected = Vec::new();
    saved.save_to_with(&mut expected, &plain()).unwrap();
    let capture = saved.capture_owned().unwrap();
    saved.spawn(Score(99));
    let mut bytes = Vec::new();
    let report = capture.save_to_with(&mut bytes, &plain()).unwrap();
    assert!(bytes == expected);
    assert_eq!(report.encoded.entities, 2);
    assert_eq!(capture.entities.len(), 2);
}

#[test]
fn a_capture_over_another_holds_the_new_world_alone() {
    let mut capture = OwnedCapture::default();
    for at in [5, 3, 8] {
        let mut saved = world(at);
        saved.spawn_batch((0..at * 10).map(Score));
        saved.capture_into(&mut capture, &plain()).unwrap();
        let fresh = saved.capture_owned().unwrap();
        assert_eq!((&capture.doc, &capture.entities), (&fresh.doc, &fresh.entities));
    }
}

#[derive(Component)]
struct NotSaved;

#[test]
fn a_strict_capture_refuses_to_leave_anything_out_and_keeps_the_earlier_one() {
    let mut saved = world(1);
    let mut capture = saved.capture_owned().unwrap();
    let before = capture.doc.clone();
    saved.spawn((Score(1), NotSaved));
    let error = saved.capture_into(&mut capture, &plain().strict(true)).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    assert_eq!(capture.doc, before);
    saved.capture_into(&mut capture, &plain()).unwrap();
    let report = capture.save_to_with(&mut Vec::new(), &plain()).unwrap();
    assert!(report.encoded.left_out.iter().any(|left| left.component.ends_with("NotSaved")));
}

#[test]
fn a_world_becomes_what_it_was_when_it_was_captured() {
    let mut game = world(1);
    let titled = game.query_filtered::<Entity, With<Title>>().single(&game).unwrap();
    let other = game.query_filtered::<Entity, (With<Score>, Without<Title>)>().single(&game).unwrap();
    let capture = game.capture_owned().unwrap();
    game.get_mut::<Score>(titled).unwrap().0 = 50;
    game.entity_mut(titled).remove::<Title>();
    game.despawn(other);
    let late = game.spawn(Score(7)).id();
    let report = game.restore(&capture).unwrap();
    assert_eq!(number(&mut game), Some(1));
    assert_eq!(game.get::<Score>(titled), Some(&Score(1)), "it kept its id");
    assert!(game.get_entity(late).is_err());
    assert_eq!((report.despawned, report.respawned.len()), (1, 1));
    assert_eq!(report.respawned[0].0, other);
    let again = game.capture_owned().unwrap();
    let report = game.restore(&again).unwrap();
    assert_eq!((report.written, report.spawned, report.despawned), (0, 0, 0), "nothing differs");
}

#[test]
fn a_world_is_not_restored_from_what_a_filter_left() {
    let mut saved = world(1);
    let filter = Filter::new().only(["test.score"]);
    let part = saved.capture_owned_with(&plain().filter(filter.clone())).unwrap();
    let error = saved.restore(&part).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    assert_eq!(number(&mut saved), Some(1), "the titles are still there");
    // Captured over with all of the world, it can be.
    let mut whole = part;
    saved.capture_into(&mut whole, &plain()).unwrap();
    saved.restore(&whole).unwrap();

    let mut bytes = Vec::new();
    saved.save_to_with(&mut bytes, &plain()).unwrap();
    let files: std::sync::Arc<keepstone_storage::MemFiles> = std::sync::Arc::default();
    saved.save_with(crate::support::PATH, &plain().files(files.clone())).unwrap();
    let options = LoadOptions::default().filter(filter).files(files);
    let error = saved.load_into_with(crate::support::PATH, LoadMode::Restore, &options).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    assert_eq!(number(&mut saved), Some(1));
}
