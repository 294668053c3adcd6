//! Checkpoints of an agent: what they take, the way back, a process that is killed while it makes them, and a prune.

use std::path::{Path, PathBuf};

use keepstone::{
    Codec,
    checkpoint::{CheckpointId, CheckpointStore, Policy, Query, StoreOptions},
    storage::{self, Durability, Files, OsFiles},
};
use serde::{Deserialize, Serialize};

use super::killed;
use super::measure::{Measurement, alternate, alternate_prepared};
use super::report::{Check, Demonstration, States};
use super::slots::Root;
use crate::checkpoint::verify;
use crate::error::Error;
use crate::inspect::bytes_of_store;
use crate::output::{Exit, Report as _};
use crate::progress::Progress;
use crate::slot::now;
use crate::text::{count, plural, size};

const SESSION: &str = "agent";
const KILLED: &str = "killed";
const MILESTONE: &str = "milestone";
/// Steps of the agent, each with a checkpoint.
const STEPS: usize = 300;
/// How often one is a milestone.
const MILESTONE_EVERY: usize = 50;
/// The step that is gone back to, which is none.
const BACK_TO: usize = 120;
/// Checkpoints of a session that a prune leaves, beside milestones.
const KEPT: usize = 20;
/// Checkpoints that are acknowledged before their process is killed, and the most that it makes if nobody kills it.
const ACKED: usize = 20;
const CHECKPOINTS_MAX: u32 = 100_000;
/// How many times smaller than the states the files have to be.
const TIMES_MIN: u64 = 40;

/// What a program keeps of an agent that works for a while.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Agent {
    step: u32,
    goal: String,
    notes: Vec<String>,
    memory: Vec<u8>,
}

impl Agent {
    fn new() -> Self {
        let memory = (0..16_384_u32).map(|place| mixed(place, 0).to_be_bytes()[0]);
        Self { memory: memory.collect(), ..Self::default() }
    }

    /// Does the next step: a note more, and a few places of the memory are others.
    fn act(&mut self) {
        self.step += 1;
        self.goal = format!("floor {}", self.step / 25);
        let [door, found, ..] = mixed(self.step, 1).to_be_bytes();
        self.notes.push(format!("step {}: behind door {door} there were {found} lamps", self.step));
        for place in 0..16 {
            let [value, rest @ ..] = mixed(self.step, 2 + place).to_be_bytes();
            let at = rest.iter().fold(0, |at, byte| at << 8 | usize::from(*byte)) % self.memory.len().max(1);
            if let Some(byte) = self.memory.get_mut(at) {
                *byte = value;
            }
        }
    }

    /// What it is after each step, from none on.
    fn all(steps: usize) -> Vec<Self> {
        let first = Self::new();
        let rest = std::iter::successors(Some(first), |before| {
            let mut next = before.clone();
            next.act();
            Some(next)
        });
        rest.take(steps + 1).collect()
    }
}

/// Numbers without any order that are the same in every run.
fn mixed(a: u32, b: u32) -> u32 {
    let mut mixed = a.wrapping_mul(0x9e37_79b9) ^ b.wrapping_mul(0x85eb_ca6b);
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x7feb_352d);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b);
    mixed ^ (mixed >> 16)
}

fn open(path: &Path) -> Result<CheckpointStore, Error> {
    // What a prune lets go is gone at once here.
    Ok(CheckpointStore::open_with(path, StoreOptions::new().clock(now).grace(0))?)
}

/// Shows all of it in a directory that goes with it.
pub(super) fn show(demonstration: &mut Demonstration, dir: &Path) -> Result<(), Error> {
    let root = Root(dir.join("demo-checkpoints"));
    let path = root.0.join("store");
    let agents = Agent::all(STEPS);
    let (ids, states) = make(&path, &agents)?;
    let store = open(&path)?;
    demonstration.checks.push(check_all(&store, &ids, &agents, &states)?);
    demonstration.states = Some(states);
    demonstration.checks.push(check_back(&store, &ids, &agents)?);
    drop(store);
    demonstration.checks.push(check_kill(&path)?);
    let store = open(&path)?;
    demonstration.checks.push(check_prune(&store, &ids, &agents)?);
    demonstration.measurements.push(measure_commit(&store, &root.0)?);
    demonstration.measurements.push(measure_restore(&store, &ids, &root.0)?);
    store.close()?;
    demonstration.checks.push(check_verified(&path)?);
    Ok(())
}

