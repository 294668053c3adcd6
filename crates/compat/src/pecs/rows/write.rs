use std::{borrow::Cow, slice, vec};

use keepstone_ecs_persist::{Column, ColumnData, Encoding, Lengths, WorldDoc, WorldMeta};
use keepstone_format::{limits::COMPONENTS_MAX, wire::put_varint};
use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use super::{block, ids::Ids, shape::holds_references, type_id::type_id};
use crate::{
    error::Error,
    pecs::{Flag, VERSION, crc64_we},
};

/// What is written instead when something has no place in the plain fields.
const REMEDY: &str = "write it with PecsRows::extended";

/// Gives a world as a file without a codec. The document was checked.
pub(super) fn file(doc: &WorldDoc<'_>, is_extended: bool) -> Result<Vec<u8>, Error> {
    check_names(doc, is_extended)?;
    if !is_extended {
        check_plain(doc)?;
    }
    let ids = Ids::of(doc);
    let mut columns = Vec::with_capacity(doc.columns.len());
    for column in &doc.columns {
        columns.push(Cells::new(column, doc, is_extended)?);
    }
    let block = if is_extended {
        let mut resources = Vec::new();
        for cells in columns.iter_mut().filter(|cells| cells.is_resource) {
            let mut data = Vec::new();
            cells.put_next(&ids, &mut data)?;
            resources.push(data);
        }
        Some(block::put(doc, ids.source, &resources)?)
    } else {
        None
    };
    let mut out = Vec::new();
    put_header(&mut out, doc, block.is_some())?;
    for cells in columns.iter().filter(|cells| !cells.is_resource) {
        put_type(&mut out, cells.type_id, cells.name, cells.version)?;
    }
    if let Some(block) = &block {
        put_type(&mut out, block::id_of(block).0, block::NAME, block::VERSION)?;
    }
    put_entities(&mut out, doc, &ids, &mut columns)?;
    out.extend(crc64_we(&out).to_le_bytes());
    out.extend(block.unwrap_or_default());
    Ok(out)
}

fn check_names(doc: &WorldDoc<'_>, is_extended: bool) -> Result<(), Error> {
    let cant_hold = |what: String, remedy| Err(Error::CantHold { format: "PECS", what, remedy });
    for column in doc.columns.iter().filter(|column| !column.schema.resource) {
        match column.schema.name.as_str() {
            "" => return cant_hold("a component without a name".to_owned(), "give it one"),
            name if name.len() > 255 => {
                let what = format!("a component name of {} bytes", name.len());
                return cant_hold(what, "names have 1 to 255");
            }
            block::NAME => return cant_hold(format!("a component named {}", block::NAME), "rename it"),
            _ => {}
        }
    }
    // Two more than these would be refused by every reader.
    let types = doc.columns.iter().filter(|column| !column.schema.resource).count() as u64;
    let (needs, allowed) = (types + u64::from(is_extended), u64::from(COMPONENTS_MAX));
    if needs > allowed {
        return Err(Error::Limit { what: "component types", needs, allowed });
    }
    Ok(())
}

/// Refuses what the fields of version 1 have no place for.
fn check_plain(doc: &WorldDoc<'_>) -> Result<(), Error> {
    let resources: Vec<&str> = (doc.columns.iter())
        .filter(|column| column.schema.resource)
        .map(|column| column.schema.name.as_str())
        .collect();
    let what = if !resources.is_empty() {
        format!("resources ({})", resources.join(", "))
    } else if doc.meta != WorldMeta::default() {
        "metadata".to_owned()
    } else if !doc.name.is_empty() {
        "the name of a world".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::CantHold { format: "PECS", what, remedy: REMEDY })
}

