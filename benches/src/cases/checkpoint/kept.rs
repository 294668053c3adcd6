use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use keepstone::storage::{Files as _, OsFiles};
use keepstone_checkpoint::{Bytes, CheckpointStore, Durability, StoreOptions};

use super::{
    KB, MB,
    states::{place, scatter},
};
use crate::{
    Scratch, Watch,
    bundle::Data,
    case::{Case, Plan},
    mixed::SplitMix,
};

const RECORD_LEN: usize = 40;

/// What is kept.
struct Run {
    count: u32,
    len: u32,
    /// Changed bytes that stand together.
    together: u32,
    has_record: bool,
    /// Bytes that all files may have.
    bytes_max: u64,
}

/// A thousand states of 10 KB, one byte in a hundred changed from one to the next.
pub(in crate::cases) fn short(plan: &Plan, dir: &Path) -> Result<Case> {
    // With runs of four bytes what says where they are is as long as they are.
    let bytes_max = if plan.amount < 14 { 420_000 } else { 300_000 };
    case(plan, dir, &Run { count: 1000, len: 10 * KB, together: plan.amount, has_record: false, bytes_max })
}

/// The same with a record of 40 bytes that is put in between each time.
pub(in crate::cases) fn with_records(plan: &Plan, dir: &Path) -> Result<Case> {
    let run = Run { count: 1000, len: 10 * KB, together: plan.amount, has_record: true, bytes_max: 420_000 };
    case(plan, dir, &run)
}

/// Two hundred states of 1 MB.
pub(in crate::cases) fn long(plan: &Plan, dir: &Path) -> Result<Case> {
    let run = Run { count: 200, len: MB, together: plan.amount, has_record: false, bytes_max: 4_600_000 };
    case(plan, dir, &run)
}

/// Checkpoints that are made once, their files counted when the store is closed, beside each state by itself as LZ4 makes it. More
/// bytes than are allowed fail the case: they don't depend on the machine.
fn case(plan: &Plan, dir: &Path, run: &Run) -> Result<Case> {
    let scratch = Scratch::new(dir, "checkpoint-bytes")?;
    let (mut took, mut by_hand) = (Duration::ZERO, Duration::ZERO);
    let mut whole = 0;
    let time = std::sync::atomic::AtomicI64::new(0);
    let clock = move || time.fetch_add(1_500_000_000, std::sync::atomic::Ordering::Relaxed);
    let store = CheckpointStore::open_with(scratch.path(), StoreOptions::new().clock(clock))?;
    let session = store.session("main")?;
    let mut random = SplitMix::new(1);
    let (len, run_len) = (usize::try_from(run.len)?, usize::try_from(run.together)?);
    let mut state = Data::Mixed.bytes(len);
    for _ in 0..run.count {
        let begin = Instant::now();
        session.checkpoint(&Bytes::from(state.as_slice())).durability(Durability::Buffered).commit()?;
        took += begin.elapsed();
        let begin = Instant::now();
        whole += lz4_flex::compress(&state).len() as u64;
        by_hand += begin.elapsed();
        scatter(&mut random, &mut state, run_len);
        if run.has_record {
            let at = place(&mut random, state.len());
            let record: Vec<u8> = (0..RECORD_LEN / 2).flat_map(|_| random.next_u16().to_le_bytes()).collect();
            state.splice(at..at, record);
            state.truncate(len);
        }
    }
    drop(session);
    let begin = Instant::now();
    store.close()?;
    took += begin.elapsed();
    let bytes = files_of(scratch.path())?;
    ensure!(bytes <= run.bytes_max, "{} take {bytes} bytes, of {} allowed", plan.id(), run.bytes_max);
    let (count, bytes_max) = (run.count, run.bytes_max);
    let told = move |bytes: u64, took: Duration| {
        move |watch: &mut Watch| {
            watch.note_bytes(bytes);
            watch.spent(|| Ok(took))
        }
    };
    let ours = told(bytes, took);
    let case = plan.case().per("checkpoint", count).ours(move |watch| {
        watch.note_remark(format!("at most {bytes_max} bytes; measured once"));
        ours(watch)
    });
    Ok(case.floor(1.0, "LZ4 of each state, no file", told(whole, by_hand)))
}

/// The bytes of all files in a directory and those in it.
fn files_of(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for name in OsFiles.list(dir)? {
        let path = dir.join(name);
        let metadata = OsFiles.metadata(&path)?;
        bytes += if metadata.is_file { metadata.len } else { files_of(&path)? };
    }
    Ok(bytes)
}
