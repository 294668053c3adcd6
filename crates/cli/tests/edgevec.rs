//! Write-ahead logs of EdgeVec on the command line.

use std::{fs, path::Path};

use keepstone::storage::{WalOptions, wal::Log};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Answer, fixture, json_on, on, run, with_file};

const F32: &str = "wal_f32_100x8.wal";

#[test]
fn inspect_says_what_a_log_holds() {
    let (exit, document) = json_on("inspect", &fixture(F32));
    assert_eq!((exit, &document["format"], &document["entries"]), (0, &json!("edgevec-wal"), &json!(100)));
    assert_eq!((&document["dimensions"], &document["types"]), (&json!(8), &json!({"0": 100})));
    assert_eq!((&document["first_sequence"], &document["last_sequence"]), (&json!(0), &json!(99)));
    assert_eq!((&document["damage"], &document["warnings"]), (&json!([]), &json!([])));
    let answer = on("inspect", &fixture(F32));
    assert!(answer.out.contains("100 inserts of f32") && answer.out.contains("0 to 99"), "{}", answer.out);
}

#[test]
fn a_good_log_is_good_whatever_its_name_is() {
    with_file("something.keep", &fs::read(fixture(F32)).unwrap(), |path| {
        let answer = on("verify", path);
        assert_eq!(answer.exit, 0, "{}", answer.err);
        assert!(
            answer
                .out
                .contains("write-ahead log of EdgeVec (edgevec-wal), 6,000 bytes: every checksum holds")
        );
    });
}

#[test]
fn a_torn_tail_is_a_warning() {
    let bytes = fs::read(fixture(F32)).unwrap();
    with_file("log.wal", &bytes[..5998], |path| {
        let (exit, document) = json_on("verify", path);
        let torn = "the file ends in the middle of the entry at byte 5940, of which it has 58 bytes";
        assert_eq!((exit, &document["warnings"], &document["damage"]), (0, &json!([torn]), &json!([])));
        assert_eq!(json_on("inspect", path).1["entries"], 99);
    });
}

#[test]
fn damage_is_said_with_its_place_also_at_the_beginning() {
    for (entry, offset) in [(0, 0), (50, 3000), (99, 5940)] {
        let mut bytes = fs::read(fixture(F32)).unwrap();
        bytes[entry * 60 + 20] ^= 1;
        with_file("log.wal", &bytes, |path| {
            let (exit, document) = json_on("verify", path);
            let place = &document["damage"][0];
            assert_eq!(
                (exit, &place["what"], &place["offset"]),
                (1, &json!("entry"), &json!(offset)),
                "{document}"
            );
            let resumed = if entry == 99 {
                "nothing behind it is whole".to_owned()
            } else {
                format!("reading resumes at byte {}", offset + 60)
            };
            assert!(place["message"].as_str().unwrap().ends_with(&resumed), "{place}");
            let (exit, document) = json_on("inspect", path);
            assert_eq!((exit, &document["entries"], &document["damage_count"]), (0, &json!(99), &json!(1)));
            assert_eq!(document["damage"][0]["offset"], offset);
        });
    }
}

#[test]
fn a_damaged_beginning_leaves_the_name_to_tell_a_log() {
    let mut bytes = fs::read(fixture(F32)).unwrap();
    bytes[20] ^= 1;
    with_file("log.wal", &bytes, |path| assert_eq!(json_on("verify", path).1["format"], "edgevec-wal"));
    with_file("something", &bytes, |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, &document["error"]["kind"]), (1, &json!("damaged")), "{document}");
    });
}

#[test]
fn what_has_no_entry_is_not_taken_for_a_log() {
    for name in ["log.wal", "file"] {
        with_file(name, &[0; 5000], |path| assert_eq!(on("verify", path).exit, 1));
        with_file(name, b"", |path| assert_eq!(on("inspect", path).exit, 1));
    }
}

fn convert(input: &Path, out: &Path, more: &[&str]) -> Answer {
    run(&[&["convert", input.to_str().unwrap(), out.to_str().unwrap()], more].concat())
}

#[test]
fn a_log_becomes_a_log_with_sequences_types_and_payloads() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("log");
    let document = convert(&fixture(F32), &out, &["--json"]).json();
    assert_eq!(
        (&document["exit"], &document["format"], &document["kind"]),
        (&json!(0), &json!("edgevec-wal"), &json!("log"))
    );
    assert_eq!((&document["records"], &document["warnings"]), (&json!(100), &json!([])));
    let log = Log::open(&out, WalOptions::default()).unwrap();
    let mut records = log.read_from(log.start()).unwrap();
    let bytes = fs::read(fixture(F32)).unwrap();
    for entry in bytes.chunks(60) {
        // Sequence, type, payload.
        let expected = [&entry[..9], &entry[16..56]].concat();
        assert_eq!(records.next().unwrap().unwrap().bytes, expected);
    }
    assert_eq!(records.next().unwrap(), None);
    assert!(log.closed());
    // What is there is not added to.
    let document = convert(&fixture(F32), &out, &["--json"]).json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("misuse")));
    let document = convert(&fixture(F32), &dir.path().join("new"), &["--json", "--codec=lz4"]).json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("misuse")));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn of_a_damaged_log_the_rest_is_converted_and_said() {
    let dir = TempDir::new().unwrap();
    let mut bytes = fs::read(fixture(F32)).unwrap();
    bytes[20] ^= 1;
    with_file("log.wal", &bytes, |path| {
        let answer = convert(path, &dir.path().join("log"), &[]);
        assert_eq!(answer.exit, 1);
        assert!(
            answer.out.contains("99 records") && answer.out.contains("damaged in 1 place"),
            "{}",
            answer.out
        );
        assert!(answer.err.contains("data at byte 0: checksum is"), "{}", answer.err);
    });
    assert_eq!(on("verify", &dir.path().join("log")).exit, 0);
}
