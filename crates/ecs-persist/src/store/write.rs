use std::borrow::Cow;

use keepstone_format::{crc32, wire};

use crate::{
    doc::{Column, ColumnData, NONE, Table, WorldDoc},
    error::Error,
    gather::{Ids, Index, counted, refuse_twice, row_starts, targets_by_row},
    identity::PersistId,
    lengths::Lengths,
    store::record::{MAGIC, NOBODY, VERSION},
};

/// The records of the first `whole` entities of a document, in their order. Those behind them are there for references alone.
///
/// A record has all components of its entity, and references by [`PersistId`]. Resources and foreign ids are in none. The rank of a row of a
/// relationship with an order is its place among the rows that the document has.
///
/// # Errors
/// As [`WorldDoc::check`]; [`Error::NoPersistId`] when an entity has no id, [`Error::DuplicateId`] when two have the same,
/// [`Error::BadSelection`] when the document has fewer entities, [`Error::Value`] when a serde row can't be read to tell how many references it
/// holds.
pub fn records(doc: &WorldDoc<'_>, whole: u32) -> Result<Vec<(PersistId, Vec<u8>)>, Error> {
    doc.check()?;
    let entities = doc.entity_count();
    if whole > entities {
        let (found, expected) = (whole.into(), entities.into());
        return Err(Error::BadSelection { what: "entities to make records of", found, expected });
    }
    let index = Index::of(doc);
    let found = Ids::of(doc, &index)?;
    refuse_twice(&found.sorted())?;
    let ids = found.of_all("an entity store")?;
    if ids.contains(&NOBODY) {
        return Err(crate::check::invalid("id of an entity", 0, "at least 1"));
    }
    let columns =
        doc.columns.iter().map(|column| Source::of(column, entities)).collect::<Result<Vec<_>, _>>()?;
    let mut records = Vec::with_capacity(whole as usize);
    for (at, table) in (0_u32..).zip(&doc.tables) {
        let ordinals = index.ordinals(at);
        let left = ordinals.start..ordinals.end.min(whole);
        if left.is_empty() {
            break;
        }
        let head = Head::of(table, &columns)?;
        let own: Vec<(&Source<'_>, u32)> = table
            .components
            .iter()
            .zip(index.bases(at))
            .filter_map(|(&component, &base)| Some((columns.get(usize::from(component))?, base)))
            .filter(|(source, _)| !source.is_id)
            .collect();
        for (row, ordinal) in (0_u32..).zip(left) {
            let id = ids.get(ordinal as usize).copied().unwrap_or(NOBODY);
            let mut out = head.start(id);
            for (source, base) in &own {
                source.put(base.saturating_add(row) as usize, &ids, &mut out);
            }
            let sum = crc32(&out);
            out.extend(sum.to_le_bytes());
            records.push((PersistId(id), out));
        }
    }
    Ok(records)
}

/// What all records of a table begin with, ids aside.
struct Head {
    schema: Vec<u8>,
    /// Bytes that a record takes at least.
    len: usize,
}

impl Head {
    fn of(table: &Table, columns: &[Source<'_>]) -> Result<Self, Error> {
        let own = table.components.iter().filter_map(|&component| columns.get(usize::from(component)));
        let own: Vec<&Source<'_>> = own.filter(|source| !source.is_id).collect();
        let mut entries = Vec::new();
        wire::put_varint(&mut entries, own.len() as u64);
        for source in &own {
            source.column.schema.encode(&mut entries)?;
        }
        // What is written can be read: a schema has a limit of its own.
        crate::schema::check_len(entries.len() as u64)?;
        let mut schema = Vec::with_capacity(entries.len() + 5);
        wire::put_varint(&mut schema, entries.len() as u64);
        schema.extend(entries);
        let values: usize = own.iter().map(|source| source.column.row_size().unwrap_or(16)).sum();
        Ok(Self { len: MAGIC.len() + 13 + schema.len() + values, schema })
    }

    fn start(&self, id: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len);
        out.extend(MAGIC);
        out.push(VERSION);
        out.extend(id.to_le_bytes());
        out.extend_from_slice(&self.schema);
        out
    }
}

/// A column whose rows can be taken one by one.
struct Source<'d> {
    column: &'d Column<'d>,
    is_id: bool,
    rows: Rows<'d>,
}

