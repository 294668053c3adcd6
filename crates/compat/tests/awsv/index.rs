//! `index.json`, a hint that may be anything.

use keepstone_compat::Error;
use keepstone_compat::awsv::{Index, IndexEntry, SaveId};
use keepstone_format::{Kind, Limits};

pub(super) const INDEX: &[u8] = include_bytes!("../fixtures/awsv/index.json");

fn read(bytes: &[u8]) -> Result<Index, Error> {
    Index::read(bytes, &Limits::default())
}

fn entry() -> IndexEntry {
    IndexEntry {
        save_id: SaveId([7; 16]),
        file: "a \"b\" \\ \u{e9}\n.awsv".to_owned(),
        created_at: -1,
        created_at_offset_seconds: -12_600,
        player_id: String::new(),
        slot: 255,
        schema: 2,
    }
}

#[test]
fn the_index_of_aw_save_is_read_and_written_to_the_byte() {
    let index = read(INDEX).unwrap();
    assert_eq!((index.entries.len(), index.unreadable), (3, 0));
    let [_, second, _] = index.entries.as_slice() else { panic!() };
    assert_eq!(second.save_id.to_string(), "ef69ca77-253e-40fa-88d6-3beb4849b875");
    assert_eq!(second.file, "slot01_2026-03-13T08-45-25Z_ef69ca77-253e-40fa-88d6-3beb4849b875.awsv");
    assert_eq!((second.created_at, second.created_at_offset_seconds), (1_773_391_525_463_999_300, 0));
    assert_eq!((second.player_id.as_str(), second.slot, second.schema), ("test_player", 1, 2));
    assert_eq!(index.to_json().unwrap(), INDEX);
}

#[test]
fn what_is_written_is_read_back() {
    let mut index = Index::default();
    assert_eq!(index.to_json().unwrap(), b"[]");
    assert_eq!(read(b"[]").unwrap(), index);
    for (created_at, created_at_offset_seconds) in
        [(0, 0), (i64::MIN, 93_599), (i64::MAX, -93_599), (1_000_000_000, 1), (999_999_999, -1)]
    {
        index.entries.push(IndexEntry { created_at, created_at_offset_seconds, ..entry() });
    }
    assert_eq!(read(&index.to_json().unwrap()).unwrap(), index);
}

#[test]
fn entries_are_sorted_by_slot_and_time() {
    let entry = |slot, created_at, schema| IndexEntry { slot, created_at, schema, ..entry() };
    let mut index = Index {
        entries: vec![entry(1, 5, 0), entry(0, 7, 1), entry(1, 4, 2), entry(1, 5, 3)],
        unreadable: 0,
    };
    index.sort();
    assert_eq!(index.entries.iter().map(|entry| entry.schema).collect::<Vec<_>>(), [1, 2, 0, 3]);
}

#[test]
fn an_offset_that_aw_save_refuses_is_refused() {
    let entries = vec![IndexEntry { created_at_offset_seconds: 93_600, ..entry() }];
    let err = Index { entries, unreadable: 0 }.to_json().unwrap_err();
    assert!(matches!(err, Error::CantHold { format: "aw-save", .. }), "{err}");
}

#[test]
fn truncation_at_every_length_is_an_error() {
    for len in 0..INDEX.len() {
        let err = read(&INDEX[..len]).unwrap_err();
        assert!(matches!(err, Error::IndexJson { .. }), "{len}: {err}");
        assert_eq!(err.kind(), Kind::Damaged);
    }
}

/// JSON has no checksum, so a flipped bit may go unseen; it never gives entries that are not there.
#[test]
fn every_flipped_bit_is_an_error_or_another_index_of_as_many_entries() {
    let clean = read(INDEX).unwrap();
    let mut results = [0_u32; 3];
    for bit in 0..INDEX.len() * 8 {
        let mut damaged = INDEX.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let result = read(&damaged);
        results[match &result {
            Err(_) => 0,
            Ok(index) if index.unreadable > 0 => 1,
            Ok(_) => 2,
        }] += 1;
        if let Ok(index) = result {
            assert_eq!(index.entries.len() as u64 + index.unreadable, 3, "bit {bit}");
            let kept = index.entries.iter().filter(|entry| clean.entries.contains(entry)).count();
            assert!(kept >= 2, "bit {bit}");
        }
    }
    assert!(results.iter().all(|count| *count > 100), "{results:?}");
}

#[test]
fn entries_that_cannot_be_read_do_not_hide_the_others() {
    let good = String::from_utf8(INDEX.to_vec()).unwrap();
    let good = good.trim_start_matches('[').trim_end_matches(']');
    let odd = [
        "null",
        "true",
        "7",
        "-7",
        "7.5",
        "\"text\"",
        "[]",
        "[[{}, 1], {\"slot\": 1}]",
        "{}",
        r#"{"slot": 0}"#,
    ];
    let text = format!("[{}, {good}]", odd.join(", "));
    let index = read(text.as_bytes()).unwrap();
    assert_eq!((index.entries, index.unreadable), (read(INDEX).unwrap().entries, odd.len() as u64));
}

#[test]
fn a_field_of_another_type_makes_an_entry_unreadable_and_one_more_field_does_not() {
    let json = |index: &Index| String::from_utf8(index.to_json().unwrap()).unwrap();
    let index = Index { entries: vec![IndexEntry { file: "f".to_owned(), ..entry() }], unreadable: 0 };
    let text = json(&index);
    for (from, to) in [
        ("\"slot\": 255", "\"slot\": 256"),
        ("\"slot\": 255", "\"slot\": \"255\""),
        ("\"slot\": 255", "\"slot\": {\"slot\": 255}"),
        ("\"schema\": 2", "\"schema\": 65536"),
        ("\"schema\": 2", "\"schema\": -2"),
        ("\"file\": \"f\"", "\"file\": [\"f\"]"),
        ("\"file\": \"f\"", "\"file\": null"),
        ("\"player_id\": \"\"", "\"player_id\": 0"),
        ("07070707-", "07070707"),
        (" -03:30:00", ""),
    ] {
        assert!(text.contains(from), "{from}");
        let found = read(text.replacen(from, to, 1).as_bytes()).unwrap();
        assert_eq!((found.entries.len(), found.unreadable), (0, 1), "{to}");
    }
    let more = text.replacen('{', "{\"size\": [1, {\"a\": null}], ", 1);
    assert_eq!(read(more.as_bytes()).unwrap(), index);
}

#[test]
fn what_is_no_array_is_an_error() {
    for bytes in [&b""[..], b"{}", b"null", b"7", b"\"a\"", b"[] []", b"[1e999]", b"\xff"] {
        let err = read(bytes).unwrap_err();
        assert!(matches!(err, Error::IndexJson { .. }), "{err}");
    }
}

#[test]
fn deep_nesting_neither_overflows_nor_takes_memory() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("[{}1{}]", open.repeat(100_000), close.repeat(100_000));
        let field = format!("[{{\"slot\": {}1{}}}]", open.repeat(100_000), close.repeat(100_000));
        for text in [deep, field] {
            if let Ok(index) = read(text.as_bytes()) {
                assert_eq!((index.entries.len(), index.unreadable), (0, 1));
            }
            assert!(read(&text.as_bytes()[..text.len() / 2]).is_err());
        }
    }
}

#[test]
fn an_index_beyond_the_limit_is_refused() {
    let mut limits = Limits::default();
    limits.decoded_max = INDEX.len() as u64 - 1;
    let err = Index::read(INDEX, &limits).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "bytes of index.json", .. }), "{err}");
    limits.decoded_max += 1;
    assert!(Index::read(INDEX, &limits).is_ok());
}
