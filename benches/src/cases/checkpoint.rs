//! Checkpoints, beside the least that anybody would do to keep a state, and what forge publishes.

mod compacted;
mod created;
mod kept;
mod listed;
mod named;
mod restored;
mod served;
mod states;
mod threads;

use std::{path::Path, sync::Arc};

use anyhow::Result;
use keepstone::storage::OsFiles;
use keepstone_checkpoint::{CheckpointStore, Session, StoreOptions};
use keepstone_testkit::CountingFiles;

use crate::case::Plan;
use states::States;

const KB: u32 = 1024;
const MB: u32 = 1024 * KB;
/// What a commit has around it in the log: its frame's head, and the mark behind it.
const AROUND_LEN: u64 = 16 + 40;
/// Commits that the bytes of one are told from; among them are states that are kept whole.
const COUNTED: u64 = 400;

/// The cases, in the order of the table.
pub(super) fn plans() -> Vec<Plan> {
    let short = [("1 KB, 1 %", KB), ("10 KB, 1 %", 10 * KB)];
    let mut plans = vec![Plan::new("checkpoint create, memory", "1 KB, 1 %", KB, created::in_memory_limited)];
    plans.push(Plan::new("checkpoint create, memory", "10 KB, 1 %", 10 * KB, created::in_memory));
    plans.push(Plan::new("checkpoint create, memory", "1 MB, 1 %", MB, created::in_memory));
    plans.extend(
        short.map(|(size, len)| Plan::new("checkpoint create, durable", size, len, created::durable)),
    );
    plans.push(Plan::new("checkpoint create, durable", "1 MB, 1 %", MB, created::durable_long));
    plans.push(Plan::new("checkpoint 8 threads", "8 x 32 of 1 KB", KB, threads::at_once));
    for (size, count) in [("100", 100), ("10k", 10_000)] {
        plans.push(Plan::new("checkpoint list", size, count, listed::all));
        plans.push(Plan::new("checkpoint list, of a session", size, count, listed::of_session));
        plans.push(Plan::new("checkpoint list, by tag", size, count, listed::by_tag));
    }
    for (size, len) in [("10 KB", 10 * KB), ("100 KB", 100 * KB), ("1 MB", MB)] {
        plans.push(Plan::new("checkpoint restore, head", size, len, restored::head));
    }
    plans.push(Plan::new("checkpoint restore, any", "1000 of 10 KB", 10 * KB, restored::any));
    plans.push(Plan::new("checkpoint service", "1 KB, 1 %", KB, served::checkpoint));
    plans.push(Plan::new("checkpoint service", "10 KB, 1 %", 10 * KB, served::checkpoint));
    plans.push(Plan::new("checkpoint metrics", "18 numbers", 0, served::metrics));
    plans.push(Plan::new("checkpoint compaction", "1000 of 10 KB to 10", 10 * KB, compacted::to_ten));
    let in_use = "checkpoint compaction, in use";
    plans.push(Plan::new(in_use, "1000 of 10 KB to 10", 10 * KB, compacted::to_ten_in_use));
    plans.push(Plan::new("checkpoint bytes", "1000 of 10 KB, runs of 14", 14, kept::short));
    plans.push(Plan::new("checkpoint bytes", "1000 of 10 KB, runs of 4", 4, kept::short));
    plans.push(Plan::new("checkpoint bytes", "1000 of 10 KB, a record more", 14, kept::with_records));
    plans.push(Plan::new("checkpoint bytes", "200 of 1 MB, runs of 14", 14, kept::long));
    plans.extend(crate::forge::NAMED.map(|named| Plan::new(named.name, named.size, 0, named::case)));
    plans
}

/// A session of a store in memory that has no checkpoint yet.
fn in_memory() -> Result<Session> {
    Ok(CheckpointStore::in_memory().session("main")?)
}

/// How many bytes a durable commit of one of the states writes, on average.
fn commit_len(dir: &Path, states: &mut States) -> Result<u64> {
    let files = Arc::new(CountingFiles::over(Arc::new(OsFiles)));
    let options = StoreOptions::new().files(files.clone()).background(false).journal_bytes_max(u64::MAX);
    let session = CheckpointStore::open_with(dir, options)?.session("main")?;
    // The first one of all says who writes, and is kept whole.
    session.checkpoint(states.next()).commit()?;
    let (mut bytes, mut commits) = (0, 0);
    while commits < COUNTED {
        let before = files.counts();
        session.checkpoint(states.next()).commit()?;
        let after = files.counts();
        // Those that end a segment make the next one, which is no part of what a commit is.
        if after.writes - before.writes == 1 {
            bytes += after.bytes_written - before.bytes_written;
            commits += 1;
        }
    }
    Ok(bytes / COUNTED)
}
