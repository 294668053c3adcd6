//! The fixtures hold what their listing says.

use keepstone_compat::edgevec::{Insert, Vector, Warning, verify};
use keepstone_format::{Limits, crc32};
use serde_json::Value;

use crate::edgevec::files::{F32, LISTING, MIXED, TORN, read};
use crate::edgevec::wire;

fn listed(name: &str) -> Value {
    let listing: Value = serde_json::from_str(LISTING).unwrap();
    listing["files"].as_array().unwrap().iter().find(|file| file["file"] == name).unwrap().clone()
}

/// Checks the entries that are listed, which are the first, the last or all.
fn check(name: &str, bytes: &[u8]) {
    let (wal, listed) = (read(bytes).unwrap(), listed(name));
    assert!(wal.damage.is_empty() && wal.damage_count == 0);
    assert_eq!(wal.entry_count(), listed["entries_valid"].as_u64().unwrap());
    assert_eq!(bytes.len() as u64, listed["bytes"].as_u64().unwrap());
    let expected = listed["entries"].as_array().unwrap();
    assert!(expected.len() > 1);
    for expected in expected {
        let entry = wal.entries().find(|entry| Some(entry.offset) == expected["offset"].as_u64()).unwrap();
        assert_eq!(Some(entry.sequence), expected["seq"].as_u64());
        assert_eq!(Some(u64::from(entry.entry_type)), expected["type"].as_u64());
        assert_eq!(Some(entry.payload.len() as u64), expected["payload_len"].as_u64());
        assert_eq!(Some(u64::from(crc32(entry.payload))), expected["payload_crc32"].as_u64());
        assert_eq!(entry.insert().map(|insert| insert.id), expected["id"].as_u64());
    }
}

#[test]
fn entries_are_those_of_the_listing() {
    check("wal_f32_100x8.wal", F32);
    check("wal_mixed_types.wal", MIXED);
    check("wal_torn_crc.wal", TORN);
}

#[test]
fn vectors_are_those_that_the_rule_of_the_listing_makes() {
    let wal = read(F32).unwrap();
    for (at, entry) in (0_u64..).zip(wal.entries()) {
        let Insert { id, vector } = entry.insert().unwrap();
        let numbers: Vec<f32> = vector.to_f32().unwrap().collect();
        let expected: Vec<f32> = (0..8).map(|j| number(at * 8 + j)).collect();
        assert_eq!((id, numbers), (at + 1, expected));
    }
    assert_eq!(wal.entry_count(), 100);
}

/// The rule: splitmix64, of which 24 bits count.
fn number(at: u64) -> f32 {
    let mut z = at.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    let [a, b, c, ..] = (z >> 40).to_le_bytes();
    (f32::from(a) + f32::from(b) * 256.0 + f32::from(c) * 65536.0) / 16_777_216.0
}

#[test]
fn types_of_vectors_are_told_apart() {
    let wal = read(MIXED).unwrap();
    for (at, entry) in wal.entries().enumerate() {
        let vector = entry.insert().unwrap().vector;
        let lens = match vector {
            Vector::F32(numbers) => (0, numbers.len()),
            Vector::U8(bytes) => (1, bytes.len()),
            Vector::Bits(bytes) => (2, bytes.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(lens, [(0, 8), (1, 8), (2, 1)][at % 3]);
        assert_eq!(vector.to_f32().is_some(), at % 3 == 0);
    }
    assert!(wal.warnings.is_empty(), "{:?}", wal.warnings);
}

#[test]
fn a_torn_checksum_is_a_warning_as_the_original_takes_it() {
    let wal = read(TORN).unwrap();
    assert_eq!(wal.warnings, [Warning::TornTail { offset: 540, len: 58 }]);
    assert_eq!(verify(TORN, &Limits::default()).unwrap(), wal.warnings);
    assert_eq!(
        wal.warnings[0].to_string(),
        "the file ends in the middle of the entry at byte 540, of which it has 58 bytes"
    );
}

#[test]
fn what_is_written_reads_back() {
    let payloads: [(u8, Vec<u8>); 5] = [
        (0, wire::insert(7, &[1.5, f32::NEG_INFINITY, 0.0])),
        (1, [&9_u64.to_le_bytes()[..], b"\x00\xff\x7f"].concat()),
        (2, [&u64::MAX.to_le_bytes()[..], b"\xaa"].concat()),
        (200, Vec::new()),
        (3, vec![0; 70_000]),
    ];
    let entries =
        (0..).zip(&payloads).map(|(sequence, (kind, payload))| wire::entry(sequence, *kind, payload));
    let bytes: Vec<u8> = entries.flatten().collect();
    let wal = read(&bytes).unwrap();
    assert!(wal.damage.is_empty());
    let found: Vec<_> = wal.entries().map(|entry| (entry.entry_type, entry.payload.to_vec())).collect();
    assert_eq!(found, payloads);
    let ids: Vec<_> = wal.entries().map(|entry| entry.insert().map(|insert| insert.id)).collect();
    assert_eq!(ids, [Some(7), Some(9), Some(u64::MAX), None, None]);
    let numbers: Vec<f32> =
        wal.entries().next().unwrap().insert().unwrap().vector.to_f32().unwrap().collect();
    assert_eq!(numbers, [1.5, f32::NEG_INFINITY, 0.0]);
}
