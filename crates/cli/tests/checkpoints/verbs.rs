use std::fs;

use serde::Serialize;
use serde_json::json;

use super::{Store, noise};
use crate::support::{json_on, on, run, run_with};

#[test]
fn states_come_back_as_they_were_given() {
    let store = Store::new();
    let long = noise(1, 300_000);
    for state in [&b""[..], b"a\0b\r\n\xff", &long, b""] {
        let id = store.create(state, &[]);
        assert_eq!(store.state(&id), state);
        assert_eq!(store.bytes("restore", &[&id]), (0, state.to_vec(), String::new()));
    }
    assert_eq!(store.numbers(&[]), [4, 3, 2, 1]);
}

#[test]
fn what_was_said_about_a_checkpoint_is_listed_and_shown() {
    let store = Store::new();
    let more = ["-m", "before the call\nof a tool", "--tag", "safe", "--tag", "a", "--annotate", "model=x=y"];
    let id = store.create(b"state", &more);
    store.create_in("other", b"2", &[]);
    let document = store.json("show", &["1"]);
    let shown = &document["checkpoint"];
    assert_eq!((&shown["id"], &shown["number"], &shown["session"]), (&json!(id), &json!(1), &json!("main")));
    assert_eq!((&shown["branch"], &shown["heads"]), (&json!("main"), &json!(["main"])));
    assert_eq!((&shown["message"], &shown["tags"]), (&json!(more[1]), &json!(["a", "safe"])));
    assert_eq!((&shown["annotations"], &shown["trigger"]), (&json!({"model": "x=y"}), &json!("manual")));
    assert_eq!(
        (&shown["layout"], &shown["bytes"], &shown["parent"]),
        (&json!("bytes"), &json!(5), &json!(null))
    );
    assert!(shown["created_at"].as_str().unwrap().starts_with("20"), "{shown}");
    assert_eq!(store.json("list", &["--session", "main"])["checkpoints"], json!([shown]));
    let list = store.text("list", &[]);
    for text in ["2 checkpoints", "#1", "#2", "other", "before the call", "a, safe", &id, "head of main"] {
        assert!(list.contains(text), "{text:?} is not in {list}");
    }
    assert!(!list.contains("of a tool"), "{list}");
    let show = store.text("show", &[&id]);
    for text in ["checkpoint #1", &id, "  before the call\n  of a tool\n", "x=y", "nothing", "whole, 5 bytes"]
    {
        assert!(show.contains(text), "{text:?} is not in {show}");
    }
}

#[test]
fn checkpoints_are_named_by_id_and_by_number() {
    let store = Store::new();
    let id = store.create(b"state", &[]);
    for name in [id.as_str(), &id.to_uppercase(), "#1", "1"] {
        assert_eq!(store.state(name), b"state", "{name}");
    }
    for name in ["#2", "0", "ffffffffffffffffffffffffffffffff"] {
        for verb in ["get", "restore", "show"] {
            store.fails(verb, &[name], 1, "not_found");
        }
    }
    let answer = store.checkpoint("get", &["one"]);
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""));
    assert!(answer.err.contains("32 hexadecimal digits"), "{}", answer.err);
}

#[test]
fn lists_are_of_what_is_asked_for_the_newest_first() {
    let store = Store::new();
    for number in 1..=4_u8 {
        let tags: &[&str] = if number % 2 == 0 { &["--tag", "even"] } else { &[] };
        store.create(&[number], tags);
    }
    store.text("branch", &["--session", "main", "try", "--from", "#2"]);
    store.create(b"5", &["--branch", "try", "--tag", "even", "--tag", "late"]);
    store.create_in("other", b"6", &["--tag", "even"]);
    assert_eq!(store.numbers(&[]), [6, 5, 4, 3, 2, 1]);
    assert_eq!(store.numbers(&["--limit", "2"]), [6, 5]);
    assert_eq!(store.numbers(&["--session", "main", "--tag", "even"]), [5, 4, 2]);
    assert_eq!(store.numbers(&["--branch", "main"]), [6, 4, 3, 2, 1]);
    assert_eq!(store.numbers(&["--tag", "even", "--tag", "late"]), [5]);
    assert_eq!(store.text("list", &["--tag", "none"]), format!("{}: no checkpoints\n", store.path()));
    store.fails("list", &["--session", "nobody"], 1, "not_found");
}

