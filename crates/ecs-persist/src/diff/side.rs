use std::borrow::Cow;

use keepstone_format::plain::{self, Plain as _};
use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    identity::PersistId,
    lengths::Lengths,
    schema::Encoding,
};

/// The least that [`Side::new`] allows for the places of rows: more than that, or a byte a byte of the world, is an error.
const PLACES_LEN_MIN: u64 = 256 << 20;
/// Bytes of the place of a row that has to be looked up.
const PLACE_LEN: u64 = 12;

/// One of two worlds, with the place of every row.
pub(super) struct Side<'d> {
    pub(super) doc: &'d WorldDoc<'d>,
    /// For each column its plain rows in one piece, so that every row is in one.
    plain: Vec<Cow<'d, [u8]>>,
    /// The first ordinal of each table.
    starts: Vec<u32>,
    /// For each table, the first row in the column of each of its components.
    first_rows: Vec<Vec<u32>>,
    /// For each column, where its rows are.
    rows: Vec<Rows>,
}

/// Where the rows of a column are in its data.
enum Rows {
    /// All have one length.
    Same(usize),
    /// Where each begins, and where the last ends; the same of the references in them, if there are any.
    Each { starts: Vec<u64>, targets: Vec<u32> },
}

/// A row as it is stored.
pub(super) struct Row<'s> {
    pub(super) bytes: &'s [u8],
    pub(super) targets: &'s [u32],
}

impl<'d> Side<'d> {
    /// # Errors
    /// When a row with references can't be read, or rows without bytes would take more than the file pays for.
    pub(super) fn new(doc: &'d WorldDoc<'d>) -> Result<Self, Error> {
        check_costs(doc)?;
        let mut rows = Vec::with_capacity(doc.columns.len());
        let mut plain = Vec::with_capacity(doc.columns.len());
        for column in &doc.columns {
            plain.push(match &column.data {
                ColumnData::Plain(pieces) => match pieces.as_slice() {
                    [piece] => Cow::Borrowed(&**piece),
                    pieces => Cow::Owned(pieces.concat()),
                },
                _ => Cow::default(),
            });
            rows.push(Rows::of(column)?);
        }
        let mut starts = Vec::with_capacity(doc.tables.len());
        let mut first_rows = Vec::with_capacity(doc.tables.len());
        let mut next = vec![0_u32; doc.columns.len()];
        let mut start = 0_u32;
        for table in &doc.tables {
            starts.push(start);
            start = start.saturating_add(table.rows);
            let mut own = Vec::with_capacity(table.components.len());
            for component in &table.components {
                if let Some(next) = next.get_mut(usize::from(*component)) {
                    own.push(*next);
                    *next = next.saturating_add(table.rows);
                }
            }
            first_rows.push(own);
        }
        Ok(Self { doc, plain, starts, first_rows, rows })
    }

    /// The components of an entity, ascending by name: each one's column and its row in it.
    pub(super) fn components(&self, ordinal: u32) -> impl Iterator<Item = (usize, u32)> {
        let table = self.starts.partition_point(|start| *start <= ordinal).saturating_sub(1);
        let within = ordinal - self.starts.get(table).copied().unwrap_or(ordinal);
        let components = self.doc.tables.get(table).map(|table| table.components.iter());
        let rows = self.first_rows.get(table).map(|rows| rows.iter());
        let pairs = components.into_iter().flatten().zip(rows.into_iter().flatten());
        pairs.map(move |(component, first)| (usize::from(*component), first.saturating_add(within)))
    }

    pub(super) fn column(&self, place: usize) -> Option<&'d Column<'d>> {
        self.doc.columns.get(place)
    }

    /// The bytes of a row and what it refers to.
    pub(super) fn row(&self, column: usize, row: u32) -> Option<Row<'_>> {
        let at = usize::try_from(row).ok()?;
        let data = &self.doc.columns.get(column)?.data;
        let (bytes, all_targets): (&[u8], &[u32]) = match data {
            ColumnData::Plain(_) => (self.plain.get(column)?, &[]),
            ColumnData::Rows { data, targets, .. } => (data, targets),
            ColumnData::Opaque { data, .. } => (data, &[]),
            ColumnData::References { targets, .. } => {
                return Some(Row { bytes: &[], targets: targets.get(at..at + 1)? });
            }
        };
        match self.rows.get(column)? {
            Rows::Same(len) => {
                let start = at.checked_mul(*len)?;
                Some(Row { bytes: bytes.get(start..start.checked_add(*len)?)?, targets: &[] })
            }
            Rows::Each { starts, targets } => {
                let place = |starts: &[u64], at: usize| usize::try_from(*starts.get(at)?).ok();
                let bytes = bytes.get(place(starts, at)?..place(starts, at + 1)?)?;
                let target = |at: usize| usize::try_from(*targets.get(at)?).ok();
                let targets = match (target(at), target(at + 1)) {
                    (Some(start), Some(end)) => all_targets.get(start..end)?,
                    _ => &[],
                };
                Some(Row { bytes, targets })
            }
        }
    }

    /// The id of each entity by the component for it; none if no column is of that kind.
    pub(super) fn persist_ids(&self) -> Option<Vec<Option<u64>>> {
        let column = self.doc.column(PersistId::COMPONENT)?;
        let Encoding::Plain(layout) = &column.schema.encoding else { return None };
        if *layout != u64::LAYOUT || column.schema.resource {
            return None;
        }
        let mut values = Vec::new();
        let columns = &self.doc.columns;
        let place = columns.iter().position(|column| column.schema.name == PersistId::COMPONENT)?;
        plain::append_le_bytes::<u64>(self.plain.get(place)?, &mut values).ok()?;
        let mut values = values.into_iter();
        let mut ids = Vec::new();
        for table in &self.doc.tables {
            let has = table.components.iter().any(|component| usize::from(*component) == place);
            ids.extend((0..table.rows).map(|_| if has { values.next() } else { None }));
        }
        Some(ids)
    }

    /// The rank of each row of a relationship, whether they are stored or follow from the order.
    pub(super) fn ranks(&self, column: usize) -> Option<Vec<u32>> {
        let ColumnData::References { targets, ranks } = &self.doc.columns.get(column)?.data else {
            return None;
        };
        if let Some(ranks) = ranks {
            return Some(ranks.to_vec());
        }
        let mut next = vec![0_u32; usize::try_from(self.doc.entity_count()).ok()?];
        let rank = |target: &u32| match usize::try_from(*target).ok().and_then(|at| next.get_mut(at)) {
            Some(next) => {
                *next += 1;
                *next - 1
            }
            None => 0,
        };
        Some(targets.iter().map(rank).collect())
    }
}

