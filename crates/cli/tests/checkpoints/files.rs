use std::{fs, path::Path};

use keepstone::checkpoint::CheckpointReader;
use serde_json::json;

use super::{Store, flip, noise, only_file};
use crate::support::{json_on, on};

/// A store whose states are in a pack.
fn sealed(states: &[&[u8]]) -> Store {
    let store = Store::new();
    for state in states {
        store.create(state, &[]);
    }
    store.open().close().unwrap();
    store
}

#[test]
fn a_store_is_inspected_and_verified_as_such() {
    let store = sealed(&[b"one", &noise(2, 2000)]);
    store.create_in("other", b"three", &[]);
    let (exit, document) = json_on("inspect", &store.dir());
    assert_eq!(
        (exit, &document["format"], &document["kind"]),
        (0, &json!("checkpoints"), &json!("checkpoint store"))
    );
    assert_eq!((&document["checkpoints"], &document["packs"]), (&json!(3), &json!(1)));
    assert_eq!((&document["state_bytes"], &document["journal_bytes"]), (&json!(2008), &json!(5)));
    assert_eq!(document["sessions"][0]["branches"], json!([{"branch": "main", "head": 2}]));
    let bytes: u64 = store.contents().iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert_eq!(document["bytes"], bytes);
    assert!(document["manifest"].as_u64().unwrap() >= 2, "{document}");
    // A reader counts what a writer does.
    let stats = store.open().stats().unwrap();
    assert_eq!(CheckpointReader::open(store.dir()).unwrap().stats().unwrap(), stats);
    assert_eq!((stats.checkpoints, stats.packs, stats.journal_bytes), (3, 1, 5));
    let text = on("inspect", &store.dir()).out;
    assert!(text.contains("checkpoint store") && text.contains("3 of 2 sessions"), "{text}");
    let (exit, document) = json_on("verify", &store.dir());
    assert_eq!((exit, &document["checkpoints"], &document["bytes"]), (0, &json!(3), &json!(2008)));
    // The directory that it is in says where it is.
    let above = on("inspect", store.dir().parent().unwrap());
    assert!(above.exit == 2 && above.err.contains("store (checkpoints)"), "{}", above.err);
}

#[test]
fn damaged_states_are_named_and_the_others_are_not_touched() {
    let (lost, kept) = (noise(7, 3000), noise(8, 3000));
    let store = sealed(&[&lost, &kept]);
    flip(&only_file(&store, "packs"), &lost[1000..1100]);
    let (exit, document) = store.json_any("verify", &[]);
    assert_eq!((exit, &document["error"], &document["checkpoints"]), (1, &json!(null), &json!(1)));
    let damage = document["damage"].as_array().unwrap();
    assert_eq!((damage.len(), &damage[0]["number"], &damage[0]["kind"]), (1, &json!(1), &json!("damaged")));
    let answer = on("verify", &store.dir());
    assert!(
        answer.exit == 1 && answer.out.contains("1 checkpoint damaged\n  #1 of session main: "),
        "{}",
        answer.out
    );
    store.fails("get", &["1"], 1, "damaged");
    store.fails("restore", &["1"], 1, "damaged");
    assert_eq!((store.state("2"), store.head("main")), (kept, Some(2)));
    assert_eq!(store.numbers(&[]), [2, 1]);
    assert_eq!(on("inspect", &store.dir()).exit, 0);
}

#[test]
fn states_that_stand_on_a_damaged_one_are_damaged_too() {
    let first = noise(5, 20_000);
    let mut second = first.clone();
    second[10] ^= 1;
    let store = sealed(&[&first, &second]);
    assert_eq!(store.json("show", &["2"])["checkpoint"]["base"], 1);
    flip(&only_file(&store, "packs"), &first[10_000..10_100]);
    let (exit, document) = store.json_any("verify", &[]);
    let numbers: Vec<_> =
        document["damage"].as_array().unwrap().iter().map(|fault| &fault["number"]).collect();
    assert_eq!((exit, numbers), (1, vec![&json!(1), &json!(2)]));
}

#[test]
fn a_pack_that_is_gone_is_damage() {
    let store = sealed(&[b"one", b"two"]);
    store.create(b"three", &[]);
    fs::remove_file(only_file(&store, "packs")).unwrap();
    let (exit, document) = store.json_any("verify", &[]);
    assert_eq!(
        (exit, document["damage"].as_array().unwrap().len(), &document["checkpoints"]),
        (1, 2, &json!(1))
    );
    assert_eq!(store.state("3"), b"three");
}

#[test]
fn every_byte_of_a_manifest_or_pack_may_be_anything() {
    let store = sealed(&[b"one", b"two"]);
    let files = store.contents();
    let is_object = |path: &Path| {
        ["manifests", "packs"].iter().any(|name| path.parent().is_some_and(|dir| dir.ends_with(name)))
    };
    let objects: Vec<_> = files.iter().filter(|(path, _)| is_object(path)).collect();
    assert!(objects.len() >= 2, "{objects:?}");
    for (path, bytes) in objects {
        for at in (0..bytes.len()).step_by(29) {
            let mut damaged = bytes.clone();
            damaged[at] = !damaged[at];
            fs::write(path, &damaged).unwrap();
            let verified = store.checkpoint("verify", &[]).exit;
            assert!((0..=2).contains(&verified), "byte {at}");
            if verified == 0 {
                assert_eq!(
                    (store.state("1"), store.state("2")),
                    (b"one".to_vec(), b"two".to_vec()),
                    "byte {at}"
                );
            }
            assert!((0..=2).contains(&on("inspect", &store.dir()).exit), "byte {at}");
        }
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(store.checkpoint("verify", &[]).exit, 0);
}

#[test]
fn texts_from_a_store_cannot_move_the_cursor() {
    let store = Store::new();
    let evil = "\u{1b}[2Jgone\u{202e}";
    store.create_in(evil, b"1", &["-m", evil, "--tag", evil, "--annotate", &format!("{evil}={evil}")]);
    for (verb, more) in [("list", &[][..]), ("log", &[]), ("sessions", &[]), ("show", &["1"])] {
        let text = store.text(verb, more);
        assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}[2Jgone"), "{verb}: {text}");
    }
    let text = store.text("prune", &["--keep-last", "1", "--dry-run"]);
    assert!(!text.contains('\u{1b}'), "{text}");
}
