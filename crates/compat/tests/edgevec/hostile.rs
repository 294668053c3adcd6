//! Bytes that are made to cost much.

use keepstone_compat::Error;
use keepstone_compat::edgevec::{Wal, verify};
use keepstone_format::{Kind, Limits};

use crate::edgevec::files::read;
use crate::edgevec::wire;

#[test]
fn more_than_the_limits_is_refused() {
    let bytes = wire::log(3);
    let len = bytes.len() as u64;
    let mut limits = Limits::default();
    limits.decoded_max = len - 1;
    let err = Wal::read(&bytes, &limits).unwrap_err();
    assert!(matches!(
        err,
        Error::Limit { what: "decoded bytes", needs, allowed } if needs == len && allowed == len - 1
    ));
    assert_eq!(err.kind(), Kind::Limit);
    limits.decoded_max = len;
    limits.rows_max = 2;
    let err = verify(&bytes, &limits).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "entries", needs: 3, allowed: 2 }));
    limits.rows_max = 3;
    assert_eq!(Wal::read(&bytes, &limits).unwrap().entry_count(), 3);
}

#[test]
fn a_length_above_16_mib_is_damage_and_not_believed() {
    for (len, is_believed) in [(16_777_216_u32, true), (16_777_217, false), (u32::MAX, false)] {
        let mut bytes = wire::log(1);
        bytes[12..16].copy_from_slice(&len.to_le_bytes());
        bytes.extend(wire::log(1));
        let wal = read(&bytes).unwrap();
        assert_eq!((wal.entry_count(), wal.damage_count), (1, 1));
        let cause = &wal.damage[0].cause;
        let expected = match cause {
            Error::Truncated { part: "the entry", needs, found: 72 } => {
                is_believed && *needs == 20 + u64::from(len)
            }
            Error::Announced { count, .. } => !is_believed && *count == u64::from(len),
            _ => false,
        };
        assert!(expected, "{len}: {cause}");
    }
}

#[test]
fn a_payload_of_16_mib_is_read() {
    let bytes = wire::entry(0, 1, &vec![7; 16 << 20]);
    let wal = read(&bytes).unwrap();
    assert_eq!((wal.entry_count(), wal.damage_count), (1, 0));
}

/// Every eight bytes an entry of 1 MiB seems to begin: checking each by its bytes would go over 2^37 of them.
#[test]
fn entries_that_seem_to_begin_everywhere_cost_no_more_than_the_file() {
    let bytes = [1, 0, 0, 0, 0xff, 0xff, 0x0f, 0].repeat(1 << 18);
    let wal = read(&bytes).unwrap();
    assert_eq!((wal.entry_count(), wal.damage_count), (0, 1));
    assert_eq!((wal.damage[0].offset, wal.damage[0].resumed), (0, bytes.len() as u64));
}

#[test]
fn places_of_damage_are_counted_and_the_first_of_them_listed() {
    let one = wire::log(1);
    let mut bytes: Vec<u8> = (0..3000).flat_map(|_| [&one[..], b"!"].concat()).collect();
    bytes.extend(&one);
    let wal = read(&bytes).unwrap();
    assert_eq!((wal.damage.len(), wal.damage_count, wal.entry_count()), (1024, 3000, 3001));
}

#[test]
fn one_repeated_byte_is_no_entry() {
    for byte in 0..=u8::MAX {
        for len in [1, 19, 20, 1000] {
            let bytes = vec![byte; len];
            let wal = read(&bytes).unwrap();
            assert_eq!(wal.entry_count(), 0, "{byte} x {len}");
            assert_eq!(wal.damage_count + wal.warnings.len() as u64, 1, "{byte} x {len}");
        }
    }
}
