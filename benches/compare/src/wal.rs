//! Logs and databases that keep records: what they take to append, and to have all records back.

mod logs;

use std::{
    path::Path,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use keepstone_benches::{Case, Crew, Scratch, machine, mixed::SplitMix};

use logs::Kind;

const RECORD_LEN: usize = 1024;
const THREADS: usize = 16;
/// How often each of the threads appends in one call.
const TIMES: u32 = 16;
const BUFFERED_COUNT: u32 = 1000;
const RECOVERED_COUNT: u32 = 20_000;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Durable,
    DurableThreads,
    Buffered,
    Recovery,
}

/// A rival and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    work: Work,
    rival: Kind,
}

/// Everything that each rival can do.
pub fn plans() -> Vec<Plan> {
    let works = [Work::Durable, Work::DurableThreads, Work::Buffered, Work::Recovery];
    let plans = works.into_iter().flat_map(|work| Kind::RIVALS.map(|rival| Plan { work, rival }));
    plans.filter(|plan| plan.work != Work::Buffered || plan.rival.has_buffered()).collect()
}

impl Plan {
    /// The name that a filter looks into.
    pub fn name(&self) -> String {
        let work = match self.work {
            Work::Durable => "wal durable",
            Work::DurableThreads => "wal durable, 16 threads",
            Work::Buffered => "wal buffered",
            Work::Recovery => "wal recovery",
        };
        format!("{work}/{}", self.rival.name())
    }

    /// Builds the case in a directory.
    pub fn case(&self, dir: &Path) -> Result<Case> {
        let scratch = Rc::new(Scratch::new(dir, "wal-rivals")?);
        let sides = [(Kind::Keepstone, "ours"), (self.rival, "rival")];
        let [ours, rival] = sides.map(|(kind, name)| (kind, scratch.path().join(name)));
        if self.work == Work::Recovery {
            let size = format!("{}k x 1 KB", RECOVERED_COUNT / 1000);
            let (ours, rival) = (Filled::new(ours.0, &ours.1)?, Filled::new(rival.0, &rival.1)?);
            let case = Case::new(self.name(), size).ours(move |watch| {
                // The directory is there as long as the case.
                let _ = scratch.path();
                watch.spent(|| ours.recover())
            });
            return Ok(case.floor(1.0, "rival", move |watch| watch.spent(|| rival.recover())));
        }
        let (size, mut ours) = self.appends(ours.0, &ours.1)?;
        let (_, mut rival) = self.appends(rival.0, &rival.1)?;
        let case = Case::new(self.name(), size).ours(move |watch| {
            let _ = scratch.path();
            watch.together(&mut ours)
        });
        Ok(case.floor(1.0, "rival", move |watch| watch.together(&mut rival)))
    }

    /// One call of a case that appends, and what it is called.
    fn appends(&self, kind: Kind, dir: &Path) -> Result<(String, Box<dyn FnMut() -> Result<()>>)> {
        let log = kind.open(dir, false)?;
        let record = record();
        let times = |count: u32| format!("{count} x 1 KB");
        Ok(match self.work {
            Work::DurableThreads => {
                let crew = Crew::new(THREADS, || log.job(Arc::clone(&record), true))?;
                let count = u32::try_from(THREADS)? * TIMES;
                (times(count), Box::new(move || crew.run(TIMES).map(drop)))
            }
            Work::Buffered => {
                let mut job = log.job(record, false)?;
                (times(BUFFERED_COUNT), Box::new(move || (0..BUFFERED_COUNT).try_for_each(|_| job())))
            }
            Work::Durable | Work::Recovery => ("1 KB".to_owned(), log.job(record, true)?),
        })
    }
}

/// A directory with records, closed in order.
struct Filled {
    kind: Kind,
    dir: std::path::PathBuf,
}

impl Filled {
    fn new(kind: Kind, dir: &Path) -> Result<Self> {
        let log = kind.open(dir, true)?;
        if kind.has_buffered() {
            let mut job = log.job(record(), false)?;
            (0..RECOVERED_COUNT).try_for_each(|_| job())?;
        } else {
            let crew = Crew::new(THREADS, || log.job(record(), true))?;
            crew.run(RECOVERED_COUNT / u32::try_from(THREADS)?)?;
        }
        log.close()?;
        Ok(Self { kind, dir: dir.to_owned() })
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
