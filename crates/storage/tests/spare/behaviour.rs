use std::{
    ffi::OsStr,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use keepstone_format::{Error as FormatError, Kind, Limits};
use keepstone_storage::{
    Durability, Error, Files, OsFiles,
    spare::{self, Spares},
};

use super::{dir, fill, load, memory, name_of, open, open_all, path_of, save, spare_path, state};
use crate::support::{names, on_both};

#[test]
fn saves_are_found_under_their_names_wherever_they_were_written() {
    on_both(|files, root| {
        let dir = root.join("player");
        let (spares, unnamed) = Spares::open(Arc::clone(files), &dir, Some(Limits::default())).unwrap();
        assert!(unnamed.is_empty());
        assert_eq!(spares.dir(), dir);
        spares.make_ready(1, 1000).unwrap();
        for (generation, len, recycled) in [(1, 1000, true), (5, 100, false), (6, 700_000, false)] {
            let mut draft = spares.begin(generation, 0).unwrap();
            assert_eq!((draft.generation(), draft.is_recycled()), (generation, recycled));
            let written = fill(&mut draft, &state(generation, len)).unwrap();
            assert_eq!(draft.bytes_written(), written.bytes);
            let synced = draft.seal(written).unwrap().sync().unwrap();
            let saved = synced.publish(OsStr::new(&name_of(generation))).unwrap();
            assert!(saved.is_named());
            assert_eq!(saved.path, dir.join(name_of(generation)));
            assert_eq!((saved.generation, saved.bytes), (generation, written.bytes));
            assert_eq!((saved.recycled, saved.durability), (recycled, Durability::Durable));
            assert_eq!(files.metadata(&saved.path).unwrap().len, saved.file_len);
            assert_eq!(load(&**files, &saved.path).unwrap(), (generation, state(generation, len)));
        }
        assert_eq!(names(&**files, &dir), ["1.save", "5.save", "6.save"]);
        for generation in [1, 5, 6] {
            spares.retire(&dir.join(name_of(generation))).unwrap();
        }
        spares.recycle(2).unwrap();
        assert_eq!(spares.ready(), 2);
        assert_eq!(names(&**files, &dir).len(), 2);
    });
}

#[test]
fn what_an_earlier_longer_save_left_in_a_file_is_not_read() {
    let files = memory();
    let spares = open(&files);
    let first = save(&spares, 1, &state(1, 30_000)).unwrap();
    for generation in 2..30 {
        spares.retire(&path_of(generation - 1)).unwrap();
        spares.recycle(1).unwrap();
        let len = usize::try_from(1000 * (29 - generation)).unwrap();
        let saved = save(&spares, generation, &state(generation, len)).unwrap();
        assert!(saved.recycled);
        assert_eq!(saved.file_len, first.file_len);
        assert_eq!(load(&*files, &saved.path).unwrap(), (generation, state(generation, len)));
    }
    assert_eq!(names(&*files, dir()), ["29.save"]);
}

#[test]
fn the_shortest_file_that_fits_is_taken_and_the_longest_grows() {
    let files = memory();
    let spares = open(&files);
    for (count, len) in [(1, 100_000), (2, 10_000), (3, 50_000)] {
        spares.make_ready(count, len).unwrap();
    }
    assert_eq!(spares.ready(), 3);
    for (generation, len, file_len) in
        [(1, 20_000, 61_440), (2, 200_000, 233_472), (3, 9_000, 16_384), (4, 9_000, 16_384)]
    {
        let saved = save(&spares, generation, &state(generation, len)).unwrap();
        assert_eq!((saved.file_len, saved.recycled), (file_len, generation < 4), "{generation}");
    }
}

#[test]
fn a_draft_that_is_dropped_leaves_its_file_ready_only_if_nothing_was_written() {
    let files = memory();
    let spares = open(&files);
    spares.make_ready(1, 1000).unwrap();
    let mut draft = spares.begin(1, 0).unwrap();
    assert_eq!(spares.ready(), 0);
    draft.write_all(b"gathered and not given to the system").unwrap();
    drop(draft);
    assert_eq!((spares.ready(), names(&*files, dir())), (1, vec!["0.spare".to_owned()]));
    let mut draft = spares.begin(2, 0).unwrap();
    draft.write_all(&vec![7; 300_000]).unwrap();
    drop(draft);
    assert_eq!((spares.ready(), names(&*files, dir())), (0, vec![]));
    drop(spares.begin(3, 0).unwrap());
    assert_eq!((spares.ready(), names(&*files, dir())), (0, vec![]), "what is new is removed");
    let mut draft = spares.begin(4, 0).unwrap();
    let written = fill(&mut draft, b"sealed").unwrap();
    drop(draft.seal(written).unwrap());
    assert!(names(&*files, dir()).is_empty());
}

#[test]
fn what_is_synced_counts_before_it_has_a_name() {
    let files = memory();
    let spares = open(&files);
    let mut draft = spares.begin(4, 0).unwrap();
    let written = fill(&mut draft, b"found").unwrap();
    drop(draft.seal(written).unwrap().sync().unwrap());
    assert_eq!(load(&*files, &spare_path(0)).unwrap(), (4, b"found".to_vec()));
    let (_, unnamed) = open_all(&files).unwrap();
    assert_eq!(unnamed.iter().map(spare::Unnamed::generation).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_name_that_is_taken_or_none_leaves_the_save_in_its_spare() {
    let files = memory();
    let spares = open(&files);
    save(&spares, 1, b"one").unwrap();
    let synced = |generation| {
        let mut draft = spares.begin(generation, 0).unwrap();
        let written = fill(&mut draft, b"next").unwrap();
        draft.seal(written).unwrap().sync().unwrap()
    };
    let saved = synced(2).publish(OsStr::new("1.save")).unwrap();
    let refused = saved.unnamed.as_ref().and_then(Error::io_kind);
    assert_eq!(refused, Some(std::io::ErrorKind::AlreadyExists));
    assert_eq!((saved.path.as_path(), saved.is_named()), (spare_path(1).as_path(), false));
    assert_eq!(load(&*files, &saved.path).unwrap(), (2, b"next".to_vec()));
    assert_eq!(load(&*files, &path_of(1)).unwrap(), (1, b"one".to_vec()));
    let err = synced(3).publish(OsStr::new("../3.save")).unwrap_err();
    assert!(matches!(err, Error::NoFileName { .. }), "{err}");
    let err = synced(4).publish(OsStr::new("4.spare")).unwrap_err();
    assert!(matches!(err, Error::Options { .. }), "{err}");
    drop(spares);
    let (spares, unnamed) = open_all(&files).unwrap();
    assert_eq!(unnamed.len(), 3);
    for unnamed in unnamed {
        let name = name_of(unnamed.generation());
        unnamed.adopt(&spares, OsStr::new(&name)).unwrap();
    }
    assert_eq!(names(&*files, dir()), ["1.save", "2.save", "3.save", "4.save"]);
}

#[test]
fn only_the_one_container_that_was_written_is_sealed() {
    let files = memory();
    let spares = open(&files);
    let mut other = spares.begin(9, 0).unwrap();
    let written = fill(&mut other, b"another").unwrap();
    let mut draft = spares.begin(8, 0).unwrap();
    fill(&mut draft, b"another").unwrap();
    let err = draft.seal(written).unwrap_err();
    assert!(matches!(&err, Error::Container { source: FormatError::Misuse { .. }, .. }), "{err}");
    let mut twice = spares.begin(10, 0).unwrap();
    fill(&mut twice, b"once").unwrap();
    let again = twice.container(keepstone_format::WriterOptions::new(keepstone_format::FileKind::SAVE));
    assert_eq!(again.err().map(|err| err.kind()), Some(Kind::Misuse));
    other.write_all(b"more").unwrap();
    assert_eq!(other.seal(written).unwrap_err().kind(), Kind::Misuse);
    drop(twice);
    assert!(names(&*files, dir()).is_empty());
}

#[test]
fn what_cannot_be_is_refused() {
    let files = memory();
    let spares = open(&files);
    for generation in [0, (1 << 63) + 1] {
        let err = spares.begin(generation, 0).unwrap_err();
        assert!(matches!(&err, Error::Options { path, .. } if path == dir()), "{err}");
    }
    assert!(matches!(spares.make_ready(1, u64::MAX), Err(Error::Options { .. })));
    for outside in ["1.save", "other/1.save", "saves/deeper/1.save"] {
        let err = spares.retire(Path::new(outside)).unwrap_err();
        assert!(matches!(&err, Error::Options { path, .. } if path == Path::new(outside)), "{err}");
    }
    assert_eq!(spares.retire(&path_of(7)).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn a_spare_that_is_gone_or_taken_by_somebody_else_is_passed_over() {
    let files = memory();
    let spares = open(&files);
    spares.make_ready(2, 1000).unwrap();
    files.remove(&spare_path(0)).unwrap();
    let looking = files.open(&spare_path(1)).unwrap();
    assert!(looking.try_lock_shared().unwrap());
    assert!(!save(&spares, 1, b"one").unwrap().recycled);
    assert_eq!(spares.ready(), 1, "the one that is looked at");
    drop(looking);
    assert!(save(&spares, 2, b"two").unwrap().recycled);
}

#[test]
fn a_save_with_a_second_name_is_not_written_over() {
    let disk: Arc<dyn Files> = Arc::new(OsFiles);
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("player");
    let (spares, _) = Spares::open(Arc::clone(&disk), &dir, None).unwrap();
    let saved = save(&spares, 1, b"one").unwrap();
    // What `cp -al` makes.
    let backup = temporary.path().join("backup");
    #[expect(clippy::disallowed_methods, reason = "a backup of links is made by another program")]
    std::fs::hard_link(&saved.path, &backup).unwrap();
    let mut before = Vec::new();
    keepstone_storage::read(&*disk, &backup, 1 << 20, &mut before).unwrap();
    spares.retire(&saved.path).unwrap();
    spares.recycle(1).unwrap();
    assert_eq!(spares.ready(), 0);
    save(&spares, 2, b"two").unwrap();
    let mut after = Vec::new();
    keepstone_storage::read(&*disk, &backup, 1 << 20, &mut after).unwrap();
    assert!(before == after, "the backup has changed");
}

#[test]
fn threads_save_through_one_handle_at_the_same_time() {
    let disk: Arc<dyn Files> = Arc::new(OsFiles);
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("player");
    let (spares, _) = Spares::open(Arc::clone(&disk), &dir, None).unwrap();
    let next = AtomicU64::new(1);
    let done = AtomicBool::new(false);
    let len = |generation: u64| usize::try_from(generation % 7 * 1000).unwrap();
    let recycled = std::thread::scope(|scope| {
        let background = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                spares.recycle(6).unwrap();
                spares.make_ready(4, 4000).unwrap();
            }
        });
        let work = || {
            let mut recycled = 0;
            for _ in 0..20 {
                let generation = next.fetch_add(1, Ordering::SeqCst);
                let saved = save(&spares, generation, &state(generation, len(generation))).unwrap();
                assert!(saved.is_named());
                recycled += usize::from(saved.recycled);
                assert_eq!(
                    load(&*disk, &saved.path).unwrap(),
                    (generation, state(generation, len(generation)))
                );
                if !generation.is_multiple_of(4) {
                    spares.retire(&saved.path).unwrap();
                }
            }
            recycled
        };
        let threads = [0; 8].map(|_| scope.spawn(work));
        let recycled: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        done.store(true, Ordering::SeqCst);
        background.join().unwrap();
        recycled
    });
    println!("{recycled} of 160 into files that were ready");
    for generation in 1..=160 {
        let loaded = load(&*disk, &dir.join(name_of(generation)));
        if generation.is_multiple_of(4) {
            assert_eq!(loaded.unwrap(), (generation, state(generation, len(generation))));
        } else {
            assert_eq!(loaded.unwrap_err().kind(), Kind::NotFound);
        }
    }
}
