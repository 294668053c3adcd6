//! A snapshot and a log that do not fit, and what is left beside them.

use std::{path::Path, sync::Arc};

use keepstone_format::{Kind, LogPosition, Metadata};
use keepstone_storage::{
    Durability, Error, Files, Lsn, MemFiles, Wal,
    snapshot::{Recovered, Writer, recover},
};

use super::{open_bytes, path};
use crate::{
    support::names,
    wal::{DIR, drain, options, record},
};

/// A log with five records.
fn logged() -> (Arc<dyn Files>, Wal) {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let wal = Wal::open(DIR, options(&files)).unwrap();
    for lsn in 1..=5 {
        wal.append(&record(lsn, 5000), Durability::Durable).unwrap();
    }
    (files, wal)
}

fn commit(files: &dyn Files, position: Option<LogPosition>) {
    let mut head = Metadata::new();
    if let Some(position) = position {
        head.set_log_position(position);
    }
    let mut writer = Writer::create(files, path(), head).unwrap();
    writer.array("a", &[1_u8]).unwrap();
    writer.commit().unwrap();
}

fn recovered(files: &Arc<dyn Files>) -> Result<Recovered, Error> {
    recover(path(), DIR, options(files))
}

fn tail(recovered: &Recovered) -> Vec<u64> {
    drain(recovered.tail().unwrap()).unwrap().into_iter().map(|(lsn, _)| lsn).collect()
}

/// The files of snapshot and log are the same before and after.
fn check_apart(files: &Arc<dyn Files>, says: &str) {
    let before = (names(&**files, Path::new(DIR)), names(&**files, Path::new("")));
    let error = recovered(files).unwrap_err();
    assert!(matches!(&error, Error::Apart { snapshot, .. } if snapshot == path()), "{error:?}");
    assert!(error.to_string().contains(says), "{error}");
    assert_eq!(error.kind(), Kind::Misuse);
    assert_eq!(error.io_kind(), None);
    assert_eq!(before, (names(&**files, Path::new(DIR)), names(&**files, Path::new(""))));
    // The lock was given back.
    drop(Wal::open(DIR, options(files)).unwrap());
}

#[test]
fn what_is_not_in_the_snapshot_is_the_tail() {
    for lsn in 0..=5 {
        let (files, wal) = logged();
        commit(&*files, Some(wal.position(Lsn(lsn)).unwrap()));
        wal.truncate(Lsn(lsn + 1)).unwrap();
        drop(wal);
        let recovered = recovered(&files).unwrap();
        assert_eq!(recovered.from, Lsn(lsn + 1));
        assert_eq!(tail(&recovered), (lsn + 1..=5).collect::<Vec<_>>());
        assert_eq!(recovered.snapshot.as_ref().unwrap().view::<u8>("a").unwrap(), [1]);
        assert_eq!(recovered.wal.append(b"next", Durability::Durable).unwrap(), Lsn(6));
        assert_eq!(tail(&recovered).last(), Some(&6));
    }
}

#[test]
fn nothing_at_all_is_an_empty_log_and_no_snapshot() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let first = recover("new/a.keep", "new/log", options(&files)).unwrap();
    assert!(first.snapshot.is_none());
    assert_eq!((first.from, tail(&first)), (Lsn(1), vec![]));
    let busy = recover("new/a.keep", "new/log", options(&files)).unwrap_err();
    assert_eq!(busy.kind(), Kind::Busy);
}

#[test]
fn a_log_without_a_snapshot_is_all_tail() {
    let (files, wal) = logged();
    drop(wal);
    let recovered = recovered(&files).unwrap();
    assert!(recovered.snapshot.is_none());
    assert_eq!(tail(&recovered), [1, 2, 3, 4, 5]);
}

#[test]
fn a_snapshot_of_another_log_is_refused() {
    let (files, wal) = logged();
    let mut position = wal.position(Lsn(3)).unwrap();
    position.log_id[15] ^= 1;
    drop(wal);
    commit(&*files, Some(position));
    check_apart(&files, "it belongs to another log than log");
}

#[test]
fn a_snapshot_that_names_no_position_is_refused() {
    let (files, wal) = logged();
    drop(wal);
    commit(&*files, None);
    check_apart(&files, "it names no position in a log");
}

#[test]
fn a_log_that_ends_before_the_snapshot_is_refused() {
    for lsn in [6, 7, u64::MAX - 1, u64::MAX] {
        let (files, wal) = logged();
        let log_id = wal.log_id();
        drop(wal);
        commit(&*files, Some(LogPosition { log_id, lsn }));
        check_apart(&files, "put the log back from a backup");
    }
}

