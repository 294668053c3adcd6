//! Checkpoints that are made by themselves, and those that go by themselves.

mod crash;
mod failures;
mod model;
mod reopen;
mod retention;
mod rules;
mod threads;

pub(crate) use crash::sweep;
pub(crate) use model::histories;
pub(crate) use retention::undated;

use keepstone_checkpoint::{AutoSession, CheckpointStore, Committed, Query, Trigger};

pub(crate) const SECOND: i64 = 1_000_000_000;

/// The cause of a checkpoint.
fn cause(made: &Committed) -> String {
    match &made.checkpoint.trigger {
        Trigger::Automatic(cause) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Polls with a small state; the cause of the checkpoint that was made, if one was.
fn poll(auto: &mut AutoSession, now: i64) -> Option<String> {
    auto.poll(Some(now), &now).unwrap().as_ref().map(cause)
}

fn sequences(store: &CheckpointStore) -> Vec<u64> {
    store.list(&Query::new()).unwrap().iter().map(|found| found.sequence.0).collect()
}
