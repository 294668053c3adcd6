use std::any::Any;

use bevy_ecs::{
    component::{Component, ComponentMutability, StorageType},
    entity::Entity,
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{Coder, Column, ColumnData, Encoding, Error, Runs};
use keepstone_value::{Batches, Entities, Learner, Resolve};

use crate::{
    capture::{Source, runs},
    raw::{ColumnMut, Values},
    rows,
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

    /// The bytes of a row, if [`AnyColumn::overwrite`] can write rows of this encoding.
    fn overwrites(&self, encoding: &Encoding) -> Option<usize>;

    /// Writes those of these rows that differ over a table's, change ticks included, and returns how many that were.
    fn overwrite(&self, world: &mut World, table: TableId, bytes: &[u8]) -> u64;
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

/// Rows that are compared and written at a time: what the first pass touches is still in the cache of the second.
const CHUNK_LEN: usize = 64 << 10;

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

    fn overwrites(&self, encoding: &Encoding) -> Option<usize> {
        let plain = matches!(encoding, Encoding::Plain(_)) && self.0.encoding().as_ref() == Some(encoding);
        let fits = T::Mutability::MUTABLE && T::STORAGE_TYPE == StorageType::Table;
        (plain && fits && size_of::<T>() > 0).then_some(size_of::<T>())
    }

    fn overwrite(&self, world: &mut World, table: TableId, bytes: &[u8]) -> u64 {
        let Some(mut column) = ColumnMut::<T>::new(world, table) else { return 0 };
        let rows_max = (CHUNK_LEN / size_of::<T>().max(1)).max(1);
        let mut values: Vec<T> = Vec::with_capacity(rows_max);
        let mut written = 0;
        for (chunk, bytes) in bytes.chunks(rows_max * size_of::<T>().max(1)).enumerate() {
            let first = chunk * rows_max;
            if self.is_equal(&column, first, bytes) {
                continue;
            }
            values.clear();
            self.0.append_plain(bytes, &mut values);
            written += self.overwrite_chunk(&mut column, first, bytes, &mut values);
        }
        written
    }
}

impl<T: Component> Typed<T> {
    /// Hands the bytes of rows from `first` on to `then`.
    fn with_bytes<U>(column: &Self, rows: &[T], then: impl FnOnce(&[u8]) -> U) -> Option<U> {
        let mut runs = Runs::default();
        runs.push_slice(rows);
        match column.0.capture(runs, &mut NoEntities) {
            Ok((_, ColumnData::Plain(pieces))) => match pieces.as_slice() {
                [piece] => Some(then(piece)),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_equal(&self, column: &ColumnMut<'_, T>, first: usize, bytes: &[u8]) -> bool {
        let rows = column.values().get(first..first + bytes.len() / size_of::<T>().max(1));
        rows.and_then(|rows| Self::with_bytes(self, rows, |live| live == bytes)).unwrap_or(false)
    }

    fn overwrite_chunk(
        &self,
        column: &mut ColumnMut<'_, T>,
        first: usize,
        bytes: &[u8],
        values: &mut Vec<T>,
    ) -> u64 {
        let size = size_of::<T>().max(1);
        let Some(rows) = column.values().get(first..first + values.len()) else { return 0 };
        let differs = Self::with_bytes(self, rows, |live| {
            live.chunks_exact(size).zip(bytes.chunks_exact(size)).map(|(a, b)| a != b).collect::<Vec<bool>>()
        });
        let differs = differs.unwrap_or_default();
        if differs.len() == values.len() && !differs.contains(&false) {
            return column.set_run(first, values.drain(..));
        }
        let mut written = 0;
        for ((at, value), differs) in (first..).zip(values.drain(..)).zip(differs) {
            if differs {
                column.set(at, value);
                written += 1;
            }
        }
        written
    }
}

/// For rows that can't name entities.
struct NoEntities;

impl Entities for NoEntities {
    fn entity(&self) -> keepstone_value::EntityType {
        keepstone_value::EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, _: u64) -> u32 {
        keepstone_ecs_persist::NONE
    }
}
