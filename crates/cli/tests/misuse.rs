use std::{path::Path, process::Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Answer, command, demo_file, json_on, on, run};

#[test]
fn a_missing_file_is_not_found() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("gone.keep");
    for verb in ["inspect", "verify"] {
        let (exit, document) = json_on(verb, &path);
        assert_eq!((exit, &document["error"]["kind"]), (1, &json!("not_found")));
        let answer = on(verb, &path);
        assert!(answer.exit == 1 && answer.err.contains("gone.keep"), "{}", answer.err);
    }
}

#[test]
fn a_directory_is_not_a_file() {
    let dir = TempDir::new().unwrap();
    for verb in ["inspect", "verify"] {
        let (exit, document) = json_on(verb, dir.path());
        assert_eq!((exit, &document["error"]["kind"]), (2, &json!("misuse")));
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_not_waited_for() {
    let (exit, document) = json_on("inspect", Path::new("/dev/null"));
    assert_eq!((exit, &document["error"]["kind"]), (2, &json!("misuse")));
}

fn check_usage(args: &[&str]) {
    let answer: Answer = run(args);
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{args:?}");
    assert!(answer.err.contains("Usage"), "{}", answer.err);
    let with_json = [args, &["--json"]].concat();
    let document = run(&with_json).json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("misuse")));
}

#[test]
fn wrong_usage_is_misuse() {
    check_usage(&["frobnicate"]);
    check_usage(&["inspect"]);
    check_usage(&["inspect", "a", "b"]);
    check_usage(&["verify", "--frobnicate", "a"]);
    for verb in ["wal", "slot", "checkpoint", "convert", "repair", "diff", "vectors"] {
        check_usage(&[verb, "a"]);
    }
}

#[test]
fn json_may_be_asked_for_twice() {
    // A script that adds `--json` to whatever it is given was refused where it was there already.
    let path = demo_file("demo.keep");
    let args = ["inspect".as_ref(), path.as_os_str(), "--json".as_ref(), "--json".as_ref()];
    assert_eq!(run(&args).json()["exit"], 0);
}

#[test]
fn numbers_of_entities_have_bounds() {
    for number in ["0", "-1", "many", "100000001"] {
        let answer = run(&["demo", &format!("--entities={number}")]);
        assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{number}");
        assert!(answer.err.contains("--entities"), "{}", answer.err);
    }
}

#[test]
fn no_verb_is_misuse_and_help_is_good() {
    assert_eq!(run::<&str>(&[]).exit, 2);
    assert_eq!(run(&["--json"]).json()["exit"], 2);
    for args in [&["--help"][..], &["help"], &["inspect", "--help"], &["demo", "-h"], &["--version"]] {
        let answer = run(args);
        assert_eq!((answer.exit, answer.err.as_str()), (0, ""), "{args:?}");
        assert!(!answer.out.is_empty());
    }
    assert!(run(&["verify", "--help"]).out.contains("Exit codes"));
}

/// Runs with a standard output that nobody reads.
fn run_unread(args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command().args(args).stdout(Stdio::from(writer)).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_pipe_changes_nothing() {
    let path = demo_file("demo.keep");
    let path = path.to_str().unwrap();
    for (args, exit) in [
        (&["inspect", path][..], 0),
        (&["inspect", path, "--json"], 0),
        (&["verify", path], 0),
        (&["--help"], 0),
        (&["inspect", "gone.keep", "--json"], 1),
        (&["inspect", "--json"], 2),
    ] {
        assert_eq!(run_unread(args), (Some(exit), String::new()), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_for_the_answer_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let path = demo_file("demo.keep");
    let output = command().arg("inspect").arg(path).stdout(Stdio::from(full)).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("standard output"), "{err}");
}
