//! Plans that are applied: what stays has the state that it had, wherever the store stands.

pub(crate) mod crash;
mod journal;
mod random;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use keepstone_checkpoint::{
    Backend, Bytes, CheckpointStore, Error, Files, Kind, MemBackend, MemFiles, Plan, Policy, Progress,
    Pruned, Query, Stage,
};
use keepstone_testkit::Random;

use crate::support::{bytes, edit, mixed, open, quiet};

fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn prune(store: &CheckpointStore, policy: &Policy) -> Pruned {
    let plan = store.plan(policy, None).unwrap();
    store.apply(&plan, &mut go).unwrap()
}

/// All states, by sequence.
fn states(store: &CheckpointStore) -> BTreeMap<u64, Vec<u8>> {
    let state = |found| store.state(&found).unwrap().bytes().to_vec();
    store.list(&Query::new()).unwrap().into_iter().map(|found| (found.sequence.0, state(found))).collect()
}

fn sequences(store: &CheckpointStore) -> Vec<u64> {
    store.list(&Query::new()).unwrap().iter().map(|found| found.sequence.0).collect()
}

/// Makes so many checkpoints of a state that changes a little.
fn fill(store: &CheckpointStore, count: usize, len: usize) {
    let mut random = Random::new(7);
    let session = store.session("main").unwrap();
    let mut state = mixed(&mut random, len);
    for _ in 0..count {
        edit(&mut random, &mut state);
        session.checkpoint(&Bytes::from(state.clone())).commit().unwrap();
    }
}

fn mem() -> Arc<dyn Files> {
    Arc::new(MemFiles::default())
}

#[test]
fn a_thousand_checkpoints_become_ten_that_are_what_they_were() {
    let files = mem();
    let store = CheckpointStore::open_with("agent", quiet(&files).grace(0)).unwrap();
    fill(&store, 1000, 4000);
    store.seal().unwrap();
    let (before, size) = (states(&store), store.stats().unwrap());
    let pruned = store.compact(10).unwrap();
    assert_eq!((pruned.checkpoints, pruned.stopped), (990, false));
    let expected: BTreeMap<u64, Vec<u8>> =
        before.into_iter().filter(|(sequence, _)| *sequence > 990).collect();
    assert_eq!(states(&store), expected);
    let after = store.stats().unwrap();
    assert!(after.stored_bytes * 5 < size.stored_bytes, "{after:?} of {size:?}");
    // The old packs are gone once they are swept, and nothing needs them.
    let swept = store.sweep(0).unwrap();
    assert_eq!((swept.packs, swept.bytes, swept.waiting), (size.packs, size.pack_bytes, 0));
    let after = store.stats().unwrap();
    assert!(after.pack_bytes * 5 < size.pack_bytes, "{after:?} of {size:?}");
    assert_eq!(states(&store), expected);
    drop(store);
    let store = open(&files).unwrap();
    assert_eq!(states(&store), expected);
    // It goes on as if nothing had been.
    fill(&store, 1, 100);
    assert_eq!(*sequences(&store).last().unwrap(), 1001);
    assert_eq!(store.compact(10).unwrap().checkpoints, 1);
}

#[test]
fn what_is_pruned_is_gone_after_reopening_and_the_rest_is_listed_as_it_was() {
    let files = mem();
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    for number in 0..20_u32 {
        let draft = session.checkpoint(&number).message(format!("number {number}")).at(number.into());
        if number % 6 == 0 {
            draft.tag("good").annotate("score", "1").commit().unwrap()
        } else {
            draft.commit().unwrap()
        };
    }
    let fork =
        session.fork("fork", store.latest(&Query::new().sequences(5..=5)).unwrap().unwrap().id).unwrap();
    fork.checkpoint(&100_u32).commit().unwrap();
    fork.checkpoint(&101_u32).commit().unwrap();
    prune(&store, &Policy::keep_recent(1).keep_tag("good"));
    // Tags; where the fork begins; heads.
    assert_eq!(sequences(&store), [1, 5, 7, 13, 19, 20, 21, 22]);
    let text = |store: &CheckpointStore| format!("{:?}", store.list(&Query::new()).unwrap());
    let (listed, numbers) = (text(&store), states(&store));
    drop((session, fork, store));
    let store = open(&files).unwrap();
    assert_eq!(states(&store), numbers);
    // Bodies have moved from the journal to packs in both.
    assert_eq!(text(&store), listed);
    let fork = store.session("main").unwrap().on("fork").unwrap();
    assert_eq!(fork.latest::<u32>().unwrap(), Some(101));
    assert_eq!(store.session("main").unwrap().latest::<u32>().unwrap(), Some(19));
}