enum Rows<'d> {
    Plain { bytes: Cow<'d, [u8]>, size: usize },
    Cut { data: &'d [u8], cuts: Cuts, targets: Option<Vec<&'d [u32]>> },
    References { targets: &'d [u32], ranks: Option<Cow<'d, [u32]>> },
}

/// Where rows begin and end.
enum Cuts {
    Same(usize),
    Each(Vec<usize>),
}

impl Cuts {
    fn of(lengths: &Lengths) -> Self {
        match lengths.common() {
            Some(len) => Self::Same(len as usize),
            None => Self::Each(row_starts(lengths)),
        }
    }

    fn row<'d>(&self, data: &'d [u8], row: usize) -> &'d [u8] {
        let start = |row: usize| match self {
            Self::Same(len) => row * len,
            Self::Each(starts) => starts.get(row).copied().unwrap_or(data.len()),
        };
        data.get(start(row)..start(row + 1)).unwrap_or_default()
    }
}

impl<'d> Source<'d> {
    fn of(column: &'d Column<'_>, entities: u32) -> Result<Self, Error> {
        let rows = match &column.data {
            ColumnData::Plain(pieces) => Rows::Plain {
                bytes: match pieces.as_slice() {
                    [piece] => Cow::Borrowed(&**piece),
                    pieces => Cow::Owned(pieces.concat()),
                },
                size: column.row_size().unwrap_or(0),
            },
            ColumnData::Rows { data, lengths, targets } => Rows::Cut {
                data,
                cuts: Cuts::of(lengths),
                targets: if targets.is_empty() { None } else { Some(targets_by_row(column)?) },
            },
            ColumnData::Opaque { data, lengths } => {
                Rows::Cut { data, cuts: Cuts::of(lengths), targets: None }
            }
            ColumnData::References { targets, ranks } => Rows::References {
                targets,
                ranks: match (&column.schema.encoding, ranks) {
                    (crate::Encoding::Reference { linked: true }, Some(ranks)) => {
                        Some(Cow::Borrowed(&**ranks))
                    }
                    (crate::Encoding::Reference { linked: true }, None) => {
                        Some(Cow::Owned(counted(targets, entities)))
                    }
                    _ => None,
                },
            },
        };
        Ok(Self { column, is_id: column.schema.name == PersistId::COMPONENT, rows })
    }

    fn put(&self, row: usize, ids: &[u64], out: &mut Vec<u8>) {
        let id = |target: u32| match target {
            NONE => NOBODY,
            target => ids.get(target as usize).copied().unwrap_or(NOBODY),
        };
        match &self.rows {
            Rows::Plain { bytes, size } => {
                out.extend_from_slice(bytes.get(row * size..(row + 1) * size).unwrap_or_default());
            }
            Rows::Cut { data, cuts, targets } => {
                let bytes = cuts.row(data, row);
                wire::put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
                if matches!(self.column.schema.encoding, crate::Encoding::Rows { .. }) {
                    let targets =
                        targets.as_ref().and_then(|rows| rows.get(row)).copied().unwrap_or_default();
                    wire::put_varint(out, targets.len() as u64);
                    out.extend(targets.iter().flat_map(|&target| id(target).to_le_bytes()));
                }
            }
            Rows::References { targets, ranks } => {
                let target = id(targets.get(row).copied().unwrap_or(NONE));
                out.extend(target.to_le_bytes());
                if let Some(ranks) = ranks.as_ref().filter(|_| target != NOBODY) {
                    wire::put_varint(out, ranks.get(row).copied().unwrap_or(0).into());
                }
            }
        }
    }
}
