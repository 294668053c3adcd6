//! What the benchmarks of forge measure, by their names: ours, and the same by hand.
//!
//! A state is what forge checkpoints: the environment of a process. By hand it becomes JSON, as forge keeps it, and is put into a map, or into a
//! file that nobody syncs. Ours in memory does no more than that; ours in a directory is durable.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hint::black_box,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use keepstone_checkpoint::{
    CheckpointId, CheckpointService, CheckpointStore, Durability, Fields, Query, Request, Selection, Session,
};
use serde::{Deserialize, Serialize};

use crate::Scratch;

/// What is measured.
pub enum Call {
    /// All of what it does.
    Whole(Box<dyn FnMut() -> Result<()>>),
    /// What it says that it took: it has prepared something before.
    Timed(Box<dyn FnMut() -> Result<Duration>>),
}

/// One of their benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: &'static str,
    /// What it is measured on.
    pub size: &'static str,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Create,
    /// So many one after the other, in a session that begins.
    Batch(u32),
    Tagged,
    ListAll,
    ListSession,
    Restore,
    /// Of so many [`LEFT`] are left.
    Compact(u32),
    /// So many as JSON.
    Export(u32),
    /// So many threads that make [`EACH`] checkpoints each.
    Concurrent(u32),
    /// A session, through the service.
    Session,
    /// A checkpoint, through the service.
    Serve,
    /// What the service has counted.
    Metrics,
    InFile,
}

/// Their benchmarks in their order.
pub const NAMED: [Named; 22] = [
    named("checkpoint_creation/single", "memory", What::Create),
    named("checkpoint_creation_batch/10", "memory", What::Batch(10)),
    named("checkpoint_creation_batch/100", "memory", What::Batch(100)),
    named("checkpoint_creation_batch/1000", "memory", What::Batch(1000)),
    named("checkpoint_with_tags/with_3_tags", "memory", What::Tagged),
    named("query_operations/list_all", "100", What::ListAll),
    named("query_operations/list_by_session", "100", What::ListSession),
    named("restore/single", "memory", What::Restore),
    named("compaction/100", "memory", What::Compact(100)),
    named("compaction/500", "memory", What::Compact(500)),
    named("compaction/1000", "memory", What::Compact(1000)),
    named("concurrent_creation/2", "memory", What::Concurrent(2)),
    named("concurrent_creation/4", "memory", What::Concurrent(4)),
    named("concurrent_creation/8", "memory", What::Concurrent(8)),
    named("export/10", "JSON", What::Export(10)),
    named("export/100", "JSON", What::Export(100)),
    named("export/500", "JSON", What::Export(500)),
    named("service_operations/create_session", "memory", What::Session),
    named("service_operations/checkpoint", "memory", What::Serve),
    named("service_operations/metrics", "memory", What::Metrics),
    named("storage_backends/in_memory", "memory", What::Create),
    named("storage_backends/file_based", "durable", What::InFile),
];

/// Checkpoints that a compaction leaves.
const LEFT: usize = 10;
/// Checkpoints that are listed.
const LISTED: u32 = 100;
/// Checkpoints that each of several threads makes.
const EACH: u32 = 10;
/// Checkpoints before another store is begun.
const COUNT_MAX: usize = 10_000;
const VARIABLES: u32 = 30;

const fn named(name: &'static str, size: &'static str, what: What) -> Named {
    Named { name, size, what }
}

/// Finds the benchmark of a name.
pub fn find(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}

