//! A store that keeps itself small, without a thread: what goes, when, and what is said of it.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use keepstone_checkpoint::{
    Bytes, CheckpointStore, Chore, Error, Files, Kind, MemFiles, Policy, Query, Retention, StoreOptions,
};
use keepstone_storage::Op;
use keepstone_testkit::{
    Fault, FaultFiles, Random, Until, fault_sweep,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::{SECOND, sequences};
use crate::support::{ROOT, bytes, mixed, open, quiet};

fn mem() -> Arc<dyn Files> {
    Arc::new(MemFiles::default())
}

fn keeping(files: &Arc<dyn Files>, retention: Retention) -> StoreOptions {
    quiet(files).retention(retention)
}

fn fill(store: &CheckpointStore, count: u64) {
    let session = store.session("main").unwrap();
    (0..count).for_each(|number| drop(session.checkpoint(&number).commit().unwrap()));
}

#[test]
fn after_so_many_checkpoints_what_the_policy_lets_go_goes() {
    let files = mem();
    let options = keeping(&files, Retention::new(Policy::keep_recent(3)).after_checkpoints(5));
    for store in [
        CheckpointStore::in_memory_with(options.clone()),
        CheckpointStore::open_with(ROOT, options.clone()).unwrap(),
    ] {
        let session = store.session("main").unwrap();
        let lens: Vec<usize> = (0..17_u8)
            .map(|number| {
                session.checkpoint(&number).commit().unwrap();
                store.len().unwrap()
            })
            .collect();
        assert_eq!(lens, [1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 3, 4, 5, 6, 7, 3, 4]);
        assert_eq!(store.stats().unwrap().pruned, 13);
    }
    // With the first one after the opening it is looked at again.
    let store = CheckpointStore::open_with(ROOT, options).unwrap();
    fill(&store, 1);
    assert_eq!(sequences(&store), [16, 17, 18]);
}

#[test]
fn after_so_long_by_the_store_s_clock_it_is_looked_at() {
    let clock = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&clock);
    let retention = Retention::new(Policy::new().keep_within(5 * SECOND))
        .after_checkpoints(u64::MAX)
        .every(Duration::from_secs(10));
    let options = keeping(&mem(), retention).clock(move || told.load(Ordering::SeqCst));
    let store = CheckpointStore::in_memory_with(options);
    let session = store.session("main").unwrap();
    let lens = [0, 4, 8, 10, 16, 19, 20, 3, 12, 13].map(|second| {
        clock.store(second * SECOND, Ordering::SeqCst);
        session.checkpoint(&second).commit().unwrap();
        store.len().unwrap()
    });
    // At 10 what is before 5 goes, at 20 what is before 15. When the clock has gone back to 3 it counts from there, and 3 goes at 13.
    assert_eq!(lens, [1, 2, 3, 2, 3, 4, 3, 4, 5, 5]);
}

#[test]
fn heads_tags_locks_and_sessions_that_are_not_there_yet_are_no_matter() {
    let policy = Policy::keep_recent(1).keep_tag("good").only_session("later");
    let store = CheckpointStore::in_memory_with(keeping(&mem(), Retention::new(policy).after_checkpoints(1)));
    fill(&store, 3);
    let session = store.session("later").unwrap();
    let first = session.checkpoint(&1_u8).tag("good").commit().unwrap();
    let fork = session.fork("fork", &first).unwrap();
    session.checkpoint(&2_u8).locked().commit().unwrap();
    fork.checkpoint(&3_u8).commit().unwrap();
    (0..5_u8).for_each(|number| drop(session.checkpoint(&number).commit().unwrap()));
    assert_eq!(sequences(&store), [1, 2, 3, 4, 5, 6, 11]);
    assert!(store.last_background_error().is_none());
}

#[test]
fn packs_go_once_their_grace_is_over() {
    let clock = Arc::new(AtomicI64::new(0));
    let (told, files) = (Arc::clone(&clock), mem());
    let retention = Retention::new(Policy::keep_recent(1)).after_checkpoints(1);
    // With a journal that has no room, each prune writes a manifest.
    let options = keeping(&files, retention).journal_bytes_max(0);
    let options = options.grace(100).clock(move || told.load(Ordering::SeqCst));
    let store = CheckpointStore::open_with(ROOT, options).unwrap();
    let retired = [0, 10, 50, 99, 149, 150].map(|time| {
        clock.store(time, Ordering::SeqCst);
        fill(&store, 1);
        store.stats().unwrap().retired_packs
    });
    // The pack that was made at 0 and is not needed since 10 is gone at 149, the one that is not needed since 50 at 150.
    assert_eq!(retired, [0, 1, 2, 3, 3, 3]);
}

