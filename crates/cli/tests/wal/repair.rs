use std::{fs, path::Path};

use keepstone::storage::{Durability, Wal, WalOptions};
use serde_json::json;
use tempfile::TempDir;

use super::{append, damage, files, log_of_three, segments, wal};
use crate::support::{Answer, run};

fn repair(path: &Path, out: &Path, more: &[&str]) -> Answer {
    run(&[&["repair", path.to_str().unwrap(), "--out", out.to_str().unwrap()], more].concat())
}

#[test]
fn a_repair_copies_what_verifies_and_says_the_new_numbers() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let paths = log_of_three(&log);
    damage(&paths[1], "record 17 x");
    let before = files(&log);
    let (out, again) = (dir.path().join("out"), dir.path().join("again"));
    let document = repair(&log, &out, &["--json"]).json();
    assert_eq!(
        (&document["exit"], &document["records"], &document["records_lost"]),
        (&json!(1), &json!(39), &json!(1))
    );
    let mapping = json!([
        {"first_lsn": 1, "last_lsn": 16, "new_first_lsn": 1},
        {"first_lsn": 18, "last_lsn": 40, "new_first_lsn": 17},
    ]);
    assert_eq!(document["mapping"], mapping);
    assert_eq!(document["lost"][0]["first_lsn"], 17);
    assert_eq!(files(&log), before);
    assert_eq!(wal(&["verify"], &out).exit, 0);
    assert_eq!(wal(&["cat"], &out).out, wal(&["cat"], &log).out);
    let text = repair(&log, &again, &[]);
    assert!(
        text.out.contains("records 18 to 40 are now 17 to 39") && text.out.contains("1 record lost"),
        "{}",
        text.out
    );

    let document = repair(&out, &dir.path().join("whole"), &["--json"]).json();
    assert_eq!(
        (&document["exit"], &document["records"], &document["lost"]),
        (&json!(0), &json!(39), &json!([]))
    );
    let document = repair(&paths[1], &dir.path().join("one"), &["--json"]).json();
    assert_eq!((&document["exit"], &document["lost"][0]["first_lsn"]), (&json!(1), &json!(17)));
    assert_eq!(document["mapping"][0]["new_first_lsn"], 1);
}

#[test]
fn a_log_is_not_converted() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    append(&log, &[], b"one\n");
    for path in [&log, &segments(&log)[0]] {
        let document = run(&["convert", path.to_str().unwrap(), "out", "--json"]).json();
        assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("misuse")));
        assert!(document["error"]["message"].as_str().unwrap().ends_with("repair copies it"), "{document}");
    }
}

#[test]
fn a_repair_keeps_batches_together() {
    let dir = TempDir::new().unwrap();
    let (log, out) = (dir.path().join("log"), dir.path().join("out"));
    let writer = Wal::open(&log, WalOptions::default()).unwrap();
    writer.append(b"alone", Durability::Durable).unwrap();
    writer.append_batch(&[b"a", b"b", b"c"], Durability::Durable).unwrap();
    writer.close().unwrap();
    assert_eq!(repair(&log, &out, &[]).exit, 0);
    let goes_on: Vec<_> = wal(&["cat", "--json"], &out).json()["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["batch_goes_on"].as_bool().unwrap())
        .collect();
    assert_eq!(goes_on, [false, true, true, false]);
}

#[test]
fn a_repair_writes_to_no_place_that_is_there() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    append(&log, &[], b"one\n");
    let before = files(&log);
    let taken = dir.path().join("taken");
    fs::create_dir(&taken).unwrap();
    for out in
        [log.clone(), taken, log.join("inside"), log.join("deep/inside"), dir.path().join("log/../log/x")]
    {
        let document = repair(&log, &out, &["--json"]).json();
        assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("misuse")), "{out:?}");
    }
    assert_eq!(files(&log), before);
}
