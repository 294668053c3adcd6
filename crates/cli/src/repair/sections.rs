use std::{borrow::Cow, collections::BTreeMap};

use keepstone::{
    ecs::{Column, ColumnData, ComponentSchema, Encoding, Lengths, Table, WorldDoc, WorldPart},
    format::{
        self, SalvageReport, SectionId,
        plain::{self, Plain},
        wire::Input,
    },
    value::{self, Decoder, Options},
};
use serde::de::IgnoredAny;

use super::found::{FoundSection, State};
use crate::inspect::is_of_world;

/// The sections of one world, or of one part of it.
#[derive(Default)]
pub(super) struct Sections<'s> {
    /// Those that are known of; those that are complete with their bytes.
    sections: BTreeMap<(SectionId, u16), Option<Cow<'s, [u8]>>>,
    /// Whether every section is known of.
    is_listed: bool,
}

/// What became of a section that a world may have.
enum Taken<'s> {
    Complete(Cow<'s, [u8]>),
    Damaged,
    Absent,
}

/// Whether it is known in which order the rows of a linked column with one target stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Known,
    Damaged,
    /// A section that nobody knows of may have said it.
    Unknown,
}

/// Sorts the sections of worlds by the upper half of their instances, the number of a world or part.
pub(super) fn by_number<'s>(
    report: &SalvageReport,
    sections: &'s [FoundSection],
) -> BTreeMap<u16, Sections<'s>> {
    let mut numbered: BTreeMap<u16, Sections<'_>> = BTreeMap::new();
    for section in sections.iter().filter(|section| is_of_world(section.id)) {
        let (number, component) = split(section.instance);
        let new = || Sections { sections: BTreeMap::new(), is_listed: report.has_tables };
        let own = numbered.entry(number).or_insert_with(new);
        own.sections.insert((section.id, component), section.bytes());
    }
    numbered
}

fn split(instance: u32) -> (u16, u16) {
    let [a, b, c, d] = instance.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

impl FoundSection {
    /// All of it, if it is complete.
    pub(super) fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match (self.state, self.pieces.as_slice()) {
            (State::Complete, [piece]) => Some(Cow::Borrowed(piece)),
            (State::Complete, pieces) => Some(Cow::Owned(pieces.concat())),
            _ => None,
        }
    }
}

impl<'s> Sections<'s> {
    /// Looks at a complete section that is not about a component.
    pub(super) fn peek(&self, id: SectionId) -> Option<&[u8]> {
        self.sections.get(&(id, 0))?.as_deref()
    }

