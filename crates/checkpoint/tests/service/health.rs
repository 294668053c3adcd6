//! A disk that fails is seen in the health of a service, and in its events.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keepstone_checkpoint::{
    Bytes, CheckpointService, CheckpointStore, Event, Fields, Files, Health, Kind, MemFiles, Policy,
    Selection, Status, StoreOptions, Work,
};
use keepstone_testkit::{
    Fault, FaultFiles, Random, Until,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::events::now;
use crate::support::{ROOT, mixed};

/// Files that fail while they are to, where a path has this in it.
#[derive(Debug, Default)]
struct Switch {
    is_broken: AtomicBool,
    only: Mutex<&'static str>,
}

impl Tap for Switch {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let is_it = call.path.to_string_lossy().contains(*self.only.lock().unwrap());
        if is_it && self.is_broken.load(Ordering::SeqCst) {
            return Verdict::Fail(io::Error::from_raw_os_error(28));
        }
        Verdict::Run
    }
}

impl Switch {
    fn break_where(&self, path: &'static str) {
        *self.only.lock().unwrap() = path;
        self.is_broken.store(true, Ordering::SeqCst);
    }

    fn mend(&self) {
        self.is_broken.store(false, Ordering::SeqCst);
    }
}

fn on(files: &Arc<dyn Files>, background: bool) -> CheckpointService {
    let options = StoreOptions::new().files(Arc::clone(files));
    let options = options.background(background).journal_bytes_max(2_000);
    CheckpointService::new(CheckpointStore::open_with(ROOT, options).unwrap())
}

fn switched(background: bool) -> (Arc<Tapped<Switch>>, CheckpointService) {
    let files = Arc::new(Tapped::new(Arc::new(MemFiles::default()), Switch::default()));
    let as_files: Arc<dyn Files> = files.clone();
    let service = on(&as_files, background);
    service.create_session("a", Fields::new()).unwrap();
    service.checkpoint("a", &0_u32).unwrap();
    (files, service)
}

fn state(random: &mut Random) -> Bytes<'static> {
    mixed(random, 6000).into()
}

#[test]
fn a_service_has_failed_while_its_disk_does_and_is_ready_afterwards() {
    let (files, service) = switched(false);
    let mut events = service.subscribe(100);
    assert!(service.health().is_ready());
    files.tap().break_where("");
    assert_eq!(service.checkpoint("a", &1_u32).unwrap_err().kind(), Kind::NoSpace);
    let health = service.health();
    assert_eq!((health.status, health.journal_failures, health.recoveries), (Status::Failed, 1, 0));
    assert_eq!((health.last_failure, health.is_ready()), (Some(Kind::NoSpace), false));
    assert_eq!(now(&mut events), ["failed Commit"]);
    // Each call tries to read the store again, and the failure stays one.
    assert!(service.checkpoint("a", &2_u32).is_err() && service.sessions().is_err());
    let health = service.health();
    assert_eq!((health.status, health.journal_failures), (Status::Failed, 1));
    files.tap().mend();
    assert_eq!(service.list_by_session("a").unwrap().len(), 1);
    let health = service.health();
    assert_eq!((health.status, health.journal_failures, health.recoveries), (Status::Ready, 1, 1));
    service.checkpoint("a", &3_u32).unwrap();
    let all = now(&mut events);
    assert_eq!(all, ["recovered", "created 2"]);
    let metrics = service.metrics();
    assert_eq!((metrics.checkpoints, metrics.checkpoints_failed, metrics.last_sequence), (2, 2, 2));
}

// An import whose commit the journal refused said so to its caller alone: who listened heard of it with the next call.
#[test]
fn an_import_that_the_disk_fails_is_told() {
    let source = CheckpointStore::in_memory();
    // More than the journal gathers before it writes.
    let state: Bytes<'_> = mixed(&mut Random::new(1), 4 << 20).into();
    source.session("b").unwrap().checkpoint(&state).commit().unwrap();
    let mut bytes = Vec::new();
    source.export(&Selection::All, &mut bytes).unwrap();
    let (files, service) = switched(false);
    // So that the import begins nothing, and its first commit is that of the checkpoint.
    service.create_session("b", Fields::new()).unwrap();
    let mut events = service.subscribe(100);
    files.tap().break_where("");
    assert_eq!(service.store().import(bytes.as_slice()).unwrap_err().kind(), Kind::NoSpace);
    assert_eq!(now(&mut events), ["failed Commit"]);
    files.tap().mend();
    let imported = service.store().import(bytes.as_slice()).unwrap();
    assert_eq!((imported.imported, service.health().status), (1, Status::Ready));
    assert_eq!(now(&mut events)[..2], ["recovered", "created 2"]);
}

#[test]
fn states_that_cannot_be_moved_degrade_a_service_until_they_can() {
    let (files, service) = switched(false);
    let mut events = service.subscribe(100);
    files.tap().break_where("packs");
    let mut random = Random::new(1);
    // The checkpoint is safe where it is; that nothing could be moved is no failure of its own.
    service.checkpoint("a", &state(&mut random)).unwrap();
    let health = service.health();
    assert_eq!((health.status, health.sealing_fails, health.seal_failures), (Status::Degraded, true, 1));
    assert_eq!((health.retention_fails, health.last_failure), (false, Some(Kind::NoSpace)));
    assert_eq!(service.stats().unwrap().background_errors, 1);
    assert_eq!(now(&mut events), ["created 2", "failed Seal"]);
    files.tap().mend();
    service.checkpoint("a", &state(&mut random)).unwrap();
    let health = service.health();
    assert_eq!((health.status, health.sealing_fails, health.seal_failures), (Status::Ready, false, 1));
    assert_eq!(now(&mut events), ["created 3", "sealed true"]);
}

