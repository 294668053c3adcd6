use super::{Violation, counts, done, hold, holds};
use crate::{
    identity::PersistId,
    store::{batch::StoreBatch, entity_store::EntityStore, error::StoreError},
};

pub(super) fn check(store: &dyn EntityStore) -> Result<(), Violation> {
    for id in 1..=4 {
        done(store.save(PersistId(id), b"old"), "saving an entity")?;
    }
    let mut batch = StoreBatch::new();
    batch.save(PersistId(1), b"new");
    batch.delete(PersistId(2));
    batch.save(PersistId(9), Vec::new());
    // Of several changes of one entity the last counts.
    batch.delete(PersistId(3));
    batch.save(PersistId(3), b"last");
    batch.save(PersistId(8), b"gone");
    batch.delete(PersistId(8));
    batch.delete(PersistId(77));
    if !store.is_transactional() {
        return refused(store, &batch);
    }
    done(store.apply(&StoreBatch::new()), "applying a batch without changes")?;
    counts(store, 4, "after a batch without changes")?;
    for round in ["applied", "applied twice"] {
        done(store.apply(&batch), "applying a batch")?;
        let when = format!("after a batch was {round}, in which the last change of an entity counts");
        holds(store, 1, Some(b"new"), &when)?;
        holds(store, 2, None, &when)?;
        holds(store, 3, Some(b"last"), &when)?;
        holds(store, 4, Some(b"old"), &when)?;
        holds(store, 8, None, &when)?;
        holds(store, 9, Some(b""), &when)?;
        holds(store, 77, None, &when)?;
        counts(store, 4, &when)?;
    }
    Ok(())
}

/// A store without transactions says so, and has not done a part.
fn refused(store: &dyn EntityStore, batch: &StoreBatch) -> Result<(), Violation> {
    let promise = "apply answers NotTransactional where is_transactional says no";
    for batch in [batch, &StoreBatch::new()] {
        match store.apply(batch) {
            Err(StoreError::NotTransactional { .. }) => {}
            Err(error) => return Err(Violation::new(format!("{promise}: it answered {error}"))),
            Ok(()) => return hold(false, format!("{promise}: it went through")),
        }
    }
    for id in 1..=4 {
        holds(store, id, Some(b"old"), "after a batch was refused, of which nothing is done")?;
    }
    holds(store, 9, None, "after a batch was refused, of which nothing is done")
}
