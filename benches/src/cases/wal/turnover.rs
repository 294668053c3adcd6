use std::{path::Path, rc::Rc, time::Duration};

use anyhow::Result;
use keepstone::storage::{Durability, Wal, wal::Stats};

use super::{SEGMENT_LEN, open, threads::Sides};
use crate::{
    Ring, Scratch,
    case::{Case, Plan},
    cases::durable::random_bytes,
    repeat,
};

/// So short that so many appends go on to the next segment at least once.
const SHORT_LEN: u64 = 4 << 20;
const TIMES: u32 = 280;
const TIMES_EACH: u32 = 18;

/// The longest of some appends among which a segment ends, beside the longest of as many writes with a sync.
pub(in crate::cases) fn turnover(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-turnover")?);
    let record = random_bytes(plan.amount);
    let same = record.clone();
    let wal = open(&scratch.path().join("log"), SHORT_LEN)?;
    let mut ring = Ring::new(scratch.zeros("by-hand", SEGMENT_LEN)?, SEGMENT_LEN);
    let case = plan.case().ours(move |watch| {
        let _ = scratch.path();
        let before = wal.stats();
        watch.spent(|| repeat(&mut || Ok(wal.append(&record, Durability::Durable).map(drop)?), TIMES))?;
        watch.note_remark(told(&before, &wal.stats()));
        remove(&wal)
    });
    Ok(case.floor(1.0, "longest of as many writes with an fdatasync", move |watch| {
        watch.spent(|| {
            repeat(
                &mut || {
                    ring.write(&same)?;
                    ring.sync()
                },
                TIMES,
            )
        })
    }))
}

/// The same for 16 threads, beside the longest of a group commit written by hand.
pub(in crate::cases) fn turnover_threads(plan: &Plan, dir: &Path) -> Result<Case> {
    let Sides { scratch, wal, ours, by_hand, floor } = Sides::new(plan, dir, SHORT_LEN)?;
    let case = plan.case().ours(move |watch| {
        let _ = scratch.path();
        let before = wal.stats();
        watch.spent(|| -> Result<Duration> { ours.run(TIMES_EACH) })?;
        watch.note_remark(told(&before, &wal.stats()));
        remove(&wal)
    });
    Ok(case.floor(1.0, "longest of a group commit by hand", move |watch| {
        let _ = by_hand.groups();
        watch.spent(|| floor.run(TIMES_EACH))
    }))
}

fn told(before: &Stats, after: &Stats) -> String {
    let (begun, late) =
        (after.segments_begun - before.segments_begun, after.segments_late - before.segments_late);
    format!("segments begun {begun}, of them waited for {late}")
}

/// Gives up what was appended, so that the disk does not fill.
fn remove(wal: &Wal) -> Result<()> {
    Ok(wal.truncate(wal.end())?)
}
