//! What another system calls the entities: a component in a world, [`WorldDoc::foreign_ids`] in a document.

use std::{borrow::Cow, fmt};

use keepstone_format::plain::{self, Layout, OwnedLayout, Plain};

use crate::{
    check::TABLES_MAX,
    doc::{Column, ColumnData, Table, WorldDoc},
    error::Error,
    parts::{PartSink, PartSource, WorldPart},
    schema::{ComponentSchema, Encoding, Schema},
};

/// What another system calls an entity, such as the stable id of PECS: 128 bits that come with a file, stay with the entity, and go
/// into the next file.
///
/// Adapters have it as a component. Documents and files have it beside the entities, as [`WorldDoc::foreign_ids`], and never as a column:
/// [`WorldDoc::foreign_as_column`] and [`WorldDoc::column_as_foreign`] turn one into the other. Two entities may have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForeignId(pub u128);

/// The upper half of ids that stand for ordinals: `keepston`, most significant first.
const STAND_IN: u128 = 0x6b65_6570_7374_6f6e << 64;
const UPPER_HALF: u128 = !0 << 64;

impl ForeignId {
    /// The name that the component has in registries, and in no file.
    pub const COMPONENT: &'static str = "keepstone.ForeignId";

    /// The version of that component.
    pub const VERSION: u32 = 1;

    /// The layout of a row.
    pub const LAYOUT: Layout = <u128 as Plain>::LAYOUT;

    /// What stands in a document for an entity without an id while others have one: `keepston` in the upper half, and the ordinal plus 1 in
    /// the lower.
    pub fn stand_in(ordinal: u32) -> Self {
        Self(STAND_IN | (u128::from(ordinal) + 1))
    }

    /// Whether it is no id, but stands for there being none.
    pub fn is_stand_in(self) -> bool {
        self.0 & UPPER_HALF == STAND_IN
    }

    /// This id, or what stands for none on the entity with this ordinal.
    pub(crate) fn at(self, ordinal: u32) -> Self {
        if self.is_stand_in() { Self::stand_in(ordinal) } else { self }
    }
}

impl fmt::Display for ForeignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl WorldDoc<'_> {
    /// This document with its foreign ids as a column of [`ForeignId`]s, as it is spawned; none if it has none. Entities and their ordinals
    /// stay; a table is split where those that have one and those that have none follow each other. For adapters.
    ///
    /// Where that would make more tables than a document may have, all entities of a table get the component, some of them as a
    /// [stand-in](ForeignId::is_stand_in), which is the same as none.
    pub fn foreign_as_column(&self) -> Option<WorldDoc<'_>> {
        self.foreign_ids.as_ref()?;
        let mut doc = self.borrowed();
        doc.foreign_to_column();
        Some(doc)
    }

    /// Makes the foreign ids of a column of [`ForeignId`]s, as a world is captured: the other way round. Entities without one have a
    /// [stand-in](ForeignId::stand_in). If no entity has one, there are no foreign ids. For adapters.
    ///
    /// # Errors
    /// [`Error::Format`] when the rows of the column are not whole.
    pub fn column_as_foreign(&mut self) -> Result<(), Error> {
        self.column_to_foreign(0)
    }

    fn foreign_to_column(&mut self) {
        let Err(place) = self.place_of_foreign() else { return };
        let Ok(component) = u16::try_from(place) else { return };
        let entities = self.tables.iter().map(rows_of).sum::<usize>();
        // A document with another number of ids is refused when it is checked.
        let Some(ids) = self.foreign_ids.take_if(|ids| ids.len() == entities) else { return };
        let is_id = |id: &u128| !ForeignId(*id).is_stand_in();
        if !ids.iter().any(is_id) {
            return;
        }
        for other in self.tables.iter_mut().flat_map(|table| &mut table.components) {
            *other = other.saturating_add(u16::from(*other >= component));
        }
        let with = |table: &Table, rows: usize| {
            let mut components = table.components.clone();
            components.insert(components.partition_point(|&other| other < component), component);
            Table { rows: u32::try_from(rows).unwrap_or(table.rows), components }
        };
        let mut rest: &[u128] = &ids;
        let (mut tables, mut rows) = (Vec::with_capacity(self.tables.len()), Vec::new());
        let mut spare = (TABLES_MAX as usize).saturating_sub(self.tables.len());
        for table in &self.tables {
            let (own, after) = rest.split_at(rest.len().min(rows_of(table)));
            rest = after;
            let runs = || own.chunk_by(|a, b| is_id(a) == is_id(b));
            let more = runs().count().saturating_sub(1);
            if more > spare {
                tables.push(with(table, own.len()));
                rows.extend_from_slice(own);
                continue;
            }
            spare -= more;
            for run in runs() {
                if run.first().is_some_and(is_id) {
                    tables.push(with(table, run.len()));
                    rows.extend_from_slice(run);
                } else {
                    let rows = u32::try_from(run.len()).unwrap_or(table.rows);
                    tables.push(Table { rows, components: table.components.clone() });
                }
            }
        }
        self.tables = tables;
        let encoding = Encoding::Plain(OwnedLayout::from(&ForeignId::LAYOUT));
        let schema = ComponentSchema::new(ForeignId::COMPONENT, ForeignId::VERSION, false, encoding);
        let data = ColumnData::Plain(vec![Cow::Owned(plain::to_le_bytes_cow(&rows).into_owned())]);
        self.columns.insert(place, Column { schema, data });
    }

    /// As [`WorldDoc::column_as_foreign`], for a part of which the first entity has the ordinal `first`.
    fn column_to_foreign(&mut self, first: u32) -> Result<(), Error> {
        let Ok(place) = self.place_of_foreign() else { return Ok(()) };
        let (Some(column), Ok(component)) = (self.columns.get(place), u16::try_from(place)) else {
            return Ok(());
        };
        let ColumnData::Plain(pieces) = &column.data else { return Ok(()) };
        if !is_foreign(&column.schema) {
            return Ok(());
        }
        let mut rows: Vec<u128> = Vec::new();
        match pieces.as_slice() {
            [piece] => plain::append_le_bytes(piece, &mut rows)?,
            pieces => plain::append_le_bytes(&pieces.concat(), &mut rows)?,
        }
        let is_any = rows.iter().any(|&id| !ForeignId(id).is_stand_in());
        let mut rows = rows.into_iter();
        let mut ids = Vec::with_capacity(if is_any { self.entity_count() as usize } else { 0 });
        let mut ordinal = first;
        for table in &mut self.tables {
            let has = table.components.binary_search(&component).is_ok();
            for at in (ordinal..).take(if is_any { table.rows as usize } else { 0 }) {
                let id = if has { rows.next().map(ForeignId) } else { None };
                ids.push(id.map_or(ForeignId::stand_in(at), |id| id.at(at)).0);
            }
            ordinal = ordinal.saturating_add(table.rows);
            table.components.retain(|&other| other != component);
            for other in &mut table.components {
                *other = other.saturating_sub(u16::from(*other > component));
            }
        }
        self.columns.remove(place);
        self.foreign_ids = is_any.then_some(Cow::Owned(ids));
        Ok(())
    }

    fn place_of_foreign(&self) -> Result<usize, usize> {
        self.columns.binary_search_by(|column| column.schema.name.as_str().cmp(ForeignId::COMPONENT))
    }
}

