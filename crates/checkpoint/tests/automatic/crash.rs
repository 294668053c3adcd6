//! Power cuts and kills at each step of a store that keeps itself small.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use keepstone_checkpoint::{CheckpointStore, Error, Files, Policy, Query, Retention, StoreOptions};
use keepstone_testkit::{Failure, SimFiles, Sweep, Swept, effort};

use crate::support::{ROOT, bytes, quiet};

/// The session that is gone on with after a crash.
const AFTER: &str = "after";
/// How many checkpoints the program makes.
const COUNT: u64 = 9;

fn options(disk: &SimFiles) -> StoreOptions {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    // A clock that goes on with each look at it, so that graces end.
    let clock = AtomicI64::new(1);
    let retention = Retention::new(Policy::new().keep_last(2)).after_checkpoints(3);
    quiet(&files)
        .retention(retention)
        .grace(4)
        .journal_bytes_max(1000)
        .clock(move || clock.fetch_add(1, Ordering::SeqCst))
}

/// What a checkpoint holds.
fn text(number: u64) -> String {
    format!("{} {number} {}", "x".repeat(200), "y".repeat(usize::try_from(number * 3).unwrap()))
}

/// What a store has to have: the last checkpoint of each session that was acknowledged, all with their states, and every head.
fn see(store: &CheckpointStore, acknowledged: u64) -> Result<(), Error> {
    let wrong = |what| Err(Error::Misuse { what });
    let mut newest = 0;
    for found in store.list(&Query::new())? {
        let expected = found.message.parse().map_or_else(|_| found.message.to_string(), text);
        if store.state(&found)?.bytes() != expected.as_bytes() {
            return wrong("a state is not what it was");
        }
        if let Ok(number) = found.message.parse::<u64>() {
            newest = newest.max(number);
        }
    }
    if newest < acknowledged || newest > acknowledged + 1 {
        return wrong("the last checkpoint that was acknowledged is gone");
    }
    for info in store.sessions()? {
        for (_, head) in info.branches {
            let is_there = |head: keepstone_checkpoint::Sequence| {
                store.list(&Query::new().sequences(head.0..=head.0)).is_ok_and(|found| found.len() == 1)
            };
            if head.is_some_and(|head| !is_there(head)) {
                return wrong("a head is gone");
            }
        }
    }
    Ok(())
}

fn work(disk: &SimFiles) {
    let store = CheckpointStore::open_with(ROOT, options(disk)).unwrap();
    let session = store.session("main").unwrap();
    let mut on = session.clone();
    for number in 1..=COUNT {
        if number == 3 {
            on = session.fork("fork", session.head().unwrap().unwrap().id).unwrap();
        }
        if number == 6 {
            on = session.clone();
        }
        on.checkpoint(&bytes(&text(number))).message(number.to_string()).commit().unwrap();
        disk.acknowledge_as(number);
        assert!(store.last_background_error().is_none());
    }
    assert!(store.stats().unwrap().pruned > 0);
    store.close().unwrap();
}

/// Goes on, for long enough that checkpoints go.
fn go_on(disk: &SimFiles) -> Result<(), Error> {
    let store = CheckpointStore::open_with(ROOT, options(disk))?;
    see(&store, disk.acknowledged())?;
    let after = store.session(AFTER)?;
    for _ in 0..3 {
        after.checkpoint(&bytes("next")).message("next").commit()?;
    }
    match store.last_background_error() {
        Some(failed) => Err(Error::Unfinished { chore: failed.chore, source: failed.error }),
        None => see(&store, disk.acknowledged()),
    }
}

fn check(disk: &SimFiles, acknowledged: u64) -> Result<(), String> {
    let said = |err: Error| err.to_string();
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let store = CheckpointStore::open_with(ROOT, quiet(&files)).map_err(said)?;
    see(&store, acknowledged).map_err(said)?;
    drop(store);
    let store = CheckpointStore::open_with(ROOT, options(disk)).map_err(said)?;
    let session = store.session(AFTER).map_err(said)?;
    for _ in 0..3 {
        session.checkpoint(&bytes("next")).message("next").commit().map_err(said)?;
    }
    if let Some(failed) = store.last_background_error() {
        return Err(failed.to_string());
    }
    see(&store, acknowledged).map_err(said)
}

pub(crate) fn sweep() -> Result<Swept, Failure> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(2 * scale)
        .recoveries_max_per_point(scale)
        .states_again_max_per_point(scale)
        .run(work)
        .recover(|disk| go_on(disk).map_err(|err| err.to_string()))
        .check(check)
}

#[test]
fn a_crash_while_checkpoints_go_by_themselves_leaves_heads_and_all_that_stay_as_they_were() {
    let swept = sweep().unwrap_or_else(|failure| panic!("{failure}"));
    println!("{swept}");
    assert!(swept.states_checked > 300 && swept.recoveries > 30, "{swept}");
}
