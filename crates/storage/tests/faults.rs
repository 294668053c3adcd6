use std::{
    io::{ErrorKind, Write as _},
    path::Path,
    sync::Arc,
};

use keepstone_format::Kind;
use keepstone_storage::{Durability, Error, Files, MemFiles, OsFiles, atomic, read};
use keepstone_testkit::{
    Fault, FaultFiles, Until, fault_sweep,
    tap::{Call, Tap, Tapped, Verdict},
};

use crate::support::{load, names, on_both, payload, save};

/// A save in pieces, so that a fault may meet any of them.
fn save_in_pieces(files: &dyn Files, path: &Path, content: &[u8]) -> Result<(), Error> {
    let mut writer = atomic::Writer::create(files, path, Durability::Durable)?;
    for piece in content.chunks(100) {
        if writer.write_all(piece).is_err() {
            break;
        }
    }
    writer.commit().map(drop)
}

#[test]
fn any_call_may_fail_and_the_previous_save_loads_and_the_next_succeeds() {
    let (old, new, next) = (payload(1, 300), payload(2, 350), payload(3, 20));
    on_both(|files, root| {
        let path = root.join("a.keep");
        let prepared = || {
            save(&**files, &path, &old).unwrap();
            Arc::clone(files)
        };
        let run = |faulty: &FaultFiles| save_in_pieces(faulty, &path, &new);
        let swept = fault_sweep(&Fault::ERRORS, prepared, run, |files, saved, case| {
            let found = load(&**files, &path).unwrap();
            match &saved {
                Ok(()) | Err(Error::NotDurable { .. }) => assert!(found == new),
                Err(_) => assert!(found == old),
            }
            if let (Err(err), Fault::NoSpace) = (&saved, case.fault) {
                assert!([Kind::NoSpace, Kind::Poisoned].contains(&err.kind()), "{err}");
            }
            assert!(case.until == Until::Once || saved.is_err());

            // The cause is gone.
            save_in_pieces(&**files, &path, &next).unwrap();
            assert_eq!(load(&**files, &path).unwrap(), next);
            atomic::clean(&**files, root).unwrap();
            assert_eq!(names(&**files, root), ["a.keep"]);
            Ok(())
        });
        let swept = swept.unwrap_or_else(|e| panic!("{e}"));
        assert!(swept.calls >= 10, "{swept:?}");
    });
}

#[test]
fn a_first_save_into_new_directories_fails_whole_or_succeeds() {
    let path = Path::new("new/er/a.keep");
    let empty = || Arc::new(MemFiles::new()) as Arc<dyn Files>;
    let run = |faulty: &FaultFiles| save_in_pieces(faulty, path, b"new");
    let swept = fault_sweep(&Fault::ERRORS, empty, run, |disk, saved, _| {
        let visible = matches!(saved, Ok(()) | Err(Error::NotDurable { .. }));
        assert_eq!(load(&**disk, path).is_some(), visible, "{saved:?}");
        save_in_pieces(&**disk, path, b"next").unwrap();
        assert_eq!(load(&**disk, path).unwrap(), b"next");
        Ok(())
    });
    swept.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn short_and_interrupted_transfers_change_nothing() {
    let content = payload(2, 350);
    on_both(|files, root| {
        let path = root.join("a.keep");
        let prepared = || {
            save(&**files, &path, b"old").unwrap();
            Arc::clone(files)
        };
        let run = |faulty: &FaultFiles| {
            save_in_pieces(faulty, &path, &content).unwrap();
            let mut found = Vec::new();
            read(faulty, &path, 1000, &mut found).unwrap();
            found
        };
        let swept = fault_sweep(&[Fault::Short, Fault::Interrupted], prepared, run, |_, found, _| {
            assert_eq!(found, content);
            Ok(())
        });
        swept.unwrap_or_else(|e| panic!("{e}"));
    });
}

#[test]
fn a_failed_write_poisons_the_writer_even_if_ignored() {
    let disk: Arc<dyn Files> = Arc::new(MemFiles::new());
    let path = Path::new("a.keep");
    save(&*disk, path, b"old").unwrap();
    let full = Tapped::new(Arc::clone(&disk), FullOnce::default());
    let mut writer = atomic::Writer::create(&full, path, Durability::Durable).unwrap();
    let err = writer.write_all(b"lost").unwrap_err();
    assert_eq!(err.kind(), ErrorKind::StorageFull);
    assert!(err.get_ref().unwrap().is::<Error>());
    // The disk has room again, but what was lost is lost.
    writer.write_all(b"kept").unwrap_err();
    let err = writer.commit().unwrap_err();
    assert_eq!(err.kind(), Kind::Poisoned);
    assert_eq!(names(&*disk, Path::new("")), ["a.keep"]);
    assert_eq!(load(&*disk, path).unwrap(), b"old");
}

/// The first write meets a full disk.
#[derive(Debug, Default)]
struct FullOnce {
    met: std::sync::atomic::AtomicBool,
}

impl Tap for FullOnce {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let write = call.op == keepstone_storage::Op::Write;
        if write && !self.met.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return Verdict::Fail(ErrorKind::StorageFull.into());
        }
        Verdict::Run
    }
}

