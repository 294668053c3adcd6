//! Checkpoints that come from anywhere, those of forge among them.

use std::{collections::BTreeMap, sync::Arc};

use keepstone_checkpoint::{
    Bytes, CheckpointId, CheckpointStore, Error, ImportedCheckpoint, Kind, Query, Sequence, Trigger,
};
use serde_json::Value;

use crate::support::bytes;

const EXPORT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/tests/fixtures/forge/export_all.json"));
const LISTING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/tests/fixtures/forge/listing.json"));

fn id(text: &str) -> CheckpointId {
    text.replace('-', "").parse().unwrap()
}

fn number(number: u8) -> CheckpointId {
    CheckpointId::from_bytes([number; 16])
}

/// Makes something of a checkpoint too long.
type Change = fn(&mut ImportedCheckpoint, &str);

/// A checkpoint whose state is its number.
fn made(of: u8, parent: Option<u8>) -> ImportedCheckpoint {
    let mut made = ImportedCheckpoint::new(number(of), "agent", vec![of; 100]);
    made.parent = parent.map(number);
    made
}

fn head(store: &CheckpointStore, branch: &str) -> Option<CheckpointId> {
    store.find_session("agent").unwrap().unwrap().on(branch).unwrap().head().unwrap().map(|head| head.id)
}

