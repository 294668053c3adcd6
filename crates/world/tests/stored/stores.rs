//! Stores that count, fail, and have no transactions.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use keepstone_ecs_persist::{EntityStore, MemoryStore, PersistId, StoreBatch, StoreError};
use keepstone_format::Kind;

/// Entities in memory under another name; counts what is written, and fails while it is told to.
pub(crate) struct Watched {
    name: &'static str,
    is_transactional: bool,
    inner: MemoryStore,
    pub(crate) fails: AtomicBool,
    /// Calls that write.
    pub(crate) calls: AtomicU64,
    pub(crate) saved: Mutex<Vec<PersistId>>,
    pub(crate) deleted: Mutex<Vec<PersistId>>,
}

impl Watched {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            is_transactional: true,
            inner: MemoryStore::new(),
            fails: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            saved: Mutex::new(Vec::new()),
            deleted: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn without_transactions(name: &'static str) -> Self {
        Self { is_transactional: false, ..Self::new(name) }
    }

    /// What was written since the last look: ids saved and deleted, ascending, and calls.
    pub(crate) fn take(&self) -> (Vec<PersistId>, Vec<PersistId>, u64) {
        let take = |list: &Mutex<Vec<PersistId>>| {
            let mut list = std::mem::take(&mut *list.lock().unwrap());
            list.sort_unstable();
            list
        };
        (take(&self.saved), take(&self.deleted), self.calls.swap(0, Ordering::Relaxed))
    }

    fn write(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.fails.load(Ordering::Relaxed) {
            let why = io::Error::other("told to fail");
            return Err(StoreError::backend(self.name, "write", Kind::Io, why));
        }
        Ok(())
    }
}

impl EntityStore for Watched {
    fn name(&self) -> &str {
        self.name
    }

    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
        self.save_batch(&[(id, record)])
    }

    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
        self.inner.load(id)
    }

    fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
        Ok(self.delete_batch(&[id])? > 0)
    }

    fn save_batch(&self, records: &[(PersistId, &[u8])]) -> Result<(), StoreError> {
        self.write()?;
        // What is under the id 0 is no entity.
        self.saved.lock().unwrap().extend(records.iter().map(|(id, _)| *id).filter(|id| id.0 != 0));
        self.inner.save_batch(records)
    }

    fn delete_batch(&self, ids: &[PersistId]) -> Result<u64, StoreError> {
        self.write()?;
        self.deleted.lock().unwrap().extend(ids);
        self.inner.delete_batch(ids)
    }

    fn is_transactional(&self) -> bool {
        self.is_transactional
    }

    fn apply(&self, batch: &StoreBatch) -> Result<(), StoreError> {
        if !self.is_transactional {
            return Err(StoreError::NotTransactional { store: self.name.to_owned() });
        }
        self.write()?;
        for (id, record) in batch.changes().filter(|(id, _)| id.0 != 0) {
            let list = if record.is_some() { &self.saved } else { &self.deleted };
            list.lock().unwrap().push(id);
        }
        self.inner.apply(batch)
    }

    /// Of entities: what is under the id 0 is none.
    fn len(&self) -> Result<u64, StoreError> {
        Ok(self.inner.len()? - u64::from(self.inner.exists(PersistId(0))?))
    }
}
