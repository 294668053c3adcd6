use hecs::{ColumnBatchBuilder, Component, Entity, EntityBuilder, World};

/// Decoded values of one component, waiting to be moved into a world.
pub(crate) trait Values {
    /// Moves as many of them as the batch has entities into it.
    fn write(&mut self, batch: &ColumnBatchBuilder, entities: usize);
    /// Moves the next one to the components of an entity to be.
    fn add_to(&mut self, entity: &mut EntityBuilder);
    /// Moves the next one over the value that an entity has.
    fn replace(&mut self, world: &World, entity: Entity);
}

impl<T: Component> Values for std::vec::IntoIter<T> {
    fn write(&mut self, batch: &ColumnBatchBuilder, entities: usize) {
        let Some(mut writer) = batch.writer::<T>() else { return };
        for value in self.take(entities) {
            // A batch with room for fewer does not build, and then nothing is spawned.
            let _ = writer.push(value);
        }
    }

    fn add_to(&mut self, entity: &mut EntityBuilder) {
        if let Some(value) = self.next() {
            entity.add(value);
        }
    }

    fn replace(&mut self, world: &World, entity: Entity) {
        if let (Some(value), Ok(mut slot)) = (self.next(), world.get::<&mut T>(entity)) {
            *slot = value;
        }
    }
}
