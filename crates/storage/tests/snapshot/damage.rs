use keepstone_format::{Codec, Error as FormatError, Filter, Kind, SectionOptions};

use super::{MIB, damage, open_bytes, words, written};

/// A small snapshot of raw, coded and empty arrays.
fn sample() -> Vec<u8> {
    written(|writer| {
        writer.rows("raw", 3, &words(1, 9)).unwrap();
        let options = SectionOptions::new(Codec::Lz4).filter(Filter::Shuffle { width: 8 });
        let mut coded = writer.stream_compressed::<u64>("coded", 1, options).unwrap();
        coded.append(&(0..40).collect::<Vec<u64>>()).unwrap();
        coded.finish().unwrap();
        writer.array("none", &[0_u8; 0]).unwrap();
    })
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = sample();
    for len in 0..bytes.len() {
        let error = open_bytes(&bytes[..len]).unwrap_err();
        let source = damage(&error);
        assert!(
            matches!(source, FormatError::Truncated { .. } | FormatError::NoEndMark { .. }),
            "{len}: {source}"
        );
        assert_eq!(error.kind(), Kind::Damaged);
    }
    for more in [1, 8, 64, 4096] {
        let longer = [&bytes[..], &vec![0; more]].concat();
        assert!(matches!(damage(&open_bytes(&longer).unwrap_err()), FormatError::NoEndMark { .. }));
    }
}

#[test]
fn every_flipped_bit_is_an_error_when_opened() {
    let bytes = sample();
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let error = open_bytes(&flipped).unwrap_err();
        assert_eq!(damage(&error).kind(), Kind::Damaged, "bit {at}: {error}");
    }
}

#[test]
fn a_flipped_bit_in_any_of_many_pieces_is_an_error_when_opened() {
    let bytes = written(|writer| {
        writer.array("a", &words(1, 5 * MIB / 8 + 3)).unwrap();
        writer.array("b", &words(2, 100)).unwrap();
    });
    for at in (bytes.len() / 50..bytes.len()).step_by(bytes.len() / 23) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        let error = open_bytes(&flipped).unwrap_err();
        assert_eq!(damage(&error).kind(), Kind::Damaged, "byte {at}: {error}");
    }
}
