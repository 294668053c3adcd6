//! Exports that people read.

use std::collections::BTreeMap;

use keepstone_checkpoint::{Bytes, CheckpointStore, Error, Kind, Query, Selection, StateLayout};
use keepstone_testkit::Random;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::graph::{Agent, agent, fill, heads, said};
use crate::support::bytes;

fn exported(store: &CheckpointStore) -> String {
    let mut out = Vec::new();
    let exported = store.export_json(&Selection::All, &mut out).unwrap();
    assert_eq!(exported.bytes, out.len() as u64);
    String::from_utf8(out).unwrap()
}

/// The states of the only checkpoints of a store of these payloads, as JSON.
fn shown(state: &[u8]) -> Value {
    let store = CheckpointStore::in_memory();
    store.session("agent").unwrap().checkpoint(&Bytes::from(state)).commit().unwrap();
    let document: Value = serde_json::from_str(&exported(&store)).unwrap();
    document["checkpoints"][0]["state"].clone()
}

#[test]
fn stores_come_back_from_json_with_all_that_is_said_about_them() {
    for seed in 0..16 {
        let store = CheckpointStore::in_memory();
        fill(&store, &mut Random::new(seed), 50);
        let text = exported(&store);
        let copy = CheckpointStore::in_memory();
        let imported = copy.import_json(text.as_bytes()).unwrap();
        assert_eq!((imported.imported, imported.known), (store.len().unwrap() as u64, 0), "seed {seed}");
        assert_eq!(heads(&copy), heads(&store), "seed {seed}");
        let (found, expected) = (said(&copy), said(&store));
        assert!(found.keys().eq(expected.keys()), "seed {seed}");
        for checkpoint in store.list(&Query::new()).unwrap() {
            let id = checkpoint.id;
            if checkpoint.layout == StateLayout::Bytes {
                assert_eq!(copy.state(id).unwrap().bytes(), store.state(id).unwrap().bytes(), "seed {seed}");
                assert_eq!(found[&id], expected[&id], "seed {seed}");
            } else {
                assert_eq!(copy.get::<Agent>(id).unwrap(), store.get::<Agent>(id).unwrap(), "seed {seed}");
            }
        }
        let again = copy.import_json(text.as_bytes()).unwrap();
        assert_eq!((again.imported, again.known), (0, imported.imported), "seed {seed}");
        assert_eq!((said(&copy), heads(&copy)), (found, heads(&store)), "seed {seed}");
    }
}

#[test]
fn what_is_written_is_what_the_description_says() {
    let store = CheckpointStore::in_memory();
    let session = store.session("agent").unwrap();
    let first = session.checkpoint(&agent(6)).at(5).commit().unwrap();
    let second = session
        .checkpoint(&bytes("{\"a\":[1,2.50]}"))
        .tag("safe")
        .annotate("k", "v")
        .locked()
        .commit()
        .unwrap();
    let document: Value = serde_json::from_str(&exported(&store)).unwrap();
    let expected = json!({
        "format": "keepstone checkpoints",
        "version": 1,
        "sessions": [
            {"name": "agent", "time": null, "metadata": {}, "branches": [{"name": "main", "head": second.id().to_string()}]},
        ],
        "checkpoints": [
            {
                "id": first.id().to_string(), "sequence": 1, "session": "agent", "branch": "main", "parent": null, "time": 5,
                "trigger": "manual", "message": "", "tags": [], "annotations": {},
                "state": {"value": {
                    "step": 6, "mood": {"Between": [1, 200]}, "notes": ["note 0", "note 1"], "place": null, "seen": {"door": 1},
                }},
            },
            {
                "id": second.id().to_string(), "sequence": 2, "session": "agent", "branch": "main",
                "parent": first.id().to_string(), "time": null, "trigger": "manual", "message": "", "tags": ["safe"],
                "annotations": {"k": "v"}, "locked": true, "state": {"json": {"a": [1, 2.5]}},
            },
        ],
    });
    assert_eq!(document, expected);
}

