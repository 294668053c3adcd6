//! Pages of stores: what is in them, and what a browser makes of them.

mod browser;

use std::fs;

use keepstone::checkpoint::{Bytes, CheckpointId, Session, Trigger};
use serde_json::{Value, json};

use super::{Store, noise};

/// A message that would run if any of it became a tag, and turns its direction.
const HOSTILE: &str =
    "</script><img src=x onerror=\"alert(1)\"> <!-- \u{202e}olleh\u{202c} \u{2028}\u{0}&lt;b&gt; ]]>";

/// 2025-10-09T08:53:20Z.
const TIME: i64 = 1_760_000_000_000_000_000;

impl Store {
    /// Checkpoints on three lines in one session, and two with hostile texts in another.
    fn sample() -> Self {
        let store = Self::new();
        let program = store.open();
        let session = program.session("main").unwrap();
        let make = |session: &Session, second: i64, state: &str, message: &str, tags: &[&str]| {
            let bytes = Bytes::from(state.as_bytes());
            let mut draft = session.checkpoint(&bytes).message(message).at(TIME + second * 1_000_000_000);
            for tag in tags {
                draft = draft.tag(*tag);
            }
            draft.commit().unwrap().id()
        };
        make(&session, 1, "door: shut\nlamp: off\n", "the beginning", &["safe"]);
        let lit = make(&session, 2, "door: shut\nlamp: on\n", "light", &["safe", "lamp"]);
        make(&session, 3, "door: broken\nlamp: on\n", "a wrong turn", &[]);
        session.reset(lit).unwrap();
        make(&session, 4, "door: open\nlamp: on\n", "the key fits", &[]);
        let branch = session.fork("by the window", lit).unwrap();
        make(&branch, 5, "door: shut\nlamp: on\nwindow: open\n", "out of the window", &[]);
        let due = Bytes::from(noise(1, 300));
        let draft =
            session.checkpoint(&due).locked().trigger(Trigger::Automatic("before a tool call".into()));
        draft.commit().unwrap();
        let hostile = program.session("<i>hostile</i>").unwrap();
        make(&hostile, 7, "{\"a\":1,\"b\":[true]}", HOSTILE, &["<b>\u{202e}tag"]);
        let state = Bytes::from(br#"{"a":2,"b":[true,"</script><svg onload=alert(2)>"]}"#.as_slice());
        let draft =
            hostile.checkpoint(&state).message("after").annotate("<key>", "\"><script>alert(3)</script>");
        draft.commit().unwrap();
        program.close().unwrap();
        store
    }

    /// Writes a page and reads it.
    fn page(&self, more: &[&str]) -> String {
        let path = self.beside("page.html");
        let text = self.text("log", &[&["--html", &path], more].concat());
        assert!(text.contains(&path), "{text}");
        fs::read_to_string(path).unwrap()
    }

    /// The id of the checkpoint with this number.
    fn id_of(&self, number: u64) -> CheckpointId {
        let shown = self.json("show", &[&number.to_string()]);
        shown["checkpoint"]["id"].as_str().unwrap().parse().unwrap()
    }
}

/// JSON that is embedded in a page.
fn embedded(page: &str, id: &str) -> Value {
    let from = format!("<script type=\"application/json\" id=\"{id}\">");
    let json = page.split_once(&from).unwrap().1.split_once("</script>").unwrap().0;
    assert!(json.chars().all(|c| !c.is_control() && !"<>&\u{2028}\u{202e}".contains(c)), "{json}");
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_page_says_what_the_store_says() {
    let store = Store::sample();
    let page = store.page(&[]);
    let data = embedded(&page, "data");
    let log = store.json("log", &[]);
    let by_name = |value: &Value| {
        let mut sessions = value["sessions"].as_array().unwrap().clone();
        sessions.sort_by_key(|session| session["session"].to_string());
        sessions
    };
    let mut sessions = by_name(&data);
    let moves: Vec<Value> = sessions
        .iter_mut()
        .map(|session| session.as_object_mut().unwrap().remove("moves").unwrap())
        .collect();
    assert_eq!(sessions, by_name(&log));
    assert_eq!(moves[0], json!([]));
    let causes =
        moves[1].as_array().unwrap().iter().map(|found| (&found["cause"], &found["to"], &found["after"]));
    assert_eq!(
        causes.collect::<Vec<_>>(),
        [(&json!("restore"), &json!(2), &json!(3)), (&json!("fork"), &json!(2), &json!(4))]
    );
    assert_eq!((&data["up_to"], &data["checkpoints"], &data["left_out"]), (&json!(8), &json!(8), &json!(0)));
    let stats = store.json("log", &["--html", &store.beside("page.html")]);
    assert_eq!(
        (&stats["checkpoints"], &stats["sessions"], &stats["diffs"]),
        (&json!(8), &json!(2), &json!(8))
    );
    assert_eq!(stats["bytes"], fs::metadata(store.beside("page.html")).unwrap().len());
}

#[test]
fn what_checkpoints_changed_is_in_the_page() {
    let page = Store::sample().page(&[]);
    let diffs = embedded(&page, "diffs");
    assert_eq!(
        diffs["4"],
        json!({
            "kind": "lines", "form": "text", "added": 1, "removed": 1, "hidden": 0,
            "hunks": [{"a": 1, "b": 1, "lines": ["-door: shut", "+door: open", " lamp: on"]}]
        })
    );
    assert_eq!(diffs["1"]["hunks"][0]["lines"], json!(["+door: shut", "+lamp: off"]));
    assert_eq!((&diffs["6"]["kind"], &diffs["6"]["count"]), (&json!("ranges"), &json!(1)));
    assert_eq!((&diffs["8"]["form"], &diffs["8"]["added"]), (&json!("json"), &json!(3)));
}

#[test]
fn only_the_time_differs_between_pages_of_one_store() {
    let store = Store::sample();
    let (first, second) = (store.page(&[]), store.page(&[]));
    let made = |page: &str| embedded(page, "data")["made_at"].as_str().unwrap().to_owned();
    assert_eq!(first.replace(&made(&first), "then"), second.replace(&made(&second), "then"));
}

#[test]
fn a_page_of_one_session_has_no_other() {
    let store = Store::sample();
    let data = embedded(&store.page(&["--session", "main"]), "data");
    assert_eq!((&data["only"], &data["checkpoints"], &data["up_to"]), (&json!("main"), &json!(6), &json!(8)));
    assert_eq!(data["sessions"].as_array().unwrap().len(), 1);
    store.fails("log", &["--html", &store.beside("none.html"), "--session", "gone"], 1, "not_found");
    assert!(fs::metadata(store.beside("none.html")).is_err(), "nothing was written");
}

#[test]
fn differences_are_as_long_as_was_asked_for() {
    let store = Store::new();
    let session = store.open().session("main").unwrap();
    for step in 0..5_u32 {
        let lines: Vec<String> = (0..2000).map(|line| format!("step {step}, line {line}")).collect();
        session.checkpoint(&Bytes::from(lines.join("\n").into_bytes())).commit().unwrap();
        session.checkpoint(&Bytes::from(noise(step, 20_000))).commit().unwrap();
    }
    drop(session);
    let none = store.page(&["--diffs", "none"]);
    assert_eq!(embedded(&none, "diffs"), json!({}));
    assert_eq!(embedded(&none, "data")["diffs"], json!({"bytes_max": null, "included": 0, "left_out": 10}));
    let short = store.page(&["--diffs", "500"]);
    assert!(short.len() < none.len() + 10 * 1000, "{} {}", short.len(), none.len());
    for diff in embedded(&short, "diffs").as_object().unwrap().values() {
        let hidden = diff["hidden"].as_u64().unwrap_or(1);
        assert!(hidden > 0, "what is not shown is counted: {diff}");
        assert!(diff.to_string().len() < 1000, "{diff}");
    }
    store.fails("log", &["--html", &store.beside("store")], 2, "misuse");
}

#[test]
fn a_damaged_state_is_named_and_the_page_is_written() {
    let store = Store::new();
    store.create(&noise(9, 3000), &["--message", "whole"]);
    store.open().close().unwrap();
    let pack = super::only_file(&store, "packs");
    super::flip(&pack, &noise(9, 3000)[..40]);
    let path = store.beside("page.html");
    let answer = store.checkpoint("log", &["--html", &path]);
    assert_eq!(answer.exit, 0, "{}", answer.err);
    assert!(answer.err.starts_with("warning: "), "{}", answer.err);
    let diffs = embedded(&fs::read_to_string(path).unwrap(), "diffs");
    assert_eq!(diffs["1"]["kind"], "none");
}