/// The checkpoints of an export of forge, each going on from the one before in its session.
fn of_forge() -> Vec<ImportedCheckpoint> {
    let export: Value = serde_json::from_str(EXPORT).unwrap();
    let mut last: BTreeMap<String, CheckpointId> = BTreeMap::new();
    let checkpoints = export["checkpoints"].as_array().unwrap().iter().map(|checkpoint| {
        let text = |key: &str| checkpoint[key].as_str().unwrap();
        let mut state = checkpoint["state"].clone();
        state.as_object_mut().unwrap().remove("env_vars");
        let mut made =
            ImportedCheckpoint::new(id(text("id")), text("session_id"), state.to_string().into_bytes());
        made.parent = last.insert(text("session_id").to_owned(), made.id);
        made.message = text("message").into();
        made.tags =
            checkpoint["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().into()).collect();
        if let Some(cause) = checkpoint["trigger"]["Automatic"].as_str() {
            made.trigger = Trigger::Automatic(cause.into());
        }
        made
    });
    checkpoints.collect()
}

#[test]
fn checkpoints_of_forge_are_listed_as_forge_lists_them() {
    let store = CheckpointStore::in_memory();
    let imported = store.import_all(of_forge()).unwrap();
    assert_eq!((imported.imported, imported.known, imported.sessions.len()), (60, 0, 3));
    let listing: Value = serde_json::from_str(LISTING).unwrap();
    let listed = listing["checkpoints"].as_array().unwrap();
    assert_eq!(listed.len(), 60);
    for entry in listed {
        let found = store.checkpoint(id(entry["id"].as_str().unwrap())).unwrap();
        assert_eq!((&*found.session, &*found.branch), (entry["session_id"].as_str().unwrap(), "main"));
        assert_eq!(&*found.message, entry["message"].as_str().unwrap());
        let mut tags: Vec<&str> =
            entry["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        tags.sort_unstable();
        assert_eq!(found.tags.iter().map(AsRef::as_ref).collect::<Vec<_>>(), tags);
        let trigger = match &found.trigger {
            Trigger::Automatic(cause) => format!("Automatic({cause})"),
            other => format!("{other:?}"),
        };
        assert_eq!(trigger, entry["trigger_written"].as_str().unwrap());
        let state: Value = serde_json::from_slice(store.state(found.id).unwrap().bytes()).unwrap();
        assert_eq!(state["session_id"], entry["session_id"]);
    }
    for session in store.sessions().unwrap() {
        let all = store.list(&Query::new().session(&*session.name)).unwrap();
        assert_eq!(session.branches, [(Arc::from("main"), all.last().map(|last| last.sequence))]);
    }
    let again = store.import_all(of_forge()).unwrap();
    assert_eq!((again.imported, again.known), (0, 60));
    assert_eq!(store.len().unwrap(), 60);
}

#[test]
fn states_are_kept_as_differences_to_those_of_their_parents() {
    let store = CheckpointStore::in_memory();
    let states: Vec<Vec<u8>> = (0..20_u8)
        .map(|step| {
            (0..4000_u32)
                .map(|at| if at == u32::from(step) { 1 } else { (at * at).to_be_bytes()[2] })
                .collect()
        })
        .collect();
    let checkpoints = (0..20_u8).zip(&states).map(|(step, state)| {
        let mut made = made(step, step.checked_sub(1));
        made.state.clone_from(state);
        made
    });
    store.import_all(checkpoints).unwrap();
    let found = store.stats().unwrap();
    assert_eq!((found.checkpoints, found.keyframes), (20, 1));
    assert!(found.stored_bytes < 2 * 4000, "{found:?}");
    for (step, state) in (0..20_u8).zip(&states) {
        assert_eq!(store.get::<Bytes<'_>>(number(step)).unwrap().0, *state);
        assert_eq!(
            store.checkpoint(number(step)).unwrap().parent,
            step.checked_sub(1).map(|_| Sequence(step.into()))
        );
    }
}

#[test]
fn a_parent_has_to_be_there_or_to_come_first() {
    let store = CheckpointStore::in_memory();
    let err = store.import_all([made(2, Some(1)), made(1, None)]).unwrap_err();
    assert!(matches!(err, Error::NoCheckpoint { id } if id == number(1)) && err.kind() == Kind::NotFound);
    store.import_all([made(1, None)]).unwrap();
    store.import_all([made(2, Some(1)), made(2, Some(1)), made(3, Some(2))]).unwrap();
    assert_eq!((store.len().unwrap(), head(&store, "main")), (3, Some(number(3))));
}

#[test]
fn a_branch_that_does_not_go_on_from_the_one_of_its_name_gets_a_free_name() {
    let store = CheckpointStore::in_memory();
    let session = store.session("agent").unwrap();
    let own = session.checkpoint(&bytes("own")).commit().unwrap();
    session.fork("main-2", &own).unwrap();
    let imported = store.import_all([made(1, None), made(2, Some(1))]).unwrap();
    assert_eq!(imported.renamed.iter().map(|renamed| &*renamed.to).collect::<Vec<_>>(), ["main-3"]);
    assert_eq!((head(&store, "main"), head(&store, "main-3")), (Some(own.id()), Some(number(2))));
    // It is found again by what it goes back to.
    let mut next = made(3, Some(2));
    next.branch = "main-3".into();
    assert!(store.import_all([next]).unwrap().renamed.is_empty());
    assert_eq!(head(&store, "main-3"), Some(number(3)));
}

#[test]
fn what_is_too_long_is_refused_and_changes_no_head() {
    let store = CheckpointStore::in_memory();
    let long = "x".repeat(256);
    let changes: [(Change, &str); 5] = [
        (|made, long| made.session = long.into(), "name of a session"),
        (|made, long| made.branch = long.into(), "name of a branch"),
        (|made, long| made.tags.push(long.into()), "tag"),
        (|made, long| drop(made.annotations.insert(long.into(), String::new())), "name of an annotation"),
        (|made, long| made.message = long.repeat(257).into(), "message"),
    ];
    for (change, what) in changes {
        let mut made = made(1, None);
        change(&mut made, &long);
        let err = store.import_all([made]).unwrap_err();
        assert!(matches!(&err, Error::Length { what: found, .. } if *found == what), "{what}: {err}");
    }
    assert!(store.is_empty().unwrap());
}

#[test]
fn what_would_be_refused_is_told_before_anything_is_imported() {
    let mut many = made(1, None);
    many.tags = (0..65).map(|tag| format!("tag {tag}").into()).collect();
    let err = many.check().unwrap_err();
    assert!(matches!(err, Error::Tags { needs: 65, allowed: 64 }) && err.kind() == Kind::Limit, "{err}");
    assert!(matches!(CheckpointStore::in_memory().import_all([many.clone()]), Err(Error::Tags { .. })));
    // The same one twice is one.
    many.tags = vec!["a".into(); 100];
    many.check().unwrap();
    many.trigger = Trigger::Automatic("".into());
    assert!(matches!(many.check(), Err(Error::Length { what: "cause of a trigger", .. })));
    many.session = "".into();
    assert!(matches!(many.check(), Err(Error::Length { what: "name of a session", needs: 0, .. })));
}