fn put_header(out: &mut Vec<u8>, doc: &WorldDoc<'_>, is_extended: bool) -> Result<(), Error> {
    let types =
        doc.columns.iter().filter(|column| !column.schema.resource).count() + usize::from(is_extended);
    let flags = if is_extended { Flag::ExtendedMetadata.bit() } else { 0 };
    out.extend(b"PECS");
    out.extend(VERSION.to_le_bytes());
    out.extend(flags.to_le_bytes());
    out.extend(u64::from(doc.entity_count()).to_le_bytes());
    put_len(out, types, "component types")
}

fn put_type(out: &mut Vec<u8>, type_id: u128, name: &str, version: u32) -> Result<(), Error> {
    out.extend(type_id.to_le_bytes());
    put_len(out, name.len(), "bytes of a type name")?;
    out.extend(name.as_bytes());
    out.extend(version.to_le_bytes());
    Ok(())
}

fn put_entities(
    out: &mut Vec<u8>,
    doc: &WorldDoc<'_>,
    ids: &Ids<'_>,
    columns: &mut [Cells<'_>],
) -> Result<(), Error> {
    let mut ordinals = 0..doc.entity_count();
    let mut data = Vec::new();
    for table in &doc.tables {
        for ordinal in ordinals.by_ref().take(usize::try_from(table.rows).unwrap_or(usize::MAX)) {
            let id = ids.get(ordinal).expect("an id was made for each entity");
            out.extend(id.to_le_bytes());
            put_len(out, table.components.len(), "components of an entity")?;
            for &component in &table.components {
                let cells = columns.get_mut(usize::from(component)).expect("the document was checked");
                data.clear();
                cells.put_next(ids, &mut data)?;
                out.extend(cells.type_id.to_le_bytes());
                put_len(out, data.len(), "bytes of a component")?;
                out.extend_from_slice(&data);
            }
        }
    }
    Ok(())
}

fn put_len(out: &mut Vec<u8>, len: usize, what: &'static str) -> Result<(), Error> {
    let Ok(short) = u32::try_from(len) else {
        return Err(Error::Limit { what, needs: len as u64, allowed: u32::MAX.into() });
    };
    out.extend(short.to_le_bytes());
    Ok(())
}

/// The rows of one column, handed out in their order.
struct Cells<'d> {
    name: &'d str,
    type_id: u128,
    version: u32,
    is_resource: bool,
    rows: Rows<'d>,
}

enum Rows<'d> {
    /// Bytes as they are.
    Bytes { data: Cow<'d, [u8]>, at: usize, lens: Lens<'d> },
    /// Rows with the references that are not in their bytes.
    Referring { data: &'d [u8], lens: Lens<'d>, counts: vec::IntoIter<u32>, targets: slice::Iter<'d, u32> },
    /// One reference each, with its rank.
    References { targets: slice::Iter<'d, u32>, ranks: Option<vec::IntoIter<u32>> },
}

enum Lens<'d> {
    Same(usize),
    Each(Box<dyn Iterator<Item = u32> + 'd>),
}

impl Lens<'_> {
    fn next(&mut self) -> usize {
        match self {
            Self::Same(len) => *len,
            Self::Each(lens) => lens.next().and_then(|len| usize::try_from(len).ok()).unwrap_or(0),
        }
    }

    fn of(lengths: &Lengths) -> Lens<'_> {
        Lens::Each(Box::new(lengths.iter()))
    }
}

