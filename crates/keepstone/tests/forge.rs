//! Exports of forge in stores of checkpoints.

use std::sync::Arc;

use keepstone::{
    checkpoint::{CheckpointId, CheckpointStore, Error as StoreError, Query, StoreOptions, Trigger},
    compat,
    forge::{self, Error, Secrets, Shape},
    format::Kind,
};

const ALL: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/tests/fixtures/forge/export_all.json"));
const SESSION: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../compat/tests/fixtures/forge/session_cd986105-ba04-4172-a387-99f0962f7474.json"
));
const LISTING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/tests/fixtures/forge/listing.json"));

const IDS: [&str; 2] = ["27bb9e64-21bf-4018-a83f-aa8463d9189a", "2bc86acd-1f7d-45c7-89bd-415c80847d01"];

fn id(text: &str) -> CheckpointId {
    text.replace('-', "").parse().unwrap()
}

/// A checkpoint as forge writes one.
fn checkpoint(id: &str, second: u32, tags: &str, state: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"timestamp\":\"2026-11-20T22:27:{second:02}.5Z\",\"sequence_number\":{second},\"message\":\"m\",\
         \"tags\":{tags},\"state\":{state},\"trigger\":\"Manual\",\"session_id\":\"cd986105-ba04-4172-a387-99f0962f7474\",\
         \"checksum\":\"00\"}}"
    )
}

fn export(checkpoints: &[String]) -> String {
    let checkpoints = checkpoints.join(",");
    format!(
        "{{\"checkpoints\":[{checkpoints}],\"global_sequence\":9,\"exported_at\":\"2026-11-20T22:27:29Z\"}}"
    )
}

/// All that is known of a store's checkpoints, and their states.
fn contents(store: &CheckpointStore) -> Vec<(String, Vec<u8>)> {
    let all = store.list(&Query::new()).unwrap();
    all.iter().map(|known| (format!("{known:?}"), store.state(known.id).unwrap().bytes().to_vec())).collect()
}

#[test]
fn both_shapes_are_imported_as_forge_lists_them_and_twice_is_once() {
    let store = CheckpointStore::in_memory();
    let first = forge::import(&store, SESSION.as_bytes()).unwrap();
    assert!(matches!(first.shape, Shape::Session(_)));
    assert_eq!((first.checkpoints.imported, first.checkpoints.known), (20, 0));
    let all = forge::import(&store, ALL.as_bytes()).unwrap();
    assert_eq!((all.checkpoints.imported, all.checkpoints.known, all.repeated), (40, 20, 0));
    assert!(all.checkpoints.renamed.is_empty() && all.unfit.is_empty() && all.unknown.is_empty());
    assert_eq!((all.shape, all.exported_at), (Shape::All { global_sequence: 60 }, 1_795_213_649_405_011_600));
    assert!(all.env_vars_dropped > 0);
    let listing: serde_json::Value = serde_json::from_str(LISTING).unwrap();
    let listed = listing["checkpoints"].as_array().unwrap();
    assert_eq!(listed.len(), 60);
    for entry in listed {
        let found = store.checkpoint(id(entry["id"].as_str().unwrap())).unwrap();
        assert_eq!((&*found.session, &*found.branch), (entry["session_id"].as_str().unwrap(), "main"));
        assert_eq!(&*found.message, entry["message"].as_str().unwrap());
        assert_eq!(found.annotations["forge.sequence_number"], entry["sequence_number"].to_string());
        assert_eq!(found.annotations["forge.checksum"].len(), 64);
        let trigger = match &found.trigger {
            Trigger::Automatic(cause) => format!("Automatic({cause})"),
            other => format!("{other:?}"),
        };
        assert_eq!(trigger, entry["trigger_written"].as_str().unwrap());
        let state: serde_json::Value =
            serde_json::from_slice(store.state(found.id).unwrap().bytes()).unwrap();
        assert!(state["started_at"].is_string() && state.get("env_vars").is_none());
    }
    for session in store.sessions().unwrap() {
        let line = store.list(&Query::new().session(&*session.name)).unwrap();
        assert_eq!(line.len(), 20);
        // Each goes on from the one before it, and the last is the head.
        for pair in line.windows(2) {
            let (later, earlier) = if pair[0].sequence > pair[1].sequence { (0, 1) } else { (1, 0) };
            assert_eq!(pair[later].parent, Some(pair[earlier].sequence));
            assert!(pair[later].time > pair[earlier].time);
        }
        let newest = line.iter().map(|known| known.sequence).max();
        assert_eq!(session.branches, [(Arc::from("main"), newest)]);
    }
    let before = contents(&store);
    for text in [ALL, SESSION] {
        assert_eq!(forge::import(&store, text.as_bytes()).unwrap().checkpoints.imported, 0);
    }
    assert_eq!(contents(&store), before);
}

