//! What many checkpoints of a state that changes little take.

use keepstone_checkpoint::{Bytes, CheckpointStore, StoreOptions};
use keepstone_testkit::Random;

use crate::support::mixed;

/// Checkpoints a state over and over, and answers the bytes of all files once it is closed.
fn taken(count: u32, len: usize, mut change: impl FnMut(&mut Random, &mut Vec<u8>)) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let time = std::sync::atomic::AtomicI64::new(0);
    let clock = move || time.fetch_add(1_500_000_000, std::sync::atomic::Ordering::Relaxed);
    let store =
        CheckpointStore::open_with(dir.path(), StoreOptions::new().clock(clock).background(false)).unwrap();
    let session = store.session("main").unwrap();
    let mut random = Random::new(1);
    let mut state = mixed(&mut random, len);
    for _ in 0..count {
        let payload: Bytes<'_> = state.as_slice().into();
        session.checkpoint(&payload).durability(keepstone_checkpoint::Durability::Buffered).commit().unwrap();
        change(&mut random, &mut state);
    }
    drop(session);
    store.close().unwrap();
    files_of(dir.path())
}

fn files_of(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { files_of(&entry.path()) } else { entry.metadata().unwrap().len() }
            },
        )
        .sum()
}

/// Changes one byte in a hundred, in runs of so many.
fn scattered(random: &mut Random, state: &mut [u8], run: usize) {
    for _ in 0..state.len() / 100 / run {
        let at = random.index(state.len() - run);
        for byte in &mut state[at..at + run] {
            *byte = u8::try_from(random.index(256)).unwrap();
        }
    }
}

#[test]
fn a_thousand_checkpoints_of_a_state_that_changes_little_take_a_fortieth_of_its_bytes() {
    for run in [14, 4] {
        let bytes = taken(1000, 10_240, |random, state| scattered(random, state, run));
        println!("1000 of 10 KB, 1 % scattered in runs of {run}: {bytes} bytes");
        // With runs of four bytes what says where they are is as long as they are.
        assert!(bytes < if run == 14 { 300_000 } else { 420_000 }, "runs of {run}: {bytes}");
    }
}

#[test]
fn a_record_that_is_inserted_each_time_costs_little_more_than_itself() {
    let bytes = taken(1000, 10_240, |random, state| {
        scattered(random, state, 14);
        let at = random.index(state.len());
        let record = mixed(random, 40);
        state.splice(at..at, record);
        state.truncate(10_240);
    });
    println!("1000 of 10 KB with an inserted record: {bytes} bytes");
    assert!(bytes < 420_000, "{bytes}");
}
