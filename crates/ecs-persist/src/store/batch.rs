use crate::identity::PersistId;

/// Records to save and entities to delete, all or none, for [`EntityStore::apply`](crate::EntityStore::apply).
///
/// Of several changes of one entity the last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreBatch {
    changes: Vec<(PersistId, Option<Vec<u8>>)>,
}

impl StoreBatch {
    /// Has no change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity to save.
    pub fn save(&mut self, id: PersistId, record: impl Into<Vec<u8>>) {
        self.changes.push((id, Some(record.into())));
    }

    /// Adds an entity to delete; whether the store has it makes no difference.
    pub fn delete(&mut self, id: PersistId) {
        self.changes.push((id, None));
    }

    /// The changes in order: the record to save, or nothing for an entity to delete.
    pub fn changes(&self) -> impl Iterator<Item = (PersistId, Option<&[u8]>)> {
        self.changes.iter().map(|(id, record)| (*id, record.as_deref()))
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Records to save, as [`records`](crate::records) makes them.
impl From<Vec<(PersistId, Vec<u8>)>> for StoreBatch {
    fn from(records: Vec<(PersistId, Vec<u8>)>) -> Self {
        Self { changes: records.into_iter().map(|(id, record)| (id, Some(record))).collect() }
    }
}
