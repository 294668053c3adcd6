//! Worlds in checkpoints.

use std::{num::NonZeroU32, time::Duration};

use bevy_ecs::prelude::*;
use keepstone_bevy::Registry;
use keepstone_checkpoint::{Automatic, CheckpointStore, StateLayout, Trigger};
use keepstone_world::{
    DiffOptions, Error, Kind, LoadMode, LoadOptions, SaveOptions, WorldCheckpoints, WorldFiles, WorldMeta,
    diff_checkpoints, diff_states,
};

use crate::support::{number, world};

const SECOND: Duration = Duration::from_secs(1);

fn hashed() -> SaveOptions<'static, Registry> {
    SaveOptions::default().state_hash(true)
}

#[test]
fn a_world_goes_back_in_time_and_forth_with_what_was_said_about_it() {
    let store = CheckpointStore::in_memory();
    let session = store.session("level 1").unwrap();
    let mut meta = WorldMeta::default();
    (meta.name, meta.tick, meta.world_version) = (Some("bridge".into()), Some(90), Some(4));
    meta.custom.insert("mood".into(), b"grim".to_vec());
    let options = hashed().meta(meta.clone());
    let first = world(7)
        .checkpoint_with(&session, &options, |draft| draft.message("at the bridge").tag("safe"))
        .unwrap();
    // The third component is not registered, which the report says.
    assert_eq!((first.entities, first.values, first.left_out.len()), (2, 3, 1));
    let known = &first.committed.checkpoint;
    assert_eq!(
        (&*known.message, known.facts.tick, known.layout),
        ("at the bridge", Some(90), StateLayout::Sections)
    );
    let second = world(8).checkpoint_to(&session).unwrap();
    assert!(!second.committed.checkpoint.is_keyframe() || second.committed.checkpoint.stored_bytes() < 400);

    let mut back = World::new();
    let loaded = back.restore_checkpoint(&session, &first.committed).unwrap();
    assert_eq!((number(&mut back), loaded.report.meta), (Some(7), meta));
    assert_eq!(back.hash().unwrap(), world(7).hash().unwrap());
    assert_eq!(session.head().unwrap().unwrap().id, first.committed.id());
    session.undo().unwrap();
    let head = session.head().unwrap().unwrap();
    back.load_checkpoint(&store, &head, LoadMode::Restore, &LoadOptions::default()).unwrap();
    assert_eq!(number(&mut back), Some(8));
}

#[test]
fn what_a_checkpoint_can_t_have_is_refused_and_another_session_s_checkpoint_changes_no_world() {
    let store = CheckpointStore::in_memory();
    let (one, two) = (store.session("one").unwrap(), store.session("two").unwrap());
    let refused =
        world(1).checkpoint_with(&one, &SaveOptions::default().part_rows(NonZeroU32::MIN), |draft| draft);
    assert!(matches!(refused, Err(Error::NotInStore { .. })), "{refused:?}");
    let made = world(1).checkpoint_to(&one).unwrap().committed;
    let mut other = world(2);
    let refused = other.restore_checkpoint(&two, &made).unwrap_err();
    assert_eq!((refused.kind(), number(&mut other)), (Kind::NotFound, Some(2)));
    let bytes = two.checkpoint(&keepstone_checkpoint::Bytes::from(vec![1])).commit().unwrap();
    let refused = other.restore_checkpoint(&two, &bytes).unwrap_err();
    assert_eq!((refused.kind(), number(&mut other)), (Kind::Misuse, Some(2)));
    assert!(two.head().unwrap().unwrap().id == bytes.id());
}

#[test]
fn a_world_that_changes_a_little_takes_a_little() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let mut changing = World::new();
    for place in 0..2000_u64 {
        changing.spawn(crate::support::Score(place));
    }
    changing.checkpoint_to(&session).unwrap();
    changing.query::<&mut crate::support::Score>().iter_mut(&mut changing).next().unwrap().0 = 5_000;
    let made = changing.checkpoint_to(&session).unwrap().committed.checkpoint;
    assert!(!made.is_keyframe() && made.stored_bytes() < 100, "{} of {}", made.stored_bytes(), made.len);
}

#[test]
fn the_worlds_of_two_checkpoints_are_compared_by_entity_and_component() {
    let store = CheckpointStore::in_memory();
    let session = store.session("level 1").unwrap();
    let first = world(7).checkpoint_to(&session).unwrap().committed;
    let second = world(8).checkpoint_to(&session).unwrap().committed;
    let options = DiffOptions::default();
    let diff = diff_checkpoints(&store, &first, &second, &options).unwrap();
    assert_eq!((diff.counts.entities_changed, diff.counts.total(), diff.entities), (2, 3, [2, 2]), "{diff}");
    assert!(diff.to_string().contains("test.score.0: 7 -> 8"), "{diff}");
    assert!(diff_checkpoints(&store, &first, &first, &options).unwrap().is_empty());
    let (before, after) = (store.state(&first).unwrap(), store.state(&second).unwrap());
    assert_eq!(diff_states(&before, &after, &options).unwrap(), diff);
    // A state without a world has no entities to compare.
    let other = session.checkpoint(&7_u32).commit().unwrap();
    let refused = diff_checkpoints(&store, &first, &other, &options).unwrap_err();
    assert!(matches!(refused, Error::Checkpoints(_)), "{refused:?}");
    assert_eq!(refused.kind(), Kind::Misuse);
}

#[test]
fn a_world_is_checkpointed_by_itself_when_one_is_due_and_captured_only_then() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    let mut auto =
        session.automatic(Automatic::new().on("level done").after_difference(1, SECOND * 10)).unwrap();
    let options = hashed();
    let first = world(1).poll_checkpoint(&mut auto, Some(0), &options).unwrap().unwrap();
    assert_eq!(
        (first.entities, &first.committed.checkpoint.trigger),
        (2, &Trigger::Automatic("bytes differ".into()))
    );
    // What can't be captured is not even looked at before something is due.
    let refused = SaveOptions::default().part_rows(NonZeroU32::MIN);
    assert!(world(1).poll_checkpoint(&mut auto, Some(1), &refused).unwrap().is_none());
    auto.event("level done");
    let err = world(2).poll_checkpoint(&mut auto, Some(2), &refused).unwrap_err();
    assert!(matches!(err, Error::NotInStore { .. }), "{err:?}");
    // It is tried again once the back-off of a second is over, and the event is not forgotten.
    assert!(world(2).poll_checkpoint(&mut auto, Some(3), &options).unwrap().is_none());
    let made = world(2).poll_checkpoint(&mut auto, Some(1_000_000_002), &options).unwrap().unwrap();
    assert_eq!(made.committed.checkpoint.trigger, Trigger::Automatic("level done".into()));
    assert_eq!(made.committed.checkpoint.time, Some(1_000_000_002));
    assert_eq!(store.len().unwrap(), 2);
    let mut back = World::new();
    back.restore_checkpoint(&session, &first.committed).unwrap();
    assert_eq!(number(&mut back), Some(1));
}
