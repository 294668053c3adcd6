use std::{path::Path, rc::Rc, sync::Arc};

use anyhow::{Result, ensure};
use keepstone_checkpoint::CheckpointStore;

use super::{AROUND_LEN, States, commit_len};
use crate::{
    Crew, GroupCommit, Scratch,
    case::{Case, Plan},
};

const THREADS: u32 = 8;
const TIMES: u32 = 32;
const FILE_LEN: u64 = 64 << 20;

/// Durable checkpoints of eight sessions of one store by a thread each, beside a group commit by hand of records as long.
pub(in crate::cases) fn at_once(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "checkpoint-threads")?);
    let states = States::new(usize::try_from(plan.amount)?, 1);
    let len = commit_len(&scratch.path().join("measured"), &mut states.clone())?.saturating_sub(AROUND_LEN);
    let store = CheckpointStore::open(scratch.path().join("ours"))?;
    let mut number = 0;
    let crew = Crew::new(usize::try_from(THREADS)?, || {
        let session = store.session(&format!("session-{number}"))?;
        let mut states = states.clone();
        number += 1;
        Ok(Box::new(move || Ok(session.checkpoint(states.next()).commit().map(drop)?)))
    })?;
    let by_hand = Arc::new(GroupCommit::new(scratch.zeros("by-hand", FILE_LEN)?, FILE_LEN));
    let record = Arc::new(vec![0x5a; usize::try_from(len)?]);
    let floor = Crew::new(usize::try_from(THREADS)?, || {
        let (by_hand, record) = (Arc::clone(&by_hand), Arc::clone(&record));
        Ok(Box::new(move || by_hand.append(&record)))
    })?;
    // At least 0.95 times as many.
    let case = plan.case().limit(1.0 / 0.95).per("checkpoint", THREADS * TIMES).ours(move |watch| {
        let _ = scratch.path();
        if !watch.is_counting() {
            return watch.each(|| crew.run(TIMES));
        }
        let before = store.stats()?;
        watch.each(|| crew.run(TIMES))?;
        let after = store.stats()?;
        let made = after.checkpoints - before.checkpoints;
        ensure!(made == u64::from(THREADS * TIMES), "{made} checkpoints were made");
        watch.note_syncs(after.groups - before.groups);
        Ok(())
    });
    Ok(case.floor(1.0, "group commit by hand", move |watch| {
        let before = by_hand.groups();
        watch.each(|| floor.run(TIMES))?;
        watch.note_syncs(by_hand.groups() - before);
        Ok(())
    }))
}