/// A store of twelve checkpoints, half of them sealed, and a plan that takes seven.
fn planned(files: &Arc<dyn Files>) -> (CheckpointStore, Plan) {
    let store = open(files).unwrap();
    fill(&store, 6, 3000);
    store.seal().unwrap();
    fill(&store, 6, 3000);
    drop(store);
    // From here on each checkpoint fills the journal.
    let store = CheckpointStore::open_with("agent", quiet(files).journal_bytes_max(1)).unwrap();
    let ids = store.list(&Query::new()).unwrap().into_iter().filter(|found| found.sequence.0 % 4 == 1);
    let plan = store
        .plan(&Policy::new().keep_ids(ids.map(|found| found.id)).keep_last(1).keep_tag("later"), None)
        .unwrap();
    assert_eq!(plan.gone().len(), 8);
    (store, plan)
}

#[test]
fn a_prune_that_is_stopped_at_any_step_has_changed_nothing() {
    let mut steps = Vec::new();
    let (store, plan) = planned(&mem());
    let done = store.apply(&plan, &mut |progress| {
        steps.push(progress);
        ControlFlow::Continue(())
    });
    assert_eq!(done.unwrap().rebased, u64::try_from(plan.rebased().count()).unwrap());
    assert!(
        steps.iter().any(|step| step.stage == Stage::Rebase)
            && steps.iter().any(|step| step.stage == Stage::Write)
    );
    for stop_at in 0..steps.len() {
        let files = mem();
        let (store, plan) = planned(&files);
        let before = (states(&store), store.stats().unwrap());
        let mut left = stop_at;
        let mut stop = |_: Progress| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            ControlFlow::Continue(())
        };
        let pruned = store.apply(&plan, &mut stop).unwrap();
        assert_eq!(
            pruned,
            {
                let mut stopped = Pruned::default();
                stopped.stopped = true;
                stopped
            },
            "{stop_at}"
        );
        assert_eq!((states(&store), store.stats().unwrap()), before, "{stop_at}");
        assert_eq!(store.sweep(0).unwrap().packs, 0, "{stop_at}");
        drop(store);
        let store = open(&files).unwrap();
        assert_eq!(states(&store), before.0, "{stop_at}");
        // The plan is as good as before.
        assert_eq!(store.apply(&plan, &mut go).unwrap().checkpoints, 8, "{stop_at}");
        assert_eq!(sequences(&store), [1, 5, 9, 12]);
    }
}

#[test]
fn a_plan_that_no_longer_fits_is_refused_and_takes_nothing() {
    let (store, plan) = planned(&mem());
    let (before, taken) = (states(&store), plan.gone()[3].id);
    let refused = || {
        let err = store.apply(&plan, &mut go).unwrap_err();
        assert!(matches!(err, Error::Misuse { what } if what.contains("make it again")), "{err}");
        assert_eq!(err.kind(), Kind::Misuse);
        assert_eq!(states(&store), before);
    };
    store.tag(taken, &["later"]).unwrap();
    refused();
    store.untag(taken, &["later"]).unwrap();
    store.lock(taken, true).unwrap();
    refused();
    store.lock(taken, false).unwrap();
    let fork = store.session("main").unwrap().fork("fork", taken).unwrap();
    refused();
    fork.checkpoint(&bytes("fork")).commit().unwrap();
    let before = states(&store);
    store.apply(&plan, &mut go).unwrap_err();
    assert_eq!(states(&store), before);
    store.session("main").unwrap().end_branch("fork").unwrap();
    assert_eq!(store.apply(&plan, &mut go).unwrap().checkpoints, 8);
    // What is gone can't go again.
    store.apply(&plan, &mut go).unwrap_err();
}