#[test]
fn a_restore_moves_the_head_and_get_does_not() {
    let store = Store::new();
    for state in [b"1", b"2", b"3"] {
        store.create(state, &[]);
    }
    assert_eq!((store.state("1"), store.head("main")), (b"1".to_vec(), Some(3)));
    assert_eq!(store.bytes("restore", &["1"]).1, b"1");
    assert_eq!(store.head("main"), Some(1));
    store.create(b"4", &[]);
    assert_eq!(store.json("show", &["4"])["checkpoint"]["parent"], 1);
    assert_eq!(store.json("show", &["1"])["children"], json!([2, 4]));
    // The branch of the checkpoint moves, unless another one is named.
    store.text("branch", &["--session", "main", "try", "--from", "2"]);
    store.create(b"5", &["--branch", "try"]);
    store.bytes("restore", &["2"]);
    assert_eq!((store.head("main"), store.head("try")), (Some(2), Some(5)));
    let document = store.json("restore", &["3", "--branch", "try"]);
    assert_eq!(document["head"], json!({"branch": "try", "before": 5}));
    assert_eq!((&document["payload"], &document["data"]), (&json!("bytes"), &json!("3")));
    assert_eq!((store.head("main"), store.head("try")), (Some(2), Some(3)));
    store.fails("restore", &["3", "--branch", "nope"], 1, "not_found");
    store.fails("restore", &["3", "--session", "other"], 1, "not_found");
    assert_eq!(store.bytes("restore", &["5", "--session", "main"]).1, b"5");
    assert_eq!(store.head("try"), Some(5));
}

#[test]
fn a_branch_that_has_ended_is_not_needed_for_a_restore() {
    let store = Store::new();
    store.create(b"1", &[]);
    store.text("branch", &["--session", "main", "try", "--from", "1"]);
    store.create(b"2", &["--branch", "try"]);
    let program = store.open();
    program.session("main").unwrap().end_branch("try").unwrap();
    drop(program);
    assert_eq!(store.bytes("restore", &["2"]), (0, b"2".to_vec(), String::new()));
    assert_eq!(store.head("main"), Some(2));
}

#[test]
fn undo_takes_back_one_move_after_the_other() {
    let store = Store::new();
    for state in [b"1", b"2"] {
        store.create(state, &[]);
    }
    store.bytes("restore", &["1"]);
    let undo = |cause: &str, before: u64, head: Option<u64>| {
        let document = store.json("undo", &["--session", "main"]);
        assert_eq!((&document["cause"], &document["branch"]), (&json!(cause), &json!("main")));
        assert_eq!((&document["before"], &document["head"]), (&json!(before), &json!(head)));
        assert_eq!(store.head("main"), head);
    };
    undo("restore", 1, Some(2));
    undo("checkpoint", 2, Some(1));
    undo("checkpoint", 1, None);
    store.fails("undo", &["--session", "main"], 2, "misuse");
    store.fails("undo", &["--session", "other"], 1, "not_found");
    store.fails("undo", &["--session", "main", "--branch", "try"], 1, "not_found");
    assert!(store.text("sessions", &[]).contains("main at nothing"));
    assert!(store.text("log", &[]).ends_with("branch main is before its first checkpoint\n"));
    store.bytes("restore", &["2"]);
    let text = store.text("undo", &["--session", "main"]);
    assert!(text.contains("before its first checkpoint again; the restore"), "{text}");
}

#[test]
fn tags_come_and_go() {
    let store = Store::new();
    let id = store.create(b"1", &["--tag", "a"]);
    assert_eq!(store.text("tag", &[&id, "c", "b"]), "#1: tags a, b, c\n");
    assert_eq!(store.json("tag", &["1", "a", "c", "never", "--remove"])["checkpoint"]["tags"], json!(["b"]));
    assert_eq!(store.numbers(&["--tag", "b"]), [1]);
    assert_eq!(store.text("tag", &["1", "b", "--remove"]), "#1: no tags\n");
    store.fails("tag", &["1", ""], 2, "limit");
    store.fails("tag", &["7", "a"], 1, "not_found");
}

