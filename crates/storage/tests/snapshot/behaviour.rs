use std::{io, sync::Barrier, thread};

use keepstone_format::{Codec, Error as FormatError, Kind, Limits, SectionOptions};
use keepstone_storage::{Error, MemFiles, Snapshot, snapshot::Options};

use super::{MIB, damage, disk, open, open_bytes, path, words, written};

fn coded(values: &[u64]) -> Vec<u8> {
    written(|writer| {
        let mut coded = writer.stream_compressed::<u64>("coded", 2, SectionOptions::new(Codec::Lz4)).unwrap();
        coded.append(values).unwrap();
        coded.finish().unwrap();
    })
}

#[test]
fn an_array_that_is_not_there_is_an_error_that_says_what_is() {
    let bytes = written(|writer| {
        writer.array("ids", &[1_u8]).unwrap();
        writer.array("vec\u{1b}[31m", &[1_u8]).unwrap();
    });
    let error = open_bytes(&bytes).unwrap().view::<u8>("id").unwrap_err();
    assert!(matches!(&error, Error::NoArray { name, .. } if name == "id"), "{error:?}");
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.io_kind(), None);
    // Names come from the file: what they do to a terminal is not done.
    assert_eq!(error.to_string(), "a.keep: there is no array \"id\"; it has \"ids\", \"vec\\u{1b}[31m\"");
    let error = open_bytes(&written(|_| ())).unwrap().view::<u8>("id").unwrap_err();
    assert_eq!(error.to_string(), "a.keep: there is no array \"id\"; it has none");
}

#[test]
fn an_error_does_not_list_names_without_end() {
    let bytes = written(|writer| {
        for at in 0..1000 {
            writer.array(&format!("{at:0250}"), &[1_u8]).unwrap();
        }
    });
    let error = open_bytes(&bytes).unwrap().view::<u8>("id").unwrap_err().to_string();
    assert!(error.len() < 10_000 && error.ends_with("and 984 more"), "{error}");
}

#[test]
fn a_type_that_was_not_written_is_refused() {
    let bytes = written(|writer| {
        writer.rows("v", 3, &[1.0_f32; 6]).unwrap();
        writer.array("threes", &[[1_u32; 3]; 2]).unwrap();
    });
    let snapshot = open_bytes(&bytes).unwrap();
    let error = snapshot.view::<u32>("v").unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse);
    assert_eq!(
        error.to_string(),
        "a.keep: array \"v\" holds 3 values of f32 a row, not u32; ask for that type"
    );
    for error in [
        snapshot.view::<f64>("v").unwrap_err(),
        snapshot.view::<[f32; 2]>("v").unwrap_err(),
        snapshot.view::<[f32; 6]>("v").unwrap_err(),
        snapshot.view::<[[f32; 3]; 1]>("v").unwrap_err(),
        snapshot.view::<[f32; 0]>("v").unwrap_err(),
        snapshot.view::<u32>("threes").unwrap_err(),
        snapshot.view::<[f32; 3]>("threes").unwrap_err(),
        snapshot.array("v").unwrap().view_rows::<u32>(0..1).map(|_| ()).unwrap_err(),
        snapshot.array("v").unwrap().read::<u32>().map(|_| ()).unwrap_err(),
        snapshot.array("v").unwrap().view_repaired::<u32>().map(|_| ()).unwrap_err(),
    ] {
        assert!(matches!(error, Error::ArrayType { .. }), "{error}");
    }
    assert_eq!(snapshot.view::<[f32; 3]>("v").unwrap().len(), 2);
    assert_eq!(snapshot.view::<[u32; 3]>("threes").unwrap().len(), 2);
    assert_eq!(snapshot.view::<[[u32; 3]; 1]>("threes").unwrap().len(), 2);
}

#[test]
fn rows_that_are_not_there_are_refused() {
    for bytes in [written(|writer| writer.rows("coded", 2, &[5_u64; 6]).unwrap()), coded(&[5; 6])] {
        let snapshot = open_bytes(&bytes).unwrap();
        let array = snapshot.array("coded").unwrap();
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is asked for")]
        for rows in [0..4, 3..4, 4..4, 2..1, u64::MAX..u64::MAX, 0..u64::MAX, u64::MAX..0] {
            let error = array.view_rows::<u64>(rows.clone()).unwrap_err();
            assert!(matches!(damage(&error), FormatError::Misuse { .. }), "{rows:?}: {error}");
            assert_eq!(error.kind(), Kind::Misuse);
        }
        assert_eq!(array.view_rows::<u64>(2..3).unwrap(), [5, 5]);
    }
}

