use std::{
    collections::HashMap,
    fmt,
    ops::ControlFlow,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    identity::PersistId,
    store::{batch::StoreBatch, entity_store::EntityStore, error::StoreError},
};

/// Entities in memory: for tests, for what need not outlive the program, and as a cache. Transactional; nothing survives the store.
///
/// Going through it takes memory for the ids alone, and locks nothing while an entity is handed out.
#[derive(Default)]
pub struct MemoryStore {
    records: RwLock<HashMap<PersistId, Arc<[u8]>>>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("entities", &self.read().len()).finish()
    }
}

impl MemoryStore {
    /// Its name.
    pub const NAME: &'static str = "memory";

    /// Has no entity.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has no entity, and room for so many.
    pub fn with_capacity(entities: usize) -> Self {
        Self { records: RwLock::new(HashMap::with_capacity(entities)) }
    }

    // Nobody else's code runs under the lock, so the map is whole even where a thread died with it.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<PersistId, Arc<[u8]>>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<PersistId, Arc<[u8]>>> {
        self.records.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntityStore for MemoryStore {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
        let record = Arc::from(record);
        // The old one is freed when the lock is.
        let old = self.write().insert(id, record);
        drop(old);
        Ok(())
    }

    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
        let record = self.read().get(&id).cloned();
        Ok(record.ok_or(StoreError::Missing { id })?.to_vec())
    }

    fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
        Ok(self.write().remove(&id).is_some())
    }

    fn exists(&self, id: PersistId) -> Result<bool, StoreError> {
        Ok(self.read().contains_key(&id))
    }

    fn save_batch(&self, batch: &[(PersistId, &[u8])]) -> Result<(), StoreError> {
        let mut records = self.write();
        for (id, record) in batch {
            records.insert(*id, Arc::from(*record));
        }
        Ok(())
    }

    fn load_batch(&self, ids: &[PersistId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let records = self.read();
        Ok(ids.iter().map(|id| Some(records.get(id)?.to_vec())).collect())
    }

    fn delete_batch(&self, ids: &[PersistId]) -> Result<u64, StoreError> {
        let mut records = self.write();
        Ok(ids.iter().map(|id| u64::from(records.remove(id).is_some())).sum())
    }

    fn is_transactional(&self) -> bool {
        true
    }

    fn apply(&self, batch: &StoreBatch) -> Result<(), StoreError> {
        let mut records = self.write();
        for (id, record) in batch.changes() {
            match record {
                Some(record) => drop(records.insert(id, Arc::from(record))),
                None => drop(records.remove(&id)),
            }
        }
        Ok(())
    }

    fn for_each(&self, then: &mut dyn FnMut(PersistId, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError> {
        let ids: Vec<PersistId> = self.read().keys().copied().collect();
        for id in ids {
            let Some(record) = self.read().get(&id).cloned() else { continue };
            if then(id, &record).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn len(&self) -> Result<u64, StoreError> {
        Ok(self.read().len() as u64)
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.read().is_empty())
    }
}
