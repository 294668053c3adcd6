use std::{collections::BTreeMap, ops::ControlFlow};

use super::{Violation, done, hold, noise};
use crate::{
    identity::PersistId,
    store::{entity_store::EntityStore, error::StoreError},
};

const COUNT: u64 = 300;

/// How often each entity is handed out, and whether always as it was saved; nothing if the store can't do it.
fn seen(store: &dyn EntityStore) -> Result<Option<BTreeMap<u64, u32>>, Violation> {
    let mut seen = BTreeMap::new();
    let mut wrong = None;
    let went = store.for_each(&mut |id, record| {
        *seen.entry(id.0).or_default() += 1;
        if id.0 < COUNT && record != value(id.0) {
            wrong = Some(id);
        }
        ControlFlow::Continue(())
    });
    if matches!(went, Err(StoreError::NotSupported { .. })) {
        let refused = matches!(store.len(), Ok(_) | Err(StoreError::NotSupported { .. }));
        hold(refused && seen.is_empty(), "a store that can't go through its entities hands out none")?;
        return Ok(None);
    }
    done(went, "going through a store")?;
    hold(
        wrong.is_none(),
        format!("for_each hands out records as they were saved: that of {wrong:?} differs"),
    )?;
    Ok(Some(seen))
}

fn value(id: u64) -> Vec<u8> {
    noise(id, usize::try_from(id % 90).unwrap_or(0))
}

fn fill(store: &dyn EntityStore) -> Result<(), Violation> {
    (0..COUNT).try_for_each(|id| done(store.save(PersistId(id), &value(id)), "saving an entity"))
}

/// Whether each of these was handed out once.
fn once(seen: &BTreeMap<u64, u32>, ids: impl Iterator<Item = u64>, when: &str) -> Result<(), Violation> {
    for id in ids {
        let times = seen.get(&id).copied().unwrap_or(0);
        let promise = "for_each hands out once what is there all the time";
        hold(times == 1, format!("{promise}: {when}, {} was handed out {times} times", PersistId(id)))?;
    }
    Ok(())
}

pub(super) fn check(store: &dyn EntityStore) -> Result<(), Violation> {
    let Some(first) = seen(store)? else { return Ok(()) };
    hold(first.is_empty(), "for_each hands out what is there: of an empty store it handed out something")?;
    fill(store)?;
    done(store.delete(PersistId(5)), "deleting an entity")?;
    done(store.save(PersistId(6), b"over"), "saving an entity")?;
    done(store.save(PersistId(6), &value(6)), "saving an entity")?;
    let found = seen(store)?.unwrap_or_default();
    once(&found, (0..COUNT).filter(|id| *id != 5), "with nobody else at work")?;
    hold(
        found.len() as u64 == COUNT - 1,
        "for_each hands out what is there: it handed out what was deleted",
    )?;
    for stop_at in [1, 7] {
        let mut calls = 0;
        let went = store.for_each(&mut |_, _| {
            calls += 1;
            if calls == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        done(went, "breaking off")?;
        hold(
            calls == stop_at,
            format!("for_each breaks off when told to: told at {stop_at}, it made {calls} calls"),
        )?;
    }
    Ok(())
}

/// Whoever goes through a store may use it.
pub(super) fn check_use_within(store: &dyn EntityStore) -> Result<(), Violation> {
    fill(store)?;
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut failed, mut calls) = (None, 0_u64);
    let went = store.for_each(&mut |id, record| {
        *seen.entry(id.0).or_default() += 1;
        calls += 1;
        let used = used_within(store, id, record);
        // An entity that comes in the meantime may be handed out, and brings another: that ends, if it must, with a violation.
        if used.is_err() || calls > 10 * COUNT {
            failed = used.err();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    if matches!(went, Err(StoreError::NotSupported { .. })) {
        return Ok(());
    }
    done(went, "going through a store")?;
    if let Some(violation) = failed {
        return Err(violation);
    }
    hold(calls <= 10 * COUNT, "for_each comes to an end, also where entities are saved meanwhile")?;
    once(&seen, (0..COUNT).filter(|id| id % 3 == 0), "with others saved and deleted meanwhile")
}

/// Entities that divide by 3 stay, others are saved over or deleted when they are handed out, and new ones come.
fn used_within(store: &dyn EntityStore, id: PersistId, record: &[u8]) -> Result<(), Violation> {
    if id.0 >= COUNT {
        return Ok(());
    }
    match id.0 % 3 {
        0 => {
            let loaded = done(store.load(id), "loading an entity while it is handed out")?;
            hold(loaded == record, "for_each hands out records as they are: load gives another one")?;
            done(store.save(PersistId(COUNT + id.0), b"new"), "saving an entity while another is handed out")
        }
        1 => done(store.save(id, b"over"), "saving an entity while it is handed out"),
        _ => done(store.delete(id), "deleting an entity while it is handed out").map(drop),
    }
}
