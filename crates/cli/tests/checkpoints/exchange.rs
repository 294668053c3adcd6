use std::fs;

use serde_json::json;

use super::{Store, noise};
use crate::support::{demo_file, json_on, on};

/// The exports of forge: all checkpoints, and one session.
const OF_FORGE: [&str; 2] = ["export_all.json", "session_cd986105-ba04-4172-a387-99f0962f7474.json"];

fn of_forge(name: &str) -> String {
    format!("{}/../compat/tests/fixtures/forge/{name}", env!("CARGO_MANIFEST_DIR"))
}

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

#[test]
fn an_export_may_be_json_by_its_name_or_when_it_is_asked_for() {
    let store = filled();
    let [json, keep, named] = ["out.JSON", "out.keep", "out.txt"].map(|name| store.beside(name));
    for (args, format) in [
        (vec![json.as_str()], "json"),
        (vec![keep.as_str()], "keep"),
        (vec![named.as_str(), "--format", "json"], "json"),
    ] {
        let document = store.json("export", &args);
        assert_eq!((&document["format"], &document["checkpoints"]), (&json!(format), &json!(4)));
    }
    let bytes = fs::read(&json).unwrap();
    assert!(
        bytes == fs::read(&named).unwrap() && bytes.starts_with(b"{\"format\":\"keepstone checkpoints\"")
    );
    // What is in a file says what it is, and not its name.
    let (by_keep, by_json) = (Store::new(), Store::new());
    assert_eq!(by_keep.json("import", &[&keep])["format"], "keep");
    let document = by_json.json("import", &[&named]);
    assert_eq!((&document["format"], &document["imported"]), (&json!("json"), &json!(4)));
    let shown = |store: &Store| {
        let document = store.json("list", &[]);
        let all = document["checkpoints"].as_array().unwrap().clone();
        all.iter().map(|each| ["id", "content", "heads"].map(|key| each[key].clone())).collect::<Vec<_>>()
    };
    assert_eq!(shown(&by_keep), shown(&by_json));
    let again = by_json.json("import", &[&json]);
    assert_eq!((&again["imported"], &again["known"]), (&json!(0), &json!(4)));
    // One branch of it.
    let document = store.json("export", &[&json, "--session", "main", "--branch", "try"]);
    assert_eq!((&document["format"], &document["checkpoints"]), (&json!("json"), &json!(2)));
}

#[test]
fn exports_of_forge_are_imported_and_twice_is_once() {
    for name in OF_FORGE {
        let store = Store::new();
        let path = of_forge(name);
        let document = store.json("import", &[&path]);
        let count = if name == OF_FORGE[0] { 60 } else { 20 };
        assert_eq!((&document["format"], &document["imported"]), (&json!("forge"), &json!(count)));
        let lost = document["lost"].as_array().unwrap();
        assert!(
            lost[0].as_str().unwrap().ends_with("environment variables; --env-vars takes them"),
            "{lost:?}"
        );
        assert!(
            lost[1].as_str().unwrap().starts_with("that it was exported at 2026-11-20T22:27:29."),
            "{lost:?}"
        );
        assert_eq!(document["unfit"], json!([]));
        let before = store.json("list", &[]);
        let again = store.json("import", &[&path]);
        assert_eq!((&again["imported"], &again["known"]), (&json!(0), &json!(count)));
        assert_eq!(store.json("list", &[])["checkpoints"], before["checkpoints"]);
        let shown = store.json("show", &["27bb9e6421bf4018a83faa8463d9189a"]);
        assert_eq!(shown["checkpoint"]["session"], "cd986105-ba04-4172-a387-99f0962f7474");
        assert_eq!(shown["checkpoint"]["tags"], json!(["milestone"]));
        assert_eq!(shown["checkpoint"]["annotations"]["forge.sequence_number"], "1");
        let state = store.state("27bb9e6421bf4018a83faa8463d9189a");
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        assert!(state["working_dir"] == "/srv/demo" && state.get("env_vars").is_none());
        store.text("verify", &[]);
    }
}

#[test]
fn environment_variables_of_forge_are_never_shown_and_kept_when_asked_for() {
    let path = of_forge(OF_FORGE[1]);
    let store = Store::new();
    let text = store.text("import", &[&path, "--env-vars"]);
    assert!(text.contains("20 checkpoints imported") && !text.contains("environment"), "{text}");
    let state = String::from_utf8(store.state("27bb9e6421bf4018a83faa8463d9189a")).unwrap();
    assert!(state.contains("\"env_vars\":{\"USER\":\"demo\""), "{state}");
    // Without them it is another state.
    store.fails("import", &[&path], 2, "misuse");
    // They are of forge alone.
    let out = store.beside("out.keep");
    store.text("export", &[&out]);
    store.fails("import", &[&out, "--env-vars"], 2, "misuse");
    let (exit, document) = json_on("inspect", path.as_ref());
    assert_eq!((exit, &document["format"], &document["kind"]), (0, &json!("forge"), &json!("session")));
    assert_eq!((&document["checkpoints"], &document["env_vars"]), (&json!(20), &json!(120)));
    let shown = on("inspect", path.as_ref());
    assert!(
        shown.out.contains("export of forge, session") && !shown.out.contains("/usr/bin"),
        "{}",
        shown.out
    );
}

#[test]
fn what_is_no_json_of_checkpoints_makes_no_store() {
    let store = Store::new();
    let path = store.beside("in.json");
    let ours = "{\"format\":\"keepstone checkpoints\",\"version\":1,\"sessions\":[],\"checkpoints\":[]}";
    for (text, exit, kind) in [
        ("{\"format\":\"keepstone worlds\"}", 2, "misuse"),
        ("{}", 2, "misuse"),
        ("{\"a\":", 1, "damaged"),
        (&ours[..ours.len() - 1], 1, "damaged"),
        ("{\"checkpoints\":[],\"global_sequence\":1}", 1, "damaged"),
        (
            "{\"checkpoints\":[{}],\"global_sequence\":1,\"exported_at\":\"2026-11-20T22:27:29Z\"}",
            1,
            "damaged",
        ),
    ] {
        fs::write(&path, text).unwrap();
        store.fails("import", &[&path], exit, kind);
        assert!(!store.dir().exists(), "{text}");
    }
    fs::write(&path, ours).unwrap();
    assert_eq!(store.json("import", &[&path])["imported"], 0);
}