#[test]
fn branches_begin_at_checkpoints_of_their_session() {
    let store = Store::new();
    store.create(b"1", &[]);
    store.create_in("other", b"2", &[]);
    let text = store.text("branch", &["--session", "main", "try", "--from", "#1"]);
    assert_eq!(text, "branch try of session main begins at #1\n");
    assert_eq!(store.head("try"), Some(1));
    store.fails("branch", &["--session", "main", "try", "--from", "1"], 2, "misuse");
    store.fails("branch", &["--session", "main", "b", "--from", "2"], 1, "not_found");
    store.fails("branch", &["--session", "nobody", "b", "--from", "1"], 1, "not_found");
    let (path, state) = (store.path(), b"x");
    for (session, branch) in [("main", "b"), ("new", "b")] {
        let args = ["checkpoint", "create", &path, "--session", session, "--branch", branch];
        let answer = run_with(&args, state);
        assert_eq!((answer.exit, answer.out.as_str()), (1, ""), "{session}");
        assert!(answer.err.contains("has no branch"), "{}", answer.err);
    }
    // No session has begun for the branch that it doesn't have.
    assert_eq!(store.json("sessions", &[])["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(
        run_with(&["checkpoint", "create", &path, "--session", "new", "--branch", "main"], state).exit,
        0
    );
}

#[test]
fn states_are_compared() {
    let store = Store::new();
    let first = noise(3, 10_000);
    let mut second = first.clone();
    second[5000..5100].fill(0);
    second[9000] ^= 1;
    store.create(&first, &[]);
    store.create(&second, &[]);
    store.create(&[b"more", &first[..]].concat(), &[]);
    store.create(&noise(4, 100), &[]);
    store.create(&first, &[]);
    let compare = |a: &str, b: &str| {
        let (exit, document) = store.json_any("diff", &[a, b]);
        let numbers = |key: &str| document[key].as_u64();
        let change = document["change"].as_str().unwrap().to_owned();
        assert_eq!(document["equal"], exit == 0);
        (exit, change, numbers("ranges"), numbers("new_bytes"))
    };
    assert_eq!(compare("1", "1"), (0, "none".to_owned(), Some(0), Some(0)));
    assert_eq!(compare("#1", "#5"), (0, "none".to_owned(), Some(0), Some(0)));
    let (exit, change, ranges, new) = compare("1", "2");
    assert_eq!((exit, change.as_str()), (1, "aligned"));
    assert!((2..=4).contains(&ranges.unwrap()) && (99..=110).contains(&new.unwrap()), "{ranges:?} {new:?}");
    assert_eq!(compare("1", "3"), (1, "shifted".to_owned(), Some(1), Some(4)));
    assert_eq!(compare("1", "4"), (1, "rewritten".to_owned(), None, Some(100)));
    let answer = store.checkpoint("diff", &["1", "3"]);
    assert!(answer.out.contains("10,000 bytes -> 10,004 bytes\n  1 changed range, 4 bytes of them new"));
    assert!(store.text("diff", &["1", "5"]).ends_with("#1 and #5 are the same, 10,000 bytes\n"));
    // There 1 says that they differ.
    store.fails("diff", &["1", "9"], 2, "not_found");
}

#[test]
fn a_log_is_drawn_as_a_graph() {
    let store = Store::new();
    store.create(b"1", &["-m", "first"]);
    store.create(b"2", &["--tag", "safe", "--tag", "x"]);
    store.create(b"3", &[]);
    store.text("branch", &["--session", "main", "try", "--from", "2"]);
    store.create(b"4", &["--branch", "try", "-m", "tried"]);
    store.create_in("other", b"5", &[]);
    store.create(b"6", &[]);
    let without_times = |text: &str| {
        let shown = |line: &str| {
            let words = line.split(' ').filter(|word| !word.starts_with("20") && !word.contains(':'));
            words.collect::<Vec<_>>().join(" ")
        };
        text.lines().filter(|line| !line.starts_with("session")).map(shown).collect::<Vec<_>>()
    };
    let main = ["* #6 (main)", "| * #4 (try) tried", "* | #3", "|/", "* #2 [safe, x]", "* #1 first"];
    let text = store.text("log", &["--session", "main"]);
    assert_eq!(without_times(&text), main, "{text}");
    assert!(text.starts_with("session main: 5 checkpoints\n"), "{text}");
    let all = without_times(&store.text("log", &[]));
    assert_eq!(all, [&main[..], &["", "* #5 (main)"]].concat());
    let document = store.json("log", &["--session", "main"]);
    let log = document["sessions"][0]["log"].as_array().unwrap();
    let parents: Vec<_> = log.iter().map(|entry| entry["parent"].as_u64()).collect();
    assert_eq!(parents, [Some(3), Some(2), Some(2), Some(1), None]);
    store.fails("log", &["--session", "nobody"], 1, "not_found");
}

#[test]
fn sessions_are_listed_with_where_their_branches_stand() {
    let store = Store::new();
    store.create(b"1", &[]);
    store.text("branch", &["--session", "main", "try", "--from", "1"]);
    store.create(b"2", &[]);
    store.create_in("other", b"3", &[]);
    let document = store.json("sessions", &[]);
    let main = &document["sessions"][0];
    assert_eq!((&main["session"], &main["checkpoints"]), (&json!("main"), &json!(2)));
    assert_eq!(main["branches"], json!([{"branch": "main", "head": 2}, {"branch": "try", "head": 1}]));
    let text = store.text("sessions", &[]);
    assert!(text.contains("2 sessions") && text.contains("main at #2, try at #1"), "{text}");
}

#[derive(Serialize)]
struct Agent {
    step: u32,
    notes: Vec<String>,
}

#[test]
fn what_is_more_than_bytes_comes_as_a_container() {
    let store = Store::new();
    let program = store.open();
    let agent = Agent { step: 7, notes: vec!["the door".to_owned()] };
    program.session("main").unwrap().checkpoint(&agent).commit().unwrap();
    drop(program);
    let document = store.json("get", &["1"]);
    assert_eq!(document["payload"], "value");
    assert_eq!(document["value"], json!({"step": 7, "notes": ["the door"]}));
    let out = store.beside("agent.keep");
    let text = store.text("get", &["1", "--out", &out]);
    assert!(text.starts_with("#1 -> ") && text.ends_with(" bytes\n"), "{text}");
    let (exit, state, _) = store.bytes("get", &["1"]);
    assert_eq!((exit, state), (0, fs::read(&out).unwrap()));
    assert_eq!(json_on("inspect", out.as_ref()).1["format"], "keep");
    assert_eq!(on("verify", out.as_ref()).exit, 0);
    // Nothing has to be known of it to go back to it.
    let document = store.json("restore", &["1", "--out", &out]);
    assert_eq!((&document["payload"], &document["out"]), (&json!(null), &json!(out)));
}

#[test]
fn files_are_replaced_in_one_step_or_not_at_all() {
    let store = Store::new();
    store.create(b"new", &[]);
    store.create(b"newer", &[]);
    let out = store.beside("state");
    fs::write(&out, b"old").unwrap();
    store.text("get", &["1", "--out", &out]);
    assert_eq!(fs::read(&out).unwrap(), b"new");
    store.fails("restore", &["1", "--out", &store.beside("state/below")], 2, "misuse");
    store.fails("restore", &["1", "--out", &store.path()], 2, "misuse");
    // Whoever didn't get the state has not gone back to it.
    assert_eq!(store.head("main"), Some(2));
    assert_eq!(store.text("restore", &["1", "--out", &out]).lines().count(), 2);
    assert_eq!(store.head("main"), Some(1));
}

#[test]
fn where_there_is_no_store_only_create_makes_one() {
    let store = Store::new();
    for (verb, more) in [
        ("list", &[][..]),
        ("log", &[]),
        ("sessions", &[]),
        ("verify", &[]),
        ("show", &["1"]),
        ("get", &["1"]),
        ("restore", &["1"]),
        ("tag", &["1", "a"]),
        ("undo", &["--session", "main"]),
        ("branch", &["--session", "main", "a", "--from", "1"]),
        ("prune", &["--keep-last", "1"]),
        ("prune", &["--keep-last", "1", "--dry-run"]),
        ("export", &["out.keep"]),
    ] {
        store.fails(verb, more, 1, "not_found");
        assert!(!store.dir().exists(), "{verb}");
    }
    store.fails("diff", &["1", "2"], 2, "not_found");
    store.create(b"1", &[]);
    assert_eq!(store.text("verify", &[]).lines().count(), 2);
}

#[test]
fn verbs_that_read_change_nothing() {
    let store = Store::new();
    store.create(&noise(1, 5000), &["--tag", "a"]);
    store.create(b"2", &[]);
    let before = store.contents();
    let out = store.beside("out");
    for (verb, more) in [
        ("list", &[][..]),
        ("log", &[]),
        ("sessions", &[]),
        ("verify", &[]),
        ("show", &["1"]),
        ("get", &["1", "--out", &out]),
        ("prune", &["--keep-last", "1", "--dry-run"]),
    ] {
        store.text(verb, more);
        store.json(verb, more);
    }
    assert_eq!(store.checkpoint("diff", &["1", "2"]).exit, 1);
    assert_eq!((on("inspect", &store.dir()).exit, on("verify", &store.dir()).exit), (0, 0));
    assert!(store.contents() == before);
}

#[test]
fn help_says_what_a_verb_does() {
    for verb in ["create", "restore", "get", "list", "log", "diff", "prune", "export", "import", "verify"] {
        let answer = run(&["checkpoint", verb, "--help"]);
        assert_eq!((answer.exit, answer.err.as_str()), (0, ""), "{verb}");
        assert!(answer.out.contains("Exit codes") && answer.out.contains("STORE"), "{verb}: {}", answer.out);
    }
}