impl Named {
    /// What ours does under the name, with files in `dir`.
    ///
    /// # Errors
    /// When its data can't be made.
    pub fn ours(&self, dir: &Path) -> Result<Call> {
        let mut process = Process::new();
        let mut session = begun()?;
        Ok(match self.what {
            What::Create => Call::whole(move || {
                renew(&mut session)?;
                done(session.checkpoint(process.step()).message("step").commit()?)
            }),
            What::Tagged => Call::whole(move || {
                renew(&mut session)?;
                let draft = session.checkpoint(process.step()).message("step");
                done(draft.tag("one").tag("two").tag("three").commit()?)
            }),
            What::Batch(count) => Call::whole(move || {
                let session = begun()?;
                for _ in 0..count {
                    session.checkpoint(process.step()).message("step").commit()?;
                }
                done(session)
            }),
            What::ListAll | What::ListSession => {
                fill(&session, LISTED)?;
                let is_all = self.what == What::ListAll;
                let query = if is_all { Query::new() } else { Query::new().session("main") };
                Call::whole(move || done(session.store().list(&query)?))
            }
            What::Restore => {
                let id = *fill(&session, LISTED)?.last().context("there are checkpoints")?;
                Call::whole(move || done(session.restore::<Process>(id)?))
            }
            What::Compact(count) => Call::timed(move || {
                let session = begun()?;
                fill(&session, count)?;
                let begin = Instant::now();
                session.store().compact(LEFT)?;
                let took = begin.elapsed();
                ensure!(session.store().len()? == LEFT, "{} are left", session.store().len()?);
                Ok(took)
            }),
            What::Export(count) => {
                fill(&session, count)?;
                let selection = Selection::default();
                Call::whole(move || {
                    let mut json = Vec::new();
                    session.store().export_json(&selection, &mut json)?;
                    done(json)
                })
            }
            What::Concurrent(count) => Call::whole(move || {
                let store = CheckpointStore::in_memory();
                at_once(count, |number| fill(&store.session(&format!("session-{number}"))?, EACH).map(drop))?;
                done(store)
            }),
            What::Session | What::Serve | What::Metrics => self.served()?,
            What::InFile => {
                let scratch = Scratch::new(dir, "forge-ours")?;
                let session = CheckpointStore::open(scratch.path())?.session("main")?;
                Call::whole(move || {
                    let _ = scratch.path();
                    let draft = session.checkpoint(process.step()).message("step");
                    done(draft.durability(Durability::Durable).commit()?)
                })
            }
        })
    }

    /// What goes through the service.
    fn served(&self) -> Result<Call> {
        let begun = || CheckpointService::new(CheckpointStore::in_memory());
        let (mut service, mut process, mut count) = (begun(), Process::new(), 0);
        let what = self.what;
        service.create_session("main", Fields::new())?;
        Ok(Call::whole(move || {
            if what == What::Metrics {
                return done(service.metrics());
            }
            if count >= COUNT_MAX {
                (service, count) = (begun(), 0);
                service.create_session("main", Fields::new())?;
            }
            count += 1;
            if what == What::Session {
                return done(service.create_session(&format!("session-{count}"), Fields::new())?);
            }
            done(service.checkpoint(Request::new("main").message("step"), process.step())?)
        }))
    }

    /// The same by hand.
    ///
    /// # Errors
    /// When its data can't be made.
    pub fn by_hand(&self, dir: &Path) -> Result<Call> {
        let mut process = Process::new();
        let mut map = HashMap::new();
        Ok(match self.what {
            What::Create | What::Tagged | What::Serve => Call::whole(move || {
                if map.len() >= COUNT_MAX {
                    map.clear();
                }
                put(&mut map, process.step())
            }),
            What::Batch(count) => Call::whole(move || {
                let mut map = HashMap::new();
                (0..count).try_for_each(|_| put(&mut map, process.step()))?;
                done(map)
            }),
            What::ListAll | What::ListSession => {
                (0..LISTED).try_for_each(|_| put(&mut map, process.step()))?;
                Call::whole(move || done(map.keys().copied().collect::<Vec<u32>>()))
            }
            What::Restore => {
                let json = serde_json::to_string(&process)?;
                Call::whole(move || done(serde_json::from_str::<Process>(&json)?))
            }
            What::Compact(count) => Call::timed(move || {
                let mut map = HashMap::new();
                (0..count).try_for_each(|_| put(&mut map, process.step()))?;
                let begin = Instant::now();
                let mut steps: Vec<u32> = map.keys().copied().collect();
                steps.sort_unstable();
                for step in steps.iter().rev().skip(LEFT) {
                    map.remove(step);
                }
                Ok(begin.elapsed())
            }),
            What::Export(count) => {
                let processes: Vec<Process> = (0..count).map(|_| process.step().clone()).collect();
                Call::whole(move || done(serde_json::to_vec_pretty(&processes)?))
            }
            What::Concurrent(count) => Call::whole(move || {
                let map = Mutex::new(HashMap::new());
                at_once(count, |number| {
                    let mut process = Process::new();
                    for step in 0..EACH {
                        let json = serde_json::to_string(process.step())?;
                        let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
                        map.insert((number, step), json);
                    }
                    Ok(())
                })?;
                done(map)
            }),
            What::Session => {
                let mut sessions = HashMap::new();
                Call::whole(move || {
                    if sessions.len() >= COUNT_MAX {
                        sessions.clear();
                    }
                    let name = format!("session-{}", sessions.len());
                    sessions.insert(name.clone(), name);
                    done(sessions.len())
                })
            }
            What::Metrics => {
                let counts: [AtomicU64; 18] = std::array::from_fn(|_| AtomicU64::new(1));
                Call::whole(move || done(counts.each_ref().map(|count| count.load(Ordering::Relaxed))))
            }
            What::InFile => {
                let scratch = Scratch::new(dir, "forge-by-hand")?;
                Call::whole(move || write(&scratch, process.step()))
            }
        })
    }
}