/// Makes checkpoints over and over, and says of each when it is durable: what the demonstration has another process do, until it is killed.
pub(super) fn make_on(path: &Path) -> Result<(), Error> {
    let store = open(path)?;
    let session = store.session(KILLED)?;
    let mut agent = Agent::new();
    for _ in 0..CHECKPOINTS_MAX {
        agent.act();
        killed::acknowledge(session.checkpoint(&agent).commit()?.id())?;
    }
    Ok(())
}

/// Makes a checkpoint of each step, and answers what they take.
fn make(path: &Path, agents: &[Agent]) -> Result<(Vec<CheckpointId>, States), Error> {
    let store = open(path)?;
    let session = store.session(SESSION)?;
    let mut ids = Vec::with_capacity(STEPS);
    for (step, agent) in agents.iter().enumerate().skip(1) {
        let draft = session.checkpoint(agent).durability(Durability::Buffered);
        let draft = if step % MILESTONE_EVERY == 0 { draft.tag(MILESTONE) } else { draft };
        ids.push(draft.commit()?.id());
    }
    let taken = store.stats()?;
    drop(session);
    store.close()?;
    let states =
        States { checkpoints: taken.checkpoints, bytes: taken.state_bytes, stored: bytes_of_store(path) };
    Ok((ids, states))
}

/// Compares every checkpoint with the agent as it was.
fn check_all(
    store: &CheckpointStore,
    ids: &[CheckpointId],
    agents: &[Agent],
    states: &States,
) -> Result<Check, Error> {
    let mut equal = 0_u64;
    for (id, agent) in ids.iter().zip(agents.iter().skip(1)) {
        equal += u64::from(store.get::<Agent>(*id)? == *agent);
    }
    let detail = format!(
        "{} of {}, {} in {}",
        count(equal),
        plural(STEPS as u64, "checkpoint"),
        size(states.bytes),
        size(states.stored)
    );
    let is_good = equal == STEPS as u64 && states.times() >= TIMES_MIN;
    Ok(Check::new("checkpoints of an agent, a fortieth of its states, equal", is_good, detail))
}

/// Goes back, goes on from there on a branch of its own, and takes the way back back.
fn check_back(store: &CheckpointStore, ids: &[CheckpointId], agents: &[Agent]) -> Result<Check, Error> {
    const NAME: &str = "earlier checkpoint restored, undone, gone on from";
    let session = store.session(SESSION)?;
    let (Some(back), Some(newest)) = (ids.get(BACK_TO - 1).copied(), ids.last().copied()) else {
        return Ok(Check::new(NAME, false, "there are none".to_owned()));
    };
    let head = || Ok::<_, Error>(session.head()?.map(|head| head.id));
    let earlier: Agent = session.restore(back)?;
    let is_back = agents.get(BACK_TO) == Some(&earlier) && head()? == Some(back);
    session.undo()?;
    let is_undone = head()? == Some(newest);
    let other = session.fork("what if", back)?;
    let mut agent = earlier;
    "another one".clone_into(&mut agent.goal);
    let made = other.checkpoint(&agent).message("another way").commit()?;
    let is_other = other.latest::<Agent>()? == Some(agent) && made.checkpoint.parent.is_some();
    let is_same = session.latest::<Agent>()?.as_ref() == agents.last();
    let detail = format!("step {BACK_TO} of {STEPS}, and both branches go on");
    Ok(Check::new(NAME, is_back && is_undone && is_other && is_same, detail))
}

/// Kills a process that makes checkpoints, and looks for every one that it has acknowledged.
fn check_kill(path: &Path) -> Result<Check, Error> {
    const NAME: &str = "killed while checkpointing, none lost";
    let acked: Vec<CheckpointId> = match killed::acknowledged("--checkpointer", path, ACKED) {
        Ok(acked) => acked,
        Err(error) => return Ok(Check::new(NAME, false, format!("no process could be started: {error}"))),
    };
    let store = open(path)?;
    let mut all = store.list(&Query::new().session(KILLED))?;
    all.sort_unstable_by_key(|checkpoint| checkpoint.sequence);
    let missing = acked.iter().filter(|id| !all.iter().any(|known| known.id == **id)).count();
    let agents = Agent::all(all.len());
    let mut equal = 0;
    for (checkpoint, agent) in all.iter().zip(agents.iter().skip(1)) {
        equal += usize::from(store.get::<Agent>(checkpoint)? == *agent);
    }
    let detail = format!(
        "{} acknowledged, {missing} missing, {equal} of {} equal",
        plural(acked.len() as u64, "checkpoint"),
        all.len()
    );
    Ok(Check::new(NAME, missing == 0 && acked.len() >= ACKED && equal == all.len(), detail))
}

