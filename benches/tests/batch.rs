//! The memory of a batch of checkpoints.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use keepstone_benches::alloc;
use keepstone_checkpoint::{BatchItem, CheckpointStore, Durability, Session};

use crate::ALONE;

/// Between two powers of two, both with the batch and the filling: vectors that double do so elsewhere.
const FEW: u32 = 70;
const MANY: u32 = 70_000;
const BATCH: u32 = 10;

fn commit(session: &Session, states: &[u32]) {
    let items = states.iter().map(|state| BatchItem::new(session, state)).collect();
    assert_eq!(session.store().checkpoint_batch(items, Durability::Durable).unwrap().len(), states.len());
}

/// How often a batch allocates on top of so many checkpoints, and the bytes that it takes.
fn taken(count: u32) -> (u64, usize) {
    let session = CheckpointStore::in_memory().session("main").unwrap();
    let states: Vec<u32> = (0..=count).collect();
    states.chunks(1000).for_each(|states| commit(&session, states));
    let states: Vec<u32> = (0..BATCH).collect();
    let (((), count), heap) = alloc::heap(|| alloc::count(|| commit(&session, &states)));
    (count, heap.peak)
}

#[test]
fn a_batch_takes_no_more_memory_however_many_checkpoints_there_are() {
    // All that is known of a store was copied, to be put back should a checkpoint of the batch be refused.
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (few, many) = (taken(FEW), taken(MANY));
    assert!(many.0 <= few.0 + 8, "allocations: {few:?}, then {many:?}");
    assert!(many.1 <= few.1 + 4096, "bytes: {few:?}, then {many:?}");
}
