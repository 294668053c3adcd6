use super::{Violation, counts, done, hold, holds, noise};
use crate::{identity::PersistId, store::entity_store::EntityStore};

/// Ids at the ends, and such as differ in few bits.
const IDS: [u64; 12] =
    [0, 1, 2, 255, 256, u32::MAX as u64, 1 << 32, 1 << 44, (1 << 44) + 1, 1 << 63, u64::MAX - 1, u64::MAX];

pub(super) fn check(store: &dyn EntityStore) -> Result<(), Violation> {
    let name = store.name().to_owned();
    hold((1..=128).contains(&name.len()), format!("a name has 1 to 128 bytes: this one has {}", name.len()))?;
    hold(store.version() > 0, "a version is at least 1: it is 0")?;
    let version = store.version();
    counts(store, 0, "in a new store")?;
    for id in IDS {
        holds(store, id, None, "in a new store")?;
    }
    let save = |id: u64, record: &[u8]| done(store.save(PersistId(id), record), "saving an entity");
    let delete = |id: u64| done(store.delete(PersistId(id)), "deleting an entity");
    hold(!delete(7)?, "delete says whether the entity was there: it says so of one that never was")?;
    save(7, b"first")?;
    holds(store, 7, Some(b"first"), "saved once")?;
    holds(store, 8, None, "beside one that was saved")?;
    save(7, b"first")?;
    holds(store, 7, Some(b"first"), "saved twice alike")?;
    counts(store, 1, "saved twice alike")?;
    save(7, b"the second, which is longer")?;
    holds(store, 7, Some(b"the second, which is longer"), "saved over")?;
    save(7, b"3rd")?;
    holds(store, 7, Some(b"3rd"), "saved over by a shorter one")?;
    save(8, b"other")?;
    holds(store, 7, Some(b"3rd"), "beside one that was saved later")?;
    counts(store, 2, "after two entities were saved")?;
    hold(delete(7)?, "delete says whether the entity was there: it denies one that was")?;
    holds(store, 7, None, "deleted")?;
    holds(store, 8, Some(b"other"), "beside one that was deleted")?;
    hold(
        !delete(7)?,
        "delete says whether the entity was there: it says so of one that was deleted already",
    )?;
    save(7, b"again")?;
    holds(store, 7, Some(b"again"), "saved after it was deleted")?;
    counts(store, 2, "after an entity was deleted and saved again")?;
    hold(
        store.name() == name && store.version() == version,
        "name and version don't change while a store is used",
    )
}

pub(super) fn check_values(store: &dyn EntityStore) -> Result<(), Violation> {
    let save = |id: u64, record: &[u8]| done(store.save(PersistId(id), record), "saving an entity");
    for (at, id) in (1_usize..).zip(IDS) {
        save(id, &noise(id, at))?;
    }
    counts(store, IDS.len() as u64, "with ids from 0 to the largest")?;
    for (at, id) in (1_usize..).zip(IDS) {
        holds(store, id, Some(&noise(id, at)), "with ids from 0 to the largest")?;
    }
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let mut records = vec![Vec::new(), vec![0], vec![0; 9], every];
    records.extend([4095, 4096, 65_535, 65_536, 1 << 20].map(|len| noise(len as u64, len)));
    for (id, record) in (1000..).zip(&records) {
        save(id, record)?;
        holds(store, id, Some(record), &format!("with a record of {} bytes", record.len()))?;
    }
    for (id, record) in (1000..).zip(records.iter().rev()) {
        save(id, record)?;
        holds(store, id, Some(record), &format!("saved over with a record of {} bytes", record.len()))?;
    }
    for (id, record) in (1000..).zip(records.iter().rev()) {
        holds(store, id, Some(record), "after all of many were saved")?;
        hold(
            done(store.delete(PersistId(id)), "deleting an entity")?,
            "delete says whether the entity was there",
        )?;
        holds(store, id, None, "deleted, whatever its length")?;
    }
    for (at, id) in (1_usize..).zip(IDS) {
        holds(store, id, Some(&noise(id, at)), "after others were deleted")?;
    }
    Ok(())
}
