//! Components of a file that this program doesn't know, and its resources, kept to be written back.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, Encoding, Error, IdSource, Lengths, targets_by_row,
};
use keepstone_value::Entities;

use crate::{builtin, link::ranks, ordinals::Spawned, rows::slices};

/// What an entity has of components that are not registered.
pub(crate) struct Kept {
    pub(crate) rows: Vec<KeptRow>,
}

/// The resources of files, and the source of ids, on an entity of their own: hecs has no place for what belongs to none.
#[derive(Default)]
pub(crate) struct KeptResources {
    pub(crate) rows: Vec<KeptRow>,
    pub(crate) source: Option<IdSource>,
}

/// A value that this program can't interpret.
#[derive(PartialEq)]
pub(crate) struct KeptRow {
    pub(crate) schema: Arc<ComponentSchema>,
    pub(crate) bytes: Box<[u8]>,
    /// What the row refers to; hecs's dangling entity for nothing.
    pub(crate) targets: Box<[Entity]>,
    /// Orders the rows with one target, for relationships.
    rank: u32,
}

impl KeptRow {
    pub(crate) fn name(&self) -> &str {
        &self.schema.name
    }

    /// Whether it is a relationship.
    pub(crate) fn is_linked(&self) -> bool {
        self.schema.encoding == Encoding::Reference { linked: true }
    }
}

/// The schemas of what a world keeps, by name.
#[derive(Default)]
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

    /// How what a world keeps under this name is described.
    pub(crate) fn get(&self, name: &str) -> Option<&ComponentSchema> {
        self.0.get(name).map(|schema| &**schema)
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
pub(crate) fn keep_resources(world: &mut World, rows: Vec<KeptRow>, source: Option<IdSource>) {
    if rows.is_empty() && source.is_none() {
        return;
    }
    if let Some(kept) = world.query_mut::<&mut KeptResources>().into_iter().next() {
        kept.rows.retain(|old| rows.iter().all(|new| new.name() != old.name()));
        kept.rows.extend(rows);
        kept.source = source.or(kept.source);
        return;
    }
    world.spawn((KeptResources { rows, source },));
}

/// The source of ids that a row is.
pub(crate) fn source_of(row: &KeptRow) -> Result<Option<IdSource>, Error> {
    let data = ColumnData::Plain(vec![Cow::Borrowed(&row.bytes)]);
    builtin::decode_source(&Column { schema: row.schema.as_ref().clone(), data })
}

/// The source of ids of a world.
pub(crate) fn source(world: &World) -> Option<IdSource> {
    world.query::<&KeptResources>().iter().find_map(|kept| kept.source)
}

/// Sets it.
pub(crate) fn set_source(world: &mut World, source: IdSource) {
    keep_resources(world, Vec::new(), Some(source));
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
        ColumnData::Rows { data, lengths, .. } => {
            let named = targets_by_row(column)?;
            let targets = named.into_iter().map(|row| row.iter().map(|&o| spawned.entity_of(o)).collect());
            slices(data, lengths)
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
        ColumnData::Opaque { data, lengths } => slices(data, lengths).map(plain).collect(),
        _ => return Err(Error::UnknownComponent { name: column.schema.name.clone() }),
    })
}

/// Asks for the ordinals of all that rows name.
pub(crate) fn mention(rows: &[&KeptRow], entities: &mut dyn Entities) {
    rows.iter().flat_map(|row| row.targets.iter()).for_each(|target| {
        entities.ordinal(target.to_bits().get());
    });
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
