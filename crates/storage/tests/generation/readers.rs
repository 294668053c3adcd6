use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keepstone_format::{Kind, Limits};
use keepstone_storage::{
    Error, Files, GenerationOptions, Generations, OsFiles,
    generation::{self, Check},
};
use keepstone_testkit::tap::Tapped;

use super::{NoLocks, commit, dir, load, memory, open, path_of, state, state_of};
use crate::support::names;

#[test]
fn a_generation_that_is_read_is_held_back_and_read_to_its_end() {
    hold_back();
}

/// Reads a generation while others are committed.
pub(super) fn hold_back() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    let held = generation::load(&*files, dir(), Limits::default(), Check::Opens).unwrap();
    for generation in 2..6 {
        commit(&mut generations, &state(generation, 10)).unwrap();
        assert_eq!(load(&*files).unwrap().0, generation);
    }
    assert_eq!(state_of(&held), b"one");
    held.reader.into_inner().still().unwrap();
    assert_eq!(names(&*files, dir()), ["0.gen", "1.gen", "LOCK"], "the one that is read has no name");
    assert!(matches!(
        generation::open(&*files, dir(), 1),
        Err(Error::NoGeneration { path }) if path == dir()
    ));
}

#[test]
fn what_is_written_over_all_the_same_is_superseded_and_not_damaged() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    let unlocked: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&files), NoLocks));
    let early = generation::open_newest(&*unlocked, dir()).unwrap();
    let read = generation::open_newest(&*unlocked, dir()).unwrap().reader(Limits::default()).unwrap();
    commit(&mut generations, b"two").unwrap();
    commit(&mut generations, b"three").unwrap();
    for err in [early.reader(Limits::default()).unwrap_err(), read.into_inner().still().unwrap_err()] {
        assert!(matches!(&err, Error::Superseded { path } if *path == path_of(0)), "{err}");
    }
}

#[test]
fn a_commit_that_nobody_was_told_of_does_not_keep_readers_waiting() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    commit(&mut generations, b"two").unwrap();
    drop(generations);
    // As it looks from outside while the last sync runs: page and container are there, and the lock is held.
    let file = files.open_rw(&path_of(1)).unwrap();
    assert!(file.try_lock().unwrap());
    assert_eq!(load(&*files).unwrap(), (1, b"one".to_vec()));
    let other = files.open_rw(&path_of(0)).unwrap();
    assert!(other.try_lock().unwrap());
    let err = load(&*files).unwrap_err();
    assert!(matches!(&err, Error::Superseded { path } if path == dir()), "{err}");
    files.remove(&path_of(0)).unwrap();
    let err = load(&*files).unwrap_err();
    assert_eq!(err.kind(), Kind::NotFound, "{err}");
    drop(file);
    assert_eq!(load(&*files).unwrap(), (2, b"two".to_vec()));
}

#[test]
fn readers_beside_a_writer_see_the_last_acknowledged_generation_or_a_later_one() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("auto");
    let disk: Arc<dyn Files> = Arc::new(OsFiles);
    let mut generations = Generations::open(&path, GenerationOptions::default().keep(1)).unwrap();
    let acknowledged = AtomicU64::new(0);
    let read = || {
        let before = acknowledged.load(Ordering::SeqCst);
        let loaded = match generation::load(&*disk, &path, Limits::default(), Check::Verifies) {
            Ok(loaded) => loaded,
            // Many commits in the time of one look.
            Err(Error::Superseded { .. }) => return before,
            Err(err) if before == 0 && err.kind() == Kind::NotFound => return 0,
            Err(err) => panic!("{before} acknowledged: {err}"),
        };
        assert!(loaded.passed_over.is_empty(), "{:?}", loaded.passed_over);
        assert!(loaded.generation >= before, "{} after {before}", loaded.generation);
        assert_eq!(state_of(&loaded), state(loaded.generation, 5000));
        loaded.generation
    };
    std::thread::scope(|scope| {
        let readers = [0; 2].map(|_| scope.spawn(|| while read() < 150 {}));
        for generation in 1..=150 {
            assert_eq!(commit(&mut generations, &state(generation, 5000)).unwrap().generation, generation);
            acknowledged.store(generation, Ordering::SeqCst);
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