#[test]
fn bytes_are_shown_as_json_as_text_or_as_base64_and_come_back() {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    for (state, expected) in [
        (&b"{\"b\":1,\"a\":[true,null]}"[..], json!({"json": {"b": 1, "a": [true, null]}})),
        (b"[]", json!({"json": []})),
        (b"{ }", json!({"text": "{ }"})),
        (b"7", json!({"text": "7"})),
        (b"", json!({"text": ""})),
        (b"{\"a\":1", json!({"text": "{\"a\":1"})),
        (deep.as_bytes(), json!({"text": deep})),
        (b"\xff\x00", json!({"bytes": "/wA="})),
    ] {
        assert_eq!(shown(state), expected);
        let store = CheckpointStore::in_memory();
        let made = store.session("agent").unwrap().checkpoint(&Bytes::from(state)).commit().unwrap();
        let text = exported(&store);
        // As an editor would leave it.
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
        let copy = CheckpointStore::in_memory();
        copy.import_json(text.as_bytes()).unwrap();
        assert_eq!(copy.state(&made).unwrap().bytes(), state);
        if state.len() < 10 {
            let copy = CheckpointStore::in_memory();
            copy.import_json(pretty.as_bytes()).unwrap();
            assert_eq!(copy.state(&made).unwrap().bytes(), state);
        }
    }
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[expect(clippy::option_option, reason = "it is one of the odd ones")]
enum Odd {
    Float(f64),
    Small(f32),
    Wide(i128),
    Nested(Option<Option<u8>>),
    Keys(BTreeMap<u32, bool>),
    Unit(Option<()>),
    Nothing(()),
}

#[test]
fn values_that_json_has_no_place_for_are_exact_all_the_same() {
    let store = CheckpointStore::in_memory();
    let session = store.session("agent").unwrap();
    let odd = [
        Odd::Float(f64::INFINITY),
        Odd::Small(f32::NEG_INFINITY),
        Odd::Wide(i128::MIN),
        Odd::Nested(Some(None)),
        Odd::Keys([(7, true)].into()),
        Odd::Unit(Some(())),
        Odd::Nothing(()),
    ];
    let plain = [Odd::Float(0.1 + 0.2), Odd::Small(0.1), Odd::Wide(-7), Odd::Nested(None), Odd::Float(-0.0)];
    for (values, key) in [(&odd[..], "value_bytes"), (&plain[..], "value")] {
        for value in values {
            let made = session.checkpoint(value).commit().unwrap();
            let document: Value = serde_json::from_str(&exported(&store)).unwrap();
            let last = document["checkpoints"].as_array().unwrap().last().unwrap();
            assert!(last["state"].get(key).is_some(), "{value:?}: {last}");
            let copy = CheckpointStore::in_memory();
            copy.import_json(exported(&store).as_bytes()).unwrap();
            assert_eq!(copy.get::<Odd>(&made).unwrap(), *value);
        }
    }
}

#[test]
fn json_that_is_cut_off_or_is_another_is_refused() {
    let store = CheckpointStore::in_memory();
    fill(&store, &mut Random::new(3), 6);
    let text = exported(&store);
    for len in 0..text.trim_end().len() {
        let copy = CheckpointStore::in_memory();
        let err = copy.import_json(&text.as_bytes()[..len]).unwrap_err();
        assert!(matches!(err, Error::Damaged { .. }), "{len}: {err}");
        assert!(copy.is_empty().unwrap());
    }
    let copy = CheckpointStore::in_memory();
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert_eq!(copy.import_json(newer.as_bytes()).unwrap_err().kind(), Kind::Newer);
    for (from, to) in [
        ("keepstone checkpoints", "keepstone worlds"),
        ("\"sessions\"", "\"other\""),
        ("\"trigger\":\"manual\"", "\"trigger\":\"by hand\""),
        ("\"tags\"", "\"labels\""),
        ("\"parent\":null", "\"parent\":\"7\""),
        ("\"state\":{", "\"state\":{\"other\":1,"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from}");
        let err = copy.import_json(other.as_bytes()).unwrap_err();
        assert_eq!(err.kind(), Kind::Damaged, "{from}: {err}");
    }
}

#[test]
fn parents_that_go_round_in_a_circle_are_refused() {
    let store = CheckpointStore::in_memory();
    let session = store.session("agent").unwrap();
    let (first, second) =
        (session.checkpoint(&1_u8).commit().unwrap(), session.checkpoint(&2_u8).commit().unwrap());
    let circle = exported(&store).replacen("\"parent\":null", &format!("\"parent\":\"{}\"", second.id()), 1);
    let copy = CheckpointStore::in_memory();
    copy.session("agent").unwrap().checkpoint(&3_u8).commit().unwrap();
    let err = copy.import_json(circle.as_bytes()).unwrap_err();
    assert!(matches!(err, Error::NoCheckpoint { id } if id == second.id()), "{err} {}", first.id());
}

#[test]
fn a_state_that_is_no_state_is_refused() {
    let store = CheckpointStore::in_memory();
    let made = store.session("agent").unwrap().checkpoint(&bytes("\u{0}")).commit().unwrap();
    let text = exported(&store).replacen("{\"text\":\"\\u0000\"}", "{\"bytes\":\"?\"}", 1);
    let err = CheckpointStore::in_memory().import_json(text.as_bytes()).unwrap_err();
    assert!(matches!(err, Error::State { id, .. } if id == made.id()), "{err}");
}
