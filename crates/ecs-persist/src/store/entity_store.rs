use std::{ops::ControlFlow, sync::Arc};

use crate::{
    identity::PersistId,
    store::{batch::StoreBatch, error::StoreError},
};

/// Where entities are kept one by one: bytes by [`PersistId`], whatever they mean.
///
/// Four methods are enough: a name, and to save, load and delete one record. The rest have defaults, which a good store replaces. What a
/// default can't promise it refuses. What is said here is what `conformance::check` of the feature
/// `conformance` checks; the author of a store runs it.
///
/// All methods may be called from several threads at once. What one has returned from, every call that begins later sees. Any id and
/// any bytes can be kept, also none; records of a megabyte are nothing special. What has survived a crash when a method
/// returns, each store says for itself.
///
/// ```
/// use keepstone_ecs_persist::{EntityStore, MemoryStore, PersistId, StoreError};
///
/// let store = MemoryStore::new();
/// store.save(PersistId(7), b"a record")?;
/// assert_eq!(store.load(PersistId(7))?, b"a record");
/// assert!(matches!(store.load(PersistId(8)), Err(StoreError::Missing { id: PersistId(8) })));
/// # Ok::<(), StoreError>(())
/// ```
#[doc(alias = "KeyValueEntityPlugin")]
#[doc(alias = "EntityPersistencePlugin")]
pub trait EntityStore: Send + Sync {
    /// What the store is called among others; 1 to 128 bytes, and always the same.
    fn name(&self) -> &str;

    /// Which version of its own layout it writes.
    fn version(&self) -> u32 {
        1
    }

    /// Keeps a record under an id, in the place of the one that was there. Others stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; then the old record, or none, is there.
    #[doc(alias = "save_entity")]
    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError>;

    /// The record of an entity, as it was saved last.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none; [`StoreError::Backend`].
    #[doc(alias = "load_entity")]
    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError>;

    /// Forgets an entity, and says whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; then it is there still.
    #[doc(alias = "delete_entity")]
    fn delete(&self, id: PersistId) -> Result<bool, StoreError>;

    /// Whether there is a record of an entity. By default it is loaded.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    #[doc(alias = "entity_exists")]
    fn exists(&self, id: PersistId) -> Result<bool, StoreError> {
        match self.load(id) {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps several records. Of two with one id the later one counts.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; by default, where one after the other is saved, those before the one that failed are kept.
    fn save_batch(&self, records: &[(PersistId, &[u8])]) -> Result<(), StoreError> {
        records.iter().try_for_each(|(id, record)| self.save(*id, record))
    }

    /// The records of several entities, in this order; nothing for one that is not there.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    fn load_batch(&self, ids: &[PersistId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let load = |id: &PersistId| match self.load(*id) {
            Ok(record) => Ok(Some(record)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        ids.iter().map(load).collect()
    }

    /// Forgets several entities, and says how many of them were there.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; by default, where one after the other is deleted, those before the one that failed are gone.
    fn delete_batch(&self, ids: &[PersistId]) -> Result<u64, StoreError> {
        ids.iter().try_fold(0, |sum, id| Ok(sum + u64::from(self.delete(*id)?)))
    }

    /// Whether [`EntityStore::apply`] works.
    fn is_transactional(&self) -> bool {
        false
    }

    /// Saves and deletes all that a batch says, or nothing: no other call sees a part of it, nor does one after a crash.
    ///
    /// # Errors
    /// [`StoreError::NotTransactional`] from a store that can't promise this, as by default; [`StoreError::Backend`]. In both cases
    /// nothing has changed.
    fn apply(&self, batch: &StoreBatch) -> Result<(), StoreError> {
        let _ = batch;
        Err(StoreError::NotTransactional { store: self.name().to_owned() })
    }

    /// Hands out every entity, until `then` breaks off; in whatever order.
    ///
    /// `then` may use the store, and so may other threads. What is there from the beginning to the end and isn't changed is handed out once,
    /// as it is; what comes, goes or changes meanwhile may be handed out once, as it was or as it is, or not at all.
    ///
    /// # Errors
    /// [`StoreError::NotSupported`] from a store that can't go through its entities, as by default; [`StoreError::Backend`].
    fn for_each(&self, then: &mut dyn FnMut(PersistId, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError> {
        let _ = then;
        Err(StoreError::NotSupported { store: self.name().to_owned(), what: "going through its entities" })
    }

    /// How many entities there are. By default they are counted.
    ///
    /// # Errors
    /// As [`EntityStore::for_each`].
    fn len(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        self.for_each(&mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Whether there are none. By default it looks for one.
    ///
    /// # Errors
    /// As [`EntityStore::for_each`].
    fn is_empty(&self) -> Result<bool, StoreError> {
        let mut is_empty = true;
        self.for_each(&mut |_, _| {
            is_empty = false;
            ControlFlow::Break(())
        })?;
        Ok(is_empty)
    }
}

macro_rules! pass_on {
    ($($owner:ty),*) => {$(
        impl<S: EntityStore + ?Sized> EntityStore for $owner {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn version(&self) -> u32 {
                (**self).version()
            }

            fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
                (**self).save(id, record)
            }

            fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
                (**self).load(id)
            }

            fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
                (**self).delete(id)
            }

            fn exists(&self, id: PersistId) -> Result<bool, StoreError> {
                (**self).exists(id)
            }

            fn save_batch(&self, records: &[(PersistId, &[u8])]) -> Result<(), StoreError> {
                (**self).save_batch(records)
            }

            fn load_batch(&self, ids: &[PersistId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
                (**self).load_batch(ids)
            }

            fn delete_batch(&self, ids: &[PersistId]) -> Result<u64, StoreError> {
                (**self).delete_batch(ids)
            }

            fn is_transactional(&self) -> bool {
                (**self).is_transactional()
            }

            fn apply(&self, batch: &StoreBatch) -> Result<(), StoreError> {
                (**self).apply(batch)
            }

            fn for_each(
                &self,
                then: &mut dyn FnMut(PersistId, &[u8]) -> ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).for_each(then)
            }

            fn len(&self) -> Result<u64, StoreError> {
                (**self).len()
            }

            fn is_empty(&self) -> Result<bool, StoreError> {
                (**self).is_empty()
            }
        }
    )*};
}

pass_on!(Arc<S>, Box<S>, &S);
