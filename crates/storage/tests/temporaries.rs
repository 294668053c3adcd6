use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use keepstone_storage::{Durability, Error, File, Files, MemFiles, Op, atomic};
use keepstone_testkit::{
    Fault, FaultFiles, Until,
    tap::{Call, Tap, Tapped},
};

use crate::support::{load, names, on_both, save};

#[test]
fn two_writers_of_one_file_have_temporaries_of_their_own() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        let begin = || atomic::Writer::create(&**files, &path, Durability::Durable).unwrap();
        let (mut first, mut second) = (begin(), begin());
        assert_eq!(names(&**files, root).len(), 2);
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        second.commit().unwrap();
        assert_eq!(load(&**files, &path).unwrap(), b"second");
        first.commit().unwrap();
        assert_eq!(load(&**files, &path).unwrap(), b"first");
    });
}

#[test]
fn cleaning_takes_dead_temporaries_and_leaves_live_ones_and_all_else() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        let mut writer = atomic::Writer::create(&**files, &path, Durability::Durable).unwrap();
        for name in [".a.keep.4000000-0.tmp", ".b.1-99.tmp"] {
            files.create_new(&root.join(name)).unwrap();
        }
        let others = [".a.keep.tmp", ".tmp", "a.keep.1-1.tmp", ".x.1-y.tmp", ".x.1-2.tmp2"];
        for name in others {
            files.create_new(&root.join(name)).unwrap();
        }
        let cleaned = atomic::clean(&**files, root).unwrap();
        assert_eq!((cleaned.removed, cleaned.busy, cleaned.failed.len()), (2, 1, 0));
        writer.write_all(b"new").unwrap();
        writer.commit().unwrap();
        assert_eq!(load(&**files, &path).unwrap(), b"new");
        let cleaned = atomic::clean(&**files, root).unwrap();
        assert_eq!((cleaned.removed, cleaned.busy, cleaned.failed.len()), (0, 0, 0));
        assert_eq!(names(&**files, root).len(), others.len() + 1);
    });
}

#[test]
fn a_temporary_that_cannot_be_removed_is_reported_and_keeps_none_back() {
    on_both(|files, root| {
        // A directory of such a name is no temporary, and can't be removed as one.
        files.create_dir(&root.join(".a.1-1.tmp")).unwrap();
        files.create_new(&root.join(".b.1-1.tmp")).unwrap();
        let cleaned = atomic::clean(&**files, root).unwrap();
        assert_eq!((cleaned.removed, cleaned.busy, cleaned.failed.len()), (1, 0, 1));
        assert_eq!(names(&**files, root), [".a.1-1.tmp"]);
    });
}

#[test]
fn a_killed_writer_leaves_no_lock() {
    let disk: Arc<dyn Files> = Arc::new(MemFiles::new());
    let path = Path::new("a.keep");
    save(&*disk, path, b"old").unwrap();
    let clean_run = FaultFiles::over(Arc::clone(&disk), u64::MAX, Fault::Io, Until::Once);
    save(&clean_run, path, b"old").unwrap();
    let mut left = 0;
    for at in 0..clean_run.calls() {
        let killed = FaultFiles::over(Arc::clone(&disk), at, Fault::Io, Until::Forever);
        save(&killed, path, b"old").unwrap_err();
        let temporaries = names(&*disk, Path::new("")).len() - 1;
        let cleaned = atomic::clean(&*disk, Path::new("")).unwrap();
        assert_eq!((cleaned.removed, cleaned.busy), (temporaries, 0));
        assert_eq!(names(&*disk, Path::new("")), ["a.keep"]);
        left += temporaries;
    }
    assert!(left > 3, "only {left} kills left a temporary");
}

