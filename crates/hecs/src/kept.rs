//! Components of a file that this program doesn't know, and its resources, kept to be written back.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use hecs::{Entity, World};
use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, Lengths};
use keepstone_value::{Decoder, Entities, Options};
use serde::de::IgnoredAny;

use crate::{ordinals::Spawned, relationship::ranks};

/// What an entity has of components that are not registered.
pub(crate) struct Kept {
    pub(crate) rows: Vec<KeptRow>,
}

/// The resources of files, on an entity of their own: hecs has no place for what belongs to none.
pub(crate) struct KeptResources {
    pub(crate) rows: Vec<KeptRow>,
}

/// A value that this program can't interpret.
pub(crate) struct KeptRow {
    pub(crate) schema: Arc<ComponentSchema>,
    bytes: Box<[u8]>,
    /// What the row refers to; hecs's dangling entity for nothing.
    targets: Box<[Entity]>,
    /// Orders the rows with one target, for relationships.
    rank: u32,
}

impl KeptRow {
    pub(crate) fn name(&self) -> &str {
        &self.schema.name
    }
}

/// The schemas of what a world keeps, by name.
pub(crate) struct Known(HashMap<String, Arc<ComponentSchema>>);

impl Known {
    pub(crate) fn of(world: &World) -> Self {
        let mut known: HashMap<String, Arc<ComponentSchema>> = HashMap::new();
        let mut add = |rows: &[KeptRow]| {
            for row in rows {
                if !known.contains_key(row.name()) {
                    known.insert(row.name().to_owned(), Arc::clone(&row.schema));
                }
            }
        };
        world.query::<&Kept>().iter().for_each(|kept| add(&kept.rows));
        world.query::<&KeptResources>().iter().for_each(|kept| add(&kept.rows));
        Self(known)
    }

    /// Checks that the rows of a column can be put to what is kept already. A resource takes the place of the old one.
    pub(crate) fn check(&self, schema: &ComponentSchema) -> Result<(), Error> {
        match self.0.get(&schema.name) {
            Some(known) if **known != *schema && !(known.resource && schema.resource) => {
                Err(Error::KeptOtherwise { name: schema.name.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Puts the resources of a file to those that the world keeps, on an entity that is not among the file's.
pub(crate) fn keep_resources(world: &mut World, rows: Vec<KeptRow>) {
    if rows.is_empty() {
        return;
    }
    if let Some(kept) = world.query_mut::<&mut KeptResources>().into_iter().next() {
        kept.rows.retain(|old| rows.iter().all(|new| new.name() != old.name()));
        kept.rows.extend(rows);
        return;
    }
    world.spawn((KeptResources { rows },));
}

/// Splits a column into rows.
pub(crate) fn split(column: &Column<'_>, count: usize, spawned: &Spawned<'_>) -> Result<Vec<KeptRow>, Error> {
    let schema = Arc::new(column.schema.clone());
    let plain = |bytes: &[u8]| KeptRow {
        schema: Arc::clone(&schema),
        bytes: bytes.into(),
        targets: Box::default(),
        rank: 0,
    };
    Ok(match &column.data {
        ColumnData::Plain(pieces) => match column.row_size() {
            None | Some(0) => (0..count).map(|_| plain(&[])).collect(),
            Some(size) => pieces.concat().chunks(size).map(plain).collect(),
        },
        ColumnData::Rows { data, lengths, targets } => {
            let named = targets_by_row(column, data, lengths, targets)?;
            let targets = named.into_iter().map(|row| row.iter().map(|&o| spawned.entity_of(o)).collect());
            cut(data, lengths)
                .map(plain)
                .zip(targets)
                .map(|(row, targets)| KeptRow { targets, ..row })
                .collect()
        }
        ColumnData::References { targets, ranks } => (0..)
            .zip(targets.iter())
            .map(|(row, &target)| KeptRow {
                targets: Box::new([spawned.entity_of(target)]),
                rank: ranks.as_ref().and_then(|ranks| ranks.get(row as usize)).copied().unwrap_or(row),
                ..plain(&[])
            })
            .collect(),
        ColumnData::Opaque { data, lengths } => cut(data, lengths).map(plain).collect(),
        _ => return Err(Error::UnknownComponent { name: column.schema.name.clone() }),
    })
}

fn cut<'d>(data: &'d [u8], lengths: &Lengths) -> impl Iterator<Item = &'d [u8]> {
    let mut rest = data;
    lengths.iter().map(move |len| {
        let (row, tail) = rest.split_at(rest.len().min(len as usize));
        rest = tail;
        row
    })
}

/// The ordinals that each row names: only reading a row tells how many those are.
fn targets_by_row<'d>(
    column: &Column<'_>,
    data: &[u8],
    lengths: &Lengths,
    targets: &'d [u32],
) -> Result<Vec<&'d [u32]>, Error> {
    let Encoding::Rows { shape, human_readable } = &column.schema.encoding else { return Ok(Vec::new()) };
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let options = Options { human_readable: *human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    let mut named = Vec::new();
    for len in lengths.iter() {
        let before = targets.len() - decoder.targets_left();
        decoder.row::<IgnoredAny>(len).map_err(wrap)?;
        let after = targets.len() - decoder.targets_left();
        named.push(targets.get(before..after).unwrap_or_default());
    }
    decoder.finish().map_err(wrap)?;
    Ok(named)
}

/// Rows of one schema as a column to be written.
pub(crate) fn join(
    schema: &ComponentSchema,
    rows: &[&KeptRow],
    entities: &mut dyn Entities,
) -> ColumnData<'static> {
    let bytes = || rows.iter().flat_map(|row| row.bytes.iter().copied()).collect::<Vec<u8>>();
    let length = |row: &&KeptRow| u32::try_from(row.bytes.len()).unwrap_or(u32::MAX);
    let lengths = || Lengths::each(rows.iter().map(length).collect());
    let ordinal = |entity: &Entity| entities.ordinal(entity.to_bits().get());
    let targets: Vec<u32> = rows.iter().flat_map(|row| row.targets.iter()).map(ordinal).collect();
    match &schema.encoding {
        Encoding::Plain(_) => ColumnData::Plain(vec![Cow::Owned(bytes())]),
        Encoding::Rows { .. } => {
            ColumnData::Rows { data: Cow::Owned(bytes()), lengths: lengths(), targets: Cow::Owned(targets) }
        }
        Encoding::Reference { linked } => {
            let ranks = if *linked { ranks(&targets, rows.iter().map(|row| row.rank)) } else { None };
            ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) }
        }
        _ => ColumnData::Opaque { data: Cow::Owned(bytes()), lengths: lengths() },
    }
}