#[test]
fn environment_variables_are_kept_when_they_are_asked_for() {
    let store = CheckpointStore::in_memory();
    let imported = forge::import_with(&store, SESSION.as_bytes(), Secrets::Keep).unwrap();
    assert_eq!(imported.env_vars_dropped, 0);
    let state = store.state(id(IDS[0])).unwrap();
    let state: serde_json::Value = serde_json::from_slice(state.bytes()).unwrap();
    assert_eq!(state["env_vars"]["LANG"], "C.UTF-8");
    // Without them it is another state, which doesn't take the place of this one.
    let before = contents(&store);
    let err = forge::import(&store, ALL.as_bytes()).unwrap_err();
    assert!(matches!(err, Error::Other { .. }) && err.kind() == Kind::Misuse, "{err}");
    assert_eq!(contents(&store), before);
}

#[test]
fn a_later_export_adds_what_is_new() {
    let [first, second] = [checkpoint(IDS[0], 1, "[]", "{}"), checkpoint(IDS[1], 2, "[]", "{\"a\":1}")];
    let store = CheckpointStore::in_memory();
    forge::import(&store, export(std::slice::from_ref(&first)).as_bytes()).unwrap();
    // In whatever order they stand in the file.
    let later = forge::import(&store, export(&[second, first]).as_bytes()).unwrap();
    assert_eq!((later.checkpoints.imported, later.checkpoints.known), (1, 1));
    assert!(later.checkpoints.renamed.is_empty());
    assert_eq!(later.unfit, [id(IDS[1]), id(IDS[0])]);
    let [old, new] = IDS.map(|text| store.checkpoint(id(text)).unwrap());
    assert_eq!((old.parent, new.parent), (None, Some(old.sequence)));
    assert_eq!(store.sessions().unwrap()[0].branches, [(Arc::from("main"), Some(new.sequence))]);
}

#[test]
fn what_a_store_has_no_place_for_is_said() {
    let tags = format!("[\"b\",\"\",\"a\",\"b\",\"{}\"]", "x".repeat(256));
    let more = checkpoint(IDS[0], 1, &tags, "{}").replacen('{', "{\"color\":\"red\",", 1);
    let text = export(&[more.clone(), more]).replacen('{', "{\"made_by\":7,", 1);
    let store = CheckpointStore::in_memory();
    let imported = forge::import(&store, text.as_bytes()).unwrap();
    assert_eq!((imported.checkpoints.imported, imported.repeated), (1, 1));
    let unknown: Vec<_> = imported.unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(unknown, [("checkpoints[].color", 2), ("made_by", 1)]);
    let known = store.checkpoint(id(IDS[0])).unwrap();
    assert_eq!(known.tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a", "b"]);
    assert_eq!(known.annotations["forge.tags"], tags);
    assert_eq!(known.annotations["forge.checksum_fits"], "nothing");
}

#[test]
fn what_is_refused_leaves_the_store_as_it_was() {
    let good = checkpoint(IDS[0], 1, "[]", "{}");
    let long = checkpoint(IDS[1], 2, "[]", "{}").replace("\"m\"", &format!("\"{}\"", "x".repeat(70_000)));
    let other = checkpoint(IDS[0], 2, "[]", "{}");
    let large = checkpoint(IDS[1], 2, "[]", &format!("{{\"a\":\"{}\"}}", "x".repeat(5000)));
    let store = CheckpointStore::in_memory_with(StoreOptions::new().state_bytes_max(4000));
    let refused = |checkpoints: &[String]| {
        let err = forge::import(&store, export(checkpoints).as_bytes()).unwrap_err();
        assert!(store.is_empty().unwrap() && store.sessions().unwrap().is_empty(), "{err}");
        err
    };
    let err = refused(&[good.clone(), long]);
    assert!(matches!(err, Error::Store(StoreError::Length { what: "message", needs: 70_000, .. })), "{err}");
    let err = refused(&[good.clone(), large]);
    assert!(matches!(err, Error::Store(StoreError::Length { what: "a state", allowed: 4000, .. })), "{err}");
    let err = refused(&[good.clone(), other]);
    assert!(matches!(err, Error::Twice { id: twice } if twice == id(IDS[0])), "{err}");
    let err = refused(&[good.replace("\"Manual\"", "\"by hand\"")]);
    assert!(
        matches!(err, Error::Read(compat::Error::ForgeField { .. })) && err.kind() == Kind::Damaged,
        "{err}"
    );
    let text = export(&[good]);
    for len in 0..text.len() {
        forge::import(&store, &text.as_bytes()[..len]).unwrap_err();
    }
    assert!(store.is_empty().unwrap());
    assert_eq!(forge::import(&store, text.as_bytes()).unwrap().checkpoints.imported, 1);
}
