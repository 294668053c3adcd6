use std::{any::TypeId, borrow::Cow, collections::HashMap};

use hecs::{ColumnBatch, ColumnBatchBuilder, ColumnBatchType, Entity, World};
use keepstone_ecs_persist::{
    Codec, Column, ColumnData, ComponentSchema, Entry, Error, PersistId, SpawnOptions, Table, Unknown,
    WorldDoc,
};

use crate::{
    builtin::{self, AsId},
    claims::Claims,
    handles::{self, Handle},
    kept::{self, Kept, KeptRow, Known},
    ordinals::Spawned,
    registry::{Ops, Registry},
    values::Values,
};

/// What is decoded, and how.
pub(crate) struct Decoding<'d, 'a> {
    pub(crate) doc: &'d WorldDoc<'a>,
    pub(crate) registry: &'d Registry,
    pub(crate) options: &'d SpawnOptions,
    pub(crate) known: Known,
}

/// All that a document becomes, before anything of it is in a world.
pub(crate) struct Loaded {
    /// One for each table.
    pub(crate) tables: Vec<ColumnBatch>,
    pub(crate) resources: Vec<KeptRow>,
    /// How many values the tables have.
    pub(crate) values: u64,
}

/// The ids of a document, and the place of their column.
pub(crate) struct Claimed {
    pub(crate) column: usize,
    pub(crate) ids: Vec<PersistId>,
}

/// What becomes of a column.
enum Decoded<'d> {
    /// It is left out.
    Skipped,
    /// Its component is not registered, and it is kept.
    Kept(std::vec::IntoIter<KeptRow>),
    /// Its values are components.
    Rows(&'d Entry<Ops>, Box<dyn Values>),
    /// Its values are components of one size, and are decoded table by table.
    Plain(&'d Entry<Ops>, PlainRows<'d>),
}

/// What an entity takes in hecs's lists, about.
pub(crate) const ENTITY_LEN: u64 = 40;
/// What a kept row takes beside its bytes, about.
const KEPT_ROW_LEN: usize = 96;
/// Bytes of plain values that are decoded at once. More would take memory that is new to the process, and as much of it as the world
/// does; table by table they take little, again and again.
const PLAIN_LEN_MAX: usize = 512 * 1024;

impl<'d, 'a> Decoding<'d, 'a> {
    pub(crate) fn new(
        world: &World,
        doc: &'d WorldDoc<'a>,
        registry: &'d Registry,
        options: &'d SpawnOptions,
    ) -> Self {
        Self { doc, registry, options, known: Known::of(world) }
    }