impl<'d> Cells<'d> {
    fn new(column: &'d Column<'_>, doc: &WorldDoc<'_>, keeps_tables: bool) -> Result<Self, Error> {
        let rows = match (&column.schema.encoding, &column.data) {
            (Encoding::Plain(layout), ColumnData::Plain(pieces)) => {
                let data = match pieces.as_slice() {
                    [piece] => Cow::Borrowed(piece.as_ref()),
                    pieces => Cow::Owned(pieces.concat()),
                };
                Rows::Bytes { data, at: 0, lens: Lens::Same(layout.size()) }
            }
            (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets })
                if holds_references(shape)? =>
            {
                let options = Options { human_readable: *human_readable, ..Options::default() };
                let decoder = Decoder::new(shape, data, targets, None, &options);
                let counts = reference_counts(decoder, lengths).map_err(|source| {
                    keepstone_ecs_persist::Error::Value { component: column.schema.name.clone(), source }
                })?;
                let (counts, targets) = (counts.into_iter(), targets.iter());
                Rows::Referring { data, lens: Lens::of(lengths), counts, targets }
            }
            (_, ColumnData::Rows { data, lengths, .. } | ColumnData::Opaque { data, lengths }) => {
                Rows::Bytes { data: Cow::Borrowed(data), at: 0, lens: Lens::of(lengths) }
            }
            (_, ColumnData::References { targets, ranks }) => {
                let ranks = match ranks {
                    Some(ranks) => Some(ranks.to_vec()),
                    None if keeps_tables => None,
                    None => implied_ranks(column, targets, doc),
                };
                Rows::References { targets: targets.iter(), ranks: ranks.map(Vec::into_iter) }
            }
            (encoding, _) => {
                let what = format!("component {} ({encoding})", column.schema.name);
                return Err(Error::CantHold {
                    format: "PECS",
                    what,
                    remedy: "this build knows no rows of that kind",
                });
            }
        };
        let schema = &column.schema;
        let type_id = type_id(&schema.name).0;
        Ok(Self { name: &schema.name, type_id, version: schema.version, is_resource: schema.resource, rows })
    }

    /// Appends the data of the next row.
    fn put_next(&mut self, ids: &Ids<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.rows {
            Rows::Bytes { data, at, lens } => {
                let end = *at + lens.next();
                out.extend_from_slice(data.get(*at..end).expect("the document was checked"));
                *at = end;
            }
            Rows::Referring { data, lens, counts, targets } => {
                let count = counts.next().unwrap_or(0);
                put_varint(out, u64::from(count));
                for target in targets.take(usize::try_from(count).unwrap_or(usize::MAX)) {
                    out.extend(ids.target(*target, self.name)?.to_le_bytes());
                }
                let (row, rest) = data.split_at_checked(lens.next()).expect("the document was checked");
                out.extend_from_slice(row);
                *data = rest;
            }
            Rows::References { targets, ranks } => {
                let target = targets.next().expect("the document was checked");
                out.extend(ids.target(*target, self.name)?.to_le_bytes());
                if let Some(rank) = ranks.as_mut().and_then(Iterator::next) {
                    out.extend(rank.to_le_bytes());
                }
            }
        }
        Ok(())
    }
}

/// How many references each row has.
fn reference_counts(mut decoder: Decoder<'_>, lengths: &Lengths) -> Result<Vec<u32>, keepstone_value::Error> {
    let mut counts = Vec::new();
    for len in lengths.iter() {
        let before = decoder.targets_left();
        decoder.row::<IgnoredAny>(len)?;
        let count = before.saturating_sub(decoder.targets_left());
        counts.push(u32::try_from(count).expect("a world has fewer references than 32 bits count"));
    }
    decoder.finish()?;
    Ok(counts)
}

/// The ranks that the order of the ordinals means, where a reader will have another order: tables with the same components
/// become one.
fn implied_ranks(column: &Column<'_>, targets: &[u32], doc: &WorldDoc<'_>) -> Option<Vec<u32>> {
    if column.schema.encoding != (Encoding::Reference { linked: true }) || !merges_tables(doc) {
        return None;
    }
    Some(super::read::ranks_in_order(targets, doc.entity_count()))
}

/// Whether two tables have the same components.
fn merges_tables(doc: &WorldDoc<'_>) -> bool {
    let mut sets: Vec<&[u16]> = doc.tables.iter().map(|table| table.components.as_slice()).collect();
    sets.sort_unstable();
    sets.windows(2).any(|pair| matches!(pair, [before, after] if before == after))
}
