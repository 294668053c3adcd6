//! Truncation at every length and every bit flipped.

use keepstone_compat::Error;
use keepstone_compat::edgevec::{Damage, Warning, verify};
use keepstone_format::{Kind, Limits};

use crate::edgevec::files::{MIXED, TORN, places, read};
use crate::edgevec::wire;

#[test]
fn truncation_at_every_length_keeps_the_entries_before_it() {
    let whole = places(&read(MIXED).unwrap());
    let ends: Vec<u64> = whole.iter().skip(1).map(|place| place.0).chain([MIXED.len() as u64]).collect();
    for len in 0..=MIXED.len() {
        let wal = read(&MIXED[..len]).unwrap();
        let kept = ends.iter().filter(|end| **end <= len as u64).count();
        assert_eq!(places(&wal), whole[..kept], "cut to {len}");
        assert_eq!((wal.damage.len(), wal.damage_count), (0, 0), "cut to {len}");
        let offset = kept.checked_sub(1).map_or(0, |last| ends[last]);
        let torn = Warning::TornTail { offset, len: len as u64 - offset };
        let expected = if offset == len as u64 { vec![] } else { vec![torn] };
        assert_eq!(wal.warnings, expected, "cut to {len}");
    }
}

/// Of a flipped bit exactly the entry is lost that it stands in.
#[test]
fn every_flipped_bit_costs_one_entry_and_is_said() {
    let whole = places(&read(MIXED).unwrap());
    let ends: Vec<u64> = whole.iter().skip(1).map(|place| place.0).chain([MIXED.len() as u64]).collect();
    for bit in 0..MIXED.len() * 8 {
        let mut bytes = MIXED.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let wal = read(&bytes).unwrap();
        let hit = ends.iter().position(|end| (bit as u64 / 8) < *end).unwrap();
        let rest: Vec<_> =
            whole.iter().enumerate().filter(|(at, _)| *at != hit).map(|(_, place)| *place).collect();
        assert_eq!(places(&wal), rest, "bit {bit}");
        let (offset, resumed) = (whole[hit].0, ends[hit]);
        let in_len = (12..16).contains(&(bit as u64 / 8 - offset));
        // A length that leads behind the end of the file, with nothing behind it, looks like a torn tail.
        if let [Warning::TornTail { offset: torn, .. }] = wal.warnings[..] {
            assert!(in_len && torn == offset && hit + 1 == whole.len() && wal.damage.is_empty(), "bit {bit}");
            continue;
        }
        let [Damage { offset: at, resumed: to, cause }] = &wal.damage[..] else {
            panic!("bit {bit}: {:?}", wal.damage);
        };
        assert_eq!((*at, *to, wal.damage_count), (offset, resumed, 1), "bit {bit}");
        let expected = match cause {
            Error::Checksum { offset: place, expected, found } => *place == offset && expected != found,
            Error::Announced { what: "payload length", offset: place, count, room: 16_777_216 } => {
                in_len && *place == offset + 12 && *count > 16_777_216
            }
            Error::Truncated { part: "the entry", needs, found: 500 } => in_len && *needs > 500,
            _ => false,
        };
        assert!(expected, "bit {bit}: {cause}");
        assert_eq!(cause.kind(), Kind::Damaged);
        assert!(verify(&bytes, &Limits::default()).is_err());
        assert!(wal.warnings.is_empty(), "bit {bit}: {:?}", wal.warnings);
    }
}

#[test]
fn several_damaged_places_and_a_torn_tail_are_all_said() {
    let mut bytes = TORN.to_vec();
    bytes[70] ^= 1;
    bytes[310..430].fill(0xff);
    let wal = read(&bytes).unwrap();
    let damaged: Vec<_> = wal.damage.iter().map(|damage| (damage.offset, damage.resumed)).collect();
    assert_eq!(damaged, [(60, 120), (300, 480)]);
    assert_eq!(wal.warnings, [Warning::TornTail { offset: 540, len: 58 }]);
    assert_eq!(places(&wal), [(0, 0), (120, 2), (180, 3), (240, 4), (480, 8)]);
}

#[test]
fn bytes_between_entries_are_damage_however_long_they_are() {
    for junk in [1, 15, 16, 1000, 100_000] {
        let mut bytes = wire::log(2);
        let at = bytes.len() as u64;
        bytes.resize(bytes.len() + junk, 0xee);
        bytes.extend(wire::entry(2, 0, &wire::insert(3, &[1.0, 2.0])));
        let wal = read(&bytes).unwrap();
        let [damage] = &wal.damage[..] else { panic!("{junk}: {:?}", wal.damage) };
        assert_eq!((damage.offset, damage.resumed), (at, at + junk as u64));
        assert_eq!(wal.entry_count(), 3, "{junk}");
    }
}

#[test]
fn a_damaged_last_entry_is_damage() {
    let mut bytes = wire::log(3);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let wal = read(&bytes).unwrap();
    let [Damage { offset: 72, resumed: 108, cause: Error::Checksum { offset: 72, .. } }] = wal.damage[..]
    else {
        panic!("{:?}", wal.damage);
    };
    assert!(wal.warnings.is_empty());
    let err = verify(&bytes, &Limits::default()).unwrap_err();
    assert!(err.to_string().starts_with("data at byte 72: checksum is "), "{err}");
}
