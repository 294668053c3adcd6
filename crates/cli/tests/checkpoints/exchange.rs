use std::fs;

use serde_json::json;

use super::{Store, noise};
use crate::support::{demo_file, on};

/// Two sessions, one of them with a branch.
fn filled() -> Store {
    let store = Store::new();
    store.create(&noise(1, 3000), &["-m", "first", "--tag", "a"]);
    store.create(b"2", &[]);
    store.text("branch", &["--session", "main", "try", "--from", "1"]);
    store.create(b"3", &["--branch", "try", "--annotate", "k=v"]);
    store.create_in("other", b"4", &[]);
    store
}

#[test]
fn an_export_makes_the_same_store_elsewhere() {
    let (store, other) = (filled(), Store::new());
    let out = store.beside("out.keep");
    let text = store.text("export", &[&out]);
    assert!(text.starts_with("4 checkpoints of 2 sessions -> "), "{text}");
    assert_eq!(on("verify", out.as_ref()).exit, 0);
    let document = other.json("import", &[&out]);
    assert_eq!((&document["imported"], &document["known"]), (&json!(4), &json!(0)));
    assert_eq!((&document["sessions"], &document["renamed"]), (&json!(["main", "other"]), &json!([])));
    let shown = |store: &Store| {
        let document = store.json("list", &[]);
        let checkpoints = document["checkpoints"].as_array().unwrap().iter();
        let parts = |each: &serde_json::Value| {
            ["id", "session", "branch", "message", "tags", "annotations", "content", "heads", "created_at"]
                .map(|key| each[key].clone())
        };
        let mut all: Vec<_> = checkpoints.map(|each| parts(each).map(|part| part.to_string())).collect();
        all.sort();
        all
    };
    assert_eq!(shown(&store), shown(&other));
    let first = store.json("show", &["1"])["checkpoint"]["id"].as_str().unwrap().to_owned();
    assert_eq!(other.state(&first), noise(1, 3000));
    other.text("verify", &[]);
    // Once more changes nothing.
    let document = other.json("import", &[&out]);
    assert_eq!((&document["imported"], &document["known"]), (&json!(0), &json!(4)));
}

#[test]
fn a_session_or_a_branch_may_be_exported_alone() {
    let store = filled();
    let out = store.beside("out.keep");
    let count =
        |more: &[&str]| store.json("export", &[&[out.as_str()], more].concat())["checkpoints"].clone();
    assert_eq!(count(&["--session", "main"]), 3);
    assert_eq!(count(&["--session", "main", "--branch", "try"]), 2);
    let before = fs::read(&out).unwrap();
    store.fails("export", &[&out, "--session", "nobody"], 1, "not_found");
    store.fails("export", &[&out, "--session", "main", "--branch", "nope"], 1, "not_found");
    assert_eq!(store.checkpoint("export", &[&out, "--branch", "try"]).exit, 2);
    assert!(fs::read(&out).unwrap() == before);
}

#[test]
fn a_branch_that_has_gone_on_keeps_its_name() {
    let (store, other) = (filled(), Store::new());
    let out = store.beside("out.keep");
    store.text("export", &[&out]);
    other.text("import", &[&out]);
    other.create(b"here", &[]);
    store.create(b"there", &[]);
    store.text("export", &[&out]);
    let document = other.json("import", &[&out]);
    let renamed = &document["renamed"][0];
    assert_eq!((&renamed["session"], &renamed["branch"]), (&json!("main"), &json!("main")));
    let to = renamed["to"].as_str().unwrap();
    assert_ne!(to, "main");
    assert!(other.head(to).is_some());
}

#[test]
fn what_is_no_export_makes_no_store() {
    let store = Store::new();
    let world = demo_file("demo.keep");
    store.fails("import", &[world.to_str().unwrap()], 2, "misuse");
    store.fails("import", &[&store.beside("gone.keep")], 1, "not_found");
    let out = store.beside("out.keep");
    fs::write(&out, b"nothing that is known").unwrap();
    store.fails("import", &[&out], 1, "damaged");
    assert!(!store.dir().exists());
}

#[test]
fn a_damaged_export_is_refused() {
    let (store, other) = (filled(), Store::new());
    let out = store.beside("out.keep");
    store.text("export", &[&out]);
    let bytes = fs::read(&out).unwrap();
    for at in (0..bytes.len()).step_by(67) {
        let mut damaged = bytes.clone();
        damaged[at] = !damaged[at];
        fs::write(&out, damaged).unwrap();
        let answer = other.checkpoint("import", &[&out]);
        assert!((0..=2).contains(&answer.exit), "byte {at}");
        assert!(answer.exit == 0 || answer.err.starts_with("error: "), "byte {at}: {}", answer.err);
    }
    fs::write(&out, bytes).unwrap();
    other.text("import", &[&out]);
    other.text("verify", &[]);
}
