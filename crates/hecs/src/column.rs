use std::{borrow::Cow, ops::Range, sync::Arc};

use hecs::{Archetype, ColumnBatchBuilder, ColumnBatchType, Component, Entity, ViewBorrow, World};
use keepstone_ecs_persist::{
    Coder, Column, ColumnData, ColumnStep, ComponentSchema, Encoding, Error, Runs, Slice,
};
use keepstone_value::{Batches, Entities, Learner, Resolve};

use crate::{
    link,
    naming::Naming,
    rows::{self, Live},
    values::Values,
};

pub(crate) type Captured = Result<(Encoding, ColumnData<'static>), keepstone_value::Error>;

/// Rows of an archetype.
#[derive(Clone)]
pub(crate) struct Source<'w> {
    pub(crate) archetype: &'w Archetype,
    pub(crate) rows: Rows,
}

/// Which rows.
#[derive(Clone)]
pub(crate) enum Rows {
    /// Those from here to there.
    Range(Range<usize>),
    /// These of a list.
    Listed(Arc<[u32]>, Range<usize>),
}

impl Source<'_> {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Rows::Range(range) | Rows::Listed(_, range) => range.len(),
        }
    }
}

impl Slice for Source<'_> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn slice(&self, part: Range<usize>) -> Self {
        let within = |range: &Range<usize>| range.start + part.start..range.start + part.end;
        let rows = match &self.rows {
            Rows::Range(range) => Rows::Range(within(range)),
            Rows::Listed(list, range) => Rows::Listed(Arc::clone(list), within(range)),
        };
        Self { archetype: self.archetype, rows }
    }
}

/// Where the values of one component lie in memory.
pub(crate) trait Locate {
    /// How many bytes a value has; not 0.
    fn size(&self) -> usize;

    /// Where an entity has its own.
    fn address(&self, entity: Entity) -> Option<usize>;

    /// Where an archetype has its own, one behind the other.
    fn addresses(&self, archetype: &Archetype) -> Option<Range<usize>>;
}

impl<T: Component> Locate for ViewBorrow<'_, &T> {
    fn size(&self) -> usize {
        size_of::<T>()
    }

    fn address(&self, entity: Entity) -> Option<usize> {
        self.get(entity).map(|value| std::ptr::from_ref(value).addr())
    }

    fn addresses(&self, archetype: &Archetype) -> Option<Range<usize>> {
        let range = archetype.get::<&T>()?.as_ptr_range();
        Some(range.start.addr()..range.end.addr())
    }
}

/// What this adapter does with the values of one component, whatever their type.
pub(crate) trait AnyColumn: Send + Sync {
    /// Whether an entity has a value that is saved.
    fn has(&self, world: &World, entity: Entity) -> bool;