/// Checks that the world costs no more than its bytes pay for.
fn check_costs(doc: &WorldDoc<'_>) -> Result<(), Error> {
    let (mut bytes, mut places) = (0_u64, 0_u64);
    for column in &doc.columns {
        let (len, rows) = match &column.data {
            ColumnData::Plain(pieces) => (pieces.iter().map(|piece| piece.len() as u64).sum(), 0),
            ColumnData::Rows { data, lengths, targets } => {
                let is_listed = !targets.is_empty() || lengths.common().is_none();
                (data.len() as u64 + targets.len() as u64 * 4, if is_listed { lengths.rows() } else { 0 })
            }
            ColumnData::Opaque { data, lengths } => {
                (data.len() as u64, if lengths.common().is_none() { lengths.rows() } else { 0 })
            }
            ColumnData::References { targets, .. } => (targets.len() as u64 * 4, 0),
        };
        bytes = bytes.saturating_add(len);
        places = places.saturating_add(rows.saturating_mul(PLACE_LEN));
    }
    let (needs, allowed) = (places, bytes.max(PLACES_LEN_MIN));
    if needs > allowed {
        return Err(Error::Limit { what: "bytes of the places of rows", needs, allowed });
    }
    Ok(())
}

impl Rows {
    fn of(column: &Column<'_>) -> Result<Self, Error> {
        match (&column.schema.encoding, &column.data) {
            (Encoding::Plain(layout), _) => Ok(Self::Same(layout.size())),
            (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) => {
                if targets.is_empty() {
                    return Ok(Self::by_length(lengths));
                }
                let options = Options { human_readable: *human_readable, ..Options::default() };
                let mut decoder = Decoder::new(shape, data, targets, None, &options);
                let mut ends = vec![0];
                for len in lengths.iter() {
                    decoder
                        .row::<IgnoredAny>(len)
                        .map_err(|source| Error::Value { component: column.schema.name.clone(), source })?;
                    let read = targets.len().saturating_sub(decoder.targets_left());
                    ends.push(u32::try_from(read).unwrap_or(u32::MAX));
                }
                decoder
                    .finish()
                    .map_err(|source| Error::Value { component: column.schema.name.clone(), source })?;
                Ok(Self::Each { starts: starts(lengths), targets: ends })
            }
            (_, ColumnData::Opaque { lengths, .. }) => Ok(Self::by_length(lengths)),
            _ => Ok(Self::Same(0)),
        }
    }

    fn by_length(lengths: &Lengths) -> Self {
        match lengths.common() {
            Some(len) => Self::Same(usize::try_from(len).unwrap_or(usize::MAX)),
            None => Self::Each { starts: starts(lengths), targets: Vec::new() },
        }
    }
}

fn starts(lengths: &Lengths) -> Vec<u64> {
    let mut sum = 0;
    let mut starts = vec![0];
    for len in lengths.iter() {
        sum += u64::from(len);
        starts.push(sum);
    }
    starts
}

#[cfg(test)]
mod tests {
    use keepstone_value::encode;

    use super::*;
    use crate::{doc::Table, schema::ComponentSchema};

    fn world(columns: u16, rows: u32, targets: &[u32]) -> WorldDoc<'static> {
        let unit = encode([()].iter(), None, &Options::default()).unwrap();
        let tables = vec![Table { rows, components: (0..columns).collect() }];
        let mut doc = WorldDoc { tables, ..WorldDoc::default() };
        for place in 0..columns {
            let encoding = Encoding::Rows { shape: unit.shape.clone(), human_readable: false };
            let schema = ComponentSchema::new(&format!("{place:05}"), 1, false, encoding);
            let (data, lengths) = (Cow::default(), Lengths::same(0, rows));
            let data = ColumnData::Rows { data, lengths, targets: targets.to_vec().into() };
            doc.columns.push(Column { schema, data });
        }
        doc
    }

    #[test]
    fn rows_and_values_without_bytes_are_limited() {
        assert!(Side::new(&world(2, 1 << 20, &[])).is_ok());
        let many = world(40, 1 << 20, &[0]);
        many.check().unwrap();
        let error = Side::new(&many).map(drop).unwrap_err();
        assert!(matches!(error, Error::Limit { what: "bytes of the places of rows", .. }), "{error}");
        let error = world(100, 1 << 20, &[]).check().unwrap_err();
        assert!(matches!(error, Error::Limit { what: "values of a world", .. }), "{error}");
    }

    #[test]
    fn references_that_no_row_has_are_an_error() {
        assert!(Side::new(&world(1, 3, &[0])).is_err());
    }
}