    /// Checks all that can be told without decoding values.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_columns(0, &mut HashMap::new()).map(|_| ())
    }

    /// As [`Decoding::check`] behind parts whose values took so many bytes and whose components had these names; returns how many
    /// bytes it is with this one.
    pub(crate) fn check_from(&self, bytes: u64, names: &mut HashMap<TypeId, String>) -> Result<u64, Error> {
        // Which handles later parts have is not known, and references to them are decoded before.
        self.refuse_handles(
            "keeping the handles of a world in parts; load it with a registry without keep_handles",
        )?;
        self.check_columns(bytes, names)
    }

    fn check_columns(&self, bytes: u64, names: &mut HashMap<TypeId, String>) -> Result<u64, Error> {
        let bytes = self.check_bytes(bytes)?;
        for column in &self.doc.columns {
            let schema = &column.schema;
            let Some(entry) = self.entry(column) else {
                self.check_unknown(column)?;
                continue;
            };
            let first = names.entry(entry.type_id()).or_insert_with(|| schema.name.clone());
            if *first != schema.name {
                let (first, second) = (first.clone(), schema.name.clone());
                return Err(Error::SameComponent { first, second, type_name: entry.type_name() });
            }
            entry.ops().column.steps(schema, entry.version())?;
        }
        match self.dangling() {
            count @ 1.. if self.options.refuse_dangling => Err(Error::Dangling { count }),
            _ => Ok(bytes),
        }
    }

    /// How many resources it sets.
    pub(crate) fn sources(&self) -> u32 {
        u32::from(self.doc.columns.iter().any(|column| self.is_source(column)))
    }

    /// How many references lead to nothing.
    pub(crate) fn dangling(&self) -> u64 {
        self.doc.columns.iter().map(Column::dangling).sum()
    }

    /// The columns that are not registered, with how many values each has.
    pub(crate) fn unknown(&self) -> Vec<(String, u64)> {
        let rows = self.doc.columns.iter().zip(self.doc.rows_per_column());
        let known =
            |column| self.entry(column).is_some() || self.is_source(column) || self.is_handles(column);
        let unknown = rows.filter(|(column, _)| !known(column));
        unknown.map(|(column, rows)| (column.schema.name.clone(), u64::from(rows))).collect()
    }

    /// The registered component of a column. A resource has none here, whatever is registered: it belongs to no entity. Nor do handles
    /// have one: they become entities.
    pub(crate) fn entry(&self, column: &Column<'_>) -> Option<&'d Entry<Ops>> {
        let entry = self.registry.get(&column.schema.name).filter(|_| !column.schema.resource);
        entry.filter(|entry| entry.type_id() != TypeId::of::<Handle>())
    }

    /// Whether a column says which handles there are, and this registry keeps them.
    pub(crate) fn is_handles(&self, column: &Column<'_>) -> bool {
        handles::is_own(&column.schema) && handles::are_kept(self.registry)
    }

    /// Fails if the entities of the document have handles to keep.
    pub(crate) fn refuse_handles(&self, what: &'static str) -> Result<(), Error> {
        let has_some = self.doc.columns.iter().any(|column| self.is_handles(column));
        if has_some { Err(Error::NotSupported { what }) } else { Ok(()) }
    }

    /// Whether a column is that of the source of ids.
    pub(crate) fn is_source(&self, column: &Column<'_>) -> bool {
        builtin::is_source(&column.schema, self.registry)
    }

    /// Decides about the ids of the document, and joins its source of ids.
    pub(crate) fn claim(&self, world: &World, claims: &mut Claims) -> Result<Option<Claimed>, Error> {
        self.join_source(world, claims)?;
        let Some((column, ids)) = self.ids()? else { return Ok(None) };
        Ok(Some(Claimed { column, ids: claims.claim(world, ids)? }))
    }

    /// Joins the source of ids of the document.
    pub(crate) fn join_source(&self, world: &World, claims: &mut Claims) -> Result<(), Error> {
        let source = self.doc.columns.iter().find(|column| self.is_source(column));
        if let Some(source) = source.map(builtin::decode_source).transpose()?.flatten() {
            claims.join(world, source);
        }
        Ok(())
    }

    /// The ids of the document, and the place of their column.
    pub(crate) fn ids(&self) -> Result<Option<(usize, Vec<PersistId>)>, Error> {
        let is_id = |column: &Column<'_>| {
            self.entry(column).is_some_and(|entry| entry.type_id() == TypeId::of::<PersistId>())
        };
        let Some(at) = self.doc.columns.iter().position(is_id) else { return Ok(None) };
        let rows = self.doc.rows_per_column().get(at).copied().unwrap_or(0) as usize;
        let column = self.doc.columns.get(at);
        let ids = column.map(|column| AsId::decode(column, rows, &mut Spawned { entities: &[] }));
        Ok(Some((at, ids.transpose()?.unwrap_or_default())))
    }

    /// Decodes all columns and sorts their values by table; `entities` are those of all ordinals. Nothing is in a world until this
    /// is done.
    pub(crate) fn load(&self, entities: &[Entity], claimed: Option<&Claimed>) -> Result<Loaded, Error> {
        let mut loaded = Loaded { tables: Vec::new(), resources: Vec::new(), values: 0 };
        let mut columns = Vec::with_capacity(self.doc.columns.len());
        for (at, (column, rows)) in self.doc.columns.iter().zip(self.doc.rows_per_column()).enumerate() {
            let ids = claimed.filter(|claimed| claimed.column == at);
            columns.push(match (self.entry(column), ids) {
                (Some(entry), Some(claimed)) => {
                    Decoded::Rows(entry, Box::new(claimed.ids.clone().into_iter()))
                }
                (Some(entry), None) => Self::decode(entry, column, rows, Spawned { entities })?,
                (None, _) => match self.keep(column, rows, &Spawned { entities })? {
                    Some(rows) if column.schema.resource => {
                        loaded.resources.extend(rows);
                        Decoded::Skipped
                    }
                    Some(rows) => Decoded::Kept(rows.into_iter()),
                    None => Decoded::Skipped,
                },
            });
        }
        loaded.tables.reserve(self.doc.tables.len());
        for table in &self.doc.tables {
            let (batch, values) = batch(table, &mut columns, Spawned { entities })?;
            loaded.tables.push(batch);
            loaded.values += values * u64::from(table.rows);
        }
        Ok(loaded)
    }

    /// The rows of a column that is kept.
    pub(crate) fn keep(
        &self,
        column: &Column<'_>,
        rows: u32,
        spawned: &Spawned<'_>,
    ) -> Result<Option<Vec<KeptRow>>, Error> {
        if !self.keeps(column) {
            return Ok(None);
        }
        kept::split(column, rows as usize, spawned).map(Some)
    }

    /// Whether a column that is not registered is kept.
    pub(crate) fn keeps(&self, column: &Column<'_>) -> bool {
        !self.is_source(column) && !self.is_handles(column) && self.options.unknown == Unknown::Keep
    }

    fn check_unknown(&self, column: &Column<'_>) -> Result<(), Error> {
        match self.options.unknown {
            _ if self.is_source(column) || self.is_handles(column) => Ok(()),
            Unknown::Keep => self.known.check(&column.schema),
            Unknown::Skip => Ok(()),
            // Nothing is lost that a world has: it gives its entities handles of its own.
            _ if handles::is_own(&column.schema) => Ok(()),
            _ => Err(Error::UnknownComponent { name: column.schema.name.clone() }),
        }
    }

    fn check_bytes(&self, before: u64) -> Result<u64, Error> {
        let mut needs = before.saturating_add(u64::from(self.doc.entity_count()).saturating_mul(ENTITY_LEN));
        for (column, rows) in self.doc.columns.iter().zip(self.doc.rows_per_column()) {
            let size = match self.entry(column) {
                Some(entry) => entry.ops().size,
                None if self.is_handles(column) => size_of::<u64>(),
                None => KEPT_ROW_LEN,
            };
            needs = needs.saturating_add(u64::from(rows).saturating_mul(size as u64));
        }
        let (what, allowed) = ("bytes of component values", self.options.bytes_max);
        if needs > allowed { Err(Error::Limit { what, needs, allowed }) } else { Ok(needs) }
    }

    fn decode(
        entry: &'d Entry<Ops>,
        column: &'d Column<'_>,
        rows: u32,
        mut spawned: Spawned<'_>,
    ) -> Result<Decoded<'d>, Error> {
        let ops = entry.ops();
        if let (ColumnData::Plain(pieces), Some(row_len)) = (&column.data, column.row_size()) {
            let fills = ops.column.fills(&column.schema);
            if fills || row_len * rows as usize > PLAIN_LEN_MAX {
                let schema = (!fills).then(|| column.schema.clone());
                let rows = PlainRows { schema, row_len, pieces, at: 0, taken: Vec::new() };
                return Ok(Decoded::Plain(entry, rows));
            }
        }
        Ok(Decoded::Rows(entry, ops.column.decode(column, rows as usize, &mut spawned)?))
    }
}

