use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use keepstone::{
    WorldMeta,
    ecs::{Column, ColumnData, ComponentSchema, Encoding, Lengths, Schema, Table, WorldDoc},
    format::{
        self, Limits, SalvageReport, SectionId,
        plain::{self, Plain},
        wire::Input,
    },
    value::{self, Decoder, Options},
};
use serde::de::IgnoredAny;

use super::found::{FoundSection, State};
use super::lost::Lost;
use crate::inspect::is_of_world;

/// The sections of one world.
struct Parts<'s> {
    world: u16,
    /// Those that are known of; those that are complete with their bytes.
    sections: BTreeMap<(SectionId, u16), Option<Cow<'s, [u8]>>>,
    /// Whether every section is known of.
    is_listed: bool,
}

/// What became of a section that a world may have.
enum Part<'s> {
    Complete(Cow<'s, [u8]>),
    Damaged,
    Absent,
}

/// Saves what is consistent of each world, and takes down what is not.
pub(super) fn salvage<'s>(
    report: &SalvageReport,
    sections: &'s [FoundSection],
    limits: &Limits,
    lost: &mut Vec<Lost>,
) -> Vec<WorldDoc<'s>> {
    let mut worlds: BTreeMap<u16, Parts<'_>> = BTreeMap::new();
    for section in sections.iter().filter(|section| is_of_world(section.id)) {
        let (world, component) = split(section.instance);
        let new = || Parts { world, sections: BTreeMap::new(), is_listed: report.has_tables };
        let parts = worlds.entry(world).or_insert_with(new);
        parts.sections.insert((section.id, component), bytes(section));
    }
    let mut docs = Vec::new();
    let mut names = BTreeSet::new();
    for (world, parts) in worlds {
        match parts.salvage(limits, lost) {
            Ok(mut doc) if names.insert(doc.name.clone()) => {
                doc.meta = report.head.as_ref().map(WorldMeta::from_metadata).unwrap_or_default();
                docs.push(doc);
            }
            Ok(doc) => {
                let message = format!("another world has its name {:?}", doc.name);
                lost.push(Lost::of_world("everything", world, message));
            }
            Err(message) => lost.push(Lost::of_world("everything", world, message)),
        }
    }
    docs
}

/// World and component.
fn split(instance: u32) -> (u16, u16) {
    let [a, b, c, d] = instance.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

fn bytes(section: &FoundSection) -> Option<Cow<'_, [u8]>> {
    match (section.state, section.pieces.as_slice()) {
        (State::Complete, [piece]) => Some(Cow::Borrowed(piece)),
        (State::Complete, pieces) => Some(Cow::Owned(pieces.concat())),
        _ => None,
    }
}

impl<'s> Parts<'s> {
    fn salvage(mut self, limits: &Limits, lost: &mut Vec<Lost>) -> Result<WorldDoc<'s>, String> {
        let schema = self.require(SectionId::SCHEMA, 0, "SCHEMA")?;
        let schema = Schema::decode(&schema).map_err(|error| error.to_string())?;
        let tables = self.require(SectionId::TABLES, 0, "TABLES")?;
        let (name, mut tables) = read_tables(&tables, limits).map_err(|error| error.to_string())?;
        let entities: u32 = tables.iter().map(|table| table.rows).sum();
        let rows = rows_per_column(&tables, schema.components())?;

