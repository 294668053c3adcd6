//! Snapshots that are mapped. Nobody else knows of the files here, so nobody writes to them.
#![expect(unsafe_code, reason = "to map a file is unsafe, and these tests do")]

use std::{fs, io, path::Path, sync::Barrier, thread};

use keepstone_format::{Codec, Error as FormatError, Kind, SectionOptions};
use keepstone_storage::{Error, Snapshot, snapshot::Options, snapshot::Verify};

use super::{MIB, damage, disk, on_disk, path, words, written};

const ALL: [Verify; 3] = [Verify::Now, Verify::OnUse, Verify::Never];

fn map(path: &Path, verify: Verify) -> Result<Snapshot, Error> {
    // SAFETY: the file lies in a folder of this test, which writes to it only while it is not mapped.
    unsafe { Snapshot::map(path, verify, Options::default()) }
}

fn flip(path: &Path, at: usize) {
    overwrite(path, |bytes| bytes[at] ^= 0x10);
}

#[expect(clippy::disallowed_methods, reason = "a scratch file that is damaged on purpose")]
fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Where bytes stand in others.
fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

fn small() -> Vec<u8> {
    written(|writer| {
        writer.rows("raw", 3, &words(1, 9)).unwrap();
        let mut coded = writer.stream_compressed::<u64>("coded", 1, SectionOptions::new(Codec::Lz4)).unwrap();
        coded.append(&[7; 40]).unwrap();
        coded.finish().unwrap();
        writer.array("none", &[0_u8; 0]).unwrap();
    })
}

/// Views all; answers whether all was as it was written, and whether something was refused.
fn view_all(snapshot: &Snapshot) -> Result<(), Error> {
    let answers = [
        snapshot.view::<u64>("raw").map(|values| assert_eq!(values, words(1, 9))),
        snapshot.view::<u64>("coded").map(|values| assert_eq!(values, [7; 40])),
        snapshot.view::<u8>("none").map(|values| assert!(values.is_empty())),
    ];
    answers.into_iter().collect()
}

#[test]
fn what_was_written_is_viewed_whatever_is_checked() {
    let values = words(5, 3 * MIB / 8 + 11);
    let bytes = written(|writer| {
        writer.rows("words", 7, &values[..values.len() / 7 * 7]).unwrap();
        let mut coded =
            writer.stream_compressed::<u64>("coded", 1, SectionOptions::new(Codec::Zstd)).unwrap();
        coded.append(&values).unwrap();
        coded.finish().unwrap();
        writer.array("none", &[0_u64; 0]).unwrap();
    });
    let (_folder, path) = on_disk(&bytes);
    for verify in ALL {
        let snapshot = map(&path, verify).unwrap();
        for _ in 0..2 {
            let words: &[u64] = snapshot.view("words").unwrap();
            assert!(words == &values[..values.len() / 7 * 7], "{verify:?}");
            assert!(snapshot.view::<u64>("coded").unwrap() == values, "{verify:?}");
            assert!(snapshot.view::<u64>("none").unwrap().is_empty());
        }
        assert_eq!((snapshot.bytes(), snapshot.path()), (bytes.len() as u64, &*path));
        assert!(snapshot.into_buffer().is_none(), "what is mapped is no memory to read into");
    }
}

#[test]
fn files_that_can_not_be_mapped_are_read() {
    let files = disk(&small());
    // SAFETY: the file is in memory, nobody else has it.
    let mapped = unsafe { Snapshot::map(path(), Verify::Never, Options::default().files(&*files)) };
    let snapshot = mapped.unwrap();
    view_all(&snapshot).unwrap();
    assert!(snapshot.into_buffer().is_some());
}

#[test]
fn every_flipped_bit_is_found_when_it_is_mapped_or_used() {
    let bytes = small();
    let (_folder, path) = on_disk(&bytes);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        overwrite(&path, |file| *file = flipped);
        let now = map(&path, Verify::Now).unwrap_err();
        assert_eq!(damage(&now).kind(), Kind::Damaged, "byte {at}");
        // What is handed out is what was written: `view_all` asserts that.
        let on_use = map(&path, Verify::OnUse).and_then(|snapshot| view_all(&snapshot)).unwrap_err();
        assert_eq!(damage(&on_use).kind(), Kind::Damaged, "byte {at}");
    }
}

#[test]
fn every_truncation_is_an_error_whatever_is_checked() {
    let bytes = small();
    let (_folder, path) = on_disk(&bytes);
    for len in (0..bytes.len()).rev() {
        overwrite(&path, |file| file.truncate(len));
        for verify in ALL {
            let error = map(&path, verify).unwrap_err();
            assert_eq!(damage(&error).kind(), Kind::Damaged, "{len}, {verify:?}");
        }
    }
}

