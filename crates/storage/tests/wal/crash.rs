use std::sync::Arc;

use keepstone_storage::{Durability, Files, Wal};
use keepstone_testkit::{Failure, SimFiles, Sweep, Swept};

use super::{DIR, lsns, options, read, record};

/// What a history appends: lengths, and how.
#[derive(Clone, Copy)]
enum Act {
    Durable(usize),
    Buffered(usize),
    Batch(usize),
    Flush,
    Sync,
    Truncate(u64),
    Reopen,
    /// Drops the log without closing it.
    Kill,
}

fn disk_of(disk: &SimFiles) -> Arc<dyn Files> {
    Arc::new(disk.clone())
}

/// Runs a history; acknowledges the LSN below which all is durable.
fn run(disk: &SimFiles, acts: &[Act]) {
    let files = disk_of(disk);
    let mut wal = Wal::open(DIR, options(&files)).unwrap();
    for act in acts {
        let next = wal.end().0;
        match *act {
            Act::Durable(len) => {
                wal.append(&record(next, len), Durability::Durable).unwrap();
                disk.acknowledge_as(wal.end().0);
            }
            Act::Buffered(len) => {
                wal.append(&record(next, len), Durability::Buffered).unwrap();
            }
            Act::Batch(len) => {
                let records: Vec<_> = (next..next + 3).map(|lsn| record(lsn, len)).collect();
                let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                wal.append_batch(&records, Durability::Durable).unwrap();
                disk.acknowledge_as(wal.end().0);
            }
            Act::Flush => wal.flush().unwrap(),
            Act::Sync => {
                wal.sync().unwrap();
                disk.acknowledge_as(wal.end().0);
            }
            Act::Truncate(below) => {
                wal.truncate(keepstone_storage::Lsn(below)).unwrap();
                disk.acknowledge_as(wal.end().0);
            }
            Act::Reopen => {
                wal.close().unwrap();
                disk.acknowledge_as(next);
                wal = Wal::open(DIR, options(&files)).unwrap();
            }
            Act::Kill => {
                drop(wal);
                wal = Wal::open(DIR, options(&files)).unwrap();
                disk.acknowledge_as(wal.end().0);
            }
        }
    }
}

/// The log opens, holds all that was acknowledged and a prefix of the rest, and can be used on.
fn check(disk: &SimFiles, acknowledged: u64, len_of: &dyn Fn(u64) -> usize) -> Result<(), String> {
    let files = disk_of(disk);
    let wal = Wal::open(DIR, options(&files)).map_err(|e| format!("open: {e}"))?;
    if !wal.opened().damage.is_empty() {
        return Err(format!("damage reported after an ordinary crash: {:?}", wal.opened().damage));
    }
    let found = read(&wal).map_err(|e| format!("read: {e}"))?;
    let end = wal.end().0;
    if end < acknowledged {
        return Err(format!("acknowledged below {acknowledged}, found {:?}, end {end}", lsns(&found)));
    }
    let start = wal.start().0;
    if lsns(&found) != (start..end).collect::<Vec<_>>() {
        return Err(format!("{start}..{end} but found {:?}", lsns(&found)));
    }
    for (lsn, bytes) in &found {
        if *bytes != record(*lsn, len_of(*lsn)) {
            return Err(format!("record {lsn} has wrong bytes ({})", bytes.len()));
        }
    }
    let next = wal.append(b"next", Durability::Durable).map_err(|e| format!("append: {e}"))?;
    wal.close().map_err(|e| format!("close: {e}"))?;
    let wal = Wal::open(DIR, options(&files)).map_err(|e| format!("open again: {e}"))?;
    let again = read(&wal).map_err(|e| format!("read again: {e}"))?;
    if next.0 != end || again.len() != found.len() + 1 || !wal.opened().closed {
        return Err(format!("after one more append {:?}", lsns(&again)));
    }
    Ok(())
}

fn sweep(acts: &[Act]) -> Result<Swept, Failure> {
    let mut lens = vec![0];
    for act in acts {
        match *act {
            Act::Durable(len) | Act::Buffered(len) => lens.push(len),
            Act::Batch(len) => lens.extend([len; 3]),
            _ => {}
        }
    }
    let len_of = move |lsn: u64| lens.get(usize::try_from(lsn).unwrap()).copied().unwrap_or(4);
    Sweep::new()
        .run(|disk| run(disk, acts))
        .recover(|disk| {
            let wal = Wal::open(DIR, options(&disk_of(disk))).map_err(|e| e.to_string())?;
            // What has been handed out may be built on.
            disk.acknowledge_as(wal.end().0.max(disk.acknowledged()));
            drop(wal);
            Ok(())
        })
        .check(|disk, acknowledged| check(disk, acknowledged, &len_of))
}

fn check_sweep(acts: &[Act]) {
    let swept = sweep(acts).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(swept.states_checked > 20, "{swept}");
}

#[test]
fn durable_appends_survive_a_crash_at_any_step() {
    check_sweep(&[Act::Durable(0), Act::Durable(10), Act::Durable(600), Act::Durable(1)]);
}

#[test]
fn a_batch_survives_whole_or_not_at_all() {
    check_sweep(&[Act::Durable(10), Act::Batch(300), Act::Batch(0)]);
}

#[test]
fn buffered_appends_survive_as_a_prefix() {
    check_sweep(&[
        Act::Buffered(600),
        Act::Flush,
        Act::Buffered(700),
        Act::Flush,
        Act::Sync,
        Act::Buffered(10),
    ]);
}

#[test]
fn a_log_that_turns_over_survives_a_crash_at_any_step() {
    check_sweep(&[Act::Durable(3000), Act::Durable(3000), Act::Durable(3000), Act::Durable(100)]);
    check_sweep(&[
        Act::Buffered(5000),
        Act::Flush,
        Act::Buffered(5000),
        Act::Buffered(300),
        Act::Flush,
        Act::Sync,
    ]);
}

#[test]
fn a_log_that_is_closed_and_opened_survives_a_crash_at_any_step() {
    check_sweep(&[
        Act::Durable(100),
        Act::Reopen,
        Act::Durable(200),
        Act::Reopen,
        Act::Reopen,
        Act::Durable(9),
    ]);
    check_sweep(&[Act::Durable(3000), Act::Reopen, Act::Durable(6000), Act::Durable(10)]);
}

#[test]
fn a_killed_writer_and_a_power_cut_later_lose_nothing_that_was_handed_out() {
    check_sweep(&[Act::Durable(100), Act::Buffered(300), Act::Kill, Act::Durable(5), Act::Kill]);
}

#[test]
fn giving_up_records_survives_a_crash_at_any_step() {
    check_sweep(&[
        Act::Durable(7000),
        Act::Durable(7000),
        Act::Durable(7000),
        Act::Truncate(3),
        Act::Durable(7000),
        Act::Durable(7000),
        Act::Truncate(5),
        Act::Durable(1),
    ]);
}
