use hecs::{ColumnBatchBuilder, Component, Entity, EntityBuilder, World};

/// Decoded values of one component, waiting to be moved into a world.
pub(crate) trait Values {
    /// Moves as many of them as the batch has entities into it.
    fn write(&mut self, batch: &ColumnBatchBuilder, entities: usize);
    /// Moves the next one to the components of an entity to be.
    fn add_to(&mut self, entity: &mut EntityBuilder);
    /// Moves the next one over the value that an entity has.
    fn replace(&mut self, world: &World, entity: Entity);
    /// Sets the next ones apart.
    fn set_apart(&mut self, count: usize) -> Box<dyn Values>;
    /// Moves one over the value of each of these entities that has one, and returns those of the entities that have none, whose places
    /// among `entities` it adds to `lacking`. Where there is no entity, the value goes.
    fn overwrite(
        &mut self,
        world: &World,
        entities: &[Option<Entity>],
        lacking: &mut Vec<usize>,
    ) -> Box<dyn Values>;
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

    fn set_apart(&mut self, count: usize) -> Box<dyn Values> {
        let taken: Vec<T> = self.by_ref().take(count).collect();
        Box::new(taken.into_iter())
    }

    fn overwrite(
        &mut self,
        world: &World,
        entities: &[Option<Entity>],
        lacking: &mut Vec<usize>,
    ) -> Box<dyn Values> {
        let mut view = world.view::<&mut T>();
        let mut rest: Vec<T> = Vec::new();
        for (at, (entity, value)) in entities.iter().zip(self).enumerate() {
            let Some(entity) = *entity else { continue };
            if let Some(slot) = view.get_mut(entity) {
                *slot = value;
            } else {
                lacking.push(at);
                rest.push(value);
            }
        }
        Box::new(rest.into_iter())
    }
}
