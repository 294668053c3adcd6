//! Logs and databases that keep records: what they take to append, and to have all records back.

mod logs;

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use keepstone_benches::{Case, Crew, Plan, Scratch, machine, mixed::SplitMix};

use logs::Kind;

const RECORD_LEN: usize = 1024;
const THREADS: u32 = 16;
/// How often each of the threads appends in one call.
const TIMES: u32 = 16;
const BUFFERED_COUNT: u32 = 1000;
const RECOVERED_COUNT: u32 = 20_000;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Durable,
    DurableThreads,
    Buffered,
}

/// The cases.
pub fn plans() -> Vec<Plan> {
    let work = |name: &'static str, count: u32, work: Work| {
        let size = if count == 1 { "1 KB".to_owned() } else { format!("{count} x 1 KB") };
        Plan::new(name, size, count, move |plan, dir| appended(plan, dir, work))
    };
    vec![
        work("wal durable, beside logs", 1, Work::Durable),
        work("wal durable, 16 threads", THREADS * TIMES, Work::DurableThreads),
        work("wal buffered, beside logs", BUFFERED_COUNT, Work::Buffered),
        Plan::new(
            "wal recovery, beside logs",
            format!("{}k x 1 KB", RECOVERED_COUNT / 1000),
            RECOVERED_COUNT,
            recovered,
        ),
    ]
}

/// Records appended, beside every log that can do it this way.
fn appended(plan: &Plan, dir: &Path, work: Work) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-rivals")?);
    let mut ours = job(Kind::Keepstone, scratch.path(), work)?;
    let mut case = plan.case();
    for kind in Kind::RIVALS.into_iter().filter(|kind| work != Work::Buffered || kind.has_buffered()) {
        let mut rival = job(kind, scratch.path(), work)?;
        case = case.rival(kind.name(), move |watch| watch.together(&mut rival));
    }
    Ok(case.ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        watch.together(&mut ours)
    }))
}

/// One call of a side that appends.
fn job(kind: Kind, dir: &Path, work: Work) -> Result<Box<dyn FnMut() -> Result<()>>> {
    let log = kind.open(&dir.join(kind.name()), false)?;
    let record = record();
    Ok(match work {
        Work::DurableThreads => {
            let crew = Crew::new(usize::try_from(THREADS)?, || log.job(Arc::clone(&record), true))?;
            Box::new(move || crew.run(TIMES).map(drop))
        }
        Work::Buffered => {
            let mut job = log.job(record, false)?;
            Box::new(move || (0..BUFFERED_COUNT).try_for_each(|_| job()))
        }
        Work::Durable => log.job(record, true)?,
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
        let log = kind.open(&dir, true)?;
        if kind.has_buffered() {
            let mut job = log.job(record(), false)?;
            (0..RECOVERED_COUNT).try_for_each(|_| job())?;
        } else {
            let crew = Crew::new(usize::try_from(THREADS)?, || log.job(record(), true))?;
            crew.run(RECOVERED_COUNT / THREADS)?;
        }
        log.close()?;
        Ok(Self { kind, dir })
    }

    /// How long a copy takes to be opened and read: some change what they open.
    fn recover(&self) -> Result<Duration> {
        let copy = self.dir.with_extension("copy");
        copy_dir(&self.dir, &copy)?;
        let start = Instant::now();
        let count = self.kind.recover(&copy)?;
        let elapsed = start.elapsed();
        ensure!(count == u64::from(RECOVERED_COUNT), "{} has {count} records", self.kind.name());
        std::fs::remove_dir_all(&copy)?;
        Ok(elapsed)
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    machine::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
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
            let log = kind.open(&dir, true).unwrap();
            let mut job = log.job(record(), true).unwrap();
            (0..10).try_for_each(|_| job()).unwrap();
            drop(job);
            log.close().unwrap();
            assert_eq!(kind.recover(&dir).unwrap(), 10, "{}", kind.name());
        }
    }
}
