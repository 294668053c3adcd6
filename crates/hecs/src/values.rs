use hecs::{ColumnBatchBuilder, ColumnBatchType, Component};

/// Decoded values of one component, waiting to be moved into batches.
pub(crate) trait Values {
    /// How many are left.
    fn count(&self) -> usize;
    /// Adds their type to that of a batch.
    fn add_type(&self, batch: &mut ColumnBatchType);
    /// Moves as many of them as the batch has entities into it.
    fn write(&mut self, batch: &ColumnBatchBuilder, entities: usize);
}

impl<T: Component> Values for std::vec::IntoIter<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn add_type(&self, batch: &mut ColumnBatchType) {
        batch.add::<T>();
    }

    fn write(&mut self, batch: &ColumnBatchBuilder, entities: usize) {
        let Some(mut writer) = batch.writer::<T>() else { return };
        for value in self.take(entities) {
            // A batch with room for fewer does not build, and then nothing is spawned.
            let _ = writer.push(value);
        }
    }
}
