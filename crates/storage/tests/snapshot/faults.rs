use std::{path::Path, sync::Arc};

use keepstone_format::{Kind, Metadata};
use keepstone_storage::{
    Durability, Error, Files, Lsn, MemFiles, Snapshot,
    snapshot::{Options, Writer, recover},
};
use keepstone_testkit::{Fault, FaultFiles, Until, fault_sweep};

use super::{open, path, words, written};
use crate::{
    support::{names, on_both},
    wal::{DIR, drain, options, record},
};

fn commit(files: &dyn Files, path: &Path, seed: u64) -> Result<(), Error> {
    let mut writer = Writer::create(files, path, Metadata::new())?;
    let mut array = writer.stream::<u64>("words", 2, 300)?;
    for part in words(seed, 600).chunks(91) {
        array.append(part)?;
    }
    array.finish()?;
    writer.commit().map(drop)
}

fn check(files: &dyn Files, path: &Path, seed: u64) {
    let snapshot = Snapshot::open_with(path, Options::default().files(files)).unwrap();
    assert!(snapshot.view::<u64>("words").unwrap() == words(seed, 600));
}

#[test]
fn any_call_of_a_writer_may_fail_and_the_previous_snapshot_stays() {
    on_both(|files, root| {
        let path = root.join("a.keep");
        let prepared = || {
            commit(&**files, &path, 1).unwrap();
            Arc::clone(files)
        };
        let run = |faulty: &FaultFiles| commit(faulty, &path, 2);
        let swept = fault_sweep(&Fault::ERRORS, prepared, run, |files, saved, case| {
            match &saved {
                Ok(()) | Err(Error::NotDurable { .. }) => check(&**files, &path, 2),
                Err(Error::Io { .. } | Error::Poisoned { .. }) => check(&**files, &path, 1),
                Err(other) => return Err(format!("{other:?}")),
            }
            if let (Err(err), Fault::NoSpace) = (&saved, case.fault) {
                assert!([Kind::NoSpace, Kind::Poisoned].contains(&err.kind()), "{err}");
            }
            assert!(case.until == Until::Once || saved.is_err());
            commit(&**files, &path, 3).unwrap();
            check(&**files, &path, 3);
            keepstone_storage::atomic::clean(&**files, root).unwrap();
            assert_eq!(names(&**files, root), ["a.keep"]);
            Ok(())
        });
        let swept = swept.unwrap_or_else(|e| panic!("{e}"));
        assert!(swept.calls >= 8, "{swept:?}");
    });
}

#[test]
fn any_call_of_a_reader_may_fail_and_nothing_wrong_is_handed_out() {
    let bytes = written(|writer| writer.rows("words", 2, &words(7, 3000)).unwrap());
    let prepared = || super::disk(&bytes);
    let run = |faulty: &FaultFiles| {
        open(faulty).map(|snapshot| {
            assert!(snapshot.view::<u64>("words").unwrap() == words(7, 3000));
        })
    };
    let swept = fault_sweep(&Fault::ALL, prepared, run, |_, opened, case| match (opened, case.fault) {
        (Ok(()), _) | (Err(Error::Container { .. }), Fault::BitFlip) => Ok(()),
        (Err(err @ Error::Io { .. }), fault) if Fault::ERRORS.contains(&fault) => {
            let expected = match fault {
                Fault::NoSpace => Kind::NoSpace,
                Fault::ReadOnly | Fault::Denied => Kind::Denied,
                _ => Kind::Io,
            };
            if err.kind() == expected { Ok(()) } else { Err(format!("{err:?}")) }
        }
        (Err(err), _) => Err(format!("{err:?}")),
    });
    let swept = swept.unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.calls >= 6, "{swept:?}");
}

/// A log with a snapshot of a part, and the temporary of another.
fn prepared() -> Arc<dyn Files> {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let recovered = recover(path(), DIR, options(&files)).unwrap();
    for lsn in 1..=5 {
        recovered.wal.append(&record(lsn, 5000), Durability::Durable).unwrap();
    }
    let mut head = Metadata::new();
    head.set_log_position(recovered.wal.position(Lsn(3)).unwrap());
    let mut writer = Writer::create(&*files, path(), head).unwrap();
    writer.array("a", &[3_u64]).unwrap();
    writer.commit().unwrap();
    recovered.wal.truncate(Lsn(4)).unwrap();
    drop(recovered);
    files
}

fn recover_all(files: &Arc<dyn Files>) -> Result<(), Error> {
    let recovered = recover(path(), DIR, options(files))?;
    let snapshot = recovered.snapshot.as_ref().unwrap();
    assert_eq!(snapshot.view::<u64>("a").unwrap(), [3]);
    let records = drain(recovered.tail()?)?;
    assert_eq!(records, [(4, record(4, 5000)), (5, record(5, 5000))]);
    Ok(())
}

#[test]
fn any_call_of_a_recovery_may_fail_and_the_next_one_recovers_all() {
    let run = |faulty: &FaultFiles| {
        let files: Arc<dyn Files> = Arc::new(faulty.clone());
        recover_all(&files)
    };
    let mut failed = 0;
    let swept = fault_sweep(&Fault::ERRORS, prepared, run, |files, recovered, _| {
        if let Err(err) = &recovered {
            failed += 1;
            // No fault of a disk passes for a file that is missing or does not fit.
            if matches!(err, Error::Apart { .. } | Error::GivenUp { .. } | Error::NoArray { .. }) {
                return Err(format!("{err:?}"));
            }
        }
        recover_all(files).map_err(|err| format!("after {recovered:?}: {err}"))
    });
    let swept = swept.unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.calls > 20 && failed > 50, "{swept:?}, {failed} failed");
}
