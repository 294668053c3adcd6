//! The tests can fail: services that are wrong in a known way are caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keepstone_checkpoint::{
    CheckpointService, CheckpointStore, Event, Fields,
    planted::{self, Plant},
};

use super::metrics::worked;

fn is_caught(plant: Plant, work: impl FnOnce()) {
    let caught = planted::with(plant, || catch_unwind(AssertUnwindSafe(work)));
    assert!(caught.is_err(), "{plant:?}");
}

fn service() -> CheckpointService {
    CheckpointService::new(CheckpointStore::in_memory())
}

/// Everything that a slow listener hears adds up to what has happened.
fn nothing_is_lost_unreported() {
    let service = service();
    let session = service.create_session("a", Fields::new()).unwrap();
    let events = service.subscribe(4);
    for step in 0..9_u8 {
        session.checkpoint(&step).commit().unwrap();
    }
    drop((session, service));
    let count = |event| match event {
        Event::Missed(count) => count,
        _ => 1,
    };
    assert_eq!(events.map(count).sum::<u64>(), 9);
}

fn metrics_are_right() {
    let service = service();
    let expected = worked(&service);
    assert_eq!(service.metrics(), expected);
}

#[test]
fn a_sound_service_passes() {
    nothing_is_lost_unreported();
    metrics_are_right();
    super::health::an_event_waits_for_the_disk();
}

#[test]
fn events_that_are_dropped_untold_are_caught() {
    is_caught(Plant::UntoldDrop, nothing_is_lost_unreported);
}

#[test]
fn failures_that_are_counted_as_checkpoints_are_caught() {
    is_caught(Plant::CountedFailure, metrics_are_right);
}

#[test]
fn events_that_are_told_before_the_disk_has_them_are_caught() {
    is_caught(Plant::EarlyEvent, super::health::an_event_waits_for_the_disk);
}
