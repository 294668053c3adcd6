use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{Violation, counts, done, hold, holds, noise};
use crate::{
    identity::PersistId,
    store::{batch::StoreBatch, entity_store::EntityStore, error::StoreError},
};

const THREADS: u64 = 4;
const ROUNDS: u64 = 100;

/// Runs the same on several threads at once, which are numbered from 0.
fn at_once<T: Send>(
    threads: u64,
    work: impl Fn(u64) -> Result<T, Violation> + Sync,
) -> Result<Vec<T>, Violation> {
    thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        let panicked = || Violation::new("no call panics where several threads use a store: one did");
        // All are joined first: a panic that nobody has looked at would be one of this thread.
        let ended: Vec<_> = started.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ended.into_iter().map(|ended| ended.unwrap_or_else(|_| Err(panicked()))).collect()
    })
}

/// Each thread has entities of its own, and its own records are what it finds.
pub(super) fn check(store: &dyn EntityStore) -> Result<(), Violation> {
    let id = |thread: u64, round: u64| round * THREADS + thread;
    let value = |id: u64, turn: u64| noise(id + turn, usize::try_from(id % 70).unwrap_or(0));
    at_once(THREADS, |thread| {
        for round in 0..ROUNDS {
            let id = id(thread, round);
            for turn in 0..2 {
                done(store.save(PersistId(id), &value(id, turn)), "saving beside other threads")?;
                holds(store, id, Some(&value(id, turn)), "saved by the same thread beside others")?;
            }
            if round % 4 == 3 {
                hold(done(store.delete(PersistId(id)), "deleting beside other threads")?, DELETED)?;
                holds(store, id, None, "deleted by the same thread beside others")?;
            }
        }
        Ok(())
    })?;
    for thread in 0..THREADS {
        for round in 0..ROUNDS {
            let id = id(thread, round);
            let expected = (round % 4 != 3).then(|| value(id, 1));
            holds(store, id, expected.as_deref(), "after several threads have saved and deleted others")?;
        }
    }
    counts(store, THREADS * ROUNDS / 4 * 3, "after several threads have saved and deleted")
}

const DELETED: &str =
    "delete says whether the entity was there: of several threads that delete it one is told so";

/// All threads have one entity: what is loaded is what one of them has saved, whole, and one of them deletes it.
pub(super) fn check_one_entity(store: &dyn EntityStore) -> Result<(), Violation> {
    let id = PersistId(1);
    done(store.save(id, &[9; 5000]), "saving an entity")?;
    at_once(THREADS, |thread| {
        let own = u8::try_from(thread).unwrap_or(0);
        for round in 0..ROUNDS {
            let len = if round % 2 == 0 { 5000 } else { 50 };
            done(store.save(id, &vec![own; len]), "saving an entity from several threads")?;
            let found = done(store.load(id), "loading an entity that other threads save")?;
            let whole = found.first().is_some_and(|first| found.iter().all(|byte| byte == first));
            let whole = whole && (found.len() == 5000 || found.len() == 50);
            hold(whole, "what is loaded is one record: where threads save one entity, a mixture was loaded")?;
        }
        Ok(())
    })?;
    for _ in 0..ROUNDS / 10 {
        done(store.save(id, b"here"), "saving an entity")?;
        let told = at_once(THREADS, |_| done(store.delete(id), "deleting an entity from several threads"))?;
        hold(told.into_iter().filter(|told| *told).count() == 1, DELETED)?;
    }
    Ok(())
}

/// Some threads write batches, others look: they see all of one, or nothing.
pub(super) fn check_transactions(store: &dyn EntityStore) -> Result<(), Violation> {
    if !store.is_transactional() {
        return Ok(());
    }
    let ids: Vec<PersistId> = (0..20).map(PersistId).collect();
    let write = |value: u8| {
        let mut batch = StoreBatch::new();
        for &id in &ids {
            if value % 5 == 4 { batch.delete(id) } else { batch.save(id, vec![value]) }
        }
        done(store.apply(&batch), "applying a batch beside other threads")
    };
    write(0)?;
    let goes_on = AtomicBool::new(true);
    at_once(THREADS, |thread| {
        if thread == 0 {
            let done = (0..ROUNDS).try_for_each(|round| write(u8::try_from(round).unwrap_or(0)));
            goes_on.store(false, Ordering::Relaxed);
            return done;
        }
        while goes_on.load(Ordering::Relaxed) {
            let found = done(store.load_batch(&ids), "loading a batch beside one that is written")?;
            let same = found.first().is_some_and(|first| found.iter().all(|record| record == first));
            hold(
                same,
                "no call sees a part of a batch that is applied: load_batch saw some old and some new",
            )?;
        }
        Ok(())
    })?;
    Ok(())
}

/// One thread goes through the store while others change a half of it.
pub(super) fn check_iteration(store: &dyn EntityStore) -> Result<(), Violation> {
    for id in 0..200 {
        done(store.save(PersistId(id), b"at first"), "saving an entity")?;
    }
    let goes_on = AtomicBool::new(true);
    at_once(2, |thread| {
        if thread == 0 {
            let went = (0..5).try_for_each(|_| unchanged_once(store));
            goes_on.store(false, Ordering::Relaxed);
            return went;
        }
        let changing = [1, 101, 3, 103];
        while goes_on.load(Ordering::Relaxed) {
            for id in changing {
                done(
                    store.save(PersistId(id), b"over"),
                    "saving while another thread goes through the store",
                )?;
                done(store.delete(PersistId(id)), "deleting while another thread goes through the store")?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn unchanged_once(store: &dyn EntityStore) -> Result<(), Violation> {
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    let went = store.for_each(&mut |id, _| {
        *seen.entry(id.0).or_default() += 1;
        ControlFlow::Continue(())
    });
    if matches!(went, Err(StoreError::NotSupported { .. })) {
        return Ok(());
    }
    done(went, "going through a store that others change")?;
    let once = (0..200).filter(|id| id % 2 == 0).all(|id| seen.get(&id) == Some(&1));
    hold(
        once,
        "for_each hands out once what is there all the time, also where other threads change the rest",
    )?;
    hold(
        seen.values().all(|times| *times == 1),
        "for_each hands out no entity twice, also where other threads save it",
    )
}