/// Rows of one size that are left of a column.
struct PlainRows<'d> {
    /// That of the column, unless bytes become values without being decoded as one.
    schema: Option<ComponentSchema>,
    row_len: usize,
    pieces: &'d [Cow<'d, [u8]>],
    /// How much of the first piece is taken.
    at: usize,
    /// The rows of one table.
    taken: Vec<Cow<'d, [u8]>>,
}

impl PlainRows<'_> {
    /// Takes the next rows, and decodes them unless they are [filled](PlainRows::fill) in.
    fn take(
        &mut self,
        entry: &Entry<Ops>,
        rows: usize,
        spawned: &mut Spawned<'_>,
    ) -> Result<Option<Box<dyn Values>>, Error> {
        self.taken.clear();
        let mut left = self.row_len * rows;
        while let ([piece, rest @ ..], true) = (self.pieces, left > 0) {
            let tail = piece.get(self.at..).unwrap_or_default();
            let (part, after) = tail.split_at(tail.len().min(left));
            self.taken.push(Cow::Borrowed(part));
            left -= part.len();
            self.at += part.len();
            if after.is_empty() {
                (self.pieces, self.at) = (rest, 0);
            }
        }
        let Some(schema) = self.schema.take() else { return Ok(None) };
        let column = Column { schema, data: ColumnData::Plain(std::mem::take(&mut self.taken)) };
        let values = entry.ops().column.decode(&column, rows, spawned).map(Some);
        self.schema = Some(column.schema);
        values
    }

    /// Writes the rows of the column into a batch.
    fn fill(&self, entry: &Entry<Ops>, batch: &ColumnBatchBuilder) {
        entry.ops().column.fill(&self.taken, batch);
    }
}

