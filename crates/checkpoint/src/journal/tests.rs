mod crash;
mod faults;
mod objects;
mod support;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use keepstone_format::Kind;
use keepstone_storage::{Durability, Error as StorageError, Files, MemFiles};
use keepstone_testkit::{Fault, FaultFiles, Until};

use super::*;
use crate::backend::MemBackend;
use support::{Found, STORE, commit, found_from, is_gap, log, log_in, objects, objects_on};

/// Does the same with each journal that keeps commits: `open` opens it again.
fn on_each(check: impl Fn(&dyn Fn(u64) -> (Box<dyn Journal>, Found))) {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    check(&|from| log(&files, from).unwrap());
    let backend = Arc::new(MemBackend::new());
    check(&|from| objects(&backend, from).unwrap());
}

fn put(journal: &dyn Journal, count: u64) {
    for _ in 0..count {
        let number = journal.append(&commit(journal.end())).unwrap();
        journal.wait(number, Durability::Durable).unwrap();
    }
}

#[test]
fn what_was_waited_for_is_found_again_from_any_number_on() {
    on_each(|open| {
        let (journal, found) = open(1);
        assert_eq!((found, journal.start(), journal.end()), (Vec::new(), 1, 1));
        put(&*journal, 3);
        assert_eq!(journal.append(b"").unwrap(), 4);
        journal.wait(4, Durability::Buffered).unwrap();
        assert_eq!(journal.end(), 5);
        drop(journal);
        for from in 1..=5 {
            let (journal, found) = open(from);
            let mut expected = found_from(from, 4);
            expected.push((4, Vec::new()));
            expected.retain(|(number, _)| *number >= from);
            assert_eq!((found, journal.end()), (expected, 5), "{from}");
        }
    });
}

#[test]
fn one_wait_makes_all_durable_that_came_before() {
    on_each(|open| {
        let (journal, _) = open(1);
        for number in 1..=5 {
            assert_eq!(journal.append(&commit(number)).unwrap(), number);
        }
        let before = journal.stats().groups;
        journal.wait(5, Durability::Durable).unwrap();
        for number in 1..=5 {
            journal.wait(number, Durability::Durable).unwrap();
        }
        let stats = journal.stats();
        let bytes = (1..=5).map(|number| commit(number).len() as u64).sum();
        assert_eq!((stats.groups - before, stats.commits, stats.commit_bytes), (1, 5, bytes));
        journal.close().unwrap();
        assert_eq!(open(1).1, found_from(1, 6));
    });
}

#[test]
fn closing_makes_durable_what_nobody_has_waited_for() {
    on_each(|open| {
        let (journal, _) = open(1);
        journal.append(&commit(1)).unwrap();
        journal.close().unwrap();
        let (journal, found) = open(1);
        assert_eq!(found, found_from(1, 2));
        journal.close().unwrap();
    });
}

#[test]
fn commits_that_are_given_up_are_not_found_and_the_numbers_go_on() {
    on_each(|open| {
        let (journal, _) = open(1);
        put(&*journal, 5);
        journal.truncate(4).unwrap();
        assert_eq!((journal.start(), journal.end()), (4, 6));
        journal.truncate(2).unwrap();
        assert_eq!(journal.start(), 4);
        put(&*journal, 1);
        drop(journal);
        let (journal, found) = open(4);
        assert_eq!((found, journal.end()), (found_from(4, 7), 7));
        // All of them: the next one has the next number, also after another opening.
        journal.truncate(7).unwrap();
        assert_eq!((journal.start(), journal.end()), (7, 7));
        drop(journal);
        let (journal, found) = open(7);
        assert_eq!((found, journal.end()), (Vec::new(), 7));
        put(&*journal, 1);
        drop(journal);
        assert_eq!(open(7).1, found_from(7, 8));
    });
}

#[test]
fn eight_threads_lose_nothing_and_their_commits_have_one_order() {
    on_each(|open| {
        let (journal, _) = open(1);
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for tag in 0..8_u8 {
                let (journal, order) = (&journal, &order);
                scope.spawn(move || {
                    for count in 0..20_u8 {
                        let number = {
                            let mut order = order.lock().unwrap();
                            order.push(vec![tag, count]);
                            journal.append(&[tag, count]).unwrap()
                        };
                        journal.wait(number, Durability::Durable).unwrap();
                    }
                });
            }
        });
        let stats = journal.stats();
        assert!(stats.commits == 160 && stats.groups <= 161, "{stats:?}");
        drop(journal);
        let expected: Found = (1..).zip(order.into_inner().unwrap()).collect();
        assert_eq!(open(1).1, expected);
    });
}

#[test]
fn a_replay_that_fails_fails_the_opening() {
    let failing: Replay<'_> = &mut |number, _| {
        if number == 2 { Err(Error::Misuse { what: "this one" }) } else { Ok(()) }
    };
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    put(&*log(&files, 1).unwrap().0, 3);
    let opened = WalJournal::open(Path::new("store"), support::quiet(&files), 1, failing);
    assert!(matches!(opened, Err(Error::Misuse { what: "this one" })));
    let backend = Arc::new(MemBackend::new());
    put(&*objects(&backend, 1).unwrap().0, 3);
    let opened = ObjectJournal::open(backend, STORE, 1, failing);
    assert!(matches!(opened, Err(Error::Misuse { what: "this one" })));
}