/// Every call of one kind fails.
#[derive(Debug)]
struct Refuse(keepstone_storage::Op, ErrorKind);

impl Tap for Refuse {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op == self.0 { Verdict::Fail(self.1.into()) } else { Verdict::Run }
    }
}

#[test]
fn a_failed_directory_sync_says_that_the_new_content_is_visible() {
    let disk: Arc<dyn Files> = Arc::new(MemFiles::new());
    let path = Path::new("a.keep");
    save(&*disk, path, b"old").unwrap();
    let refuse = Refuse(keepstone_storage::Op::SyncDir, ErrorKind::ReadOnlyFilesystem);
    let err = save(&Tapped::new(Arc::clone(&disk), refuse), path, b"new").unwrap_err();
    assert!(matches!(&err, Error::NotDurable { path: at, .. } if at == path), "{err:?}");
    assert!(err.to_string().contains("visible but may be lost"), "{err}");
    assert_eq!(load(&*disk, path).unwrap(), b"new");
    assert_eq!(names(&*disk, Path::new("")), ["a.keep"]);
}

#[test]
fn a_file_system_without_locks_is_written_and_never_cleaned() {
    on_both(|files, root| {
        let refuse = Refuse(keepstone_storage::Op::Lock, ErrorKind::Unsupported);
        let unlocked = Tapped::new(Arc::clone(files), refuse);
        let path = root.join("a.keep");
        save(&unlocked, &path, b"1").unwrap();
        let writer = atomic::Writer::create(&unlocked, &path, Durability::Durable).unwrap();
        let cleaned = atomic::clean(&unlocked, root).unwrap();
        assert_eq!((cleaned.removed, cleaned.busy, cleaned.failed.len()), (0, 0, 1));
        writer.commit().unwrap();
        assert_eq!(load(&**files, &path).unwrap(), b"");
    });
}

#[test]
fn dropping_a_writer_on_a_dead_disk_does_not_panic() {
    let disk: Arc<dyn Files> = Arc::new(MemFiles::new());
    let path = Path::new("a.keep");
    for at in 0..20 {
        let faulty = FaultFiles::over(Arc::clone(&disk), at, Fault::Io, Until::Forever);
        if let Ok(mut writer) = atomic::Writer::create(&faulty, path, Durability::Durable) {
            while writer.write_all(b"x").is_ok() {}
            let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(writer)));
            assert!(dropped.is_ok(), "call {at}");
        }
    }
    assert_eq!(load(&*disk, path), None);
}

#[test]
fn reading_under_any_fault_gives_the_content_or_an_error() {
    let disk: Arc<dyn Files> = Arc::new(OsFiles);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.keep");
    let content = payload(1, 5000);
    save(&*disk, &path, &content).unwrap();
    let mut failed = 0;
    for at in 0..7 {
        for fault in Fault::ERRORS {
            let faulty = FaultFiles::over(Arc::clone(&disk), at, fault, Until::Once);
            let mut found = Vec::new();
            match read(&faulty, &path, 5000, &mut found) {
                Ok(()) => assert_eq!(found, content),
                Err(_) => failed += 1,
            }
        }
    }
    assert_eq!(failed, 4 * Fault::ERRORS.len(), "two stats, open and one read");
}