        let mut doc = WorldDoc { name, ..WorldDoc::default() };
        // Where each column is in the new world.
        let mut places: Vec<Option<u16>> = Vec::new();
        for ((component, schema), rows) in (0_u16..).zip(schema.components()).zip(rows) {
            let column = self.column(component, schema, rows, lost).and_then(|data| {
                let column = Column { schema: schema.clone(), data };
                check(column, rows, entities)
            });
            match column {
                Ok(column) => {
                    places.push(u16::try_from(doc.columns.len()).ok());
                    doc.columns.push(column);
                }
                Err(message) => {
                    places.push(None);
                    lost.push(Lost::column(self.world, &schema.name, message));
                }
            }
        }
        for table in &mut tables {
            let place = |old: &u16| places.get(usize::from(*old)).copied().flatten();
            table.components = table.components.iter().filter_map(place).collect();
        }
        doc.tables = tables;
        doc.foreign_ids = self.foreign_ids(entities, lost);
        doc.check().map_err(|error| error.to_string())?;
        Ok(doc)
    }

    fn take(&mut self, id: SectionId, component: u16) -> Part<'s> {
        match self.sections.remove(&(id, component)) {
            Some(Some(bytes)) => Part::Complete(bytes),
            Some(None) => Part::Damaged,
            None => Part::Absent,
        }
    }

    fn require(&mut self, id: SectionId, component: u16, name: &str) -> Result<Cow<'s, [u8]>, String> {
        match self.take(id, component) {
            Part::Complete(bytes) => Ok(bytes),
            Part::Damaged => Err(format!("{name} is damaged")),
            Part::Absent => Err(format!("{name} is missing")),
        }
    }

    fn column(
        &mut self,
        component: u16,
        schema: &ComponentSchema,
        rows: u32,
        lost: &mut Vec<Lost>,
    ) -> Result<ColumnData<'s>, String> {
        Ok(match &schema.encoding {
            Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => {
                ColumnData::Plain(vec![self.require(SectionId::VALUES, component, "VALUES")?])
            }
            Encoding::Rows { shape, human_readable } => {
                let (data, lengths) = self.rows(component, rows)?;
                let targets = match self.take(SectionId::TARGETS, component) {
                    Part::Complete(bytes) => numbers(bytes)?,
                    Part::Damaged => return Err("TARGETS is damaged".to_owned()),
                    Part::Absent => Cow::default(),
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
                let ranks = match self.take(SectionId::RANKS, component) {
                    Part::Complete(bytes) => Some(numbers(bytes)?),
                    Part::Absent if self.is_listed || !linked => None,
                    _ => {
                        let message =
                            "the order of the rows with one target, if it was not that of the entities";
                        lost.push(Lost::column(self.world, &schema.name, message));
                        None
                    }
                };
                ColumnData::References { targets, ranks }
            }
            _ => return Err("its encoding is not in this build; update keepstone".to_owned()),
        })
    }

    /// Values and lengths.
    fn rows(&mut self, component: u16, rows: u32) -> Result<(Cow<'s, [u8]>, Lengths), String> {
        let data = self.require(SectionId::VALUES, component, "VALUES")?;
        let lengths = self.require(SectionId::LENGTHS, component, "LENGTHS")?;
        let lengths = read_lengths(&lengths, rows).map_err(|error| error.to_string())?;
        Ok((data, lengths))
    }

    fn foreign_ids(&mut self, entities: u32, lost: &mut Vec<Lost>) -> Option<Cow<'s, [u128]>> {
        let ids = match self.take(SectionId::FOREIGN_IDS, 0) {
            Part::Complete(bytes) => numbers(bytes).ok(),
            Part::Damaged => None,
            Part::Absent => return None,
        };
        let ids = ids.filter(|ids: &Cow<'_, [u128]>| ids.len() as u64 == u64::from(entities));
        if ids.is_none() {
            lost.push(Lost::of_world("foreign ids", self.world, "FOREIGN_IDS is damaged"));
        }
        ids
    }
}

/// Goes through all rows of a column.
fn decode(mut decoder: Decoder<'_>, lengths: &Lengths) -> Result<(), value::Error> {
    for len in lengths.iter() {
        decoder.row::<IgnoredAny>(len)?;
    }
    decoder.finish()
}

/// Checks a column by itself, in a world with as many entities.
fn check(column: Column<'_>, rows: u32, entities: u32) -> Result<Column<'_>, String> {
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
    doc.check().map_err(|error| error.to_string())?;
    doc.columns.pop().ok_or_else(String::new)
}

fn numbers<T: Plain>(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, [T]>, String> {
    let message = |error: format::Error| error.to_string();
    match bytes {
        Cow::Borrowed(bytes) => plain::from_le_bytes_cow(bytes).map_err(message),
        Cow::Owned(bytes) => Ok(Cow::Owned(plain::from_le_bytes_cow(&bytes).map_err(message)?.into_owned())),
    }
}

/// The tables by FORMAT.md, section 3.2.
fn read_tables(bytes: &[u8], limits: &Limits) -> Result<(String, Vec<Table>), format::Error> {
    let mut input = Input::new("tables", bytes);
    let name = input.name()?.to_owned();
    let entities = input.varint_u32()?;
    let (needs, allowed) = (entities.into(), limits.rows_max.into());
    if needs > allowed {
        return Err(format::Error::Limit { what: "entities", needs, allowed });
    }
    let mut tables = Vec::new();
    let mut left = entities;
    for _ in 0..input.count(2)? {
        let rows = input.varint_u32()?;
        left = left.checked_sub(rows).ok_or_else(|| input.invalid("tables have more rows than entities"))?;
        let mut components = Vec::new();
        for _ in 0..input.count(1)? {
            let component = u16::try_from(input.varint_u32()?);
            components.push(component.map_err(|_| input.invalid("a component's ordinal has 16 bits"))?);
        }
        tables.push(Table { rows, components });
    }
    if left != 0 {
        return Err(input.invalid("tables have fewer rows than entities"));
    }
    input.finish()?;
    Ok((name, tables))
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

fn rows_per_column(tables: &[Table], schema: &[ComponentSchema]) -> Result<Vec<u32>, String> {
    let mut rows: Vec<u32> = schema.iter().map(|component| u32::from(component.resource)).collect();
    for table in tables {
        for component in &table.components {
            let rows = rows.get_mut(usize::from(*component));
            let rows = rows.ok_or("a table names a component that the schema doesn't have")?;
            *rows = rows.saturating_add(table.rows);
        }
    }
    Ok(rows)
}
