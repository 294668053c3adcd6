use keepstone_format::{Codec, Error as FormatError, Kind, Metadata, SectionOptions};
use keepstone_storage::{Error, MemFiles, snapshot::Writer};

use super::{bytes_of, damage, open, path};
use crate::support::names;

/// Writes a snapshot over one that is there; whatever goes wrong, the old one stays and nothing else is left.
fn check(write: impl FnOnce(&mut Writer<'_>)) -> Error {
    let files = MemFiles::new();
    let mut writer = Writer::create(&files, path(), Metadata::new()).unwrap();
    writer.array("old", &[1_u8]).unwrap();
    writer.commit().unwrap();
    let old = bytes_of(&files);
    let mut writer = Writer::create(&files, path(), Metadata::new()).unwrap();
    writer.array("first", &[2_u8]).unwrap();
    write(&mut writer);
    let error = writer.commit().unwrap_err();
    assert_eq!(bytes_of(&files), old);
    assert_eq!(names(&files, std::path::Path::new("")), ["a.keep"]);
    error
}

#[test]
fn an_array_that_is_not_finished_is_not_committed() {
    for rows in [0, 5] {
        check(|writer| {
            writer.stream::<u8>("a", 1, rows).unwrap();
        });
    }
    let error = check(|writer| {
        let options = SectionOptions::new(Codec::None);
        let mut coded = writer.stream_compressed::<u8>("a", 1, options).unwrap();
        coded.append(&[1; 5]).unwrap();
    });
    assert_eq!(error.kind(), Kind::Poisoned);
}

#[test]
fn more_or_fewer_values_than_announced_are_refused() {
    check(|writer| {
        let mut array = writer.stream::<u64>("a", 2, 2).unwrap();
        array.append(&[1; 3]).unwrap();
        let error = array.finish().unwrap_err();
        assert!(matches!(damage(&error), FormatError::Misuse { .. }), "{error}");
    });
    check(|writer| {
        let mut array = writer.stream::<u64>("a", 2, 2).unwrap();
        array.append(&[1; 3]).unwrap();
        let error = array.append(&[1; 2]).unwrap_err();
        assert!(matches!(damage(&error), FormatError::Misuse { .. }), "{error}");
        array.append(&[1; 1]).unwrap_err();
    });
}

#[test]
fn a_compressed_array_ends_with_a_row() {
    // Three values were written to rows of four and committed over a good snapshot. No reader took that, so
    // old and new were lost: how many values came was asked for raw arrays alone.
    check(|writer| {
        let options = SectionOptions::new(Codec::Lz4);
        let mut array = writer.stream_compressed::<f32>("a", 4, options).unwrap();
        array.append(&[1.0; 3]).unwrap();
        let error = array.finish().unwrap_err();
        assert_eq!(error.kind(), Kind::Misuse);
        assert!(matches!(damage(&error), FormatError::Misuse { .. }), "{error}");
    });
}

#[test]
fn an_array_that_was_refused_is_not_committed_as_a_lost_one() {
    // The head of the array was written before the array was refused; a commit made that a snapshot of
    // which a repair seemed to have lost an array.
    check(|writer| {
        let error = writer.stream::<u64>("a", 1, u64::MAX / 9).map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Limit, "{error}");
    });
    check(|writer| {
        let options = SectionOptions::new(Codec::Zstd).zstd_level(77);
        let error = writer.stream_compressed::<u64>("a", 1, options).map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Misuse, "{error}");
    });
}

#[test]
fn what_is_refused_before_anything_is_written_leaves_a_writer_that_goes_on() {
    let files = MemFiles::new();
    let mut writer = Writer::create(&files, path(), Metadata::new()).unwrap();
    writer.array("a", &[1_u8]).unwrap();
    let refused = [
        writer.array("a", &[2_u8]).unwrap_err(),
        writer.array("", &[2_u8]).unwrap_err(),
        writer.array(&"n".repeat(256), &[2_u8]).unwrap_err(),
        writer.rows("b", 0, &[2_u8]).unwrap_err(),
        writer.rows("b", 2, &[1_u8; 3]).unwrap_err(),
        writer.rows::<u8>("b", (1 << 24) + 1, &[]).unwrap_err(),
        writer.rows::<u64>("b", u32::MAX, &[]).unwrap_err(),
        writer.rows::<[u8; 0]>("b", 1, &[[]]).unwrap_err(),
        writer.stream::<u64>("b", 1, u64::MAX).map(drop).unwrap_err(),
    ];
    for error in &refused {
        assert!([Kind::Misuse, Kind::Limit, Kind::Damaged].contains(&damage(error).kind()), "{error}");
    }
    writer.rows::<u8>("b", 1 << 24, &[]).unwrap();
    writer.array(&"n".repeat(255), &[3_u8]).unwrap();
    writer.commit().unwrap();
    let snapshot = open(&files).unwrap();
    assert_eq!(snapshot.arrays().len(), 3);
    assert_eq!(snapshot.view::<u8>("a").unwrap(), [1]);
    assert_eq!(snapshot.view::<u8>(&"n".repeat(255)).unwrap(), [3]);
}

#[test]
fn as_many_arrays_as_a_container_has_room_for_come_back_and_no_more() {
    let files = MemFiles::new();
    let mut writer = Writer::create(&files, path(), Metadata::new()).unwrap();
    for at in 0..32_767_u32 {
        writer.array(&format!("{at:x}"), &[at]).unwrap();
    }
    let mut one_more = Writer::create(&files, path(), Metadata::new()).unwrap();
    writer.commit().unwrap();
    let snapshot = open(&files).unwrap();
    assert_eq!(snapshot.arrays().len(), 32_767);
    assert_eq!(snapshot.view::<u32>("7ffe").unwrap(), [32_766]);
    for at in 0..32_767_u32 {
        one_more.array(&format!("{at:x}"), &[at]).unwrap();
    }
    let error = one_more.array("one more", &[0_u32]).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    assert!(one_more.commit().is_err(), "the head of the last one is there, and nothing behind it");
}

#[test]
fn a_dropped_writer_leaves_the_old_snapshot() {
    let files = MemFiles::new();
    let mut writer = Writer::create(&files, path(), Metadata::new()).unwrap();
    writer.array("a", &[1_u8]).unwrap();
    assert!(writer.bytes() > 100);
    drop(writer);
    assert_eq!(names(&files, std::path::Path::new("")), [""; 0]);
    assert_eq!(open(&files).unwrap_err().kind(), Kind::NotFound);
}
