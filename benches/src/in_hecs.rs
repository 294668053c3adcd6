//! The mixed world in hecs, and the floor of its loader: `spawn_column_batch` of the same columns.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hecs::{ColumnBatch, ColumnBatchBuilder, ColumnBatchType, Component, Entity, EntityBuilder, World};
use keepstone::{Persist, hecs::Relationship};

use crate::mixed::{Health, Name, Position, Row, Velocity};

/// What an entity hangs on.
#[derive(Persist, Clone, Copy, Debug, PartialEq, Eq)]
#[persist(crate = "keepstone::hecs", name = "bench.parent", relationship)]
pub struct Parent(pub Entity);

impl Relationship for Parent {
    fn new(target: Entity, _: u32) -> Self {
        Self(target)
    }

    fn target(&self) -> Entity {
        self.0
    }
}

/// Spawns rows one by one into a world of their own.
pub fn world(rows: &[Row]) -> World {
    let mut world = World::new();
    let mut entities: Vec<Entity> = Vec::with_capacity(rows.len());
    let mut builder = EntityBuilder::new();
    for row in rows {
        builder.add(row.position);
        if let Some(velocity) = row.velocity {
            builder.add(velocity);
        }
        if let Some(health) = row.health {
            builder.add(health);
        }
        if let Some(name) = &row.name {
            builder.add(name.clone());
        }
        let parent = row.parent.and_then(|parent| entities.get(usize::try_from(parent).ok()?));
        if let Some(&parent) = parent {
            builder.add(Parent(parent));
        }
        entities.push(world.spawn(builder.build()));
    }
    world
}

/// Rows as columns, apart by which components there are; those with parents come last.
#[derive(Debug)]
pub struct Batches {
    batches: BTreeMap<[bool; 4], Batch>,
    len: usize,
}

#[derive(Debug, Default)]
struct Batch {
    /// The place of each row among all.
    places: Vec<usize>,
    positions: Vec<Position>,
    velocities: Vec<Velocity>,
    healths: Vec<Health>,
    names: Vec<Name>,
    /// The place of each one's parent.
    parents: Vec<usize>,
}

impl Batches {
    /// Sorts rows into columns.
    ///
    /// # Errors
    /// When there are more than fit into memory.
    pub fn new(rows: &[Row]) -> Result<Self> {
        let mut batches = BTreeMap::<[bool; 4], Batch>::new();
        for (place, row) in rows.iter().enumerate() {
            let key =
                [row.parent.is_some(), row.name.is_some(), row.velocity.is_some(), row.health.is_some()];
            let batch = batches.entry(key).or_default();
            batch.places.push(place);
            batch.positions.push(row.position);
            batch.velocities.extend(row.velocity);
            batch.healths.extend(row.health);
            batch.names.extend(row.name.clone());
            batch.parents.extend(row.parent.map(usize::try_from).transpose()?);
        }
        Ok(Self { batches, len: rows.len() })
    }

    /// Spawns them into a world of their own: values copied, names cloned. A parent that comes after its child, as one that has a parent
    /// itself may, is set afterwards.
    ///
    /// # Errors
    /// When a column isn't full.
    pub fn spawn(&self) -> Result<World> {
        let mut world = World::new();
        let mut entities = vec![Entity::DANGLING; self.len];
        let mut late = Vec::new();
        for batch in self.batches.values() {
            batch.spawn(&mut world, &mut entities, &mut late)?;
        }
        for (place, parent) in late {
            let [entity, parent] = [place, parent].map(|place| entities.get(place).copied());
            let (entity, parent) = entity.zip(parent).context("a parent is no row")?;
            world.query_one_mut::<&mut Parent>(entity)?.0 = parent;
        }
        Ok(world)
    }

