//! A program that is started again goes on from what the store knows.

use std::{sync::Arc, time::Duration};

use keepstone_checkpoint::{Automatic, Files, MemFiles};

use super::{SECOND, poll};
use crate::support::open;

/// Opens a store, polls once, and ends.
fn start(files: &Arc<dyn Files>, policy: Automatic, event: Option<&str>, second: i64) -> Option<String> {
    let store = open(files).unwrap();
    let mut auto = store.session("agent").unwrap().automatic(policy).unwrap();
    event.map(|event| auto.event(event));
    poll(&mut auto, second * SECOND)
}

#[test]
fn one_that_is_started_over_and_over_makes_neither_one_each_time_nor_none() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let policy = Automatic::new().every(Duration::from_mins(1));
    // Of a store without a checkpoint nobody knows since when.
    assert_eq!(start(&files, policy.clone(), None, 0), None);
    open(&files).unwrap().session("agent").unwrap().checkpoint(&1_u8).at(0).commit().unwrap();
    let made: Vec<i64> = (1..40)
        .map(|start| start * 7)
        .filter(|second| start(&files, policy.clone(), None, *second).is_some())
        .collect();
    assert_eq!(made, [63, 126, 189, 252]);
}

#[test]
fn the_throttle_goes_on_from_the_automatic_checkpoints_that_there_are() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let policy =
        Automatic::new().on("crash").throttle(Duration::from_secs(2)).at_most(3, Duration::from_mins(1));
    let made: Vec<i64> =
        (0..130).filter(|second| start(&files, policy.clone(), Some("crash"), *second).is_some()).collect();
    assert_eq!(made, [0, 2, 4, 60, 62, 64, 120, 122, 124]);
}

#[test]
fn a_head_that_lies_ahead_counts_from_the_start() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("agent").unwrap();
    session.checkpoint(&1_u8).at(i64::MAX).commit().unwrap();
    let mut auto = session.automatic(Automatic::new().every(Duration::from_secs(10))).unwrap();
    let made: Vec<i64> = (100..125).filter(|second| poll(&mut auto, second * SECOND).is_some()).collect();
    assert_eq!(made, [110, 120]);
}
