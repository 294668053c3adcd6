//! Components of a file that this program doesn't know, kept to be written back.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use bevy_ecs::{
    archetype::Archetype, component::Component, entity::Entity, resource::Resource, world::World,
};
use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, Lengths, NONE};
use keepstone_value::{Decoder, Entities, Options};
use serde::de::IgnoredAny;

use crate::ordinals::Spawned;

/// All kept columns of a world.
#[derive(Resource)]
pub(crate) struct Kept {
    /// Tells these columns from those of a list that was removed with the world's resources.
    number: u64,
    columns: Vec<KeptColumn>,
}

impl Default for Kept {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), columns: Vec::new() }
    }
}

/// The kept values of one entity: which columns, ascending, and which row of each. A clone of the entity shares them.
#[derive(Component, Clone, Default)]
#[component(storage = "SparseSet")]
pub(crate) struct KeptRows {
    /// The list that the rows are in.
    of: u64,
    rows: Vec<(u16, u32)>,
}

/// A column that only grows: what entities no longer have is not written.
pub(crate) struct KeptColumn {
    pub(crate) schema: ComponentSchema,
    rows: Vec<KeptRow>,
}

#[derive(Clone, Default)]
struct KeptRow {
    bytes: Vec<u8>,
    /// What the row refers to; the placeholder for nothing.
    targets: Vec<Entity>,
    /// Orders the rows with one target, for relationships.
    rank: u32,
}