    /// Spawns them into a world of their own under these handles, one for each row. The handles are reserved first: hecs searches
    /// its free list for each that isn't, which at 100 000 takes 200 times as long.
    ///
    /// # Errors
    /// When a column isn't full.
    pub fn spawn_at(&self, handles: &[Entity]) -> Result<World> {
        let mut world = World::new();
        let _ = world.reserve_entities(u32::try_from(self.len)?);
        world.flush();
        for batch in self.batches.values() {
            let own: Vec<Entity> =
                batch.places.iter().filter_map(|&place| handles.get(place).copied()).collect();
            world.spawn_column_batch_at(&own, batch.columns(handles, &mut Vec::new())?);
        }
        Ok(world)
    }
}

impl Batch {
    fn spawn(
        &self,
        world: &mut World,
        entities: &mut [Entity],
        late: &mut Vec<(usize, usize)>,
    ) -> Result<()> {
        let batch = self.columns(entities, late)?;
        for (&place, entity) in self.places.iter().zip(world.spawn_column_batch(batch)) {
            if let Some(slot) = entities.get_mut(place) {
                *slot = entity;
            }
        }
        Ok(())
    }

    /// All of it as columns; notes the parents that are not spawned yet.
    fn columns(&self, entities: &[Entity], late: &mut Vec<(usize, usize)>) -> Result<ColumnBatch> {
        let mut types = ColumnBatchType::new();
        types.add::<Position>();
        add(&mut types, &self.velocities);
        add(&mut types, &self.healths);
        add(&mut types, &self.names);
        if !self.parents.is_empty() {
            types.add::<Parent>();
        }
        let batch = types.into_batch(u32::try_from(self.places.len())?);
        write(&batch, self.positions.iter().copied());
        write(&batch, self.velocities.iter().copied());
        write(&batch, self.healths.iter().copied());
        write(&batch, self.names.iter().cloned());
        let parents = self.places.iter().zip(&self.parents).map(|(&place, &parent)| {
            let entity = entities.get(parent).copied().unwrap_or(Entity::DANGLING);
            if entity == Entity::DANGLING {
                late.push((place, parent));
            }
            Parent(entity)
        });
        write(&batch, parents);
        batch.build().ok().context("a column isn't full")
    }
}

fn add<T: Component>(types: &mut ColumnBatchType, values: &[T]) {
    if !values.is_empty() {
        types.add::<T>();
    }
}

fn write<T: Component>(batch: &ColumnBatchBuilder, values: impl Iterator<Item = T>) {
    let Some(mut writer) = batch.writer::<T>() else { return };
    for value in values {
        // There is room for one of each component for each entity.
        let _ = writer.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixed::rows;

    #[test]
    fn rows_and_columns_give_the_same_world() {
        let rows = rows(1200);
        let census = |world: &World| {
            let children =
                |of: Entity| world.query::<&Parent>().iter().filter(|parent| parent.0 == of).count();
            let mut lines: Vec<String> = world
                .iter()
                .map(|entity| {
                    let name = entity.get::<&Name>().map(|name| name.0.clone());
                    let position = entity.get::<&Position>().map(|position| *position);
                    let velocity = entity.get::<&Velocity>().map(|velocity| *velocity);
                    let health = entity.get::<&Health>().map(|health| *health);
                    format!("{name:?} {position:?} {velocity:?} {health:?} {}", children(entity.entity()))
                })
                .collect();
            lines.sort();
            lines
        };
        let one_by_one = census(&world(&rows));
        let batches = Batches::new(&rows).unwrap();
        assert_eq!(census(&batches.spawn().unwrap()), one_by_one);
        assert_eq!(one_by_one.len(), 1200);

        let same = world(&rows);
        let mut handles: Vec<Entity> = same.iter().map(|entity| entity.entity()).collect();
        handles.sort_unstable();
        let at = batches.spawn_at(&handles).unwrap();
        assert_eq!(census(&at), one_by_one);
        for &handle in &handles {
            let position = |world: &World| world.get::<&Position>(handle).map(|position| *position).unwrap();
            assert_eq!(position(&at), position(&same));
        }
    }
}
