use super::{Violation, counts, done, hold, holds, noise};
use crate::{identity::PersistId, store::entity_store::EntityStore};

const COUNT: u64 = 500;

pub(super) fn check(store: &dyn EntityStore) -> Result<(), Violation> {
    let save = |records: &[(PersistId, &[u8])]| done(store.save_batch(records), "saving a batch");
    save(&[])?;
    counts(store, 0, "after a batch without records")?;
    done(store.save(PersistId(COUNT * 2), b"apart"), "saving an entity")?;
    let owned: Vec<(PersistId, Vec<u8>)> = (0..COUNT).map(|id| (PersistId(id), value(id))).collect();
    let lent: Vec<(PersistId, &[u8])> = owned.iter().map(|(id, record)| (*id, record.as_slice())).collect();
    save(&lent)?;
    for id in 0..COUNT {
        holds(store, id, Some(&value(id)), "saved in a batch")?;
    }
    counts(store, COUNT + 1, "after a batch")?;
    save(&[(PersistId(3), b"first"), (PersistId(4), b""), (PersistId(3), b"last")])?;
    holds(store, 3, Some(b"last"), "where a batch has an id twice, of which the later counts")?;
    holds(store, 4, Some(b""), "saved over in a batch")?;
    holds(store, 5, Some(&value(5)), "beside what a batch has saved")?;
    holds(store, COUNT * 2, Some(b"apart"), "beside what a batch has saved")?;
    check_load(store)?;
    check_delete(store)
}

fn value(id: u64) -> Vec<u8> {
    noise(id, usize::try_from(id % 50).unwrap_or(0))
}

fn check_load(store: &dyn EntityStore) -> Result<(), Violation> {
    let load = |ids: &[u64]| {
        let ids: Vec<PersistId> = ids.iter().copied().map(PersistId).collect();
        done(store.load_batch(&ids), "loading a batch")
    };
    hold(load(&[])?.is_empty(), "load_batch answers for each id, in order: for none it answered something")?;
    let missing = COUNT + 5;
    let found = load(&[9, missing, 7, 9, 4, u64::MAX])?;
    let expected = [Some(value(9)), None, Some(value(7)), Some(value(9)), Some(Vec::new()), None];
    hold(
        found == expected,
        "load_batch answers for each id, in order, with the record or, for one that is not there, with nothing",
    )
}

fn check_delete(store: &dyn EntityStore) -> Result<(), Violation> {
    let delete = |ids: &[u64]| {
        let ids: Vec<PersistId> = ids.iter().copied().map(PersistId).collect();
        done(store.delete_batch(&ids), "deleting a batch")
    };
    let promise = "delete_batch counts the entities that were there, each once";
    hold(delete(&[])? == 0, promise)?;
    let found = delete(&[10, COUNT + 5, 11, 10, u64::MAX])?;
    hold(found == 2, format!("{promise}: 2 were, it says {found}"))?;
    for id in [10, 11] {
        holds(store, id, None, "deleted in a batch")?;
    }
    for id in [9, 12] {
        holds(store, id, Some(&value(id)), "beside what was deleted in a batch")?;
    }
    counts(store, COUNT - 1, "after a batch was deleted")?;
    let found = delete(&[10, 11])?;
    hold(found == 0, format!("{promise}: deleted again, {found} are said to have been there"))
}