#[test]
fn records_behind_the_snapshot_that_were_given_up_are_missed() {
    for position in [None, Some(0), Some(2)] {
        let (files, wal) = logged();
        if let Some(lsn) = position {
            commit(&*files, Some(wal.position(Lsn(lsn)).unwrap()));
        }
        wal.truncate(Lsn(4)).unwrap();
        drop(wal);
        check_apart(&files, "put ");
    }
}

#[test]
fn a_position_whose_tail_was_given_up_can_not_be_had() {
    let (_files, wal) = logged();
    wal.truncate(Lsn(4)).unwrap();
    for last in [0, 2] {
        let error = wal.position(Lsn(last)).unwrap_err();
        assert!(matches!(error, Error::GivenUp { start: 4, .. }), "{error}");
    }
    assert_eq!(wal.position(Lsn(3)).unwrap().lsn, 3);
}

#[test]
fn a_log_that_is_not_there_is_missed_and_not_made() {
    let (files, wal) = logged();
    commit(&*files, Some(wal.position(Lsn(5)).unwrap()));
    drop(wal);
    let error = recover(path(), Path::new("other"), options(&files)).unwrap_err();
    assert!(matches!(error, Error::Apart { .. }), "{error}");
    assert!(files.metadata(Path::new("other")).is_err());
}

#[test]
fn a_snapshot_that_is_damaged_is_refused_and_left() {
    let (files, wal) = logged();
    commit(&*files, Some(wal.position(Lsn(5)).unwrap()));
    drop(wal);
    let file = files.open_rw(path()).unwrap();
    file.write_all_at(b"?", 70).unwrap();
    for _ in 0..2 {
        let error = recovered(&files).unwrap_err();
        assert!(matches!(&error, Error::Container { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Damaged);
    }
}

#[test]
fn temporaries_are_removed_whether_or_not_there_is_a_snapshot() {
    for committed in [false, true] {
        let (files, wal) = logged();
        if committed {
            commit(&*files, Some(wal.position(Lsn(5)).unwrap()));
        }
        drop(wal);
        let mut writer = Writer::create(&*files, path(), Metadata::new()).unwrap();
        writer.array("a", &[1_u8; 100]).unwrap();
        let copy = leave_behind(&*files);
        drop(writer);
        // What a killed program leaves: the temporary, without its lock.
        files.create_new(&copy).unwrap().write_all_at(b"cut", 0).unwrap();
        assert!(names(&*files, Path::new("")).len() > 1);
        drop(recovered(&files).unwrap());
        let left: Vec<_> = names(&*files, Path::new("")).into_iter().filter(|name| name != DIR).collect();
        assert_eq!(left, if committed { vec!["a.keep"] } else { vec![] });
    }
}

/// The name of the temporary that is there.
fn leave_behind(files: &dyn Files) -> std::path::PathBuf {
    let names = names(files, Path::new(""));
    names.into_iter().find(|name| name != DIR && name != "a.keep").unwrap().into()
}

#[test]
fn a_position_is_of_a_record_that_is_durable() {
    let (files, wal) = logged();
    assert_eq!(wal.position(Lsn(0)).unwrap(), LogPosition { log_id: wal.log_id(), lsn: 0 });
    for lsn in [6, u64::MAX] {
        let error = wal.position(Lsn(lsn)).unwrap_err();
        assert!(matches!(&error, Error::Options { path, .. } if path == Path::new(DIR)), "{error}");
        assert_eq!(error.kind(), Kind::Misuse);
    }
    let last = wal.append(b"buffered", Durability::Buffered).unwrap();
    assert!(wal.durable_end() <= last);
    assert_eq!(wal.position(Lsn(5)).unwrap().lsn, 5);
    assert!(wal.durable_end() <= last, "what is durable already is not synced for");
    assert_eq!(wal.position(last).unwrap().lsn, 6);
    assert!(wal.durable_end() > last);
    assert_eq!(wal.dir(), Path::new(DIR));
    let id = wal.log_id();
    drop(wal);
    assert_eq!(Wal::open(DIR, options(&files)).unwrap().log_id(), id);
}

#[test]
fn a_position_in_the_head_comes_back() {
    let files = MemFiles::new();
    let position = LogPosition { log_id: [7; 16], lsn: u64::MAX };
    commit(&files, Some(position));
    let snapshot = open_bytes(&super::bytes_of(&files)).unwrap();
    assert_eq!(snapshot.head().log_position(), Some(position));
}
