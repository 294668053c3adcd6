use std::sync::Arc;

use keepstone_storage::{Durability, Files, Wal};
use keepstone_testkit::{Failure, Random, SimFiles, Step, Sweep, Swept, effort, histories};

use super::{DIR, content, lsns, options, read, read_only, record};

/// What a history appends: lengths, and how.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Durable(usize),
    Buffered(usize),
    Batch(usize),
    Flush,
    Sync,
    Truncate(u64),
    Shrink,
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
            Act::Shrink => {
                wal.shrink().unwrap();
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

/// Reading only writes nothing; what is opened and left is opened again without a change.
fn check_again(disk: &SimFiles) -> Result<(), String> {
    let files = disk_of(disk);
    if files.list(DIR.as_ref()).is_err() {
        return Ok(());
    }
    let seen = read_only(&files).map_err(|e| format!("read only: {e}"))?;
    if !disk.steps().is_empty() {
        return Err(format!("reading made steps: {:?}", disk.steps()));
    }
    drop(Wal::open(DIR, options(&files)).map_err(|e| format!("open: {e}"))?);
    let (first, steps) = (content(&*files), disk.steps().len());
    drop(Wal::open(DIR, options(&files)).map_err(|e| format!("open again: {e}"))?);
    let is_sync = |step: &Step| matches!(step, Step::SyncData { .. } | Step::SyncDir { .. });
    if let Some(step) = disk.steps()[steps..].iter().find(|step| !is_sync(step)) {
        return Err(format!("opening again made a step: {step}"));
    }
    if content(&*files) != first || read_only(&files).ok() != Some(seen) {
        return Err("opening changed what is there".to_owned());
    }
    Ok(())
}

pub(super) fn sweep(acts: &[Act]) -> Result<Swept, Failure> {
    let scale = effort::scale();
    let sweep = Sweep::new()
        .states_max_per_point(128 * scale)
        .recoveries_max_per_point(4 * scale)
        .states_again_max_per_point(32 * scale);
    sweep_with(sweep, acts, &|_| Ok(()))
}

fn sweep_with(
    sweep: Sweep<'_>,
    acts: &[Act],
    check_first: &dyn Fn(&SimFiles) -> Result<(), String>,
) -> Result<Swept, Failure> {
    let mut lens = vec![0];
    for act in acts {
        match *act {
            Act::Durable(len) | Act::Buffered(len) => lens.push(len),
            Act::Batch(len) => lens.extend([len; 3]),
            _ => {}
        }
    }
    let len_of = move |lsn: u64| lens.get(usize::try_from(lsn).unwrap()).copied().unwrap_or(4);
    sweep
        .run(|disk| run(disk, acts))
        .recover(|disk| {
            let wal = Wal::open(DIR, options(&disk_of(disk))).map_err(|e| e.to_string())?;
            // What has been handed out may be built on.
            disk.acknowledge_as(wal.end().0.max(disk.acknowledged()));
            drop(wal);
            Ok(())
        })
        .check(|disk, acknowledged| {
            check_first(disk)?;
            check(disk, acknowledged, &len_of)
        })
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
fn a_log_that_is_shrunk_survives_a_crash_at_any_step() {
    check_sweep(&[Act::Durable(7000), Act::Buffered(300), Act::Shrink, Act::Durable(3000), Act::Shrink]);
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

#[test]
fn opening_twice_changes_nothing_the_second_time() {
    let acts = [Act::Durable(100), Act::Buffered(6000), Act::Flush, Act::Batch(3000), Act::Truncate(3)];
    let swept = sweep_with(Sweep::new().depth(1).states_max_per_point(64), &acts, &check_again);
    println!("{}", swept.unwrap_or_else(|failure| panic!("{failure}")));
}

/// What a program might do, of a seed.
fn history(random: &mut Random) -> Vec<Act> {
    let mut next = 1;
    let mut acts = Vec::new();
    for _ in 0..4 + random.index(6) {
        let len = [0, 7, 40, 300, 600, 3000, 7000][random.index(7)];
        let act = match random.below(12) {
            0..3 => Act::Durable(len),
            3..6 => Act::Buffered(len),
            6 => Act::Batch(len.min(3000)),
            7 => Act::Flush,
            8 => Act::Sync,
            9 => Act::Truncate(random.below(next + 2)),
            10 => Act::Reopen,
            _ => Act::Kill,
        };
        next += match act {
            Act::Durable(_) | Act::Buffered(_) => 1,
            Act::Batch(_) => 3,
            _ => 0,
        };
        acts.push(act);
    }
    acts
}

#[test]
fn random_histories_survive_a_crash_at_any_step() {
    let swept = histories(4, |seed| {
        let acts = history(&mut Random::new(seed));
        let scale = effort::scale();
        let sweep = Sweep::new()
            .seed(seed)
            .states_max_per_point(20 * scale)
            .recoveries_max_per_point(2 * scale)
            .states_again_max_per_point(8 * scale);
        sweep_with(sweep, &acts, &check_again).inspect_err(|_| println!("seed {seed}: {acts:?}"))
    });
    println!("{}", swept.unwrap_or_else(|failure| panic!("{failure}")));
}
