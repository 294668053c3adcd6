use super::{Violation, counts, done, hold, holds, noise};
use crate::{
    identity::PersistId,
    store::{batch::StoreBatch, entity_store::EntityStore},
};

pub(super) fn check(open: &mut dyn FnMut() -> Box<dyn EntityStore>) -> Result<(), Violation> {
    let store = open();
    let (name, version) = (store.name().to_owned(), store.version());
    counts(&*store, 0, "opened for the first time")?;
    let large = noise(1, 1 << 20);
    for (id, record) in [(0, &b"zero"[..]), (1, b""), (2, &large), (u64::MAX, b"last"), (3, b"goes")] {
        done(store.save(PersistId(id), record), "saving an entity")?;
    }
    done(store.save(PersistId(0), b"zero, saved over"), "saving an entity")?;
    done(store.delete(PersistId(3)), "deleting an entity")?;
    drop(store);
    let store = open();
    let when = "after the store was opened again";
    hold(
        store.name() == name && store.version() == version,
        "name and version are the same when a store is opened again",
    )?;
    holds(&*store, 0, Some(b"zero, saved over"), when)?;
    holds(&*store, 1, Some(b""), when)?;
    holds(&*store, 2, Some(&large), when)?;
    holds(&*store, u64::MAX, Some(b"last"), when)?;
    holds(&*store, 3, None, when)?;
    counts(&*store, 4, when)?;
    done(store.save_batch(&[(PersistId(10), b"ten"), (PersistId(11), b"eleven")]), "saving a batch")?;
    done(store.delete_batch(&[PersistId(0), PersistId(2)]), "deleting a batch")?;
    let is_transactional = store.is_transactional();
    if is_transactional {
        let mut batch = StoreBatch::new();
        batch.save(PersistId(12), b"twelve");
        batch.delete(PersistId(11));
        done(store.apply(&batch), "applying a batch")?;
    }
    drop(store);
    let store = open();
    for id in [0, 2, 3] {
        holds(&*store, id, None, when)?;
    }
    holds(&*store, 10, Some(b"ten"), when)?;
    holds(&*store, 11, (!is_transactional).then_some(&b"eleven"[..]), when)?;
    holds(&*store, 12, is_transactional.then_some(&b"twelve"[..]), when)?;
    drop(store);
    // Looking changes nothing.
    counts(&*open(), 4, when)
}
