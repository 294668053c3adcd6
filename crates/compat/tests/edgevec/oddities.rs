//! What the original overlooks.

use keepstone_compat::edgevec::{Entry, Warning, begins_with_entry};

use crate::edgevec::files::{F32, read};
use crate::edgevec::wire;

/// Warnings of these entries, none of which is damaged.
fn warnings(entries: &[Vec<u8>]) -> Vec<Warning> {
    let bytes = entries.concat();
    let wal = read(&bytes).unwrap();
    assert_eq!((wal.damage.len(), wal.entry_count()), (0, entries.len() as u64));
    wal.warnings
}

fn good(sequence: u64) -> Vec<u8> {
    wire::entry(sequence, 0, &wire::insert(1, &[0.5]))
}

#[test]
fn an_empty_log_has_no_entries_and_nothing_odd() {
    assert_eq!(warnings(&[]), []);
    assert!(!begins_with_entry(b""));
}

#[test]
fn sequences_that_break_off_are_counted() {
    let found = warnings(&[good(0), good(1), good(5), good(6), good(6)]);
    assert_eq!(found, [Warning::Sequence { count: 2, offset: 2 * 32, expected: 2, found: 5 }]);
    assert_eq!(warnings(&[good(3)]), [Warning::Sequence { count: 1, offset: 0, expected: 0, found: 3 }]);
    assert_eq!(
        found[0].to_string(),
        "2 sequences are not one more than the one before, the first at byte 64: 5, expected 2"
    );
}

#[test]
fn sequences_behind_damage_may_be_any() {
    let mut bytes = [good(0), good(1), good(2)].concat();
    bytes[33] ^= 1;
    let wal = read(&bytes).unwrap();
    assert_eq!((wal.entry_count(), wal.damage_count, wal.warnings.len()), (2, 1, 0));
}

#[test]
fn padding_types_payloads_and_dimensions_are_warned_of() {
    let mut padded = good(1);
    padded.truncate(28);
    padded[10] = 9;
    let padded = wire::sealed(padded);
    assert_eq!(warnings(&[good(0), padded]), [Warning::Padding { count: 1, offset: 32 }]);
    assert_eq!(
        warnings(&[good(0), wire::entry(1, 7, b"checkpoint"), wire::entry(2, 3, b"")]),
        [Warning::UnknownType { count: 2, offset: 32, entry_type: 7 }]
    );
    assert_eq!(
        warnings(&[wire::entry(0, 0, b"0123456789"), wire::entry(1, 1, b"0123456")]),
        [Warning::Payload { count: 2, offset: 0, entry_type: 0, len: 10 }]
    );
    assert_eq!(
        warnings(&[good(0), wire::entry(1, 0, &wire::insert(2, &[1.0, 2.0])), good(2)]),
        [Warning::Dimensions { count: 1, offset: 32, expected: 1, found: 2 }]
    );
}

#[test]
fn a_log_is_told_by_its_first_entry() {
    assert!(begins_with_entry(F32));
    assert!(begins_with_entry(&F32[..60]));
    assert!(!begins_with_entry(&F32[..59]));
    assert!(!begins_with_entry(&F32[1..]));
    assert!(!begins_with_entry(&[0; 100]));
    assert_eq!(Entry::len_of(F32.first_chunk().unwrap()), Some(60));
    assert_eq!(Entry::len_of(&[0xff; 16]), None);
}
