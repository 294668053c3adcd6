use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use keepstone::storage::{Files, OsFiles};
use keepstone_checkpoint::{CheckpointStore, StoreOptions};
use keepstone_testkit::CountingFiles;

use super::restored::{COUNT, fill, filled};
use crate::{
    Ring, Scratch,
    case::{Case, Plan},
    cases::durable::calls,
    protocol,
};

/// Checkpoints that stay.
const KEPT: u32 = 10;
const RING_LEN: u64 = 1 << 20;
/// What a log takes to say that something has happened.
const RECORD: [u8; 64] = [0x5a; 64];

/// All but the newest ten of a thousand checkpoints go, beside the bytes of the ten written to a file by hand and one sync more.
pub(in crate::cases) fn to_ten(plan: &Plan, dir: &Path) -> Result<Case> {
    compacted(plan, dir, false)
}

/// The same in a store that has made them and goes on, so that its journal has a file.
pub(in crate::cases) fn to_ten_in_use(plan: &Plan, dir: &Path) -> Result<Case> {
    compacted(plan, dir, true)
}

fn compacted(plan: &Plan, dir: &Path, in_use: bool) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "checkpoint-compacted")?);
    let compaction = Compaction { dir: scratch.path().to_owned(), state_len: plan.amount, in_use };
    let survivors = vec![0x5a; usize::try_from(compaction.run(Arc::new(OsFiles))?.1)?];
    let mut ring = Ring::new(scratch.zeros("ring", RING_LEN)?, RING_LEN);
    let by_hand = scratch.path().join("by-hand");
    let case = plan.case().limit(1.0).ours(move |watch| {
        let _ = scratch.path();
        if !watch.is_counting() {
            return watch.spent(|| Ok(compaction.run(Arc::new(OsFiles))?.0));
        }
        let files = Arc::new(CountingFiles::over(Arc::new(OsFiles)));
        let mut before = files.counts();
        watch.spent(|| {
            let (store, _scratch) = compaction.begin(files.clone())?;
            before = files.counts();
            compact(&store)
        })?;
        let after = files.counts();
        watch.note_bytes(after.bytes_written - before.bytes_written);
        watch.note_calls(calls(&after) - calls(&before));
        let syncs = |counts: &keepstone_testkit::Counts| counts.file_syncs + counts.dir_syncs;
        watch.note_syncs(syncs(&after) - syncs(&before));
        Ok(())
    });
    Ok(case.floor(
        1.0,
        "survivors: write, fdatasync, rename, directory sync; write, fdatasync",
        move |watch| {
            watch.note_bytes((survivors.len() + RECORD.len()) as u64);
            watch.note_calls(protocol::BY_HAND.0 + 2);
            watch.note_syncs(protocol::BY_HAND.1 + 1);
            watch.each(|| {
                protocol::replace_by_hand(&by_hand, &survivors)?;
                ring.write(&RECORD)?;
                ring.sync()
            })
        },
    ))
}

/// Stores that are filled anew for each compaction.
struct Compaction {
    dir: PathBuf,
    state_len: u32,
    /// Whether the store that has made them is the one that is compacted.
    in_use: bool,
}

impl Compaction {
    /// A store with all of them, and the directory that goes when this is dropped.
    fn begin(&self, files: Arc<dyn Files>) -> Result<(CheckpointStore, Scratch)> {
        let scratch = Scratch::new(&self.dir, "filled")?;
        if !self.in_use {
            filled(&scratch, self.state_len)?;
        }
        let options = StoreOptions::new().files(files);
        let store = CheckpointStore::open_with(scratch.path().join("ours"), options)?;
        if self.in_use {
            fill(&store, self.state_len)?;
            store.seal()?;
        }
        Ok((store, scratch))
    }

    /// How long a compaction takes, and the bytes of what stays.
    fn run(&self, files: Arc<dyn Files>) -> Result<(Duration, u64)> {
        let (store, _scratch) = self.begin(files)?;
        Ok((compact(&store)?, store.stats()?.stored_bytes))
    }
}

fn compact(store: &CheckpointStore) -> Result<Duration> {
    let begin = Instant::now();
    let pruned = store.compact(usize::try_from(KEPT)?)?;
    let took = begin.elapsed();
    ensure!(pruned.checkpoints == u64::from(COUNT - KEPT), "{} checkpoints are gone", pruned.checkpoints);
    Ok(took)
}
