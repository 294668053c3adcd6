use std::collections::BTreeMap;

use hecs::{ColumnBatchBuilder, ColumnBatchType, Component, Entity, EntityBuilder, World};
use keepstone::{
    Persist,
    hecs::{Hecs, Relationship},
};

use super::ecs::Ecs;
use super::world::{Health, Name, Position, Row, Velocity};

/// What bevy's `ChildOf` is in this world.
#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone::hecs", name = "bevy_ecs.ChildOf", relationship)]
struct Parent(Entity);

impl Relationship for Parent {
    fn new(target: Entity, _: u32) -> Self {
        Self(target)
    }

    fn target(&self) -> Entity {
        self.0
    }
}

/// The rows as columns, apart by which components there are; those with a parent come last.
pub(super) type Columns = BTreeMap<[bool; 4], Batch>;

/// Entities with the same components, with the index of each.
#[derive(Clone, Default)]
pub(super) struct Batch {
    indices: Vec<usize>,
    position: Vec<Position>,
    velocity: Vec<Velocity>,
    health: Vec<Health>,
    name: Vec<Name>,
    /// The index of each one's parent, which has none itself.
    parent: Vec<usize>,
}

impl Ecs<Hecs> for World {
    const NAME: &'static str = "hecs";
    const FLOOR: &'static str = "hecs's spawn_column_batch of such entities";
    const WITH: &'static str = "parents";

    type Rows = Columns;

    fn build(rows: impl Iterator<Item = Row>) -> Self {
        let mut world = Self::new();
        let mut entities: Vec<Entity> = Vec::with_capacity(rows.size_hint().0);
        let mut builder = EntityBuilder::new();
        for row in rows {
            builder.add(row.position);
            if let Some(velocity) = row.velocity {
                builder.add(velocity);
            }
            if let Some(health) = row.health {
                builder.add(health);
            }
            if let Some(name) = row.name {
                builder.add(name);
            }
            if let Some(&parent) = row.parent.and_then(|parent| entities.get(parent)) {
                builder.add(Parent(parent));
            }
            entities.push(world.spawn(builder.build()));
        }
        world
    }

    fn rows(rows: &[Row]) -> Columns {
        let mut columns = Columns::new();
        for (index, row) in rows.iter().enumerate() {
            let key =
                [row.parent.is_some(), row.name.is_some(), row.velocity.is_some(), row.health.is_some()];
            let batch = columns.entry(key).or_default();
            batch.indices.push(index);
            batch.position.push(row.position);
            batch.velocity.extend(row.velocity);
            batch.health.extend(row.health);
            batch.name.extend(row.name.clone());
            batch.parent.extend(row.parent);
        }
        columns
    }

    fn spawn(rows: Columns) -> Self {
        let mut world = Self::new();
        let mut entities = vec![Entity::DANGLING; rows.values().map(|batch| batch.indices.len()).sum()];
        for batch in rows.into_values() {
            batch.spawn(&mut world, &mut entities);
        }
        world
    }
}

impl Batch {
    fn spawn(self, world: &mut World, entities: &mut [Entity]) {
        let mut types = ColumnBatchType::new();
        types.add::<Position>();
        add::<Velocity>(&mut types, self.velocity.len());
        add::<Health>(&mut types, self.health.len());
        add::<Name>(&mut types, self.name.len());
        add::<Parent>(&mut types, self.parent.len());
        let builder = types.into_batch(u32::try_from(self.indices.len()).unwrap_or_default());
        write(&builder, self.position.into_iter());
        write(&builder, self.velocity.into_iter());
        write(&builder, self.health.into_iter());
        write(&builder, self.name.into_iter());
        let parent = |index: usize| Parent(entities.get(index).copied().unwrap_or(Entity::DANGLING));
        write(&builder, self.parent.into_iter().map(parent));
        let Ok(batch) = builder.build() else { return };
        for (index, entity) in self.indices.into_iter().zip(world.spawn_column_batch(batch)) {
            if let Some(slot) = entities.get_mut(index) {
                *slot = entity;
            }
        }
    }
}

fn add<T: Component>(types: &mut ColumnBatchType, values: usize) {
    if values > 0 {
        types.add::<T>();
    }
}

fn write<T: Component>(builder: &ColumnBatchBuilder, values: impl Iterator<Item = T>) {
    let Some(mut writer) = builder.writer::<T>() else { return };
    for value in values {
        // There is room for one of each component for each entity.
        let _ = writer.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world;

    #[test]
    fn the_floor_spawns_the_world_that_is_shown() {
        let rows: Vec<Row> = world::rows(1200).collect();
        let census = |world: &World| {
            let children = |of: Entity| world.query::<&Parent>().iter().filter(|p| p.0 == of).count();
            let mut lines: Vec<_> = world
                .iter()
                .map(|entity| {
                    let name = entity.get::<&Name>().map(|name| name.0.clone());
                    (name, entity.has::<Velocity>(), entity.has::<Health>(), children(entity.entity()))
                })
                .collect();
            lines.sort();
            lines
        };
        let shown = census(&World::build(rows.iter().cloned()));
        assert_eq!(census(&<World as Ecs<Hecs>>::spawn(<World as Ecs<Hecs>>::rows(&rows))), shown);
        assert_eq!(shown.len(), 1200);
        assert!(shown.iter().any(|line| line.3 > 0));
    }
}
