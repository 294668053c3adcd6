use std::{path::Path, rc::Rc, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use keepstone::storage::{Durability, Wal};

use super::{SEGMENT_LEN, open, truncate};
use crate::{
    Crew, GroupCommit, Scratch,
    case::{Case, Plan},
    cases::durable::random_bytes,
    machine::cpu_time,
};

const THREADS: u32 = 16;
const TIMES: u32 = 32;

/// Records that 16 threads make durable, beside a group commit written by hand.
pub(in crate::cases) fn threads(plan: &Plan, dir: &Path) -> Result<Case> {
    let Sides { scratch, wal, ours, by_hand, floor } = Sides::new(plan, dir, SEGMENT_LEN)?;
    let case = plan.case().limit(1.0 / 0.95).ours(move |watch| {
        let _ = scratch.path();
        truncate(&wal)?;
        let before = wal.stats();
        watch.each(|| ours.run(TIMES))?;
        let groups = wal.stats().syncs - before.syncs;
        watch.note_syncs(groups);
        watch.note_bytes(wal.stats().bytes_written - before.bytes_written);
        Ok(())
    });
    Ok(case.floor(1.0, "group commit by hand", move |watch| {
        let before = by_hand.groups();
        watch.each(|| floor.run(TIMES))?;
        watch.note_syncs(by_hand.groups() - before);
        Ok(())
    }))
}

/// The processor time of the same, that of the thread that makes segments included.
pub(in crate::cases) fn threads_cpu(plan: &Plan, dir: &Path) -> Result<Case> {
    let Sides { scratch, wal, ours, by_hand, floor } = Sides::new(plan, dir, SEGMENT_LEN)?;
    let case = plan.case().ours(move |watch| {
        let _ = scratch.path();
        truncate(&wal)?;
        watch.spent(|| cpu_of(&ours))
    });
    Ok(case.floor(1.0, "group commit by hand", move |watch| {
        let _ = by_hand.groups();
        watch.spent(|| cpu_of(&floor))
    }))
}

/// Two logs, and threads for each.
pub(super) struct Sides {
    pub(super) scratch: Rc<Scratch>,
    pub(super) wal: Arc<Wal>,
    pub(super) ours: Crew,
    pub(super) by_hand: Arc<GroupCommit>,
    pub(super) floor: Crew,
}

impl Sides {
    pub(super) fn new(plan: &Plan, dir: &Path, segment_len: u64) -> Result<Self> {
        let scratch = Rc::new(Scratch::new(dir, "wal-threads")?);
        let wal = Arc::new(open(&scratch.path().join("log"), segment_len)?);
        let file = scratch.zeros("by-hand", SEGMENT_LEN)?;
        let by_hand = Arc::new(GroupCommit::new(file, SEGMENT_LEN));
        let record = Arc::new(random_bytes(plan.amount));
        let count = usize::try_from(THREADS)?;
        let ours = Crew::new(count, || {
            let (wal, record) = (Arc::clone(&wal), Arc::clone(&record));
            Ok(Box::new(move || Ok(wal.append(&record, Durability::Durable).map(drop)?)))
        })?;
        let floor = Crew::new(count, || {
            let (by_hand, record) = (Arc::clone(&by_hand), Arc::clone(&record));
            Ok(Box::new(move || by_hand.append(&record)))
        })?;
        Ok(Self { scratch, wal, ours, by_hand, floor })
    }
}

/// The processor time of one commit.
fn cpu_of(crew: &Crew) -> Result<Duration> {
    let now = || cpu_time().context("the kernel keeps no processor times of threads");
    let before = now()?;
    crew.run(TIMES)?;
    Ok(now()?.saturating_sub(before) / (THREADS * TIMES))
}