/// What forge checkpoints: a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    working_dir: String,
    env_vars: BTreeMap<String, String>,
    step: u32,
}

impl Process {
    fn new() -> Self {
        let variable = |number| (format!("VARIABLE_{number}"), format!("/usr/share/value-{number:08x}"));
        Self {
            working_dir: "/srv/agent/work".to_owned(),
            env_vars: (0..VARIABLES).map(variable).collect(),
            step: 0,
        }
    }

    /// It gets a step further.
    fn step(&mut self) -> &Self {
        self.step = self.step.wrapping_add(1);
        self
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Timed(_) => "Timed",
        })
    }
}

impl Call {
    fn whole(call: impl FnMut() -> Result<()> + 'static) -> Self {
        Self::Whole(Box::new(call))
    }

    fn timed(call: impl FnMut() -> Result<Duration> + 'static) -> Self {
        Self::Timed(Box::new(call))
    }
}

/// A session in memory that has no checkpoint yet.
fn begun() -> Result<Session> {
    Ok(CheckpointStore::in_memory().session("main")?)
}

/// Begins another store where a session has become long.
fn renew(session: &mut Session) -> Result<()> {
    if session.store().len()? >= COUNT_MAX {
        *session = begun()?;
    }
    Ok(())
}

fn fill(session: &Session, count: u32) -> Result<Vec<CheckpointId>> {
    let mut process = Process::new();
    (0..count).map(|_| Ok(session.checkpoint(process.step()).message("step").commit()?.id())).collect()
}

fn put(map: &mut HashMap<u32, String>, process: &Process) -> Result<()> {
    map.insert(process.step, serde_json::to_string(process)?);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is what checkpoints are compared with")]
fn write(scratch: &Scratch, process: &Process) -> Result<()> {
    Ok(std::fs::write(scratch.path().join("checkpoint.json"), serde_json::to_vec(process)?)?)
}

/// Does something in so many threads that are started for it, as in theirs.
fn at_once(count: u32, work: impl Fn(u32) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
    })
}

/// Keeps a result from being optimized away, and drops it.
#[expect(clippy::unnecessary_wraps, reason = "it ends a call, which can fail")]
fn done<R>(result: R) -> Result<()> {
    drop(black_box(result));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published;

    #[test]
    fn each_is_published_and_both_sides_do_it() {
        let scratch = Scratch::new(&std::env::temp_dir(), &format!("forge-{}", std::process::id())).unwrap();
        for named in NAMED {
            assert!(published::find(named.name).is_some(), "{named:?}");
            for call in [named.ours(scratch.path()).unwrap(), named.by_hand(scratch.path()).unwrap()] {
                match call {
                    Call::Whole(mut call) => (0..2).for_each(|_| call().unwrap()),
                    Call::Timed(mut call) => assert!((0..2).all(|_| call().unwrap() > Duration::ZERO)),
                }
            }
        }
    }
}