#[test]
fn what_fails_in_the_background_is_told_as_well() {
    let (files, service) = switched(true);
    let mut events = service.subscribe(100);
    files.tap().break_where("packs");
    let mut random = Random::new(2);
    service.checkpoint("a", &state(&mut random)).unwrap();
    let come = || events.next_timeout(Duration::from_mins(1));
    let failed = std::iter::from_fn(come).find_map(|event| match event {
        Event::Failed { work, failure } => Some((work, failure.kind)),
        _ => None,
    });
    assert_eq!(failed, Some((Work::Seal, Kind::NoSpace)));
    assert_eq!(service.health().status, Status::Degraded);
    // And whoever ends the store in order hears why it can't be.
    let other = service.clone();
    assert_eq!(service.close().unwrap_err().kind(), Kind::NoSpace);
    files.tap().mend();
    other.close().unwrap();
}

#[test]
fn a_prune_that_fails_degrades_a_service_and_a_plan_that_is_wrong_does_not() {
    let (files, service) = switched(false);
    for step in 0..5_u32 {
        service.checkpoint("a", &step).unwrap();
    }
    // What is made anew for the last one has no room in the journal.
    let mut random = Random::new(3);
    let mut state = mixed(&mut random, 2400);
    service.checkpoint("a", &Bytes::from(state.clone())).unwrap();
    state[0] ^= 1;
    service.checkpoint("a", &Bytes::from(state)).unwrap();
    let mut events = service.subscribe(100);
    files.tap().break_where("packs");
    assert_eq!(service.compact(1).unwrap_err().kind(), Kind::NoSpace);
    let health = service.health();
    assert_eq!(
        (health.status, health.retention_fails, health.retention_failures),
        (Status::Degraded, true, 1)
    );
    assert_eq!(now(&mut events), ["failed Retention"]);
    assert!(service.prune(&Policy::keep_recent(1).only_session("none"), None).is_err());
    assert_eq!(service.health().retention_failures, 1);
    files.tap().mend();
    service.compact(1).unwrap();
    assert_eq!(service.health().status, Status::Ready);
    assert_eq!((service.metrics().pruned, service.metrics().prunes), (7, 1));
}

/// What is known of a service at each call that may fail.
fn at_each_call(fault: Fault, until: Until) -> (u32, u32) {
    let work = |service: &CheckpointService| -> Vec<Health> {
        let mut events = service.subscribe(1000);
        let (mut seen, mut made, mut told) = (Vec::new(), 0, 0);
        for step in 0..4_u32 {
            let before = service.health();
            let done = service.checkpoint("a", &step);
            let health = service.health();
            match &done {
                Ok(_) => assert_ne!(health.status, Status::Failed, "{health:?}"),
                Err(err) => assert!(!health.is_ready(), "{err} after {before:?}"),
            }
            made += u64::from(done.is_ok());
            seen.push(health);
        }
        // The next call finds out how it is.
        if service.sessions().is_ok() {
            seen.push(service.health());
        }
        let metrics = service.metrics();
        assert_eq!((metrics.checkpoints, metrics.checkpoints_failed), (made, 4 - made));
        while let Some(event) = events.try_next() {
            told += u64::from(matches!(event, Event::Created { .. }));
        }
        // One that failed may have been found when the store was read again.
        assert!((made..=4).contains(&told), "{made} were made, {told} told");
        seen
    };
    let prepared = || -> Arc<dyn Files> {
        let files: Arc<dyn Files> = Arc::new(MemFiles::default());
        on(&files, false).create_session("a", Fields::new()).unwrap();
        files
    };
    let (mut failed, mut recovered) = (0, 0);
    for at in 0.. {
        let faulty = FaultFiles::over(prepared(), at, fault, until);
        let files: Arc<dyn Files> = Arc::new(faulty.clone());
        let options = StoreOptions::new().files(Arc::clone(&files)).background(false);
        let Ok(store) = CheckpointStore::open_with(ROOT, options) else { continue };
        let opened = faulty.calls();
        let service = CheckpointService::new(store);
        let seen = work(&service);
        if faulty.calls() <= at {
            break;
        }
        if opened > at {
            continue;
        }
        let failures = seen.iter().filter(|health| health.status == Status::Failed).count();
        failed += u32::from(failures > 0);
        recovered += u32::from(failures > 0 && seen.last().is_some_and(Health::is_ready));
        if until == Until::Once {
            assert_eq!(seen.last().map(|health| health.status), Some(Status::Ready), "call {at}");
        }
    }
    (failed, recovered)
}

#[test]
fn whatever_call_of_the_disk_fails_once_the_service_is_ready_again() {
    for fault in [Fault::Io, Fault::NoSpace] {
        let (failed, recovered) = at_each_call(fault, Until::Once);
        assert!(failed > 0 && failed == recovered, "{failed} have failed, {recovered} recovered");
    }
}

#[test]
fn a_disk_that_fails_for_good_is_never_called_healthy() {
    let (failed, recovered) = at_each_call(Fault::Io, Until::Forever);
    assert!(failed > 0);
    assert_eq!(recovered, 0);
}

/// A checkpoint whose sync fails is not told, but as what is found when the store is read again.
pub(super) fn an_event_waits_for_the_disk() {
    let (files, service) = switched(false);
    let mut events = service.subscribe(100);
    files.tap().break_where("");
    assert!(service.checkpoint("a", &1_u32).is_err());
    let told = now(&mut events);
    assert!(!told.iter().any(|told| told.starts_with("created")), "{told:?}");
}
