//! Checkpoints of a state that changes by one byte in a hundred, beside databases that get each state whole, durable.

use std::{
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use keepstone_benches::{Case, Plan, Scratch, Watch, bundle::Data, mixed::SplitMix};
use keepstone_checkpoint::{Bytes, CheckpointStore, Session};

use crate::databases::{Database, Kind, files_of};

const COUNT: u32 = 1000;
/// Changed bytes that stand together.
const RUN_LEN: usize = 14;

/// The cases.
pub(crate) fn plans() -> Vec<Plan> {
    vec![
        Plan::new("checkpoint create, beside databases", "10 KB, 1 %", 10_240, created),
        Plan::new("checkpoint bytes, beside databases", "1000 of 10 KB", 10_240, kept),
    ]
}

fn created(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "checkpoint-rivals")?);
    let len = usize::try_from(plan.amount)?;
    let session = CheckpointStore::open(scratch.path().join("ours"))?.session("main")?;
    let mut states = States::new(len);
    let mut case = plan.case();
    for kind in Kind::ALL {
        let mut database = kind.open(&scratch.path().join(kind.name()))?;
        let mut states = States::new(len);
        let mut id = 0;
        case = case.rival(kind.told(), move |watch| {
            watch.together(|| {
                id += 1;
                database.put(id, states.next_state(), None)
            })
        });
    }
    Ok(case.ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        watch.together(|| commit(&session, states.next_state()))
    }))
}

/// All of them made and the store closed, once: how long it took, and the bytes of all files then.
fn kept(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Scratch::new(dir, "checkpoint-bytes-rivals")?;
    let len = usize::try_from(plan.amount)?;
    let ours = ours_kept(&scratch.path().join("ours"), len)?;
    let mut case = plan.case().per("checkpoint", COUNT).ours(told(ours));
    for kind in Kind::ALL {
        case = case.rival(kind.told(), told(database_kept(kind, &scratch.path().join(kind.name()), len)?));
    }
    Ok(case)
}

/// What was measured once, told each time.
fn told((took, bytes): (Duration, u64)) -> impl FnMut(&mut Watch) -> Result<()> {
    move |watch| {
        watch.note_bytes(bytes);
        watch.note_remark("measured once: the bounds say nothing of chance");
        watch.spent(|| Ok(took))
    }
}

fn ours_kept(dir: &Path, len: usize) -> Result<(Duration, u64)> {
    let store = CheckpointStore::open(dir)?;
    let session = store.session("main")?;
    let mut states = States::new(len);
    let begin = Instant::now();
    for _ in 0..COUNT {
        commit(&session, states.next_state())?;
    }
    drop(session);
    store.close()?;
    let took = begin.elapsed();
    let store = CheckpointStore::open(dir)?;
    let last: Bytes<'static> = store.session("main")?.latest()?.context("no checkpoint is left")?;
    ensure!(last.0 == states.state, "the store has another state");
    store.close()?;
    Ok((took, files_of(dir)?))
}

fn database_kept(kind: Kind, dir: &Path, len: usize) -> Result<(Duration, u64)> {
    let mut database: Box<dyn Database> = kind.open(dir)?;
    let mut states = States::new(len);
    let begin = Instant::now();
    for id in 0..COUNT {
        database.put(id.into(), states.next_state(), None)?;
    }
    drop(database);
    let took = begin.elapsed();
    let bytes = files_of(dir)?;
    let (id, blob) = kind.open(dir)?.last()?;
    ensure!((id + 1, &blob) == (COUNT.into(), &states.state), "{} has another state", kind.name());
    Ok((took, bytes))
}

fn commit(session: &Session, state: &[u8]) -> Result<()> {
    session.checkpoint(&Bytes::from(state)).commit()?;
    Ok(())
}

/// One byte in a hundred changes from one to the next, in runs at random places.
struct States {
    random: SplitMix,
    state: Vec<u8>,
}

impl States {
    fn new(len: usize) -> Self {
        Self { random: SplitMix::new(1), state: Data::Mixed.bytes(len) }
    }

    fn next_state(&mut self) -> &[u8] {
        let room = (self.state.len() - RUN_LEN) as u64;
        for _ in 0..self.state.len() / 100 / RUN_LEN {
            let at = usize::try_from(self.random.next_u64() % room).unwrap_or_default();
            for byte in self.state.iter_mut().skip(at).take(RUN_LEN) {
                *byte = self.random.next_u16().to_le_bytes()[0];
            }
        }
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_in_a_hundred_changes() {
        let mut states = States::new(10_240);
        let before = states.next_state().to_vec();
        let after = states.next_state();
        let changed = before.iter().zip(after).filter(|(one, other)| one != other).count();
        assert!((80..=102).contains(&changed), "{changed}");
    }
}