/// Moves the values of a table's entities into a batch, and returns how many registered components they have.
fn batch(
    table: &Table,
    columns: &mut [Decoded<'_>],
    mut spawned: Spawned<'_>,
) -> Result<(ColumnBatch, u64), Error> {
    let rows = table.rows as usize;
    let mut types = ColumnBatchType::new();
    let mut plain: Vec<Box<dyn Values>> = Vec::new();
    let (mut registered, mut keeps) = (0, false);
    for place in &table.components {
        match columns.get_mut(usize::from(*place)) {
            Some(Decoded::Rows(entry, _)) => entry.ops().column.add_type(&mut types),
            Some(Decoded::Plain(entry, column)) => {
                plain.extend(column.take(entry, rows, &mut spawned)?);
                entry.ops().column.add_type(&mut types);
            }
            Some(Decoded::Kept(_)) => {
                keeps = true;
                continue;
            }
            _ => continue,
        }
        registered += 1;
    }
    if keeps {
        types.add::<Kept>();
    }
    let builder = types.into_batch(table.rows);
    let mut kept: Vec<Kept> = Vec::new();
    if keeps {
        kept.resize_with(rows, || Kept { rows: Vec::new() });
    }
    for place in &table.components {
        match columns.get_mut(usize::from(*place)) {
            Some(Decoded::Rows(_, values)) => values.write(&builder, rows),
            Some(Decoded::Plain(entry, column)) if column.schema.is_none() => column.fill(entry, &builder),
            Some(Decoded::Kept(values)) => {
                kept.iter_mut().zip(values).for_each(|(kept, row)| kept.rows.push(row));
            }
            _ => {}
        }
    }
    for values in &mut plain {
        values.write(&builder, rows);
    }
    if keeps {
        kept.into_iter().write(&builder, rows);
    }
    Ok((complete(builder)?, registered))
}

pub(crate) fn complete(builder: ColumnBatchBuilder) -> Result<ColumnBatch, Error> {
    builder.build().map_err(|_| Error::Invalid {
        what: "values of a table",
        found: "too few".to_owned(),
        expected: "one of each component for each entity".to_owned(),
    })
}