fn rows_of(table: &Table) -> usize {
    table.rows as usize
}

fn is_foreign(schema: &ComponentSchema) -> bool {
    let is_plain = matches!(&schema.encoding, Encoding::Plain(layout) if *layout == ForeignId::LAYOUT);
    schema.name == ForeignId::COMPONENT && !schema.resource && is_plain
}

/// Hands parts on with their columns of [`ForeignId`]s as foreign ids; for adapters.
pub struct ForeignSink<'s> {
    sink: &'s mut dyn PartSink,
    has: bool,
}

impl<'s> ForeignSink<'s> {
    /// Hands parts on to this one.
    pub fn new(sink: &'s mut dyn PartSink) -> Self {
        Self { sink, has: false }
    }
}

impl PartSink for ForeignSink<'_> {
    fn begin(&mut self, schema: Schema, total: u32) -> Result<(), Error> {
        let mut components = schema.into_components();
        let before = components.len();
        components.retain(|schema| !is_foreign(schema));
        self.has = components.len() < before;
        self.sink.begin(Schema::of(components), total)
    }

    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        if !self.has {
            return self.sink.part(part);
        }
        let mut doc = part.doc.borrowed();
        doc.column_to_foreign(part.first)?;
        if doc.foreign_ids.is_none() {
            // All parts have them, or none.
            let ordinals = (part.first..).take(doc.entity_count() as usize);
            doc.foreign_ids = Some(ordinals.map(|ordinal| ForeignId::stand_in(ordinal).0).collect());
        }
        self.sink.part(&WorldPart::new(doc, part.first, part.total))
    }
}

/// Hands parts out with their foreign ids as columns of [`ForeignId`]s, where that component is known; for adapters.
pub struct ForeignSource<'s> {
    source: &'s mut dyn PartSource,
    is_known: bool,
}

impl<'s> ForeignSource<'s> {
    /// Takes parts from this one.
    pub fn new(source: &'s mut dyn PartSource, is_known: bool) -> Self {
        Self { source, is_known }
    }
}

impl PartSource for ForeignSource<'_> {
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        let mut part = self.source.next_part()?;
        if let Some(part) = &mut part
            && self.is_known
            && part.doc.foreign_ids.is_some()
        {
            part.doc.foreign_to_column();
        }
        Ok(part)
    }
}