impl Kept {
    /// The columns, by the numbers that [`KeptRows`] use.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (u16, &KeptColumn)> {
        (0..).zip(&self.columns)
    }

    /// Checks that the rows of a column can be put to what is kept already.
    pub(crate) fn check(&self, schema: &ComponentSchema) -> Result<(), Error> {
        match self.columns.iter().find(|column| column.schema.name == schema.name) {
            Some(column) if column.schema != *schema => {
                Err(Error::KeptOtherwise { name: schema.name.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Puts the rows of a column to what is kept already, and returns the column's number and the number of its first row.
    fn add(&mut self, schema: &ComponentSchema, rows: Vec<KeptRow>) -> Result<(u16, u32), Error> {
        self.check(schema)?;
        let known = self.columns.iter().position(|column| column.schema.name == schema.name);
        let at = known.unwrap_or_else(|| {
            self.columns.push(KeptColumn { schema: schema.clone(), rows: Vec::new() });
            self.columns.len() - 1
        });
        let column = self.columns.get_mut(at).expect("found or added above");
        let limit = |needs: usize| Error::Limit {
            what: "kept values of a component",
            needs: needs as u64,
            allowed: u64::from(u32::MAX),
        };
        let first = u32::try_from(column.rows.len()).map_err(|_| limit(column.rows.len()))?;
        let number = u16::try_from(at).map_err(|_| limit(at))?;
        if column.schema.resource {
            column.rows.clear();
        }
        column.rows.extend(rows);
        Ok((number, first))
    }
}

/// Keeps the columns of a document at these places; `entities` are the entities of its ordinals.
pub(crate) fn keep(
    world: &mut World,
    columns: Vec<Unplaced<'_, '_>>,
    entities: &[Entity],
) -> Result<(), Error> {
    if columns.is_empty() {
        return Ok(());
    }
    let mut kept = world.remove_resource::<Kept>().unwrap_or_default();
    let added: Result<Vec<_>, Error> = columns
        .into_iter()
        .map(|column| Ok((kept.add(&column.column.schema, column.rows)?, column.ordinals)))
        .collect();
    let of = kept.number;
    world.insert_resource(kept);
    for ((number, first), ordinals) in added? {
        for (row, ordinal) in (first..).zip(ordinals) {
            let Some(mut entity) =
                entities.get(ordinal as usize).and_then(|&entity| world.get_entity_mut(entity).ok())
            else {
                continue;
            };
            let before = entity.take::<KeptRows>().filter(|rows| rows.of == of);
            let mut kept = before.unwrap_or(KeptRows { of, rows: Vec::new() });
            // A value takes the place of the one before.
            kept.rows.retain(|&(known, _)| known != number);
            kept.rows.push((number, row));
            kept.rows.sort_unstable();
            entity.insert(kept);
        }
    }
    Ok(())
}

/// Forgets what these entities have of a component that is not registered, and says how many had some.
pub(crate) fn forget(world: &mut World, name: &str, entities: impl Iterator<Item = Entity>) -> u64 {
    let Some(kept) = world.get_resource::<Kept>() else { return 0 };
    let Some((number, _)) = kept.columns().find(|(_, column)| column.schema.name == name) else { return 0 };
    let (of, mut count) = (kept.number, 0);
    for entity in entities {
        let Ok(mut entity) = world.get_entity_mut(entity) else { continue };
        let had = |rows: &KeptRows| rows.of == of && rows.rows.iter().any(|&(column, _)| column == number);
        if entity.get::<KeptRows>().is_some_and(had)
            && let Some(mut rows) = entity.take::<KeptRows>()
        {
            rows.rows.retain(|&(column, _)| column != number);
            entity.insert(rows);
            count += 1;
        }
    }
    count
}

/// Forgets a resource that is not registered, and says whether there was one.
pub(crate) fn forget_resource(world: &mut World, name: &str) -> bool {
    let Some(mut kept) = world.get_resource_mut::<Kept>() else { return false };
    let is_it = |column: &KeptColumn| column.schema.name == name && column.schema.resource;
    let Some(at) = kept.columns.iter().position(is_it) else { return false };
    kept.columns.get_mut(at).is_some_and(|column| !std::mem::take(&mut column.rows).is_empty())
}

/// A column without a registered component.
pub(crate) struct Unplaced<'d, 'a> {
    column: &'d Column<'a>,
    rows: Vec<KeptRow>,
    /// The entity of each row; none for a resource.
    ordinals: Vec<u32>,
}

impl<'d, 'a> Unplaced<'d, 'a> {
    /// Splits a column into rows.
    pub(crate) fn new(
        column: &'d Column<'a>,
        ordinals: Vec<u32>,
        count: usize,
        spawned: &Spawned<'_>,
    ) -> Result<Self, Error> {
        let rows = match (&column.data, &column.schema.encoding) {
            (ColumnData::Plain(pieces), _) => plain_rows(pieces, column.row_size().unwrap_or(0), count),
            (ColumnData::Opaque { data, lengths }, _) => {
                cut(data, lengths).map(|bytes| KeptRow { bytes, ..KeptRow::default() }).collect()
            }
            (ColumnData::Rows { data, lengths, targets }, Encoding::Rows { .. }) => {
                serde_rows(column, data, lengths, targets, spawned)?
            }
            (ColumnData::References { targets, ranks }, _) => (0..)
                .zip(targets.iter())
                .map(|(row, &target)| KeptRow {
                    bytes: Vec::new(),
                    targets: vec![spawned.entity_of(target)],
                    rank: ranks.as_ref().and_then(|ranks| ranks.get(row as usize)).copied().unwrap_or(row),
                })
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self { column, rows, ordinals })
    }
}

impl Unplaced<'_, '_> {
    /// Keeps the rows of these ordinals alone.
    pub(crate) fn retain(&mut self, keep: impl Fn(&u32) -> bool) {
        let mut ordinals = self.ordinals.iter();
        self.rows.retain(|_| ordinals.next().is_some_and(&keep));
        self.ordinals.retain(keep);
    }
}

fn plain_rows(pieces: &[Cow<'_, [u8]>], size: usize, count: usize) -> Vec<KeptRow> {
    let bytes = pieces.concat();
    if size == 0 {
        return vec![KeptRow::default(); count];
    }
    bytes.chunks(size).map(|row| KeptRow { bytes: row.to_vec(), ..KeptRow::default() }).collect()
}

fn cut(data: &[u8], lengths: &Lengths) -> impl Iterator<Item = Vec<u8>> {
    let mut rest = data;
    lengths.iter().map(move |len| {
        let (row, tail) = rest.split_at(rest.len().min(len as usize));
        rest = tail;
        row.to_vec()
    })
}

fn serde_rows(
    column: &Column<'_>,
    data: &[u8],
    lengths: &Lengths,
    targets: &[u32],
    spawned: &Spawned<'_>,
) -> Result<Vec<KeptRow>, Error> {
    let Encoding::Rows { shape, human_readable } = &column.schema.encoding else { return Ok(Vec::new()) };
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let options = Options { human_readable: *human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    let mut rows = Vec::new();
    for (len, bytes) in lengths.iter().zip(cut(data, lengths)) {
        let before = targets.len() - decoder.targets_left();
        decoder.row::<IgnoredAny>(len).map_err(wrap)?;
        let after = targets.len() - decoder.targets_left();
        let named = targets.get(before..after).unwrap_or_default();
        let targets = named.iter().map(|&target| spawned.entity_of(target)).collect();
        rows.push(KeptRow { bytes, targets, rank: 0 });
    }
    decoder.finish().map_err(wrap)?;
    Ok(rows)
}

/// The entities of an archetype by the kept columns that they have.
pub(crate) fn groups(world: &World, archetype: &Archetype) -> BTreeMap<Vec<u16>, Vec<Entity>> {
    let mut groups: BTreeMap<Vec<u16>, Vec<Entity>> = BTreeMap::new();
    let of = world.get_resource::<Kept>().map(|kept| kept.number);
    for row in archetype.entities() {
        let kept = world.get::<KeptRows>(row.id()).filter(|kept| Some(kept.of) == of);
        let columns =
            kept.map(|kept| kept.rows.iter().map(|&(column, _)| column).collect()).unwrap_or_default();
        groups.entry(columns).or_default().push(row.id());
    }
    groups
}

/// The kept columns that an entity has, ascending.
pub(crate) fn columns_of(world: &World, entity: Entity) -> Vec<u16> {
    let of = world.get_resource::<Kept>().map(|kept| kept.number);
    let kept = world.get::<KeptRows>(entity).filter(|kept| Some(kept.of) == of);
    kept.map(|kept| kept.rows.iter().map(|&(column, _)| column).collect()).unwrap_or_default()
}

impl KeptColumn {
    /// How many rows were kept.
    pub(crate) fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The rows that these entities have of it, as a column to be written.
    pub(crate) fn capture(
        &self,
        world: &World,
        number: u16,
        holders: &[Entity],
        entities: &mut dyn Entities,
    ) -> ColumnData<'static> {
        let row_of = |&entity: &Entity| {
            let rows = world.get::<KeptRows>(entity)?;
            let (_, row) = rows.rows.iter().find(|&&(column, _)| column == number)?;
            self.rows.get(*row as usize)
        };
        let rows: Vec<&KeptRow> = if self.schema.resource {
            self.rows.iter().collect()
        } else {
            holders.iter().filter_map(row_of).collect()
        };
        let bytes = || rows.iter().flat_map(|row| row.bytes.iter().copied()).collect::<Vec<u8>>();
        let length = |row: &&KeptRow| u32::try_from(row.bytes.len()).unwrap_or(u32::MAX);
        let lengths = || Lengths::each(rows.iter().map(length).collect());
        let mut ordinal = |&entity: &Entity| entities.ordinal(entity.to_bits());
        let targets: Vec<u32> = rows.iter().flat_map(|row| &row.targets).map(&mut ordinal).collect();
        match &self.schema.encoding {
            Encoding::Plain(_) => ColumnData::Plain(vec![Cow::Owned(bytes())]),
            Encoding::Rows { .. } => ColumnData::Rows {
                data: Cow::Owned(bytes()),
                lengths: lengths(),
                targets: Cow::Owned(targets),
            },
            Encoding::Reference { linked } => {
                let ranks = if *linked { ranks(&rows, &targets) } else { None };
                ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) }
            }
            _ => ColumnData::Opaque { data: Cow::Owned(bytes()), lengths: lengths() },
        }
    }
}

/// New ranks in the old order, unless the order of the rows is that order.
fn ranks(rows: &[&KeptRow], targets: &[u32]) -> Option<Vec<u32>> {
    let mut places: Vec<(u32, u32, usize)> =
        rows.iter().zip(targets).enumerate().map(|(row, (kept, &target))| (target, kept.rank, row)).collect();
    places.retain(|&(target, _, _)| target != NONE);
    places.sort_unstable();
    let mut ranks = vec![0; rows.len()];
    let mut natural = true;
    for group in places.chunk_by(|a, b| a.0 == b.0) {
        natural &= group.is_sorted_by_key(|place| place.2);
        for (rank, place) in (0..).zip(group) {
            if let Some(slot) = ranks.get_mut(place.2) {
                *slot = rank;
            }
        }
    }
    (!natural).then_some(ranks)
}