#[test]
fn a_pack_that_nobody_knows_since_when_it_is_not_needed_goes_a_grace_after_the_first_sweep() {
    undated();
}

pub(crate) fn undated() {
    // It was removed by the first sweep, under readers of the manifest before.
    let files = mem();
    let grace = |nanoseconds| quiet(&files).grace(nanoseconds);
    let store = CheckpointStore::open_with(ROOT, grace(100)).unwrap();
    fill(&store, 5);
    store.seal().unwrap();
    store.compact(1).unwrap();
    // The sweep writes down what the prune has left in the journal.
    assert_eq!(store.stats().unwrap().retired_packs, 0);
    let swept = store.sweep(1000).unwrap();
    assert_eq!((swept.packs, swept.waiting), (0, 1));
    drop(store);
    // What the sweep has found is written down.
    let store = CheckpointStore::open_with(ROOT, grace(100)).unwrap();
    assert_eq!(store.sweep(1099).unwrap().waiting, 1);
    assert_eq!(store.sweep(1100).unwrap().packs, 1);
    // Without a grace there is nothing to wait for.
    fill(&store, 1);
    store.compact(1).unwrap();
    drop(store);
    let store = CheckpointStore::open_with(ROOT, grace(0)).unwrap();
    let swept = store.sweep(1100).unwrap();
    assert_eq!((swept.packs, swept.waiting), (1, 0));
}

#[test]
fn a_pack_that_a_wrong_clock_has_dated_goes_a_grace_after_the_right_one() {
    let files = mem();
    let store = CheckpointStore::open_with(ROOT, quiet(&files).grace(100)).unwrap();
    fill(&store, 5);
    store.seal().unwrap();
    store.compact(1).unwrap();
    assert_eq!(store.sweep(i64::MAX).unwrap().waiting, 1);
    assert_eq!(store.sweep(1000).unwrap().waiting, 1);
    assert_eq!(store.sweep(1100).unwrap().packs, 1);
}

#[test]
fn a_commit_that_a_prune_is_told_of_leaves_it_to_the_next_one() {
    let files = mem();
    let retention = Retention::new(Policy::keep_recent(2)).after_checkpoints(3);
    let store = CheckpointStore::open_with(ROOT, keeping(&files, retention)).unwrap();
    fill(&store, 3);
    let plan = store.plan(&Policy::keep_recent(1), None).unwrap();
    let session = store.session("main").unwrap();
    let mut commits = |_| {
        // With the first of them it is time, and whoever is told holds what is needed for it.
        (0..4_u8).for_each(|number| drop(session.checkpoint(&number).commit().unwrap()));
        ControlFlow::Continue(())
    };
    store.apply(&plan, &mut commits).unwrap();
    assert!(store.len().unwrap() > 4);
    fill(&store, 1);
    assert_eq!(store.len().unwrap(), 2);
}

/// Makes checkpoints in a store that keeps itself small, with so many bytes in the journal; how many failed, and whether the store has told of an error by itself.
fn work_with(files: &FaultFiles, journal_bytes_max: u64) -> (u64, u64) {
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let retention = Retention::new(Policy::keep_recent(1)).after_checkpoints(2);
    let mut failed = 0;
    let options = keeping(&files, retention).grace(0).journal_bytes_max(journal_bytes_max);
    let Ok(store) = CheckpointStore::open_with(ROOT, options) else { return (1, 0) };
    let Ok(session) = store.session("main") else { return (1, 0) };
    for number in 0..6_u8 {
        failed += u64::from(session.checkpoint(&bytes(&format!("{number}"))).commit().is_err());
    }
    (failed, store.last_background_error().map_or(0, |failed| failed.count))
}

fn work(files: &FaultFiles) -> (u64, u64) {
    work_with(files, 8 << 20)
}

#[test]
fn what_fails_by_itself_is_told_fails_no_commit_and_is_done_the_next_time() {
    let disk = || {
        let files = mem();
        fill(&open(&files).unwrap(), 3);
        files
    };
    let swept = fault_sweep(&[Fault::Io, Fault::NoSpace], disk, work, |files, (failed, told), case| {
        if case.until == Until::Once && failed > 1 {
            return Err(format!("{failed} commits failed for one call"));
        }
        if case.until == Until::Forever && failed == 0 && told == 0 {
            // The last calls of all are those that nobody needs.
            let calls = FaultFiles::over(disk(), u64::MAX, Fault::Io, Until::Once);
            work(&calls);
            if calls.calls() - case.at > 12 {
                return Err(format!("call {} of {} failed, and nobody was told", case.at, calls.calls()));
            }
        }
        let store = open(files).map_err(|err| err.to_string())?;
        for found in store.list(&Query::new()).map_err(|err| err.to_string())? {
            store.state(&found).map_err(|err| err.to_string())?;
        }
        let head = store.session("main").and_then(|session| session.head()).map_err(|err| err.to_string())?;
        head.map(drop).ok_or_else(|| "the head is gone".to_owned())
    });
    println!("{:?}", swept.unwrap_or_else(|failed| panic!("{failed}")));
}

