use std::{path::Path, rc::Rc, sync::Arc};

use anyhow::{Result, ensure};
use keepstone::storage::OsFiles;
use keepstone_checkpoint::{CheckpointStore, Session, StoreOptions};
use keepstone_testkit::CountingFiles;

use super::{States, commit_len};
use crate::{
    Ring, Scratch, Watch,
    case::{Case, Plan},
    cases::durable::calls,
};

/// Checkpoints of a store in memory before another one is begun, which isn't timed: what a case holds is bounded.
const COUNT_MAX: usize = 10_000;
/// The file that a floor goes around in.
const RING_LEN: u64 = 64 << 20;
/// A durable checkpoint may take so many times what the disk does.
const DURABLE_MAX: f64 = 1.2;

/// A checkpoint in memory, beside a copy of the state and its hash.
pub(in crate::cases) fn in_memory_limited(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(in_memory(plan, dir)?.limit(4.0))
}

/// The same of states that are longer.
pub(in crate::cases) fn in_memory(plan: &Plan, _: &Path) -> Result<Case> {
    let mut states = States::new(usize::try_from(plan.amount)?, 1);
    let mut same = states.clone();
    let mut session = super::in_memory()?;
    let case = plan.case().ours(move |watch| {
        if session.store().len()? >= COUNT_MAX {
            session = super::in_memory()?;
        }
        watch.together(|| Ok(session.checkpoint(states.next()).commit()?))
    });
    let mut room = Vec::new();
    Ok(case.floor(1.0, "copy of the state, BLAKE3", move |watch| {
        watch.together(|| {
            let state = &same.next().0;
            room.clear();
            room.extend_from_slice(state);
            Ok(blake3::hash(&room))
        })
    }))
}

/// A checkpoint on the disk, beside a write of as many bytes and a sync.
pub(in crate::cases) fn durable(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(durable_long(plan, dir)?.limit(DURABLE_MAX))
}

/// The same of states whose difference takes long to find.
pub(in crate::cases) fn durable_long(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "checkpoint-durable")?);
    let mut states = States::new(usize::try_from(plan.amount)?, 1);
    let len = commit_len(&scratch.path().join("measured"), &mut states.clone())?;
    let bytes = vec![0x5a; usize::try_from(len)?];
    let mut ring = Ring::new(scratch.zeros("by-hand", RING_LEN)?, RING_LEN);
    let session = CheckpointStore::open(scratch.path().join("ours"))?.session("main")?;
    let case = plan.case().ours(move |watch| {
        if watch.is_counting() {
            return counted(&scratch, &mut states, watch);
        }
        watch.together(|| Ok(session.checkpoint(states.next()).commit()?))
    });
    Ok(case.floor(1.0, "write, fdatasync", move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.note_calls(2);
        watch.note_syncs(1);
        watch.together(|| {
            ring.write(&bytes)?;
            ring.sync()
        })
    }))
}

/// Counts one checkpoint that is a difference, and holds it to one write and one sync.
fn counted(scratch: &Scratch, states: &mut States, watch: &mut Watch) -> Result<()> {
    let files = Arc::new(CountingFiles::over(Arc::new(OsFiles)));
    let options = StoreOptions::new().files(files.clone()).background(false);
    let session: Session =
        CheckpointStore::open_with(scratch.path().join("counted"), options)?.session("main")?;
    for _ in 0..3 {
        session.checkpoint(states.next()).commit()?;
    }
    let before = files.counts();
    watch.each(|| Ok(session.checkpoint(states.next()).commit()?))?;
    let after = files.counts();
    let (writes, syncs) = (after.writes - before.writes, after.file_syncs - before.file_syncs);
    ensure!((writes, syncs) == (1, 1), "a checkpoint took {writes} writes and {syncs} syncs");
    watch.note_bytes(after.bytes_written - before.bytes_written);
    watch.note_calls(calls(&after) - calls(&before));
    watch.note_syncs(syncs);
    Ok(())
}