// Windows answers that a name is denied while its removal is pending.
#[cfg(unix)]
#[test]
fn cleaning_beside_writers_makes_none_of_them_fail() {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread::ScopedJoinHandle,
    };

    on_both(|files, root| {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let cleaner = scope.spawn(|| {
                let mut passes = 0_u32;
                while !done.load(Ordering::SeqCst) || passes == 0 {
                    let cleaned = atomic::clean(&**files, root).unwrap();
                    assert!(cleaned.failed.is_empty(), "{:?}", cleaned.failed);
                    passes += 1;
                }
            });
            let writers: Vec<_> = (0..4_u8)
                .map(|tag| {
                    let path = root.join(format!("{tag}.keep"));
                    scope.spawn(move || {
                        for turn in 0..200_u8 {
                            let content = [tag, turn];
                            atomic::replace(&**files, &path, Durability::Buffered, &content).unwrap();
                            assert_eq!(load(&**files, &path).unwrap(), content);
                        }
                    })
                })
                .collect();
            let ended: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
            done.store(true, Ordering::SeqCst);
            cleaner.join().unwrap();
            assert!(ended.iter().all(Result::is_ok));
        });
    });
}

/// Somebody else who, once, gets in between one call and the next.
#[derive(Debug)]
struct Intruder {
    after: Op,
    does: Intrusion,
    met: Mutex<Met>,
}

#[derive(Debug, Clone, Copy)]
enum Intrusion {
    /// Takes the lock, as a cleaning does.
    Locks,
    /// Takes the name for a file of its own.
    TakesName,
}

#[derive(Debug, Default)]
struct Met {
    path: Option<PathBuf>,
    lock: Option<Box<dyn File>>,
}

impl Intruder {
    fn over(files: &Arc<dyn Files>, after: Op, does: Intrusion) -> Tapped<Self> {
        let met = Mutex::default();
        Tapped::new(Arc::clone(files), Self { after, does, met })
    }

    fn path(&self) -> PathBuf {
        self.met.lock().unwrap().path.clone().unwrap()
    }
}

impl Tap for Intruder {
    fn after(&self, call: &Call<'_>, inner: &dyn Files) -> Result<(), Error> {
        let mut met = self.met.lock().unwrap();
        if call.op != self.after || met.path.is_some() {
            return Ok(());
        }
        met.path = Some(call.path.to_owned());
        match self.does {
            Intrusion::Locks => {
                let file = inner.open(call.path)?;
                assert!(file.try_lock()?);
                met.lock = Some(file);
            }
            Intrusion::TakesName => {
                inner.remove(call.path)?;
                let file = inner.create_new(call.path)?;
                file.write_all_at(b"another's", 0)?;
            }
        }
        Ok(())
    }
}

#[test]
fn a_temporary_locked_or_replaced_by_others_is_theirs() {
    let cases = [
        (Op::CreateNew, Intrusion::Locks),
        (Op::CreateNew, Intrusion::TakesName),
        (Op::Lock, Intrusion::TakesName),
    ];
    for (after, does) in cases {
        on_both(|files, root| {
            let path = root.join("a.keep");
            let met = Intruder::over(files, after, does);
            save(&met, &path, b"mine").unwrap();
            assert_eq!(load(&**files, &path).unwrap(), b"mine");
            // The writer went on under another name and left this one alone.
            let theirs = load(&**files, &met.tap().path()).unwrap();
            match does {
                Intrusion::Locks => assert!(theirs.is_empty()),
                Intrusion::TakesName => assert_eq!(theirs, b"another's"),
            }
        });
    }
}

#[test]
fn cleaning_spares_a_name_that_another_took_meanwhile() {
    on_both(|files, root| {
        let name = root.join(".a.keep.4000000-0.tmp");
        files.create_new(&name).unwrap();
        let met = Intruder::over(files, Op::Lock, Intrusion::TakesName);
        let cleaned = atomic::clean(&met, root).unwrap();
        assert_eq!((cleaned.removed, cleaned.failed.len()), (0, 0));
        assert_eq!(load(&**files, &name).unwrap(), b"another's");
    });
}
