use std::sync::{Arc, PoisonError};

use super::*;
use crate::{
    Facts, StateLayout, Trigger,
    checkpoint::Fields,
    form::Body,
    id::{CheckpointId, ContentId},
    op::{NewCheckpoint, Op, Parent},
};

fn bytes(text: &str) -> keepstone_store::Bytes<'static> {
    text.as_bytes().to_vec().into()
}

/// Makes a checkpoint in a session of its own that is the same as the first one of the store, and goes on from none.
fn stand_on_the_first(store: &CheckpointStore, content: ContentId, len: u64) -> CheckpointId {
    let session = store.session("other").unwrap();
    let mut live = store.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
    let new = NewCheckpoint {
        id: None,
        branch: session.branch,
        parent: Parent::Known(None),
        time: None,
        trigger: Trigger::Manual,
        message: Arc::default(),
        tags: Vec::new(),
        annotations: Fields::new(),
        locked: false,
        facts: Facts::default(),
        layout: StateLayout::Bytes,
        len,
        content,
        body: Body { form: Form::Same(Sequence(1)), place: Place::Journal(Arc::default()) },
    };
    live.commit(vec![Op::Checkpoint(Box::new(new))]).unwrap();
    live.catalog.all().last().unwrap().id
}

#[test]
fn a_state_that_stands_on_one_outside_of_the_selection_is_exported_whole() {
    let store = CheckpointStore::in_memory();
    let first = store.session("agent").unwrap().checkpoint(&bytes("state")).commit().unwrap().checkpoint;
    let id = stand_on_the_first(&store, first.content, first.len);
    let mut out = Vec::new();
    let exported = store.export(&Selection::Session("other".to_owned()), &mut out).unwrap();
    assert_eq!((exported.checkpoints, exported.rebased), (1, 1));
    let copy = CheckpointStore::in_memory();
    copy.import(&*out).unwrap();
    assert_eq!(copy.state(id).unwrap().bytes(), b"state");
    assert!(copy.checkpoint(id).unwrap().is_keyframe());
    let mut all = Vec::new();
    assert_eq!(store.export(&Selection::All, &mut all).unwrap().rebased, 0);
}

#[test]
fn a_state_that_is_another_than_the_export_says_is_refused() {
    let store = CheckpointStore::in_memory();
    let first = store.session("agent").unwrap().checkpoint(&bytes("state")).commit().unwrap().checkpoint;
    let id = stand_on_the_first(&store, ContentId::of(b"other"), first.len);
    let mut out = Vec::new();
    store.export(&Selection::All, &mut out).unwrap();
    let err = CheckpointStore::in_memory().import(&*out).unwrap_err();
    assert!(matches!(err, Error::State { id: found, .. } if found == id), "{err}");
}

#[test]
fn an_id_that_has_another_state_here_is_refused() {
    let store = CheckpointStore::in_memory();
    let made = store.session("agent").unwrap().checkpoint(&bytes("state")).commit().unwrap().checkpoint;
    let other = CheckpointStore::in_memory();
    other.import_all([ImportedCheckpoint::new(made.id, "agent", b"other".to_vec())]).unwrap();
    let mut out = Vec::new();
    store.export(&Selection::All, &mut out).unwrap();
    let err = other.import(&*out).unwrap_err();
    assert!(matches!(err, Error::State { id, .. } if id == made.id), "{err}");
    assert_eq!(other.state(made.id).unwrap().bytes(), b"other");
}