#[test]
fn what_is_made_while_a_prune_runs_stays_and_what_goes_can_not_be_used_meanwhile() {
    let files = mem();
    let (store, plan) = planned(&files);
    let session = store.session("main").unwrap();
    let (going, staying) = (plan.gone()[2].id, plan.kept()[1].checkpoint.id);
    let made = Mutex::new(0_u32);
    let mut meanwhile = |progress: Progress| {
        let mut made = made.lock().unwrap();
        *made += 1;
        let committed = session.checkpoint(&*made).message(format!("{progress:?}")).commit().unwrap();
        store.tag(&committed, &["new"]).unwrap();
        store.tag(staying, &["kept"]).unwrap();
        let refused = [
            store.tag(going, &["no"]).unwrap_err(),
            store.lock(going, true).unwrap_err(),
            session.fork("no", going).unwrap_err(),
            session.restore::<Bytes<'_>>(going).unwrap_err(),
        ];
        for err in refused {
            assert!(matches!(&err, Error::NoCheckpoint { id } if *id == going), "{err}");
        }
        ControlFlow::Continue(())
    };
    store.apply(&plan, &mut meanwhile).unwrap();
    let made = *made.lock().unwrap();
    assert!(made > 4, "{made}");
    let expected = states(&store);
    assert_eq!(expected.len(), 4 + usize::try_from(made).unwrap());
    assert!(matches!(store.checkpoint(going), Err(Error::NoCheckpoint { .. })));
    drop((session, store));
    let store = open(&files).unwrap();
    assert_eq!(states(&store), expected);
    assert_eq!(store.list(&Query::new().tag("new")).unwrap().len(), usize::try_from(made).unwrap());
    assert_eq!(store.session("main").unwrap().latest::<u32>().unwrap(), Some(made));
}

#[test]
fn undo_goes_back_as_far_as_the_plan_says() {
    let store = CheckpointStore::in_memory();
    let session = store.session("main").unwrap();
    (0..6_u32).for_each(|number| drop(session.checkpoint(&number).commit().unwrap()));
    let plan = store.plan(&Policy::keep_recent(3), None).unwrap();
    let ended: Vec<u64> = plan.ended_undo().iter().map(|step| step.taken_back.number).collect();
    store.apply(&plan, &mut go).unwrap();
    let mut taken_back = Vec::new();
    let err = loop {
        match session.undo() {
            Ok(step) => taken_back.push(step.number),
            Err(err) => break err,
        }
    };
    assert!(matches!(err, Error::Misuse { .. }), "{err}");
    assert_eq!(session.latest::<u32>().unwrap(), Some(3));
    taken_back.extend(ended);
    assert_eq!(taken_back, [6, 5, 4, 3, 2, 1], "each step is one or the other");
}

#[test]
fn a_policy_for_a_session_that_is_not_there_is_refused() {
    let store = CheckpointStore::in_memory();
    store.session("main").unwrap().checkpoint(&bytes("a")).commit().unwrap();
    let err = store.plan(&Policy::keep_recent(0).only_session("mian"), None).unwrap_err();
    assert!(matches!(&err, Error::NoSession { name } if name == "mian"), "{err}");
}

#[test]
fn the_time_of_a_plan_is_told_or_is_that_of_the_clock() {
    let options = quiet(&mem()).clock(|| 1000);
    let store = CheckpointStore::in_memory_with(options);
    let session = store.session("main").unwrap();
    (0..10_i64).for_each(|number| drop(session.checkpoint(&number).at(number * 100).commit().unwrap()));
    let gone = |now| store.plan(&Policy::new().keep_within(300), now).unwrap().gone().len();
    assert_eq!((gone(None), gone(Some(1000)), gone(Some(500)), gone(Some(5000))), (7, 7, 2, 9));
}

#[test]
fn stores_on_a_backend_are_pruned_like_those_in_a_directory() {
    let backend: Arc<dyn Backend> = Arc::new(MemBackend::default());
    let store = CheckpointStore::on(Arc::clone(&backend), quiet(&mem())).unwrap();
    fill(&store, 40, 2000);
    let before = states(&store);
    store.compact(4).unwrap();
    let expected: BTreeMap<u64, Vec<u8>> =
        before.into_iter().filter(|(sequence, _)| *sequence > 36).collect();
    assert_eq!(states(&store), expected);
    drop(store);
    let store = CheckpointStore::on(backend, quiet(&mem())).unwrap();
    assert_eq!(states(&store), expected);
}
