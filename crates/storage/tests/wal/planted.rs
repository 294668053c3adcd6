//! Logs that are wrong in a known way: each is caught by the kind of test that is there for it, which passes
//! on the log as it is.

use std::sync::Arc;

use keepstone_storage::{
    Durability, Files,
    wal::planted::{Plant, with},
};
use keepstone_testkit::{Fault, IgnoredFailure, Sweep, Until};

use super::{
    crash::{Act, sweep},
    damage::{self, Sample},
    faults, image, open, read,
};

#[track_caller]
fn caught(plant: Plant, says: &str, test: impl Fn() -> Result<(), String>) {
    test().unwrap_or_else(|failure| panic!("fails without a fault: {failure}"));
    let said = with(plant, test).expect_err("is not caught");
    assert!(said.contains(says), "{plant:?} is caught by another sign: {said}");
}

/// Every so many bits of those that are flipped elsewhere.
fn flips(step: usize) -> impl Fn() -> Result<(), String> {
    let sample = Sample::new();
    move || damage::flip(&sample, step).map(drop)
}

fn crashes(acts: &[Act]) -> impl Fn() -> Result<(), String> {
    move || sweep(acts).map(drop).map_err(|failure| failure.to_string())
}

#[test]
fn a_length_that_is_trusted_is_caught_by_flipped_bits() {
    caught(Plant::TrustedLength, "served", flips(11));
}

#[test]
fn a_record_that_is_passed_over_is_caught_by_flipped_bits() {
    caught(Plant::SkippedRecord, "said []", flips(11));
}

#[test]
fn a_header_that_is_not_covered_is_caught_by_flipped_bits() {
    caught(Plant::UncoveredHeader, "this build reads up to 0", flips(3));
}

#[test]
fn what_an_earlier_use_of_a_segment_left_is_caught_by_a_crash_sweep() {
    let acts = [
        Act::Durable(7000),
        Act::Durable(7000),
        Act::Durable(7000),
        Act::Truncate(3),
        Act::Durable(7000),
        Act::Durable(7000),
    ];
    caught(Plant::StaleTail, "damage reported", crashes(&acts));
}

#[test]
fn a_turnover_with_one_sync_is_caught_by_a_crash_sweep() {
    let acts = [Act::Buffered(5000), Act::Flush, Act::Buffered(5000), Act::Flush, Act::Sync];
    caught(Plant::OneSyncTurnover, "damaged at byte", crashes(&acts));
}

#[test]
fn a_lock_by_content_is_caught_by_a_kill() {
    let acts = [Act::Durable(10), Act::Reopen, Act::Durable(10)];
    caught(Plant::ContentLock, "another writer has it locked", crashes(&acts));
}

#[test]
fn records_believed_from_the_page_cache_are_caught_by_a_power_cut_after_a_kill() {
    let acts = [Act::Durable(100), Act::Buffered(300), Act::Kill];
    caught(Plant::BelievedCache, "acknowledged below", crashes(&acts));
}

#[test]
fn a_sync_that_is_retried_is_caught_by_a_power_cut_after_a_fault() {
    caught(Plant::RetriedSync, "damaged at byte", || (0..40).try_for_each(retried));
}

/// Appends again after a failure, and cuts the power.
fn retried(at: u64) -> Result<(), String> {
    let swept = Sweep::new()
        .setup(|disk| drop(open(&(Arc::new(disk.clone()) as Arc<dyn Files>)).unwrap()))
        .run(|disk| {
            let files: Arc<dyn Files> = Arc::new(disk.faults(at, Fault::Io, Until::Once));
            let Ok(wal) = open(&files) else { return };
            // What failed is tried again, until it is said to be durable.
            let tried = (0..2).find_map(|_| wal.append(&[7; 2000], Durability::Durable).ok());
            disk.acknowledge_as(tried.map_or(0, |lsn| lsn.0));
        })
        .depth(1)
        .check(|disk, acknowledged| {
            let wal = open(&(Arc::new(disk.clone()) as Arc<dyn Files>)).map_err(|err| err.to_string())?;
            let found = read(&wal).map_err(|err| err.to_string())?;
            let there = acknowledged == 0 || found.contains(&(acknowledged, vec![7; 2000]));
            if there { Ok(()) } else { Err("the acknowledged record is lost".to_owned()) }
        });
    swept.map(drop).map_err(|failure| failure.to_string())
}

#[test]
fn a_full_disk_that_is_ignored_is_caught_by_reading_back() {
    let run = |at: u64| {
        let disk = faults::prepared();
        let files: Arc<dyn Files> = Arc::new(IgnoredFailure::over(Arc::clone(&disk), at));
        let work = std::panic::AssertUnwindSafe(|| {
            let told = faults::work(&files, &|_| {});
            faults::check(&image(&disk), &told)
        });
        std::panic::catch_unwind(work).unwrap_or_else(|_| Err("the log serves something else".to_owned()))
    };
    run(u64::MAX).unwrap();
    // Of the first writes; one of zeros into a new file is not missed.
    let caught: Vec<u64> = (0..12).filter(|&at| run(at).is_err()).collect();
    assert!(caught.len() >= 6, "{caught:?}");
}