    /// The component's values as places of entities, where they have bytes.
    fn locate<'w>(&self, world: &'w World) -> Option<Box<dyn Locate + 'w>>;

    /// Hands on the target and the place of each row, for relationships.
    fn links(&self, sources: &[Source<'_>], found: &mut dyn FnMut(Entity, u32));

    /// Which rows of an archetype are saved, if values are asked; else all are.
    fn persistent(&self, archetype: &Archetype) -> Option<Vec<bool>>;

    /// Encodes the values of these rows.
    fn capture(&self, sources: &[Source<'_>], entities: &mut dyn Entities) -> Captured;

    /// Encodes the values that these entities have.
    fn select(&self, world: &World, selected: &[Entity], entities: &mut dyn Entities) -> Captured;

    /// Learns the shape of rows.
    fn learn(
        &self,
        sources: &[Source<'_>],
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error>;

    /// Encodes rows whose shape was learnt.
    fn capture_batch(
        &self,
        sources: &[Source<'_>],
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'static>, keepstone_value::Error>;

    /// What the rows are, where that is known without values.
    fn encoding(&self) -> Option<Encoding>;

    /// Decodes all rows.
    fn decode(
        &self,
        column: &Column<'_>,
        rows: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error>;

    /// Decodes these of the rows, which ascend.
    fn pick(
        &self,
        column: &Column<'_>,
        rows: usize,
        wanted: &[u32],
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error>;

    /// Whether [`AnyColumn::fill`] can write rows of this description.
    fn fills(&self, schema: &ComponentSchema) -> bool;

    /// The steps that a column takes when it is decoded, for a component that is written as version `newest`.
    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error>;

    /// Writes the bytes of all rows into a batch, without another copy of all of them.
    fn fill(&self, pieces: &[Cow<'_, [u8]>], batch: &ColumnBatchBuilder);

    /// Adds the type to that of a batch.
    fn add_type(&self, batch: &mut ColumnBatchType);

    /// Which rows of a column differ from those beside them, ascending.
    fn differing(
        &self,
        column: &Column<'_>,
        rows: usize,
        live: &[Live<'_>],
        naming: &mut Naming<'_>,
    ) -> Result<Vec<u32>, Error>;

    /// Removes the component from an entity, and says whether it had it.
    fn remove(&self, world: &mut World, entity: Entity) -> bool;

    /// Hands on each entity that has the component with its target and place, for relationships.
    fn holders(&self, world: &World, found: &mut dyn FnMut(Entity, (Entity, u32)));
}

/// The target of a relationship, and the place among those that name it.
pub(crate) type LinkFn<T> = fn(&T) -> (Entity, u32);

/// The values of `T`, written by a coder.
pub(crate) struct Typed<T> {
    pub(crate) coder: Box<dyn Coder<T>>,
    /// For components that say of each value whether it is saved.
    pub(crate) persists: Option<fn(&T) -> bool>,
    /// For relationships.
    pub(crate) link: Option<LinkFn<T>>,
}

/// Bytes that are decoded at a time: what the first pass touches is still in the cache of the second.
const CHUNK_LEN: usize = 16 << 10;

impl<T: Component> AnyColumn for Typed<T> {
    fn has(&self, world: &World, entity: Entity) -> bool {
        match self.persists {
            None => world.entity(entity).is_ok_and(|entity| entity.has::<T>()),
            Some(persists) => world.get::<&T>(entity).is_ok_and(|value| persists(&value)),
        }
    }

    fn locate<'w>(&self, world: &'w World) -> Option<Box<dyn Locate + 'w>> {
        let has_bytes = size_of::<T>() > 0;
        has_bytes.then(|| -> Box<dyn Locate + 'w> { Box::new(world.view::<&'w T>()) })
    }

    fn links(&self, sources: &[Source<'_>], found: &mut dyn FnMut(Entity, u32)) {
        let Some(link) = self.link else { return };
        with_runs(sources, |runs: Runs<'_, T>| {
            for row in runs.iter() {
                let (target, place) = link(row);
                found(target, place);
            }
        });
    }

    fn persistent(&self, archetype: &Archetype) -> Option<Vec<bool>> {
        let persists = self.persists?;
        Some(archetype.get::<&T>()?.iter().map(persists).collect())
    }

    fn capture(&self, sources: &[Source<'_>], entities: &mut dyn Entities) -> Captured {
        with_runs(sources, |runs| self.coder.capture(runs, entities).map(own))
    }

    fn select(&self, world: &World, selected: &[Entity], entities: &mut dyn Entities) -> Captured {
        let view = world.view::<&T>();
        let mut runs = Runs::default();
        runs.push_scattered(selected.iter().filter_map(|&entity| view.get(entity)).collect());
        self.coder.capture(runs, entities).map(own)
    }

    fn learn(
        &self,
        sources: &[Source<'_>],
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        with_runs(sources, |runs| self.coder.learn(runs, entities, learner))
    }

    fn capture_batch(
        &self,
        sources: &[Source<'_>],
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'static>, keepstone_value::Error> {
        with_runs(sources, |runs| self.coder.capture_batch(runs, entities, batches).map(own_data))
    }

    fn encoding(&self) -> Option<Encoding> {
        self.coder.encoding()
    }

    fn decode(
        &self,
        column: &Column<'_>,
        rows: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error> {
        Ok(Box::new(self.decode_all(column, rows, entities)?.into_iter()))
    }

    fn pick(
        &self,
        column: &Column<'_>,
        rows: usize,
        wanted: &[u32],
        entities: &mut dyn Resolve,
    ) -> Result<Box<dyn Values>, Error> {
        if wanted.len() < rows
            && let Some(column) = rows::picked(column, wanted)
        {
            return self.decode(&column, wanted.len(), entities);
        }
        let mut wanted = wanted.iter().copied().peekable();
        let values = (0..).zip(self.decode_all(column, rows, entities)?);
        let values: Vec<T> =
            values.filter(|(row, _)| wanted.next_if_eq(row).is_some()).map(|(_, value)| value).collect();
        Ok(Box::new(values.into_iter()))
    }

    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error> {
        self.coder.steps(schema, newest)
    }

    fn fills(&self, schema: &ComponentSchema) -> bool {
        let encoding = &schema.encoding;
        let is_plain = matches!(encoding, Encoding::Plain(layout) if layout.size() == size_of::<T>());
        is_plain
            && size_of::<T>() > 0
            && self.coder.encoding().as_ref() == Some(encoding)
            && self.coder.is_own(schema)
            && self.coder.append_plain(&[], &mut Vec::new())
    }

    fn fill(&self, pieces: &[Cow<'_, [u8]>], batch: &ColumnBatchBuilder) {
        let Some(mut writer) = batch.writer::<T>() else { return };
        let mut bytes = rows::Bytes::new(pieces);
        let chunk_len = (CHUNK_LEN / size_of::<T>().max(1)).max(1) * size_of::<T>();
        let mut values: Vec<T> = Vec::with_capacity(chunk_len / size_of::<T>().max(1));
        loop {
            let chunk = bytes.take(chunk_len);
            // A batch with fewer values than entities does not build, and then nothing is spawned.
            if chunk.is_empty() || !self.coder.append_plain(&chunk, &mut values) {
                return;
            }
            for value in values.drain(..) {
                let _ = writer.push(value);
            }
        }
    }

    fn add_type(&self, batch: &mut ColumnBatchType) {
        batch.add::<T>();
    }

    fn differing(
        &self,
        column: &Column<'_>,
        rows: usize,
        live: &[Live<'_>],
        naming: &mut Naming<'_>,
    ) -> Result<Vec<u32>, Error> {
        let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
        let sources: Vec<Source<'_>> = live.iter().map(|live| live.source.clone()).collect();
        if let Some(link) = self.link {
            let decode = |naming: &mut Naming<'_>| self.decode_all(column, rows, naming);
            return with_runs(&sources, |runs: Runs<'_, T>| {
                let values: Vec<(Entity, u32)> = runs.iter().map(link).collect();
                link::differing(column, live, &values, naming, |naming| {
                    Ok(decode(naming)?.iter().map(link).collect())
                })
            });
        }
        let same = with_runs(&sources, |runs| {
            let (encoding, data) = self.coder.capture(runs, naming).map_err(wrap)?;
            if encoding == column.schema.encoding && self.coder.is_own(&column.schema) {
                rows::differing(column, data, live)
            } else {
                Ok(None)
            }
        })?;
        if let Some(differing) = same {
            return Ok(differing);
        }
        // Rows of two shapes can't be compared by their bytes: both are written alike.
        let values = self.decode_all(column, rows, naming)?;
        let theirs: Vec<&T> =
            live.iter().flat_map(Live::rows).filter_map(|row| values.get(row as usize)).collect();
        with_runs(&sources, |ours: Runs<'_, T>| {
            let mut both = Runs::default();
            both.push_scattered(theirs);
            both.push_scattered(ours.iter().collect());
            let (encoding, data) = self.coder.capture(both, naming).map_err(wrap)?;
            rows::halves_differ(encoding, data, live)
        })
    }

    fn remove(&self, world: &mut World, entity: Entity) -> bool {
        world.remove_one::<T>(entity).is_ok()
    }

    fn holders(&self, world: &World, found: &mut dyn FnMut(Entity, (Entity, u32))) {
        let Some(link) = self.link else { return };
        for (entity, value) in &mut world.query::<(Entity, &T)>() {
            found(entity, link(value));
        }
    }
}

impl<T: Component> Typed<T> {
    fn decode_all(
        &self,
        column: &Column<'_>,
        rows: usize,
        entities: &mut dyn Resolve,
    ) -> Result<Vec<T>, Error> {
        let values = self.coder.decode(column, rows, entities)?;
        if values.len() == rows {
            return Ok(values);
        }
        let (found, expected) = (values.len().to_string(), rows.to_string());
        Err(Error::Invalid { what: "rows that a codec decoded", found, expected })
    }
}

/// Hands the rows of `T` that these sources have to `then`, while hecs counts them as borrowed.
fn with_runs<T: Component, U>(sources: &[Source<'_>], then: impl FnOnce(Runs<'_, T>) -> U) -> U {
    let columns: Vec<_> =
        sources.iter().filter_map(|source| Some((source.archetype.get::<&T>()?, &source.rows))).collect();
    let mut runs = Runs::default();
    for (column, rows) in &columns {
        match rows {
            Rows::Range(range) => runs.push_slice(column.get(range.clone()).unwrap_or_default()),
            Rows::Listed(list, range) => {
                let list = list.get(range.clone()).unwrap_or_default();
                runs.push_scattered(list.iter().filter_map(|&row| column.get(row as usize)).collect());
            }
        }
    }
    then(runs)
}

/// Copies what is borrowed: hecs lends a column only for as long as it may count it as borrowed, and a document may live longer.
fn own((encoding, data): (Encoding, ColumnData<'_>)) -> (Encoding, ColumnData<'static>) {
    (encoding, own_data(data))
}

fn own_data(data: ColumnData<'_>) -> ColumnData<'static> {
    let schema = ComponentSchema::new("", 1, false, Encoding::Reference { linked: false });
    Column { schema, data }.into_owned().data
}