#[test]
fn only_the_pieces_that_rows_lie_in_are_checked_on_use() {
    // A row of 24 bytes, so that rows lie in two pieces.
    let values = words(9, 4 * MIB / 24 * 3);
    let bytes = written(|writer| writer.rows("a", 3, &values).unwrap());
    let (_folder, path) = on_disk(&bytes);
    let start = find(&bytes, &values[0].to_le_bytes());
    flip(&path, start + 2 * MIB + 77);
    let snapshot = map(&path, Verify::OnUse).unwrap();
    let array = snapshot.array("a").unwrap();
    let rows = array.rows();
    let mib = MIB as u64;
    // The first row in the third piece begins in the second; the first in the fourth begins with it.
    let (third, fourth) = (2 * mib / 24, 3 * mib / 24);
    let ok = |from: u64, to: u64| {
        let viewed = array.view_rows::<u64>(from..to).unwrap();
        assert!(viewed == &values[usize::try_from(from).unwrap() * 3..usize::try_from(to).unwrap() * 3]);
    };
    let refused = |from: u64, to: u64| {
        let error = array.view_rows::<u64>(from..to).unwrap_err();
        let FormatError::Checksum { offset, .. } = damage(&error) else { panic!("{error}") };
        assert_eq!(*offset, (start + 2 * MIB) as u64, "{from}..{to}");
    };
    ok(0, 1);
    ok(0, third);
    refused(0, third + 1);
    ok(third - 1, third);
    refused(third, third + 1);
    refused(fourth - 1, fourth);
    refused(fourth - 1, rows);
    ok(fourth, rows);
    refused(0, rows);
    let error = array.view::<u64>().unwrap_err();
    assert_eq!(damage(&error).kind(), Kind::Damaged);
    // Damage that was found is found again, and nothing else is damaged by it.
    refused(0, rows);
    ok(0, 5);
    assert_eq!(array.read::<u64>().unwrap_err().kind(), Kind::Damaged);
}

#[test]
fn rows_that_are_none_need_no_piece() {
    let values = words(9, MIB / 4);
    let bytes = written(|writer| writer.array("a", &values).unwrap());
    let (_folder, path) = on_disk(&bytes);
    let start = find(&bytes, &values[0].to_le_bytes());
    flip(&path, start + MIB + 77);
    let snapshot = map(&path, Verify::OnUse).unwrap();
    let array = snapshot.array("a").unwrap();
    for row in [0, 5, array.rows() / 2 + 1, array.rows()] {
        assert!(array.view_rows::<u64>(row..row).unwrap().is_empty());
    }
}

#[test]
fn what_is_never_checked_is_handed_out_as_it_is() {
    let values = words(9, 100);
    let bytes = written(|writer| writer.array("a", &values).unwrap());
    let (_folder, path) = on_disk(&bytes);
    flip(&path, find(&bytes, &values[0].to_le_bytes()));
    let snapshot = map(&path, Verify::Never).unwrap();
    assert_ne!(snapshot.view::<u64>("a").unwrap(), values, "the flipped bit is there: nobody looked");
    assert!(map(&path, Verify::Now).is_err());
}

#[test]
fn clones_that_view_at_the_same_time_agree() {
    let values = words(9, 4 * MIB / 8);
    let bytes = written(|writer| {
        writer.array("a", &values).unwrap();
        let mut coded = writer.stream_compressed::<u64>("coded", 1, SectionOptions::new(Codec::Lz4)).unwrap();
        coded.append(&values).unwrap();
        coded.finish().unwrap();
    });
    let (_folder, path) = on_disk(&bytes);
    let start = find(&bytes, &values[0].to_le_bytes());
    for broken in [false, true] {
        if broken {
            flip(&path, start + MIB + 1);
        }
        let snapshot = map(&path, Verify::OnUse).unwrap();
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (snapshot, barrier, values) = (snapshot.clone(), &barrier, &values);
                scope.spawn(move || {
                    barrier.wait();
                    for _ in 0..3 {
                        let viewed = snapshot.view::<u64>("a");
                        assert_eq!(viewed.is_err(), broken);
                        assert!(viewed.is_ok_and(|viewed| viewed == values) || broken);
                        assert!(snapshot.view::<u64>("coded").unwrap() == values);
                    }
                });
            }
        });
    }
}

#[test]
fn a_snapshot_that_is_replaced_or_removed_stays_as_it_was_mapped() {
    let (folder, path) = on_disk(&small());
    let snapshot = map(&path, Verify::OnUse).unwrap();
    let files = keepstone_storage::OsFiles;
    let head = keepstone_format::Metadata::new();
    let mut writer = keepstone_storage::snapshot::Writer::create(&files, &path, head).unwrap();
    writer.array("new", &[1_u8]).unwrap();
    writer.commit().unwrap();
    view_all(&snapshot).unwrap();
    assert_eq!(map(&path, Verify::Now).unwrap().view::<u8>("new").unwrap(), [1]);
    drop(folder);
    view_all(&snapshot).unwrap();
}

#[test]
fn what_is_no_snapshot_is_not_mapped() {
    let (folder, path) = on_disk(b"");
    for verify in ALL {
        assert_eq!(damage(&map(&path, verify).unwrap_err()).kind(), Kind::Damaged);
        let error = map(folder.path(), verify).unwrap_err();
        assert!(matches!(error, Error::NotAFile { .. }), "{error}");
        let error = map(&folder.path().join("missing"), verify).unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound));
    }
}
