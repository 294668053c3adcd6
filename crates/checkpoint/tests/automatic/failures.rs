//! Automatic checkpoints that can't be made.

use std::{sync::Arc, time::Duration};

use keepstone_checkpoint::{AutoSession, Automatic, Error, Files, MemFiles};
use keepstone_testkit::{Fault, FaultFiles, Until};
use serde::{Serialize, Serializer, ser::Error as _};

use super::{SECOND, poll};
use crate::support::open;

/// A state that can't be encoded.
pub(super) struct Broken;

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("the model is being trained"))
    }
}

fn auto(policy: Automatic) -> AutoSession {
    keepstone_checkpoint::CheckpointStore::in_memory().session("main").unwrap().automatic(policy).unwrap()
}

#[test]
fn a_failure_is_told_loses_nothing_and_does_not_begin_the_throttle() {
    let policy = Automatic::new().on("hit").throttle(Duration::from_secs(1000)).message("{cause} {bytes}");
    let mut auto = auto(policy);
    auto.event("hit");
    auto.changed(5);
    let err = auto.poll(Some(0), &Broken).unwrap_err();
    assert!(matches!(err, Error::Payload { .. }), "{err}");
    assert_eq!(poll(&mut auto, SECOND - 1), None, "the back-off is a second");
    let made = auto.poll(Some(SECOND), &1_u8).unwrap().unwrap();
    assert_eq!(&*made.checkpoint.message, "hit 5");
    auto.event("hit");
    assert_eq!((poll(&mut auto, 1000 * SECOND), poll(&mut auto, 1001 * SECOND)), (None, Some("hit".into())));
}

#[test]
fn the_back_off_doubles_with_each_failure_up_to_64_times_and_begins_anew_afterwards() {
    let mut auto = auto(Automatic::new().every(Duration::ZERO).back_off(Duration::from_secs(2)));
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..9 {
        auto.poll(Some(now), &Broken).unwrap_err();
        let next = auto.next_due(Some(now)).unwrap().unwrap();
        assert_eq!(auto.due(Some(next - 1)).unwrap(), None);
        waits.push((next - now) / SECOND);
        now = next;
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 128, 128]);
    assert!(poll(&mut auto, now).is_some());
    auto.poll(Some(now), &Broken).unwrap_err();
    assert_eq!(auto.next_due(Some(now)).unwrap(), Some(now + 2 * SECOND));
    // Without one each call tries again.
    auto.set_policy(Automatic::new().every(Duration::ZERO).back_off(Duration::ZERO)).unwrap();
    auto.poll(Some(now), &Broken).unwrap_err();
    assert!(poll(&mut auto, now).is_some());
}

#[test]
fn a_state_that_can_not_be_measured_is_measured_again_after_the_back_off() {
    let mut auto = auto(Automatic::new().after_difference(1, Duration::from_secs(1000)));
    auto.poll(Some(0), &Broken).unwrap_err();
    assert!(!auto.wants(Some(SECOND - 1)).unwrap() && auto.wants(Some(SECOND)).unwrap());
    assert_eq!(poll(&mut auto, SECOND).as_deref(), Some("bytes differ"));
}

#[test]
fn whatever_call_to_the_disk_fails_the_next_poll_after_the_back_off_makes_the_checkpoint() {
    let run = |files: &FaultFiles| {
        let dynamic: Arc<dyn Files> = Arc::new(files.clone());
        // What fails before there is a session is no matter of this.
        let Ok(store) = open(&dynamic) else { return None };
        let session = store.session("main").ok()?;
        let mut auto = session.automatic(Automatic::new().on("hit").throttle(Duration::from_mins(1))).ok()?;
        auto.event("hit");
        let first = auto.poll(Some(0), &1_u8);
        let failed = if let Ok(made) = &first {
            assert!(made.is_some());
            false
        } else {
            assert!(auto.poll(Some(1), &1_u8).unwrap().is_none());
            assert_eq!(poll(&mut auto, SECOND).as_deref(), Some("hit"));
            true
        };
        assert!(session.head().unwrap().is_some());
        Some(failed)
    };
    let over = |at| FaultFiles::over(Arc::new(MemFiles::default()), at, Fault::NoSpace, Until::Once);
    let unharmed = over(u64::MAX);
    assert_eq!(run(&unharmed), Some(false));
    let failed = (0..unharmed.calls()).filter(|at| run(&over(*at)) == Some(true)).count();
    assert!(failed > 0, "no call of the checkpoint was made to fail");
}