/// Lets go of what is neither new nor a milestone: what stays is as it was.
fn check_prune(store: &CheckpointStore, ids: &[CheckpointId], agents: &[Agent]) -> Result<Check, Error> {
    let before = store.len()?;
    let plan = store.plan(&Policy::new().keep_last(KEPT).keep_tag(MILESTONE), Some(now()))?;
    let pruned = store.apply(&plan, &mut |_| std::ops::ControlFlow::Continue(()))?;
    store.sweep(now())?;
    let (mut stayed, mut equal) = (0_u64, 0_u64);
    let mut is_wanted_there = true;
    for ((step, id), agent) in (1..).zip(ids).zip(agents.iter().skip(1)) {
        // The branch has one of the places of the newest.
        let is_new = step + KEPT > STEPS + 1;
        let is_wanted = is_new || step % MILESTONE_EVERY == 0 || step == BACK_TO;
        match store.checkpoint(*id) {
            Ok(_) => {
                stayed += 1;
                equal += u64::from(store.get::<Agent>(*id)? == *agent);
            }
            Err(_) => is_wanted_there &= !is_wanted,
        }
    }
    let is_said = store.len()? as u64 + pruned.checkpoints == before as u64;
    let detail = format!("{} gone, {equal} of {stayed} equal", plural(pruned.checkpoints, "checkpoint"));
    let is_good =
        is_said && is_wanted_there && equal == stayed && stayed < STEPS as u64 / 2 && pruned.checkpoints > 0;
    Ok(Check::new("pruned, what stays is equal", is_good, detail))
}

/// Puts every state together that there is, from the disk.
fn check_verified(path: &Path) -> Result<Check, Error> {
    let checked = verify::verify(path, &Progress::silent())?;
    let detail = format!("{} of files", size(bytes_of_store(path)));
    Ok(Check::new("every checkpoint verified", checked.exit() == Exit::Good, detail))
}

/// A step of the agent and its checkpoint, until it is on the disk.
fn measure_commit(store: &CheckpointStore, dir: &Path) -> Result<Measurement, Error> {
    let session = store.session("measured")?;
    let mut agent = Agent::new();
    agent.act();
    session.checkpoint(&agent).commit()?;
    agent.act();
    let bytes = session.checkpoint(&agent).commit()?.checkpoint.stored_bytes();
    let mut log = Log::new(dir, usize::try_from(bytes).unwrap_or_default())?;
    let times = alternate_prepared(
        || {
            agent.act();
            agent.clone()
        },
        |agent| Ok(session.checkpoint(&agent).commit()?),
        || (),
        |()| log.append(),
    )?;
    Ok(Measurement::new("checkpoint", Codec::None, bytes, times, "append + fdatasync of its bytes", bytes))
}

/// A log by hand, in a file that is long enough already.
struct Log {
    file: Box<dyn storage::File>,
    record: Vec<u8>,
    at: u64,
}

/// Bytes of the file.
const LOG_LEN: usize = 1 << 20;

impl Log {
    fn new(dir: &Path, len: usize) -> Result<Self, Error> {
        let file = OsFiles.create_new(&dir.join("floor.log"))?;
        file.write_all_at(&vec![0; LOG_LEN], 0)?;
        file.sync_data()?;
        Ok(Self { file, record: vec![7; len], at: 0 })
    }

    fn append(&mut self) -> Result<(), Error> {
        let len = self.record.len() as u64;
        self.at = if self.at + 2 * len > LOG_LEN as u64 { 0 } else { self.at + len };
        self.file.write_all_at(&self.record, self.at)?;
        Ok(self.file.sync_data()?)
    }
}

/// The state of a checkpoint that is no head, put together from what is in a pack.
fn measure_restore(store: &CheckpointStore, ids: &[CheckpointId], dir: &Path) -> Result<Measurement, Error> {
    let id = ids.get(STEPS - 10).copied().unwrap_or_else(|| CheckpointId::from_bytes([0; 16]));
    let state = store.state(id)?;
    let path: PathBuf = dir.join("floor.bin");
    let file = OsFiles.create_new(&path)?;
    file.write_all_at(state.bytes(), 0)?;
    drop(file);
    let mut buf = Vec::new();
    let times =
        alternate(|| Ok(store.state(id)?), || Ok(storage::read(&OsFiles, &path, u64::MAX, &mut buf)?))?;
    let bytes = state.bytes().len() as u64;
    Ok(Measurement::new("restore", Codec::None, bytes, times, "read of its state", bytes))
}
