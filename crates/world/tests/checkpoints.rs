//! Worlds in checkpoints.

use std::num::NonZeroU32;

use bevy_ecs::prelude::*;
use keepstone_bevy::Registry;
use keepstone_checkpoint::{CheckpointStore, StateLayout};
use keepstone_world::{
    Error, Kind, LoadMode, LoadOptions, SaveOptions, WorldCheckpoints, WorldFiles, WorldMeta,
};

use crate::support::{number, world};

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
