//! Logs and databases that keep records: what they take to append, and to have all records back.

mod logs;

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use keepstone::storage::{Files as _, OsFiles};
use keepstone_benches::{Case, Crew, Plan, Scratch, machine, mixed::SplitMix};

use logs::{Kind, Reach};

const RECORD_LEN: usize = 1024;
const THREADS: u32 = 16;
/// How often each of the threads appends in one call.
const TIMES: u32 = 16;
const BUFFERED_COUNT: u32 = 1000;
const RECOVERED_COUNT: u32 = 20_000;

/// The cases.
pub(crate) fn plans() -> Vec<Plan> {
    let appends = |name: &'static str, count: u32, reach: Reach| {
        let size = if count == 1 { "1 KB".to_owned() } else { format!("{count} x 1 KB") };
        Plan::new(name, size, count, move |plan, dir| appended(plan, dir, reach))
    };
    vec![
        appends("wal durable, beside logs", 1, Reach::Disk),
        appends("wal durable, 16 threads", THREADS * TIMES, Reach::Disk),
        appends("wal buffered by the system, beside logs", BUFFERED_COUNT, Reach::System),
        appends("wal buffered in memory, beside logs", BUFFERED_COUNT, Reach::Memory),
        Plan::new(
            "wal recovery, beside logs",
            format!("{}k x 1 KB", RECOVERED_COUNT / 1000),
            RECOVERED_COUNT,
            recovered,
        ),
    ]
}

/// Records appended, beside every log that promises as much.
fn appended(plan: &Plan, dir: &Path, reach: Reach) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-rivals")?);
    let mut ours = job(Kind::Keepstone, scratch.path(), reach, plan.amount)?;
    let mut case = plan.case().per("record", plan.amount);
    for kind in Kind::RIVALS {
        let Some(name) = kind.told(reach) else { continue };
        let mut rival = job(kind, scratch.path(), reach, plan.amount)?;
        case = case.rival(name, move |watch| watch.together(&mut rival));
    }
    Ok(case.ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        watch.together(&mut ours)
    }))
}

/// One call of a side that appends so many records: durable ones, if there are several, by many threads.
fn job(kind: Kind, dir: &Path, reach: Reach, count: u32) -> Result<Box<dyn FnMut() -> Result<()>>> {
    let log = kind.open(&dir.join(kind.name()), reach, false)?;
    let record = record();
    Ok(match (reach, count) {
        (_, 1) => log.job(record, reach)?,
        (Reach::Disk, _) => {
            let crew = Crew::new(usize::try_from(THREADS)?, || log.job(Arc::clone(&record), reach))?;
            Box::new(move || crew.run(count / THREADS).map(drop))
        }
        _ => {
            let mut job = log.job(record, reach)?;
            Box::new(move || (0..count).try_for_each(|_| job()))
        }
    })
}

/// A log that an earlier run left, opened and all its records read.
fn recovered(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-rivals")?);
    let ours = Filled::new(Kind::Keepstone, scratch.path())?;
    let mut case = plan.case();
    for kind in Kind::RIVALS {
        let filled = Filled::new(kind, scratch.path())?;
        case = case.rival(kind.name(), move |watch| watch.spent(|| filled.recover()));
    }
    Ok(case.ours(move |watch| {
        let _ = scratch.path();
        watch.spent(|| ours.recover())
    }))
}

/// A directory with records, closed in order.
struct Filled {
    kind: Kind,
    dir: PathBuf,
}

impl Filled {
    fn new(kind: Kind, dir: &Path) -> Result<Self> {
        let dir = dir.join(kind.name());
        let reach = kind.least();
        let log = kind.open(&dir, reach, true)?;
        if reach == Reach::Disk {
            let crew = Crew::new(usize::try_from(THREADS)?, || log.job(record(), reach))?;
            crew.run(RECOVERED_COUNT / THREADS)?;
        } else {
            let mut job = log.job(record(), reach)?;
            (0..RECOVERED_COUNT).try_for_each(|_| job())?;
        }
        log.close()?;
        Ok(Self { kind, dir })
    }

    /// How long a copy takes to be opened and read: some change what they open.
    fn recover(&self) -> Result<Duration> {
        // On the disk, so that nobody's sync has to take it there.
        let copy = Scratch::new(self.dir.parent().context("a log lies in a directory")?, "copy")?;
        copy_dir(&self.dir, copy.path())?;
        let start = Instant::now();
        let count = self.kind.recover(copy.path())?;
        let elapsed = start.elapsed();
        ensure!(count == u64::from(RECOVERED_COUNT), "{} has {count} records", self.kind.name());
        Ok(elapsed)
    }
}

/// Copies all files, and syncs them.
#[expect(clippy::disallowed_methods, reason = "what is measured here need not survive a crash")]
fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    machine::create_dir(to)?;
    for name in OsFiles.list(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        if OsFiles.metadata(&source)?.is_file {
            std::fs::copy(&source, &target)?;
            OsFiles.open_rw(&target)?.sync_all()?;
        } else {
            copy_dir(&source, &target)?;
        }
    }
    Ok(OsFiles.sync_dir(to)?)
}

/// Bytes that nothing can make smaller.
fn record() -> Arc<[u8]> {
    let mut random = SplitMix::new(1);
    (0..RECORD_LEN / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_log_gives_back_as_many_records_as_were_appended() {
        let name = format!("logs-{}", std::process::id());
        let scratch = Scratch::new(&std::env::temp_dir(), &name).unwrap();
        for kind in [Kind::Keepstone].into_iter().chain(Kind::RIVALS) {
            let dir = scratch.path().join(kind.name());
            let log = kind.open(&dir, Reach::Disk, true).unwrap();
            let mut job = log.job(record(), Reach::Disk).unwrap();
            (0..10).try_for_each(|_| job()).unwrap();
            drop(job);
            log.close().unwrap();
            assert_eq!(kind.recover(&dir).unwrap(), 10, "{}", kind.name());
        }
    }
}
