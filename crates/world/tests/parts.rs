//! Parts of worlds, and what is wrong with them.

use bevy_ecs::prelude::*;
use keepstone_bevy::{Persist, Registry};
use keepstone_world::{Codec, Dangling, Filter, Kind, LoadOptions, SaveOptions, WorldFiles};

use crate::support::{Score, Title, number, world};

#[derive(Component, Persist, serde::Serialize, serde::Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.follows")]
struct Follows(Entity);

fn plain() -> SaveOptions<'static, Registry> {
    SaveOptions::default().codec(Codec::None)
}

fn bytes(world: &World, options: &SaveOptions<'_, Registry>) -> Vec<u8> {
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, options).unwrap();
    bytes
}

/// A world in which one entity refers to another, with as many scores as titles and one more.
fn following() -> World {
    let mut game = world(1);
    let titled = game.query_filtered::<Entity, With<Title>>().single(&game).unwrap();
    game.spawn(Follows(titled));
    game
}

#[test]
fn a_filter_at_the_save_and_one_at_the_load_leave_the_same() {
    let game = following();
    let only = || Filter::new().only(["test.score"]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part.keep");
    let saved = game.save_with(&path, &plain().filter(only())).unwrap();
    assert_eq!((saved.encoded.entities, saved.encoded.values), (2, 2));
    assert!(saved.encoded.left_out.iter().any(|left| left.component == "test.title" && left.count == 1));
    assert_eq!(saved.encoded.entities_left_out, 1);
    let mut part = World::load(&path).unwrap();
    game.save_with(&path, &plain()).unwrap();
    let (mut later, report) = World::load_with(&path, &LoadOptions::default().filter(only())).unwrap();
    let scores = |world: &mut World| {
        assert_eq!(world.query::<&Title>().iter(world).count(), 0);
        let mut scores: Vec<u64> = world.query::<&Score>().iter(world).map(|score| score.0).collect();
        scores.sort_unstable();
        scores
    };
    assert_eq!((scores(&mut part), scores(&mut later)), (vec![1, 2], vec![1, 2]));
    assert_eq!((report.entities_left_out, report.spawned.entities.len()), (1, 2));
    assert!(report.left_out.iter().any(|left| left.component == "test.title" && left.count == 1));
}

#[test]
fn references_out_of_a_part_are_treated_as_the_save_says() {
    let game = following();
    let without = || plain().filter(Filter::new().not_having("test.title"));
    let report = game.save_to_with(&mut Vec::new(), &without()).unwrap();
    assert_eq!((report.encoded.entities, report.encoded.dangling), (2, 1));
    let error = game.save_to_with(&mut Vec::new(), &without().dangling(Dangling::Refuse)).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    let dropped = game.save_to_with(&mut Vec::new(), &without().dangling(Dangling::DropEntity)).unwrap();
    assert_eq!((dropped.encoded.entities, dropped.encoded.dangling), (1, 0));
    assert_eq!(dropped.encoded.entities_left_out, 2);
    let left_out = without().dangling(Dangling::LeaveOut).strict(true);
    let left_out = game.save_to_with(&mut Vec::new(), &left_out).unwrap();
    assert!(left_out.encoded.left_out.iter().any(|left| left.component == "test.follows"));
    assert!(game.save_to_with(&mut Vec::new(), &without().strict(true)).is_err());
}

#[test]
fn a_load_can_leave_out_what_refers_to_nothing() {
    let game = following();
    let saved = bytes(&game, &plain().filter(Filter::new().not_having("test.title")));
    let options = LoadOptions::default().refuse_dangling(true);
    assert!(World::load_from_with(&mut saved.as_slice(), &options).is_err());
    let options = options.dangling(Dangling::LeaveOut);
    let (mut loaded, report) = World::load_from_with(&mut saved.as_slice(), &options).unwrap();
    assert_eq!(loaded.query::<&Follows>().iter(&loaded).count(), 0);
    assert_eq!(report.left_out.len(), 1);
}

#[test]
fn filters_work_in_captures_and_in_the_background() {
    let game = following();
    let options = plain().filter(Filter::new().having("test.title"));
    let capture = game.capture_owned_with(&options).unwrap();
    assert_eq!((capture.doc.entity_count(), capture.entities.len()), (1, 1));
    assert!(game.get::<Title>(capture.entities[0]).is_some());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part.keep");
    let saver = keepstone_world::Saver::new().unwrap();
    let report = saver.save_with(&game, &path, &options).unwrap().wait().unwrap();
    assert_eq!(report.encoded.entities, 1);
    let mut part = World::load(&path).unwrap();
    assert_eq!(part.query::<&Title>().iter(&part).count(), 1);
}

#[test]
fn a_world_says_what_a_save_would_miss() {
    let mut game = following();
    assert!(game.validate().unwrap().is_good());
    let titled = game.query_filtered::<Entity, With<Title>>().single(&game).unwrap();
    game.despawn(titled);
    let found = game.validate().unwrap();
    assert!(!found.is_good());
    assert_eq!((found.dangling.len(), found.dangling_total), (1, 1));
    assert_eq!(found.dangling[0].0, "test.follows");
}

#[test]
fn the_hash_tells_worlds_apart_and_knows_a_loaded_one_again() {
    let game = world(1);
    let hash = game.hash().unwrap();
    assert_ne!(hash, world(2).hash().unwrap());
    let saved = bytes(&game, &plain());
    let mut loaded = World::load_from(&mut saved.as_slice()).unwrap();
    assert_eq!(loaded.hash().unwrap(), hash);
    assert_eq!(number(&mut loaded), Some(1));
}

#[test]
fn a_canonical_save_needs_ids() {
    let error = world(1).save_to_with(&mut Vec::new(), &plain().canonical(true)).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    assert_eq!(plain().codec(Codec::Lz4).canonical(true).codec, Codec::None);
}
