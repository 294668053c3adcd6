use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Backend, BackendError, Object, check_name, part};

/// Objects in memory: for tests, and for stores that end with their program.
#[derive(Default)]
pub struct MemBackend {
    objects: Mutex<BTreeMap<String, Arc<[u8]>>>,
}

impl MemBackend {
    /// Begins without objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// No step under the mutex can end half-way.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Result<Option<Arc<[u8]>>, BackendError> {
        check_name(name, "get")?;
        Ok(self.lock().get(name).cloned())
    }
}

impl Backend for MemBackend {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        check_name(name, "put")?;
        let mut objects = self.lock();
        if objects.contains_key(name) {
            return Ok(false);
        }
        objects.insert(name.to_owned(), bytes.into());
        Ok(true)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.find(name)?.map(|bytes| bytes.to_vec()))
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.find(name)?.map(|bytes| part(&bytes, range).to_vec()))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        let objects = self.lock();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let begin = objects.range::<str, _>(from).take_while(|(name, _)| name.starts_with(prefix));
        Ok(begin.map(|(name, bytes)| Object { name: name.clone(), len: bytes.len() as u64 }).collect())
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        check_name(name, "delete")?;
        self.lock().remove(name);
        Ok(())
    }
}

impl fmt::Debug for MemBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemBackend").field("objects", &self.lock().len()).finish()
    }
}