#[test]
fn a_manifest_that_can_not_be_put_is_told_and_leaves_the_store_as_it_was() {
    // All calls of the run are tried: where a prune fails and the commits don't, nothing has to be read again.
    let (told, whole) = (AtomicU64::new(0), FaultFiles::over(mem(), u64::MAX, Fault::Io, Until::Once));
    work_with(&whole, 0);
    for at in 0..whole.calls() {
        let (failed, errors) = work_with(&FaultFiles::over(mem(), at, Fault::Io, Until::Once), 0);
        assert!(failed + errors <= 2, "call {at}: {failed} commits and {errors} chores failed");
        told.fetch_add(u64::from(failed == 0 && errors > 0), Ordering::SeqCst);
    }
    assert!(told.into_inner() > 5);
}

#[test]
fn closing_tells_of_what_was_not_done_until_it_is() {
    let fail = |after: u64| {
        let files = FaultFiles::over(mem(), after, Fault::Io, Until::Once);
        let dynamic: Arc<dyn Files> = Arc::new(files.clone());
        let retention = Retention::new(Policy::keep_recent(1)).after_checkpoints(3);
        // Room for a state that is kept whole, and not for another one that a prune makes anew.
        let options = keeping(&dynamic, retention).journal_bytes_max(400);
        let store = CheckpointStore::open_with(ROOT, options).ok()?;
        let session = store.session("main").ok()?;
        for number in 0..4_u8 {
            let mut state = mixed(&mut Random::new(1), 400);
            state[0] = number;
            session.checkpoint(&Bytes::from(state)).commit().ok()?;
        }
        let failed = store.last_background_error();
        assert_eq!(failed.is_some(), store.stats().ok()?.background_errors > 0);
        let failed = failed?;
        assert!((failed.chore, failed.is_over, failed.count) == (Chore::Retention, false, 1), "{failed:?}");
        Some((store, failed))
    };
    let found: Vec<_> = (0..200).filter_map(fail).collect();
    assert!(found.len() > 5, "{}", found.len());
    for (number, (store, failed)) in found.into_iter().enumerate() {
        if number % 2 == 0 {
            let err = store.close().unwrap_err();
            assert!(matches!(&err, Error::Unfinished { chore: Chore::Retention, .. }), "{err}");
            assert_eq!(err.kind(), failed.error.kind());
            assert_ne!(err.kind(), Kind::Poisoned);
        } else {
            // The next time it is done.
            fill(&store, 3);
            assert!(store.last_background_error().unwrap().is_over);
            assert!(store.len().unwrap() <= 3);
            store.close().unwrap();
        }
    }
}

// A first sweep that failed was tried again only once something was retired: until then it stayed the last word on the store, and
// closing it said that something was left undone.
#[test]
fn a_first_sweep_that_failed_is_tried_again_with_the_next_look() {
    let files = Arc::new(Tapped::new(mem(), Switch(AtomicBool::new(false))));
    let dynamic: Arc<dyn Files> = files.clone();
    let options = keeping(&dynamic, Retention::new(Policy::keep_recent(9)).after_checkpoints(1)).grace(0);
    let store = CheckpointStore::open_with(ROOT, options).unwrap();
    files.tap().0.store(true, Ordering::SeqCst);
    fill(&store, 1);
    let failed = store.last_background_error().unwrap();
    assert_eq!((failed.chore, failed.is_over), (Chore::Sweep, false));
    assert!(store.health().sweeping_fails);
    files.tap().0.store(false, Ordering::SeqCst);
    fill(&store, 1);
    assert!(store.last_background_error().unwrap().is_over);
    assert!(!store.health().sweeping_fails);
    store.close().unwrap();
}

/// Lists of directories fail while it is on.
#[derive(Debug)]
struct Switch(AtomicBool);

impl Tap for Switch {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op == Op::List && self.0.load(Ordering::SeqCst) {
            return Verdict::Fail(std::io::Error::from_raw_os_error(28));
        }
        Verdict::Run
    }
}