#[test]
fn a_compressed_array_is_decoded_within_the_limit_or_not_at_all() {
    let bytes = coded(&vec![7; MIB / 8]);
    let files = disk(&bytes);
    let mut limits = Limits::default();
    limits.decoded_max = MIB as u64 - 1;
    let options = Options::default().files(&*files).limits(limits);
    let snapshot = Snapshot::open_with(path(), options).unwrap();
    for _ in 0..2 {
        let error = snapshot.view::<u64>("coded").unwrap_err();
        assert!(
            matches!(damage(&error), FormatError::Limit { needs: 0x10_0000, allowed: 0xF_FFFF, .. }),
            "{error}"
        );
        assert_eq!(error.kind(), Kind::Limit);
    }
    limits.decoded_max = MIB as u64;
    let snapshot = Snapshot::open_with(path(), options.limits(limits)).unwrap();
    assert!(snapshot.view::<u64>("coded").unwrap() == vec![7; MIB / 8]);
    assert!(snapshot.view::<u64>("coded").unwrap() == vec![7; MIB / 8], "once decoded, it costs no more");
}

#[test]
fn the_limit_holds_for_all_compressed_arrays_together() {
    let bytes = written(|writer| {
        for name in ["a", "b", "c"] {
            let mut coded =
                writer.stream_compressed::<u64>(name, 1, SectionOptions::new(Codec::Lz4)).unwrap();
            coded.append(&vec![7; MIB / 8]).unwrap();
            coded.finish().unwrap();
        }
    });
    let files = disk(&bytes);
    let mut limits = Limits::default();
    limits.decoded_max = 2 * MIB as u64;
    let snapshot = Snapshot::open_with(path(), Options::default().files(&*files).limits(limits)).unwrap();
    snapshot.view::<u64>("c").unwrap();
    snapshot.view::<u64>("a").unwrap();
    let error = snapshot.view::<u64>("b").unwrap_err();
    assert!(matches!(damage(&error), FormatError::Limit { needs: 0x30_0000, .. }), "{error}");
    assert!(snapshot.view::<u64>("c").unwrap() == vec![7; MIB / 8]);
}

#[test]
fn clones_that_decode_at_the_same_time_do_it_once() {
    let files = disk(&coded(&vec![7; MIB / 8]));
    let mut limits = Limits::default();
    limits.decoded_max = MIB as u64;
    for _ in 0..20 {
        let options = Options::default().files(&*files).limits(limits);
        let snapshot = Snapshot::open_with(path(), options).unwrap();
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (snapshot, barrier) = (snapshot.clone(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    // Twice would be over the limit.
                    assert!(snapshot.view::<u64>("coded").unwrap().iter().all(|value| *value == 7));
                });
            }
        });
    }
}

#[test]
fn handles_and_arrays_show_themselves_without_their_bytes() {
    let bytes = written(|writer| {
        for at in 0..100 {
            writer.array(&format!("array {at}"), &words(1, 1000)).unwrap();
        }
    });
    let snapshot = open_bytes(&bytes).unwrap();
    let shown = format!("{snapshot:?}");
    assert!(shown.contains("a.keep") && shown.contains("array 7"), "{shown}");
    assert!(shown.len() < 10_000, "{} bytes: {shown}", shown.len());
    let array = snapshot.array("array 7").unwrap();
    let shown = format!("{array:?}");
    assert!(shown.contains("array 7") && shown.len() < 300, "{shown}");
    let shown = format!("{:?}", snapshot.into_buffer().unwrap());
    assert!(shown.starts_with("Buffer") && shown.len() < 100, "{shown}");
}

#[test]
fn clones_share_what_was_decoded() {
    let bytes = coded(&[5; 600]);
    let snapshot = open_bytes(&bytes).unwrap();
    let clone = snapshot.clone();
    let (one, other): (&[u64], &[u64]) = (snapshot.view("coded").unwrap(), clone.view("coded").unwrap());
    assert_eq!(one.as_ptr(), other.as_ptr());
    assert_eq!(one.as_ptr().align_offset(4096), 0);
}

#[test]
fn what_is_no_file_and_what_is_not_there_is_said() {
    let files = MemFiles::new();
    let error = open(&files).unwrap_err();
    assert_eq!((error.kind(), error.io_kind()), (Kind::NotFound, Some(io::ErrorKind::NotFound)));
    keepstone_storage::Files::create_dir(&files, path()).unwrap();
    assert!(matches!(open(&files).unwrap_err(), Error::NotAFile { .. }));
}
