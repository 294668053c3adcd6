use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{append, damage, log_of_three, segments, wal};
use crate::support::{json_on, on};

/// Where frames begin in a segment.
const FRAMES_AT: usize = 8192;

#[test]
fn a_damaged_record_is_said_with_its_place_and_the_others_are_printed() {
    for (segment, number) in [(0, 3), (1, 17), (2, 33)] {
        let dir = TempDir::new().unwrap();
        let segments = log_of_three(dir.path());
        let offset = damage(&segments[segment], &format!("record {number} x"));
        let name = segments[segment].display().to_string();
        let document = wal(&["verify", "--json"], dir.path()).json();
        assert_eq!(
            (&document["exit"], &document["lost"], &document["records"]),
            (&json!(1), &json!(1), &json!(39))
        );
        let places = document["damage"].as_array().unwrap();
        assert_eq!(places.len(), 1, "{document}");
        let place = &places[0];
        assert_eq!((&place["offset"], &place["segment"]), (&json!(offset), &json!(name)));
        assert_eq!((&place["first_lsn"], &place["last_lsn"]), (&json!(number), &json!(number)));
        assert_eq!(document["error"], Value::Null);
        // The verb for all kinds of files says the same.
        let (exit, same) = json_on("verify", dir.path());
        assert_eq!((exit, &same["damage"], &same["format"]), (1, &document["damage"], &json!("log")));

        let answer = wal(&["cat"], dir.path());
        assert_eq!((answer.exit, answer.out.lines().count()), (1, 39));
        assert!(!answer.out.contains(&format!("record {number} ")));
        let said = format!("at byte {offset}: frames: good again at byte");
        assert!(
            answer.err.contains(&said) && answer.err.contains(&format!("record {number} is lost")),
            "{}",
            answer.err
        );
        let document = wal(&["cat", "--json"], dir.path()).json();
        assert_eq!((&document["exit"], document["records"].as_array().unwrap().len()), (&json!(1), 39));
        // What is damaged but not asked for is no concern.
        let answer = wal(&["cat", "--from", "34"], dir.path());
        assert_eq!((answer.exit, answer.err.as_str()), (0, ""), "{number}");
    }
}

#[test]
fn a_missing_segment_is_said_with_its_records() {
    let dir = TempDir::new().unwrap();
    let segments = log_of_three(dir.path());
    fs::remove_file(&segments[1]).unwrap();
    let (exit, document) = json_on("verify", dir.path());
    let place = &document["damage"][0];
    assert_eq!((exit, &place["what"], &place["offset"]), (1, &json!("missing segment"), &Value::Null));
    let lost = place["last_lsn"].as_u64().unwrap() - place["first_lsn"].as_u64().unwrap() + 1;
    assert_eq!((&document["lost"], &document["records"]), (&json!(lost), &json!(40 - lost)));
    let answer = wal(&["cat"], dir.path());
    assert_eq!((answer.exit, answer.out.lines().count() as u64), (1, 40 - lost));
    // Appending goes on, and says so.
    let answer = append(dir.path(), &[], b"more\n");
    assert_eq!((answer.exit, answer.out.as_str()), (0, "ACK 41\n"));
    assert!(answer.err.contains("a segment is missing"), "{}", answer.err);
}

#[test]
fn a_torn_tail_is_no_damage() {
    let dir = TempDir::new().unwrap();
    append(dir.path(), &[], b"one\ntwo\n");
    let segment = &segments(dir.path())[0];
    let mut bytes = fs::read(segment).unwrap();
    // What a crash before the second sync may leave: of the last write only the end, and no closing mark.
    let last = bytes.windows(3).rposition(|window| window == b"two").unwrap();
    bytes[last] ^= 0x55;
    let end = bytes.len();
    bytes[last + 48..end].fill(0);
    fs::write(segment, bytes).unwrap();
    let (exit, document) = json_on("verify", dir.path());
    assert_eq!(
        (exit, &document["damage"], &document["closed"]),
        (0, &json!([]), &json!(false)),
        "{document}"
    );
    assert_eq!((&document["records"], &document["torn"]["segment"]), (&json!(1), &json!(segment)));
    assert_eq!(json_on("inspect", dir.path()).1["torn"], document["torn"]);
    assert_eq!(wal(&["cat"], dir.path()).out, "one\n");
    let answer = on("verify", dir.path());
    assert!(
        answer.out.contains("good") && answer.out.contains("torn: what an unfinished write left"),
        "{}",
        answer.out
    );
    assert_eq!(append(dir.path(), &[], b"again\n").out, "ACK 2\n");
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_damage_or_costs_no_durable_record() {
    let dir = TempDir::new().unwrap();
    append(dir.path(), &[], b"one\ntwo\nthree\n");
    let segment = &segments(dir.path())[0];
    let bytes = fs::read(segment).unwrap();
    let content_end = FRAMES_AT + 8 * 32;
    for at in (0..128).step_by(9).chain([4096, 5000]).chain((FRAMES_AT..content_end).step_by(7)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(segment, damaged).unwrap();
        let answer = wal(&["verify", "--json"], dir.path());
        let document = answer.json();
        let said = answer.exit == 1 && !document["damage"].as_array().unwrap().is_empty();
        // The last record and the closing mark are told as torn: nothing behind them says more.
        let torn = answer.exit == 0 && document["records"].as_u64().unwrap() >= 2 && at >= FRAMES_AT;
        assert!(said || torn, "byte {at}: {document}");
        assert!(at >= FRAMES_AT || said, "byte {at}: {document}");
    }
}

#[test]
fn a_damaged_copy_of_a_header_is_found() {
    let dir = TempDir::new().unwrap();
    let paths = log_of_three(dir.path());
    for (segment, at, copy) in [(0, 60, 0), (1, 4096 + 3, 4096), (2, 4096 + 2000, 4096)] {
        let bytes = fs::read(&paths[segment]).unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&paths[segment], damaged).unwrap();
        let (exit, document) = json_on("verify", dir.path());
        let place = &document["damage"][0];
        assert_eq!((exit, &document["lost"], &document["records"]), (1, &json!(0), &json!(40)), "{document}");
        assert_eq!((&place["offset"], &place["what"]), (&json!(copy), &json!("segment header")));
        fs::write(&paths[segment], bytes).unwrap();
    }
    assert_eq!(json_on("verify", dir.path()).0, 0);
}