    /// Takes a section that has to be there.
    pub(super) fn require(
        &mut self,
        id: SectionId,
        component: u16,
        name: &str,
    ) -> Result<Cow<'s, [u8]>, String> {
        match self.take(id, component) {
            Taken::Complete(bytes) => Ok(bytes),
            Taken::Damaged => Err(format!("{name} is damaged")),
            Taken::Absent => Err(format!("{name} is missing")),
        }
    }

    fn take(&mut self, id: SectionId, component: u16) -> Taken<'s> {
        match self.sections.remove(&(id, component)) {
            Some(Some(bytes)) => Taken::Complete(bytes),
            Some(None) => Taken::Damaged,
            None => Taken::Absent,
        }
    }

    /// Takes the rows of a column, and says whether their order is known.
    pub(super) fn column(
        &mut self,
        component: u16,
        schema: &ComponentSchema,
        rows: u32,
    ) -> Result<(ColumnData<'s>, Order), String> {
        let data = match &schema.encoding {
            Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => {
                ColumnData::Plain(vec![self.require(SectionId::VALUES, component, "VALUES")?])
            }
            Encoding::Rows { shape, human_readable } => {
                let (data, lengths) = self.rows(component, rows)?;
                let targets = match self.take(SectionId::TARGETS, component) {
                    Taken::Complete(bytes) => numbers(bytes)?,
                    Taken::Damaged => return Err("TARGETS is damaged".to_owned()),
                    Taken::Absent => Cow::default(),
                };
                if !self.is_listed {
                    // Nobody says whether there were references but the rows themselves.
                    let options = Options { human_readable: *human_readable, ..Options::default() };
                    decode(Decoder::new(shape, &data, &targets, None, &options), &lengths)
                        .map_err(|error| format!("its rows don't decode: {error}"))?;
                }
                ColumnData::Rows { data, lengths, targets }
            }
            Encoding::Opaque { .. } => {
                let (data, lengths) = self.rows(component, rows)?;
                ColumnData::Opaque { data, lengths }
            }
            Encoding::Reference { linked } => {
                let targets = numbers(self.require(SectionId::TARGETS, component, "TARGETS")?)?;
                let (ranks, order) = match self.take(SectionId::RANKS, component) {
                    Taken::Complete(bytes) => (Some(numbers(bytes)?), Order::Known),
                    Taken::Absent if self.is_listed || !linked => (None, Order::Known),
                    Taken::Absent => (None, Order::Unknown),
                    Taken::Damaged => (None, Order::Damaged),
                };
                return Ok((ColumnData::References { targets, ranks }, order));
            }
            _ => return Err("its encoding is not in this build; update keepstone".to_owned()),
        };
        Ok((data, Order::Known))
    }

    /// Values and lengths.
    fn rows(&mut self, component: u16, rows: u32) -> Result<(Cow<'s, [u8]>, Lengths), String> {
        let data = self.require(SectionId::VALUES, component, "VALUES")?;
        let lengths = self.require(SectionId::LENGTHS, component, "LENGTHS")?;
        let lengths = read_lengths(&lengths, rows).map_err(|error| error.to_string())?;
        Ok((data, lengths))
    }

    /// Takes the foreign ids of so many entities; nothing if there are none.
    pub(super) fn foreign_ids(&mut self, entities: u32) -> Result<Option<Cow<'s, [u128]>>, String> {
        let ids = match self.take(SectionId::FOREIGN_IDS, 0) {
            Taken::Complete(bytes) => numbers(bytes).ok(),
            Taken::Damaged => None,
            Taken::Absent => return Ok(None),
        };
        let ids = ids.filter(|ids: &Cow<'_, [u128]>| ids.len() as u64 == u64::from(entities));
        ids.map(Some).ok_or_else(|| "FOREIGN_IDS is damaged".to_owned())
    }
}

/// Goes through all rows of a column.
fn decode(mut decoder: Decoder<'_>, lengths: &Lengths) -> Result<(), value::Error> {
    for len in lengths.iter() {
        decoder.row::<IgnoredAny>(len)?;
    }
    decoder.finish()
}

/// Checks a column by itself, in a world with as many entities; `total` is that of the whole world in a part of it.
pub(super) fn check(
    column: Column<'_>,
    rows: u32,
    entities: u32,
    total: Option<u32>,
) -> Result<Column<'_>, String> {
    let mut doc = WorldDoc::default();
    let own = if column.schema.resource { 0 } else { rows };
    if own > 0 {
        doc.tables.push(Table { rows: own, components: vec![0] });
    }
    let others = entities.saturating_sub(own);
    if others > 0 {
        doc.tables.push(Table { rows: others, components: Vec::new() });
    }
    doc.columns.push(column);
    let part = WorldPart::new(doc, 0, total.unwrap_or(entities));
    let checked = if total.is_some() { part.check() } else { part.doc.check() };
    checked.map_err(|error| error.to_string())?;
    let WorldPart { mut doc, .. } = part;
    doc.columns.pop().ok_or_else(String::new)
}

fn numbers<T: Plain>(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, [T]>, String> {
    let message = |error: format::Error| error.to_string();
    match bytes {
        Cow::Borrowed(bytes) => plain::from_le_bytes_cow(bytes).map_err(message),
        Cow::Owned(bytes) => Ok(Cow::Owned(plain::from_le_bytes_cow(&bytes).map_err(message)?.into_owned())),
    }
}

/// The lengths of a column's rows by FORMAT.md, section 3.3.
fn read_lengths(bytes: &[u8], rows: u32) -> Result<Lengths, format::Error> {
    let mut input = Input::new("row lengths", bytes);
    let lengths = match input.u8()? {
        0 => Lengths::same(input.varint_u32()?, rows),
        1 => Lengths::each((0..rows).map(|_| input.varint_u32()).collect::<Result<_, _>>()?),
        _ => return Err(input.invalid("the mode of row lengths is 0 or 1")),
    };
    input.finish()?;
    Ok(lengths)
}
