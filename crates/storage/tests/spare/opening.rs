use std::{ffi::OsStr, sync::Arc};

use keepstone_format::{Error as FormatError, Kind, Limits};
use keepstone_storage::{Durability, Error, Files, spare::Spares};
use keepstone_testkit::{Fault, FaultFiles, Until};

use super::{
    PAGE, bytes_of, dir, disk, fill, load, open, open_all, path_of, put, sample, save, spare_path, state,
};
use crate::support::names;

#[test]
fn a_save_in_a_spare_is_copied_byte_by_byte_under_its_name() {
    let bytes = sample(7, &state(7, 3000));
    let mut later = bytes.clone();
    // A page of a later minor version, with something where this one has zeros.
    (later[6], later[100]) = (1, 9);
    let crc = crc32(&later[..36]).to_le_bytes();
    later[36..40].copy_from_slice(&crc);
    for bytes in [bytes, later] {
        let files = disk(&[("3.spare", &bytes)]);
        let (spares, mut unnamed) = open_all(&files).unwrap();
        let unnamed = unnamed.pop().unwrap();
        assert_eq!(unnamed.path(), spare_path(3));
        assert_eq!(unnamed.generation(), 7);
        assert_eq!(unnamed.bytes(), (bytes.len() - PAGE) as u64);
        assert_eq!(unnamed.container_crc().to_le_bytes(), bytes[24..32]);
        assert_eq!(unnamed.head().metadata.name(), Some("a save"));
        assert_eq!(unnamed.head().header.epoch, 7);
        let adopted = unnamed.adopt(&spares, OsStr::new("7.save")).unwrap();
        assert_eq!((adopted.path.as_path(), adopted.generation), (path_of(7).as_path(), 7));
        assert_eq!((adopted.recycled, adopted.durability), (false, Durability::Durable));
        assert_eq!(adopted.file_len, bytes.len() as u64);
        assert_eq!(names(&*files, dir()), ["7.save"]);
        assert!(bytes_of(&*files, &path_of(7)) == bytes);
        assert_eq!(load(&*files, &path_of(7)).unwrap(), (7, state(7, 3000)));
        // The next number is not one that the directory had.
        assert_eq!(save(&spares, 8, b"next").unwrap().path, path_of(8));
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn an_unnamed_save_stays_until_something_is_done_with_it() {
    let files = disk(&[("0.spare", &sample(2, b"two")), ("1.spare", &sample(1, b"one"))]);
    let (spares, unnamed) = open_all(&files).unwrap();
    let generations: Vec<u64> = unnamed.iter().map(keepstone_storage::spare::Unnamed::generation).collect();
    assert_eq!(generations, [1, 2]);
    drop(unnamed);
    // Their numbers are not used meanwhile.
    save(&spares, 3, b"three").unwrap();
    assert_eq!(names(&*files, dir()), ["0.spare", "1.spare", "3.save"]);
    let (spares, unnamed) = open_all(&files).unwrap();
    assert_eq!(unnamed.len(), 2);
    for unnamed in unnamed {
        unnamed.discard().unwrap();
    }
    assert_eq!(names(&*files, dir()), ["3.save"]);
    drop(spares);
}

#[test]
fn what_is_no_whole_save_is_removed() {
    let whole = sample(7, &state(7, 3000));
    let mut torn = whole.clone();
    torn[PAGE + 1000] ^= 1;
    let mut page = whole.clone();
    page[9] ^= 1;
    let zeros = vec![0; 10_000];
    let cut = &whole[..whole.len() - 1];
    // The page of one save in front of the container of another.
    let mixed = [&sample(8, &state(7, 3000))[..PAGE], &whole[PAGE..]].concat();
    let files = disk(&[
        ("0.spare", &torn),
        ("1.spare", &page),
        ("2.spare", &zeros),
        ("3.spare", &[]),
        ("4.spare", cut),
        ("5.spare", &mixed),
        ("6.old", &whole),
        ("7.old", &zeros),
        ("7.save", &whole),
        ("07.spare", &zeros),
    ]);
    files.create_dir(&spare_path(8)).unwrap();
    let spares = open(&files);
    assert_eq!(spares.ready(), 0);
    assert_eq!(names(&*files, dir()), ["07.spare", "7.save", "8.spare"]);
    spares.make_ready(10, 10).unwrap();
    assert_eq!(names(&*files, dir()).iter().filter(|name| *name == "8.spare").count(), 1);
}

#[test]
fn a_newer_page_or_container_is_refused_and_nothing_is_removed() {
    let whole = sample(7, b"seven");
    let mut page = whole.clone();
    page[4] = 2;
    let crc = crc32(&page[..36]).to_le_bytes();
    page[36..40].copy_from_slice(&crc);
    let mut container = whole.clone();
    container[PAGE + 8] = 2;
    let crc = crc32(&container[PAGE..PAGE + 60]).to_le_bytes();
    container[PAGE + 60..PAGE + 64].copy_from_slice(&crc);
    for (at, bytes) in [page, container].into_iter().enumerate() {
        let files = disk(&[("0.spare", &[]), ("1.spare", &bytes), ("2.old", &[])]);
        let err = open_all(&files).unwrap_err();
        match &err {
            Error::Newer { path, found: 2, known: 1, .. } if at == 0 => assert_eq!(*path, spare_path(1)),
            Error::Container { path, source: FormatError::Version { found: 2, .. } } if at == 1 => {
                assert_eq!(*path, spare_path(1));
            }
            other => panic!("{other}"),
        }
        assert_eq!(err.kind(), Kind::Newer);
        assert_eq!(names(&*files, dir()), ["0.spare", "1.spare", "2.old"]);
    }
}

#[test]
fn a_save_over_a_limit_is_refused_and_not_removed() {
    let files = disk(&[("0.spare", &sample(7, &state(7, 3000)))]);
    let mut limits = Limits::default();
    limits.sections_max = 0;
    let err = Spares::open(Arc::clone(&files), dir(), Some(limits)).unwrap_err();
    assert_eq!(err.kind(), Kind::Limit, "{err}");
    assert_eq!(names(&*files, dir()), ["0.spare"]);
}

#[test]
fn a_draft_of_an_earlier_handle_keeps_the_directory_from_being_opened() {
    let files = disk(&[("9.old", &[])]);
    let spares = open(&files);
    let mut draft = spares.begin(1, 0).unwrap();
    drop(spares);
    put(&*files, &spare_path(9), &[]);
    let err = open_all(&files).unwrap_err();
    assert!(matches!(&err, Error::Busy { path } if *path == spare_path(0)), "{err}");
    assert_eq!(names(&*files, dir()), ["0.spare", "9.spare"]);
    let written = fill(&mut draft, b"late").unwrap();
    draft.seal(written).unwrap().sync().unwrap().publish(OsStr::new("1.save")).unwrap();
    open(&files);
    assert_eq!(load(&*files, &path_of(1)).unwrap(), (1, b"late".to_vec()));
}

#[test]
fn an_adoption_whose_spare_stays_is_an_error_and_done_again() {
    // The removal of the spare failed, which nobody was told. The save was removed under its name, and the next opening found it in the spare.
    let bytes = sample(7, &state(7, 3000));
    let mut stayed = 0;
    for at in 0..60 {
        let files = disk(&[("3.spare", &bytes)]);
        let faulty: Arc<dyn Files> =
            Arc::new(FaultFiles::over(Arc::clone(&files), at, Fault::Io, Until::Once));
        let Ok((spares, mut unnamed)) = open_all(&faulty) else { continue };
        let adopted = unnamed.pop().unwrap().adopt(&spares, OsStr::new("7.save"));
        let is_there = |name: &str| names(&*files, dir()).iter().any(|found| found.as_str() == name);
        assert!(adopted.is_err() || !is_there("3.spare"), "call {at}");
        if adopted.is_ok() || !is_there("7.save") {
            continue;
        }
        stayed += 1;
        let (spares, mut unnamed) = open_all(&files).unwrap();
        if let Some(unnamed) = unnamed.pop() {
            unnamed.adopt(&spares, OsStr::new("7.save")).unwrap();
        }
        assert_eq!(names(&*files, dir()), ["7.save"]);
    }
    assert!(stayed > 0);
}

#[test]
fn an_adoption_that_a_crash_cut_short_is_finished() {
    let bytes = sample(7, b"seven");
    let files = disk(&[("0.spare", &bytes), ("7.save", &bytes)]);
    let (spares, mut unnamed) = open_all(&files).unwrap();
    unnamed.pop().unwrap().adopt(&spares, OsStr::new("7.save")).unwrap();
    assert_eq!(names(&*files, dir()), ["7.save"]);
    assert_eq!(load(&*files, &path_of(7)).unwrap(), (7, b"seven".to_vec()));
}

#[test]
fn a_name_that_something_else_has_is_left_to_it() {
    let bytes = sample(7, b"seven");
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for taken in [sample(6, b"six"), sample(7, b"other"), damaged, vec![0; 5000]] {
        let files = disk(&[("0.spare", &bytes), ("7.save", &taken)]);
        let (spares, mut unnamed) = open_all(&files).unwrap();
        let err = unnamed.pop().unwrap().adopt(&spares, OsStr::new("7.save")).unwrap_err();
        assert_eq!(err.io_kind(), Some(std::io::ErrorKind::AlreadyExists), "{err}");
        assert_eq!(names(&*files, dir()), ["0.spare", "7.save"]);
        assert!(bytes_of(&*files, &path_of(7)) == taken);
    }
}
