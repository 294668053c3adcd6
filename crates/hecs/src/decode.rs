use std::borrow::Cow;

use hecs::{ColumnBatch, ColumnBatchBuilder, ColumnBatchType, Entity};
use keepstone_ecs_persist::{
    Column, ColumnData, Entry, Error, SpawnOptions, SpawnReport, Table, Unknown, WorldDoc,
};

use crate::{
    kept::{self, Kept, KeptRow, Known},
    ordinals::Spawned,
    registry::{DecodeFn, Ops, Registry},
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
    pub(crate) report: SpawnReport<Entity>,
}

/// What becomes of a column.
enum Decoded<'d> {
    /// It is left out.
    Skipped,
    /// Its component is not registered, and it is kept.
    Kept(std::vec::IntoIter<KeptRow>),
    /// Its values are components.
    Rows(Box<dyn Values>),
    /// Its values are components and many, and are decoded table by table.
    Plain(PlainRows<'d>),
}

/// What an entity takes in hecs's lists, about.
const ENTITY_LEN: u64 = 40;
/// What a kept row takes beside its bytes, about.
const KEPT_ROW_LEN: usize = 96;
/// Bytes of plain values that are decoded at once. More would take memory that is new to the process, and as much of it as the world
/// does; table by table they take little, again and again.
const PLAIN_LEN_MAX: usize = 512 * 1024;

impl<'d> Decoding<'d, '_> {
    /// Decodes all columns and sorts their values by table. Nothing is in a world until this is done.
    pub(crate) fn load(&self, ids: Vec<Entity>) -> Result<Loaded, Error> {
        self.check_bytes()?;
        let mut report = SpawnReport::new(ids);
        let mut resources = Vec::new();
        let mut columns = Vec::with_capacity(self.doc.columns.len());
        for (column, rows) in self.doc.columns.iter().zip(self.doc.rows_per_column()) {
            let spawned = Spawned { entities: &report.entities };
            let decoded = self.decode(column, rows, spawned)?;
            if matches!(decoded, Decoded::Skipped | Decoded::Kept(_)) {
                report.unknown.push((column.schema.name.clone(), u64::from(rows)));
            }
            columns.push(match decoded {
                Decoded::Kept(rows) if column.schema.resource => {
                    resources.extend(rows);
                    Decoded::Skipped
                }
                other => other,
            });
        }
        report.dangling = self.doc.columns.iter().map(Column::dangling).sum();
        if self.options.refuse_dangling && report.dangling > 0 {
            return Err(Error::Dangling { count: report.dangling });
        }
        let mut tables = Vec::with_capacity(self.doc.tables.len());
        for table in &self.doc.tables {
            let spawned = Spawned { entities: &report.entities };
            let (batch, values) = batch(table, &mut columns, spawned)?;
            tables.push(batch);
            report.values += values * u64::from(table.rows);
        }
        Ok(Loaded { tables, resources, report })
    }

    fn check_bytes(&self) -> Result<(), Error> {
        let mut needs = u64::from(self.doc.entity_count()).saturating_mul(ENTITY_LEN);
        for (column, rows) in self.doc.columns.iter().zip(self.doc.rows_per_column()) {
            let size = self.entry(column).map_or(KEPT_ROW_LEN, |entry| entry.ops().size);
            needs = needs.saturating_add(u64::from(rows).saturating_mul(size as u64));
        }
        let (what, allowed) = ("bytes of component values", self.options.bytes_max);
        if needs > allowed { Err(Error::Limit { what, needs, allowed }) } else { Ok(()) }
    }

    /// The registered component of a column. A resource has none here, whatever is registered: it belongs to no entity.
    fn entry(&self, column: &Column<'_>) -> Option<&Entry<Ops>> {
        self.registry.get(&column.schema.name).filter(|_| !column.schema.resource)
    }

    fn decode(
        &self,
        column: &'d Column<'_>,
        rows: u32,
        mut spawned: Spawned<'_>,
    ) -> Result<Decoded<'d>, Error> {
        let schema = &column.schema;
        let Some(entry) = self.entry(column) else {
            return match self.options.unknown {
                Unknown::Keep => {
                    self.known.check(schema)?;
                    Ok(Decoded::Kept(kept::split(column, rows as usize, &spawned)?.into_iter()))
                }
                Unknown::Skip => Ok(Decoded::Skipped),
                _ => Err(Error::UnknownComponent { name: schema.name.clone() }),
            };
        };
        if schema.version > entry.version() {
            let (name, found, newest) = (schema.name.clone(), schema.version, entry.version());
            return Err(Error::NewerComponent { name, found, newest });
        }
        let decode = entry.ops().decode;
        if let (ColumnData::Plain(pieces), Some(row_len)) = (&column.data, column.row_size())
            && row_len * rows as usize > PLAIN_LEN_MAX
        {
            let column = Column { schema: schema.clone(), data: ColumnData::Plain(Vec::new()) };
            return Ok(Decoded::Plain(PlainRows { decode, column, row_len, pieces, at: 0 }));
        }
        Ok(Decoded::Rows(decode_all(decode, column, rows as usize, &mut spawned)?))
    }
}

fn decode_all(
    decode: DecodeFn,
    column: &Column<'_>,
    rows: usize,
    spawned: &mut Spawned<'_>,
) -> Result<Box<dyn Values>, Error> {
    let values = decode(column, rows, spawned)?;
    if values.count() == rows {
        return Ok(values);
    }
    let (found, expected) = (values.count().to_string(), rows.to_string());
    Err(Error::Invalid { what: "rows that a codec decoded", found, expected })
}

/// Rows of one size that are left of a column.
struct PlainRows<'d> {
    decode: DecodeFn,
    /// The schema, and the rows of one table.
    column: Column<'d>,
    row_len: usize,
    pieces: &'d [Cow<'d, [u8]>],
    /// How much of the first piece is taken.
    at: usize,
}

impl PlainRows<'_> {
    fn take(&mut self, rows: usize, spawned: &mut Spawned<'_>) -> Result<Box<dyn Values>, Error> {
        let mut parts = Vec::new();
        let mut left = self.row_len * rows;
        while let ([piece, rest @ ..], true) = (self.pieces, left > 0) {
            let tail = piece.get(self.at..).unwrap_or_default();
            let (part, after) = tail.split_at(tail.len().min(left));
            parts.push(Cow::Borrowed(part));
            left -= part.len();
            self.at += part.len();
            if after.is_empty() {
                (self.pieces, self.at) = (rest, 0);
            }
        }
        self.column.data = ColumnData::Plain(parts);
        decode_all(self.decode, &self.column, rows, spawned)
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
            Some(Decoded::Rows(values)) => values.add_type(&mut types),
            Some(Decoded::Plain(column)) => {
                let values = column.take(rows, &mut spawned)?;
                values.add_type(&mut types);
                plain.push(values);
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
            Some(Decoded::Rows(values)) => values.write(&builder, rows),
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
