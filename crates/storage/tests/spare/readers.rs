use std::{
    ffi::OsStr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_format::{Error as FormatError, Kind, Limits};
use keepstone_storage::{
    Error, Files, OsFiles,
    spare::{self, Spares},
};
use keepstone_testkit::tap::Tapped;

use super::{
    PAGE, dir, disk, fill, load, memory, name_of, open, path_of, sample, save, spare_path, state, state_of,
};
use crate::{generation::NoLocks, support::names};

#[test]
fn a_save_that_is_read_is_not_written_over() {
    hold_back();
}

/// Reads a save while its file is given up and others are written.
pub(super) fn hold_back() {
    let files = memory();
    let spares = open(&files);
    save(&spares, 1, &state(1, 5000)).unwrap();
    let held = spare::open(&*files, &path_of(1)).unwrap();
    let reader = spare::open(&*files, &path_of(1)).unwrap().reader(Limits::default()).unwrap();
    spares.retire(&path_of(1)).unwrap();
    spares.recycle(1).unwrap();
    for generation in 2..5 {
        save(&spares, generation, &state(generation, 5000)).unwrap();
    }
    assert_eq!(state_of(held).unwrap(), (1, state(1, 5000)));
    reader.into_inner().still().unwrap();
    assert_eq!(names(&*files, dir()), ["2.save", "3.save", "4.save"], "the one that is read has no name");
}

#[test]
fn a_save_that_is_being_written_is_not_read() {
    let files = memory();
    let spares = open(&files);
    spares.make_ready(1, 1000).unwrap();
    let mut draft = spares.begin(1, 0).unwrap();
    let superseded = || {
        let err = spare::open(&*files, &spare_path(0)).unwrap_err();
        assert!(matches!(&err, Error::Superseded { path } if *path == spare_path(0)), "{err}");
    };
    superseded();
    let written = fill(&mut draft, b"one").unwrap();
    let sealed = draft.seal(written).unwrap();
    superseded();
    let synced = sealed.sync().unwrap();
    superseded();
    synced.publish(OsStr::new("1.save")).unwrap();
    assert_eq!(load(&*files, &path_of(1)).unwrap().0, 1);
    assert_eq!(load(&*files, &spare_path(0)).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn without_locks_no_file_that_held_a_save_is_written_over() {
    let inner = memory();
    let files: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&inner), NoLocks));
    let spares = open(&files);
    spares.make_ready(1, 5000).unwrap();
    assert!(save(&spares, 1, &state(1, 5000)).unwrap().recycled, "a file of zeros may be used");
    let held = spare::open(&*files, &path_of(1)).unwrap();
    spares.retire(&path_of(1)).unwrap();
    spares.recycle(1).unwrap();
    assert_eq!((spares.ready(), names(&*files, dir())), (0, vec![]));
    assert!(!save(&spares, 2, &state(2, 5000)).unwrap().recycled);
    assert_eq!(state_of(held).unwrap(), (1, state(1, 5000)));
}

#[test]
fn what_is_no_save_is_told_apart() {
    let whole = sample(7, b"seven");
    let mut page = whole.clone();
    page[10] ^= 1;
    let files = disk(&[("1.save", &[0; 5000]), ("2.save", &page), ("3.save", &whole[..PAGE])]);
    files.create_dir(&path_of(4)).unwrap();
    for generation in [1, 2] {
        for err in [
            spare::open(&*files, &path_of(generation)).unwrap_err(),
            spare::prefix(&*files, &path_of(generation)).unwrap_err(),
        ] {
            assert!(
                matches!(
                    &err,
                    Error::Container { path, source: FormatError::Invalid { what: "commit page", .. } }
                        if *path == path_of(generation)
                ),
                "{err}"
            );
        }
    }
    assert_eq!(load(&*files, &path_of(3)).unwrap_err().kind(), Kind::Damaged);
    assert_eq!(spare::prefix(&*files, &path_of(3)).unwrap_err().kind(), Kind::Damaged);
    for err in
        [spare::open(&*files, &path_of(4)).unwrap_err(), spare::prefix(&*files, &path_of(4)).unwrap_err()]
    {
        assert!(matches!(&err, Error::NotAFile { path } if *path == path_of(4)), "{err}");
    }
    assert_eq!(spare::open(&*files, &path_of(5)).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(spare::prefix(&*files, &path_of(5)).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn a_prefix_says_what_the_save_does() {
    let files = memory();
    save(&open(&files), 7, &state(7, 3000)).unwrap();
    let prefix = spare::prefix(&*files, &path_of(7)).unwrap();
    let held = spare::open(&*files, &path_of(7)).unwrap();
    assert_eq!(
        (prefix.generation, prefix.bytes, prefix.container_crc),
        (held.generation(), held.bytes(), held.container_crc())
    );
    assert_eq!(prefix.head.metadata.name(), Some("a save"));
    let reader = held.reader(Limits::default()).unwrap();
    assert_eq!((&prefix.head.header, &prefix.head.metadata), (reader.header(), reader.head()));
    // Page and head of two saves.
    let mixed = [&sample(8, b"eight")[..PAGE], &sample(7, b"seven")[PAGE..]].concat();
    let err = spare::prefix_of(Path::new("mixed"), &mixed).unwrap_err();
    assert!(
        matches!(&err, Error::Container { source: FormatError::Invalid { what: "container", .. }, .. }),
        "{err}"
    );
}

/// The newest save that a reader beside a writer finds.
fn newest(files: &dyn Files, dir: &Path) -> u64 {
    'look: loop {
        let mut newest = 0;
        for name in files.list(dir).unwrap() {
            let is_spare = Path::new(&name).extension() == Some(OsStr::new("spare"));
            if !is_spare && Path::new(&name).extension() != Some(OsStr::new("save")) {
                continue;
            }
            match load(files, &dir.join(&name)) {
                Ok((generation, found)) => {
                    assert_eq!(found, state(generation, 5000));
                    assert!(is_spare || name == *name_of(generation));
                    newest = newest.max(generation);
                }
                // It may be a save by now, under another name.
                Err(Error::Superseded { .. }) if is_spare => {}
                Err(err) if err.kind() == Kind::NotFound => continue 'look,
                Err(Error::Superseded { .. }) => continue 'look,
                Err(Error::Container { .. }) if is_spare => {}
                Err(err) => panic!("{}: {err}", name.display()),
            }
        }
        return newest;
    }
}

#[test]
fn readers_beside_a_writer_see_the_last_acknowledged_save_or_a_later_one() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("player");
    let disk: Arc<dyn Files> = Arc::new(OsFiles);
    let (spares, _) = Spares::open(Arc::clone(&disk), &path, None).unwrap();
    let acknowledged = AtomicU64::new(0);
    let read = || {
        let before = acknowledged.load(Ordering::SeqCst);
        let found = newest(&*disk, &path);
        assert!(found >= before, "{found} after {before}");
        found
    };
    std::thread::scope(|scope| {
        let readers = [0; 2].map(|_| scope.spawn(|| while read() < 100 {}));
        for generation in 1..=100 {
            save(&spares, generation, &state(generation, 5000)).unwrap();
            acknowledged.store(generation, Ordering::SeqCst);
            if generation > 3 {
                spares.retire(&path.join(name_of(generation - 3))).unwrap();
                spares.recycle(2).unwrap();
            }
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
