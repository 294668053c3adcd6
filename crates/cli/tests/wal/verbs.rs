use std::fs;

use keepstone::{
    format::crc32,
    storage::{Durability, Lsn, Wal, WalOptions},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{append, damage, log_from, log_of_three, segments, wal};
use crate::support::{json_on, on, run};

#[test]
fn json_is_one_document_for_each_verb() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let document = append(&log, &["--json"], b"one\nt\xffo\n").json();
    assert_eq!((&document["verb"], &document["durability"]), (&json!("wal append"), &json!("durable")));
    assert_eq!(
        (&document["created"], &document["records"], &document["bytes"]),
        (&json!(true), &json!(2), &json!(6))
    );
    assert_eq!(
        (&document["first_lsn"], &document["last_lsn"], &document["acked"]),
        (&json!(1), &json!(2), &json!(2))
    );
    let document = append(&log, &["--json", "--durability=buffered"], b"three\n").json();
    assert_eq!((&document["created"], &document["acked"]), (&json!(false), &json!(3)));
    let document = wal(&["cat", "--json", "--from=2"], &log).json();
    let records = json!([
        {"lsn": 2, "encoding": "hex", "data": "74ff6f", "batch_goes_on": false},
        {"lsn": 3, "encoding": "utf-8", "data": "three", "batch_goes_on": false},
    ]);
    assert_eq!((&document["records"], &document["from"], &document["end"]), (&records, &json!(2), &json!(4)));
    let document = wal(&["verify", "--json"], &log).json();
    assert_eq!(document["verb"], "wal verify");
    assert_eq!((&document["records"], &document["record_bytes"]), (&json!(3), &json!(11)));
    assert_eq!(
        (&document["closed"], &document["torn"], &document["damage"]),
        (&json!(true), &Value::Null, &json!([]))
    );
}

#[test]
fn a_second_writer_is_busy_and_readers_are_not() {
    let dir = TempDir::new().unwrap();
    let writer = Wal::open(dir.path(), WalOptions::default()).unwrap();
    writer.append(b"one", Durability::Durable).unwrap();
    let document = append(dir.path(), &["--json"], b"two\n").json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("busy")));
    let answer = append(dir.path(), &[], b"two\n");
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""));
    assert!(answer.err.contains("another writer has it locked"), "{}", answer.err);
    assert_eq!(wal(&["cat"], dir.path()).out, "one\n");
    assert_eq!(wal(&["verify"], dir.path()).exit, 0);
    writer.close().unwrap();
}

#[test]
fn what_is_no_log_is_not_found() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"hello").unwrap();
    for path in [dir.path().join("gone"), dir.path().to_owned(), file] {
        for verb in ["cat", "verify"] {
            let document = wal(&[verb, "--json"], &path).json();
            assert_eq!(
                (&document["exit"], &document["error"]["kind"]),
                (&json!(1), &json!("not_found")),
                "{path:?}"
            );
        }
    }
    assert_eq!(run(&["wal", "cat", "log", "--from", "0"]).exit, 2);
    assert_eq!(run(&["wal", "append", "log", "--durability", "perhaps"]).exit, 2);
    assert_eq!(run(&["wal"]).exit, 2);
}

#[test]
fn records_given_up_are_not_found_and_the_rest_is_good() {
    let dir = TempDir::new().unwrap();
    log_from(dir.path(), Some(Lsn(30)));
    let document = wal(&["cat", "--from=29", "--json"], dir.path()).json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(1), &json!("not_found")));
    let answer = wal(&["cat"], dir.path());
    assert!(answer.exit == 0 && answer.out.starts_with("record 30 x"), "{}", answer.err);
    assert_eq!(wal(&["verify"], dir.path()).exit, 0);
    assert_eq!(json_on("inspect", dir.path()).1["start"], 30);
}

#[test]
fn inspect_says_what_a_log_is() {
    let dir = TempDir::new().unwrap();
    let paths = log_of_three(dir.path());
    let (exit, document) = json_on("inspect", dir.path());
    assert_eq!((exit, &document["format"], &document["kind"]), (0, &json!("log"), &json!("log")));
    assert_eq!(
        (&document["start"], &document["end"], &document["records"]),
        (&json!(1), &json!(41), &json!(40))
    );
    assert_eq!(
        (&document["closed"], &document["alone"], &document["bytes"]),
        (&json!(true), &json!(false), &json!(3 * 20480))
    );
    let segments = document["segments"].as_array().unwrap();
    let named: Vec<_> = segments.iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(named, paths.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>());
    for pair in segments.windows(2) {
        assert_eq!(pair[0]["next_lsn"], pair[1]["first_lsn"]);
    }
    let header = fs::read(&paths[0]).unwrap();
    let id = u128::from_be_bytes(header[32..48].try_into().unwrap());
    assert_eq!(document["log_id"], format!("{id:032x}"));
    let answer = on("inspect", dir.path());
    assert!(
        answer.out.contains("records  40: 1 to 40") && answer.out.contains("3 segments"),
        "{}",
        answer.out
    );
}

#[test]
fn one_segment_is_looked_at_alone_whatever_its_name_is() {
    let dir = TempDir::new().unwrap();
    let paths = log_of_three(dir.path());
    let middle = json_on("inspect", dir.path()).1["segments"][1].clone();
    let elsewhere = TempDir::new().unwrap();
    let renamed = elsewhere.path().join("copy.bin");
    // The name of another segment; the header says better.
    let misnamed = elsewhere.path().join("0000000000000009.wal");
    for path in [&renamed, &misnamed] {
        fs::copy(&paths[1], path).unwrap();
    }
    for path in [&paths[1], &renamed, &misnamed] {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["alone"], &document["damage"]), (0, &json!(true), &json!([])));
        assert_eq!((&document["start"], &document["end"]), (&middle["first_lsn"], &middle["next_lsn"]));
        assert_eq!(document["segments"][0]["path"], path.display().to_string());
        assert_eq!(json_on("verify", path).0, 0);
    }
    let before = damage(&renamed, "record 18 x");
    let (exit, document) = json_on("verify", &renamed);
    assert_eq!((exit, &document["damage"][0]["offset"]), (1, &json!(before)), "{document}");
    assert_eq!(document["damage"][0]["segment"], renamed.display().to_string());
    // The second copy of the header is as good as the first.
    let mut bytes = fs::read(&paths[1]).unwrap();
    bytes[..8].fill(0);
    fs::write(&renamed, bytes).unwrap();
    let (exit, document) = json_on("verify", &renamed);
    assert_eq!((exit, &document["end"]), (0, &middle["next_lsn"]), "{document}");
}

#[test]
fn a_newer_log_is_newer_for_every_verb() {
    let dir = TempDir::new().unwrap();
    append(dir.path(), &[], b"one\n");
    let segment = &segments(dir.path())[0];
    let mut bytes = fs::read(segment).unwrap();
    for copy in [0, 4096] {
        bytes[copy + 8] = 2;
        let crc = crc32(&bytes[copy..copy + 124]);
        bytes[copy + 124..copy + 128].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(segment, &bytes).unwrap();
    for path in [dir.path(), segment] {
        for verb in ["inspect", "verify"] {
            let (exit, document) = json_on(verb, path);
            assert_eq!((exit, &document["error"]["kind"]), (2, &json!("newer")));
        }
    }
    let document = append(dir.path(), &["--json"], b"two\n").json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("newer")));
    assert_eq!(fs::read(segment).unwrap(), bytes);
}