#[test]
fn a_log_that_does_not_fit_the_manifest_is_damage() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    assert!(is_gap(log(&files, 3), 1, 2));
    let (journal, _) = log(&files, 1).unwrap();
    put(&*journal, 3);
    assert_eq!(log(&files, 1).unwrap_err().kind(), Kind::Busy);
    journal.truncate(3).unwrap();
    drop(journal);
    assert!(is_gap(log(&files, 1), 1, 2));
    assert!(is_gap(log(&files, 6), 4, 5));
    assert_eq!(log(&files, 3).unwrap().1, found_from(3, 4));
}

#[test]
fn a_log_is_read_beside_its_writer_and_nothing_changes() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let read = |from| {
        let mut found = Vec::new();
        let end = read_log(Path::new("store"), support::quiet(&files), from, &mut |number, bytes| {
            found.push((number, bytes.to_vec()));
            Ok(())
        });
        end.map(|end| (found, end))
    };
    assert_eq!(read(1).unwrap(), (Vec::new(), 1));
    assert!(read(2).is_err());
    assert!(files.metadata(Path::new("store")).is_err());
    let (journal, _) = log(&files, 1).unwrap();
    put(&*journal, 3);
    assert_eq!(read(1).unwrap(), (found_from(1, 4), 4));
    assert_eq!(read(3).unwrap(), (found_from(3, 4), 4));
    journal.truncate(3).unwrap();
    assert!(is_gap(read(1), 1, 2));
    assert!(is_gap(read(9), 4, 8));
}

#[test]
fn a_log_whose_write_fails_refuses_all_that_wait_until_it_is_opened_again() {
    for fault in [Fault::Io, Fault::NoSpace] {
        let disk: Arc<dyn Files> = Arc::new(MemFiles::new());
        let counted = FaultFiles::over(Arc::clone(&disk), u64::MAX, fault, Until::Once);
        let calls = counted.clone();
        let (journal, _) = log_in(support::quiet(&(Arc::new(counted) as Arc<dyn Files>)), 1).unwrap();
        put(&*journal, 2);
        let before = calls.calls();
        put(&*journal, 1);
        let after = calls.calls();
        drop(journal);
        assert_eq!(after - before, 2, "a write and a sync");
        for at in before..after {
            let disk: Arc<dyn Files> = Arc::new(MemFiles::new());
            let faulty: Arc<dyn Files> =
                Arc::new(FaultFiles::over(Arc::clone(&disk), at, fault, Until::Once));
            let (journal, _) = log_in(support::quiet(&faulty), 1).unwrap();
            put(&*journal, 2);
            journal.append(&commit(3)).unwrap();
            journal.append(&commit(4)).unwrap();
            let err = journal.wait(4, Durability::Durable).unwrap_err();
            assert!(matches!(&err, Error::Storage(_)), "{err}");
            assert!(journal.wait(3, Durability::Durable).is_err());
            assert!(journal.append(b"more").is_err());
            journal.wait(2, Durability::Durable).unwrap();
            drop(journal);
            let (journal, found) = log(&disk, 1).unwrap();
            assert!(found == found_from(1, 3) || found == found_from(1, 5), "{found:?}");
            put(&*journal, 1);
        }
    }
}

#[test]
fn a_damaged_log_is_damage_unless_what_is_lost_is_in_the_manifest() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let (journal, _) = log(&files, 1).unwrap();
    put(&*journal, 4);
    journal.close().unwrap();
    let dir = Path::new("store/log");
    let name = files.list(dir).unwrap().into_iter().find(|name| name != "LOCK").unwrap();
    let path = dir.join(name);
    let mut bytes = Vec::new();
    keepstone_storage::read(&*files, &path, 1 << 24, &mut bytes).unwrap();
    let second = bytes.windows(commit(2).len()).position(|window| window == commit(2)).unwrap();
    files.open_rw(&path).unwrap().write_all_at(&[bytes[second] ^ 1], second as u64).unwrap();
    for from in [1, 2] {
        let err = log(&files, from).unwrap_err();
        assert_eq!(err.kind(), Kind::Damaged);
        assert!(
            matches!(&err, Error::Storage(source) if matches!(**source, StorageError::Damaged { .. })),
            "{err}"
        );
    }
    assert_eq!(log(&files, 3).unwrap().1, found_from(3, 5));
}

#[test]
fn a_journal_without_commits_counts_them() {
    let journal = NoJournal::new(5);
    assert_eq!((journal.append(b"ab").unwrap(), journal.append(b"c").unwrap()), (5, 6));
    journal.wait(6, Durability::Durable).unwrap();
    assert_eq!((journal.start(), journal.end()), (5, 7));
    journal.truncate(6).unwrap();
    journal.truncate(4).unwrap();
    assert_eq!(journal.start(), 6);
    journal.truncate(100).unwrap();
    assert_eq!(journal.start(), 7);
    assert_eq!(journal.stats(), Stats { commits: 2, commit_bytes: 3, groups: 0 });
    Box::new(journal).close().unwrap();
}
