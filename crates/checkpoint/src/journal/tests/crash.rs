//! Power cuts and kills at each step of what a journal does.

use keepstone_storage::{atomic, read};
use keepstone_testkit::{Failure, NoDirSync, NoFileSync, SimFiles, Sweep, Swept, effort};

use super::*;
use crate::backend::DirBackend;

/// What a history does.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Appends so many commits and waits for the last one.
    Commit(u64, Durability),
    /// Writes what a manifest would say, and gives up all commits.
    Cut,
    Reopen,
}

const ACTS: [Act; 9] = [
    Act::Commit(1, Durability::Durable),
    Act::Commit(3, Durability::Durable),
    Act::Commit(1, Durability::Buffered),
    Act::Cut,
    Act::Commit(2, Durability::Durable),
    Act::Reopen,
    Act::Commit(1, Durability::Buffered),
    Act::Commit(1, Durability::Durable),
    Act::Cut,
];

/// Where the first commit stands that is not given up.
const FROM: &str = "from";

type Open<'a> = &'a dyn Fn(&Arc<dyn Files>, u64) -> Opened;
use super::support::Opened;

fn from_of(files: &dyn Files) -> u64 {
    let mut bytes = Vec::new();
    match read(files, Path::new(FROM), 8, &mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes.try_into().unwrap()),
        Err(_) => 1,
    }
}

/// Runs a history; acknowledges the number below which all is durable.
fn run(files: &Arc<dyn Files>, disk: &SimFiles, open: Open<'_>) {
    let (mut journal, _) = open(files, 1).unwrap();
    for act in ACTS {
        match act {
            Act::Commit(count, durability) => {
                for _ in 0..count {
                    journal.append(&commit(journal.end())).unwrap();
                }
                journal.wait(journal.end() - 1, durability).unwrap();
                if durability == Durability::Durable {
                    disk.acknowledge_as(journal.end());
                }
            }
            Act::Cut => {
                journal.wait(journal.end() - 1, Durability::Durable).unwrap();
                let from = journal.end();
                atomic::replace(&**files, Path::new(FROM), Durability::Durable, &from.to_le_bytes()).unwrap();
                journal.truncate(from).unwrap();
                disk.acknowledge_as(journal.end());
            }
            Act::Reopen => {
                journal.close().unwrap();
                journal = open(files, from_of(&**files)).unwrap().0;
                disk.acknowledge_as(journal.end());
            }
        }
    }
}

/// All that was acknowledged is found, in order, and the journal goes on.
fn check(disk: &SimFiles, acknowledged: u64, open: Open<'_>) -> Result<(), String> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let from = from_of(disk);
    let (journal, found) = open(&files, from).map_err(|e| format!("open from {from}: {e}"))?;
    let end = journal.end();
    if end < acknowledged {
        return Err(format!("acknowledged below {acknowledged}, found up to {end}"));
    }
    if found != found_from(from, end) {
        let numbers: Vec<_> = found.iter().map(|(number, bytes)| (number, bytes.len())).collect();
        return Err(format!("from {from} to {end} are {numbers:?}"));
    }
    let number = journal.append(&commit(end)).map_err(|e| format!("append: {e}"))?;
    journal.wait(number, Durability::Durable).map_err(|e| format!("wait: {e}"))?;
    drop(journal);
    let (_, again) = open(&files, from).map_err(|e| format!("open again: {e}"))?;
    if again == found_from(from, end + 1) { Ok(()) } else { Err("the next commit is not found".to_owned()) }
}

fn sweep(wrap: &dyn Fn(Arc<dyn Files>) -> Arc<dyn Files>, open: Open<'_>) -> Result<Swept, Failure> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(64 * scale)
        .recoveries_max_per_point(4 * scale)
        .states_again_max_per_point(16 * scale)
        .run(|disk| run(&wrap(Arc::new(disk.clone())), disk, open))
        .recover(|disk| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let (journal, _) = open(&files, from_of(disk)).map_err(|e| e.to_string())?;
            // What an opening has shown may be built on.
            disk.acknowledge_as(journal.end());
            let number = journal.append(&commit(journal.end())).map_err(|e| e.to_string())?;
            journal.wait(number, Durability::Durable).map_err(|e| e.to_string())?;
            disk.acknowledge_as(journal.end());
            Ok(())
        })
        .check(|disk, acknowledged| check(disk, acknowledged, open))
}

fn in_objects(files: &Arc<dyn Files>, from: u64) -> Opened {
    objects(&Arc::new(DirBackend::open(Arc::clone(files), "store")?), from)
}

#[test]
fn a_log_holds_after_any_crash_what_was_waited_for() {
    let swept = sweep(&|files| files, &log).unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.crash_points > 50, "{swept}");
}

#[test]
fn objects_hold_after_any_crash_what_was_waited_for() {
    let swept = sweep(&|files| files, &in_objects).unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.crash_points > 50, "{swept}");
}

#[test]
fn a_disk_that_does_not_sync_is_caught() {
    for open in [&log as Open<'_>, &in_objects] {
        assert!(sweep(&|files| Arc::new(NoFileSync::over(files)), open).is_err());
        assert!(sweep(&|files| Arc::new(NoDirSync::over(files)), open).is_err());
    }
}
