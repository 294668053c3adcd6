use std::any::Any;

use bevy_ecs::{
    component::{Component, ComponentMutability, StorageType},
    entity::Entity,
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{Coder, Column, ColumnData, ColumnStep, ComponentSchema, Encoding, Error, Runs};
use keepstone_value::{Batches, Entities, Learner, Resolve};

use crate::{
    raw::{self, ColumnMut, Moving, Values},
    rows,
    source::{Source, runs},
};

pub(crate) type Captured<'w> = Result<(Encoding, ColumnData<'w>), keepstone_value::Error>;

/// What this adapter does with the values of one component, whatever their type.
pub(crate) trait AnyColumn: Any + Send + Sync {
    /// Encodes or borrows the rows of these sources.
    fn capture<'w>(&self, world: &'w World, sources: &[Source], entities: &mut dyn Entities) -> Captured<'w>;

    /// Learns what the rows of these sources have in common with those before. Rows whose encoding is known have nothing to learn.
    fn learn(
        &self,
        world: &World,
        sources: &[Source],
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error>;

    /// Encodes or borrows the rows of these sources, which follow those of the batches before.
    fn capture_batch<'w>(
        &self,
        world: &'w World,
        sources: &[Source],
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error>;

    /// Decodes all rows.
    fn decode(
        &self,
        column: &Column<'_>,
        rows: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error>;

    /// What the rows are, where that is known without values.
    fn encoding(&self) -> Option<Encoding>;

    /// Which of these rows differ from the values that the entities beside them have. All of them have one.
    fn differing(
        &self,
        world: &World,
        column: &Column<'_>,
        candidates: &[(u32, Entity)],
        naming: &mut dyn Naming,
    ) -> Result<Vec<bool>, Error>;

    /// The bytes of a row, if [`AnyColumn::overwrite`] can write rows of this description.
    fn overwrites(&self, schema: &ComponentSchema) -> Option<usize>;

    /// The steps that a column takes when it is decoded, for a component that is written as version `newest`.
    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error>;

    /// Writes those of these rows that differ over a table's, change ticks included, and returns how many that were.
    fn overwrite(&self, world: &mut World, table: TableId, bytes: &[u8]) -> u64;

    /// Moves the next values over those in these rows of a table, change ticks included. False, and nothing is moved, where that can't be.
    fn replace(&self, world: &mut World, values: &mut Moving, table: TableId, rows: &[u32]) -> bool {
        let _ = (world, values, table, rows);
        false
    }
}

/// Entities by the ordinals of a document, and back.
pub(crate) trait Naming: Entities + Resolve {
    /// This, to encode with.
    fn entities(&mut self) -> &mut dyn Entities;
    /// This, to decode with.
    fn resolve(&mut self) -> &mut dyn Resolve;
}

impl<N: Entities + Resolve> Naming for N {
    fn entities(&mut self) -> &mut dyn Entities {
        self
    }

    fn resolve(&mut self) -> &mut dyn Resolve {
        self
    }
}

/// The values of `T`, written by a coder.
pub(crate) struct Typed<T>(pub(crate) Box<dyn Coder<T>>);

impl<T: Component> AnyColumn for Typed<T> {
    fn capture<'w>(&self, world: &'w World, sources: &[Source], entities: &mut dyn Entities) -> Captured<'w> {
        self.0.capture(runs::<T>(world, sources), entities)
    }

    fn learn(
        &self,
        world: &World,
        sources: &[Source],
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        self.0.learn(runs::<T>(world, sources), entities, learner)
    }

    fn capture_batch<'w>(
        &self,
        world: &'w World,
        sources: &[Source],
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        self.0.capture_batch(runs::<T>(world, sources), entities, batches)
    }

    fn decode(
        &self,
        column: &Column<'_>,
        rows: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error> {
        Ok(Box::new(self.0.decode(column, rows, entities)?))
    }

    fn encoding(&self) -> Option<Encoding> {
        self.0.encoding()
    }

    fn differing(
        &self,
        world: &World,
        column: &Column<'_>,
        candidates: &[(u32, Entity)],
        naming: &mut dyn Naming,
    ) -> Result<Vec<bool>, Error> {
        let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
        let holders = || candidates.iter().filter_map(|&(_, entity)| world.get::<T>(entity)).collect();
        let mut live = Runs::default();
        live.push_scattered(holders());
        let (encoding, live) = self.0.capture(live, naming.entities()).map_err(wrap)?;
        if encoding == column.schema.encoding
            && self.0.is_own(&column.schema)
            && let Some(differing) = rows::differing(column, &live, candidates)?
        {
            return Ok(differing);
        }
        // Rows of two shapes can't be compared by their bytes: both are written alike.
        let values = self.0.decode(column, rows::count(column), naming.resolve())?;
        let mut both = Runs::default();
        both.push_scattered(
            candidates.iter().filter_map(|&(row, _)| values.get(row as usize)).collect::<Vec<&T>>(),
        );
        both.push_scattered(holders());
        let (encoding, data) = self.0.capture(both, naming.entities()).map_err(wrap)?;
        rows::halves_differ(&encoding, &data, candidates.len()).map_err(wrap)
    }

    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error> {
        self.0.steps(schema, newest)
    }

    fn overwrites(&self, schema: &ComponentSchema) -> Option<usize> {
        let encoding = &schema.encoding;
        let plain = matches!(encoding, Encoding::Plain(_))
            && self.0.encoding().as_ref() == Some(encoding)
            && self.0.is_own(schema);
        let fits = T::Mutability::MUTABLE && T::STORAGE_TYPE == StorageType::Table;
        // Not every codec of plain rows can.
        let can = size_of::<T>() > 0 && self.0.overwrite_plain(&[], &mut [], &mut |_| {});
        (plain && fits && can).then_some(size_of::<T>())
    }

    fn overwrite(&self, world: &mut World, table: TableId, bytes: &[u8]) -> u64 {
        let Some(mut column) = ColumnMut::<T>::new(world, table) else { return 0 };
        let (values, mut marks) = column.split();
        let mut count = 0;
        self.0.overwrite_plain(bytes, values, &mut |rows| {
            count += rows.len() as u64;
            marks.mark(rows);
        });
        count
    }

    fn replace(&self, world: &mut World, values: &mut Moving, table: TableId, rows: &[u32]) -> bool {
        raw::replace_in_table::<T>(world, values, table, rows)
    }
}
