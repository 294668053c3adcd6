mod stored;

use std::{borrow::Cow, collections::BTreeMap, num::NonZeroUsize};

use keepstone_format::{FileKind, ReadAt, Reader, Section, SectionId, wire::Input};

pub(crate) use self::stored::Sections;
use self::stored::Stored;
use crate::{
    check::{TABLES_MAX, invalid},
    doc::{Column, ColumnData, Table, WorldDoc},
    error::Error,
    lengths::Lengths,
    meta::WorldMeta,
    parts::{Join, Parts, WorldPart},
    schema::{ComponentSchema, Encoding, Schema},
};

/// The instance of a section of world `world` about component `component`.
pub(crate) fn instance(world: u16, component: u16) -> u32 {
    u32::from(world) << 16 | u32::from(component)
}

/// One of the worlds of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorldEntry {
    /// Its place, for [`WorldDoc::decode`].
    pub world: u16,
    /// Its name; empty where a file has one world and doesn't name it.
    pub name: String,
    /// How many entities it has.
    pub entities: u32,
}

/// Whether containers of this kind hold worlds: those of kind *save* do where a world was saved to a slot.
fn may_hold_worlds(kind: FileKind) -> bool {
    matches!(kind, FileKind::WORLD | FileKind::SAVE)
}

/// Lists the worlds of a container of kind *world* or *save* without reading their columns.
///
/// # Errors
/// [`Error::NoWorld`] when the container is of another kind, or a save of something else; what is damaged or over a limit otherwise.
pub fn list_worlds<R: ReadAt>(reader: &Reader<R>) -> Result<Vec<WorldEntry>, Error> {
    let kind = reader.header().kind;
    let none = || Error::NoWorld { world: "0".to_owned(), found: kind.to_string() };
    if !may_hold_worlds(kind) {
        return Err(none());
    }
    let mut worlds = Vec::new();
    let in_parts = reader.header().is_in_parts();
    for world in 0..=u16::MAX {
        let Ok(section) = reader.find(SectionId::TABLES, instance(world, 0)) else { break };
        let tables = TableList::decode(&reader.read(section)?, reader.limits().rows_max, in_parts)?;
        worlds.push(WorldEntry { world, name: tables.name, entities: tables.total });
        if in_parts {
            break;
        }
    }
    if worlds.is_empty() && kind == FileKind::SAVE { Err(none()) } else { Ok(worlds) }
}

impl<'a> WorldDoc<'a> {
    /// Reads the world of this name alone.
    ///
    /// # Errors
    /// As [`WorldDoc::decode`].
    pub fn decode_named<R: ReadAt>(reader: &'a Reader<R>, name: &str) -> Result<Self, Error> {
        let worlds = list_worlds(reader)?;
        if let Some(entry) = worlds.iter().find(|entry| entry.name == name) {
            return Self::decode(reader, entry.world);
        }
        let names: Vec<&str> = worlds.iter().map(|entry| entry.name.as_str()).collect();
        Err(Error::NoWorld { world: format!("{name:?}"), found: format!("{names:?}") })
    }

    /// Reads world `world` of a container of kind *world* or *save*; the only one is world 0. What lies uncompressed in memory is borrowed.
    ///
    /// # Errors
    /// [`Error::NoWorld`] when there is none, [`Error::Invalid`] or [`Error::Format`] when the file breaks a rule, is newer than
    /// this build or exceeds the reader's limits.
    pub fn decode<R: ReadAt>(reader: &'a Reader<R>, world: u16) -> Result<Self, Error> {
        if !may_hold_worlds(reader.header().kind) {
            return Err(Error::NoWorld { world: world.to_string(), found: reader.header().kind.to_string() });
        }
        if reader.header().is_in_parts() {
            return if world == 0 { Self::decode_parts(reader) } else { Err(no_world(world)) };
        }
        let schema = Schema::read(reader, world)?;
        let mut sections = Stored::new(reader, world);
        sections.used = 1;
        Self::decode_from(sections, schema)
    }

    /// Reads world `world` with at most this many threads, which decode and check chunks. It pays where a codec has much to do.
    ///
    /// # Errors
    /// As [`WorldDoc::decode`].
    pub fn decode_with<R: ReadAt + Sync>(
        reader: &'a Reader<R>,
        world: u16,
        threads: NonZeroUsize,
    ) -> Result<Self, Error> {
        let header = reader.header();
        if threads.get() == 1 || header.is_in_parts() || !may_hold_worlds(header.kind) {
            return Self::decode(reader, world);
        }
        let schema = Schema::read(reader, world)?;
        let mut sections = Stored::new(reader, world);
        sections.used = 1;
        let is_own = |section: &&Section| {
            let is_row = WORLD_SECTIONS.contains(&section.id()) && section.id() != SectionId::SCHEMA;
            is_row && section.instance() >> 16 == u32::from(world)
        };
        let own: Vec<&Section> = reader.sections().iter().filter(is_own).collect();
        for (section, chunks) in own.iter().zip(reader.read_many(&own, threads)?) {
            sections.fetched.insert((section.id(), section.instance()), chunks);
        }
        Self::decode_from(sections, schema)
    }

    fn decode_from<R: ReadAt>(mut sections: Stored<'a, R>, schema: Schema) -> Result<Self, Error> {
        let reader = sections.reader;
        let mut doc = decode_whole(&mut sections, schema, reader.limits().rows_max)?;
        doc.meta = WorldMeta::from_metadata(reader.head());
        sections.finish()?;
        Ok(doc)
    }

    /// Reads all parts of a world in parts.
    fn decode_parts<R: ReadAt>(reader: &'a Reader<R>) -> Result<Self, Error> {
        let mut joined = Join::new(WorldMeta::from_metadata(reader.head()), &Schema::read(reader, 0)?);
        let mut bytes = 0;
        walk_parts(reader, &mut |part, read| {
            bytes += read;
            let allowed = reader.limits().decoded_max;
            if bytes > allowed {
                return Err(Error::Limit { what: "decoded bytes of a world", needs: bytes, allowed });
            }
            joined.set_room(allowed - bytes);
            joined.push(part)
        })?;
        joined.finish()
    }
}

/// Reads a world in parts part by part, with no more than one of them in memory; a world in one piece is one part. Otherwise as
/// [`WorldDoc::decode`] of world 0.
///
/// # Errors
/// As [`WorldDoc::decode`], and what `then` answers. Parts may have been handed out when a later one is found to be wrong.
pub fn for_each_part<R: ReadAt>(
    reader: &Reader<R>,
    then: &mut dyn FnMut(WorldPart<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    if reader.header().is_in_parts() {
        return walk_parts(reader, &mut |part, _| then(part));
    }
    let doc = WorldDoc::decode(reader, 0)?;
    let total = doc.entity_count();
    then(WorldPart::new(doc, 0, total))
}

/// Hands out the parts, each with the bytes that it took.
fn walk_parts<'a, R: ReadAt>(
    reader: &'a Reader<R>,
    then: &mut dyn FnMut(WorldPart<'a>, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    // Counted once: a file may have thousands of parts.
    let mut owned: BTreeMap<u32, usize> = BTreeMap::new();
    let mut last = 0;
    for section in reader.sections() {
        check_known(section.id(), section.instance())?;
        if WORLD_SECTIONS.contains(&section.id()) {
            let part = section.instance() >> 16;
            // A stream can't go back, and both have to take the same files.
            if part < last {
                return Err(invalid(
                    "part of a section",
                    part,
                    format!("at least {last}, that of the one before"),
                ));
            }
            last = part;
            *owned.entry(part).or_default() += 1;
        }
    }
    let mut parts = Parts::new(Schema::read(reader, 0)?, reader.limits().rows_max);
    for world in 0..=u16::MAX {
        if parts.are_all() {
            break;
        }
        let mut sections = Stored::new(reader, world);
        let mut part = parts.decode(&mut sections)?;
        sections.finish_with(owned.get(&u32::from(world)).copied().unwrap_or_default())?;
        part.doc.meta = WorldMeta::from_metadata(reader.head());
        then(part, sections.bytes)?;
    }
    parts.finish()?;
    match owned.last_key_value() {
        Some((&last, _)) if last >= u32::from(parts.count()) => {
            Err(invalid("part of the world", last, format!("below {}", parts.count())))
        }
        _ => Ok(()),
    }
}

fn no_world(world: u16) -> Error {
    Error::NoWorld { world: world.to_string(), found: "one world, in parts".to_owned() }
}

/// The parts of a container of kind *delta*.
pub(crate) struct Changes<'a> {
    pub(crate) delta: Cow<'a, [u8]>,
    pub(crate) rows: Cow<'a, [u8]>,
    /// Not checked yet: what its references may lead to is not known here.
    pub(crate) doc: WorldDoc<'a>,
}

/// Reads the sections of a delta.
pub(crate) fn decode_changes<R: ReadAt>(reader: &Reader<R>) -> Result<Changes<'_>, Error> {
    let schema = Schema::read(reader, 0)?;
    let mut sections = Stored::new(reader, 0);
    sections.used = 1;
    let delta = sections.take(SectionId::DELTA, 0)?;
    // One byte of a list may be a row, which is four in memory.
    sections.charge(delta.len() as u64 * 4)?;
    let rows = sections.take(SectionId::ROWS, 0)?;
    let mut doc = decode_unchecked(&mut sections, schema, reader.limits().rows_max)?;
    doc.meta = WorldMeta::from_metadata(reader.head());
    let mut owned = 0;
    for section in reader.sections() {
        let (id, instance) = (section.id(), section.instance());
        if !matches!(id, SectionId::DELTA | SectionId::ROWS) {
            check_known(id, instance)?;
        }
        owned += usize::from(id.is_reserved() && !id.is_ancillary());
    }
    sections.finish_with(owned)?;
    Ok(Changes { delta, rows, doc })
}

/// Reads a world in one piece, whose schema was taken already.
pub(crate) fn decode_whole<'a>(
    sections: &mut impl Sections<'a>,
    schema: Schema,
    rows_max: u32,
) -> Result<WorldDoc<'a>, Error> {
    let doc = decode_unchecked(sections, schema, rows_max)?;
    doc.check()?;
    Ok(doc)
}

fn decode_unchecked<'a>(
    sections: &mut impl Sections<'a>,
    schema: Schema,
    rows_max: u32,
) -> Result<WorldDoc<'a>, Error> {
    let tables = sections.take(SectionId::TABLES, 0)?;
    let TableList { name, tables, .. } = TableList::decode(&tables, rows_max, false)?;
    let mut doc = WorldDoc { name, tables, ..WorldDoc::default() };
    if sections.has(SectionId::FOREIGN_IDS, 0) {
        doc.foreign_ids = Some(sections.take_plain(SectionId::FOREIGN_IDS, 0)?);
    }
    let empty = |schema| Column { schema, data: ColumnData::Plain(Vec::new()) };
    doc.columns = schema.into_components().into_iter().map(empty).collect();
    let rows = doc.rows_per_column();
    for ((component, taken), rows) in (0_u16..).zip(&mut doc.columns).zip(rows) {
        taken.data = column(sections, component, &taken.schema, rows)?;
    }
    Ok(doc)
}

fn take_lengths<'a>(sections: &mut impl Sections<'a>, component: u16, rows: u32) -> Result<Lengths, Error> {
    let bytes = sections.take(SectionId::LENGTHS, component)?;
    if bytes.first() == Some(&1) {
        // One byte in the file may be four in memory.
        sections.charge(u64::from(rows) * 4)?;
    }
    decode_lengths(&bytes, rows)
}

/// Reads the rows of one column.
pub(crate) fn column<'a>(
    sections: &mut impl Sections<'a>,
    component: u16,
    schema: &ComponentSchema,
    rows: u32,
) -> Result<ColumnData<'a>, Error> {
    Ok(match &schema.encoding {
        Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
        Encoding::Plain(_) => ColumnData::Plain(sections.take_pieces(SectionId::VALUES, component)?),
        Encoding::Rows { .. } => {
            let data = sections.take(SectionId::VALUES, component)?;
            let lengths = take_lengths(sections, component, rows)?;
            let targets = if sections.has(SectionId::TARGETS, component) {
                sections.take_plain(SectionId::TARGETS, component)?
            } else {
                Cow::default()
            };
            ColumnData::Rows { data, lengths, targets }
        }
        Encoding::Opaque { .. } => {
            let data = sections.take(SectionId::VALUES, component)?;
            let lengths = take_lengths(sections, component, rows)?;
            ColumnData::Opaque { data, lengths }
        }
        Encoding::Reference { .. } => ColumnData::References {
            targets: sections.take_plain(SectionId::TARGETS, component)?,
            ranks: if sections.has(SectionId::RANKS, component) {
                Some(sections.take_plain(SectionId::RANKS, component)?)
            } else {
                None
            },
        },
    })
}

/// Refuses a section that a later version added and that must not be passed over.
pub(crate) fn check_known(id: SectionId, instance: u32) -> Result<(), Error> {
    if id.is_ancillary() || !id.is_reserved() || WORLD_SECTIONS.contains(&id) {
        return Ok(());
    }
    Err(Error::NewerSection { id, instance })
}

const WORLD_SECTIONS: [SectionId; 7] = [
    SectionId::FOREIGN_IDS,
    SectionId::SCHEMA,
    SectionId::TABLES,
    SectionId::VALUES,
    SectionId::LENGTHS,
    SectionId::TARGETS,
    SectionId::RANKS,
];

/// What a section `TABLES` says.
#[derive(Debug)]
pub(crate) struct TableList {
    pub(crate) name: String,
    pub(crate) tables: Vec<Table>,
    /// The ordinal of the first entity; 0 in a world in one piece.
    pub(crate) first: u32,
    /// How many entities the whole world has.
    pub(crate) total: u32,
}

impl TableList {
    pub(crate) fn decode(bytes: &[u8], rows_max: u32, in_parts: bool) -> Result<Self, Error> {
        let mut input = Input::new("tables", bytes);
        let name = input.name()?.to_owned();
        let entities = input.varint_u32()?;
        check_entities(entities, rows_max)?;
        let count = input.varint_u32()?;
        if count > TABLES_MAX {
            return Err(Error::Limit {
                what: "tables of a world",
                needs: count.into(),
                allowed: TABLES_MAX.into(),
            });
        }
        // A table takes two bytes at least.
        let mut tables = Vec::with_capacity((count as usize).min(input.remaining() / 2));
        let mut left = entities;
        for _ in 0..count {
            let table = decode_table(&mut input)?;
            left = left
                .checked_sub(table.rows)
                .ok_or_else(|| invalid("rows of the tables", "more", entities))?;
            tables.push(table);
        }
        if left != 0 {
            return Err(invalid("rows of the tables", entities - left, entities));
        }
        let (first, total) =
            if in_parts { (input.varint_u32()?, input.varint_u32()?) } else { (0, entities) };
        input.finish()?;
        if in_parts {
            check_entities(total, rows_max)?;
        }
        Ok(Self { name, tables, first, total })
    }
}

fn check_entities(entities: u32, allowed: u32) -> Result<(), Error> {
    if entities > allowed {
        return Err(Error::Limit { what: "entities", needs: entities.into(), allowed: allowed.into() });
    }
    Ok(())
}

fn decode_table(input: &mut Input<'_>) -> Result<Table, Error> {
    let rows = input.varint_u32()?;
    let components = input.varint_u32()?;
    let mut table =
        Table { rows, components: Vec::with_capacity((components as usize).min(input.remaining())) };
    for _ in 0..components {
        let component = input.varint_u32()?;
        table
            .components
            .push(u16::try_from(component).map_err(|_| invalid("component of a table", component, "a u16"))?);
    }
    Ok(table)
}

fn decode_lengths(bytes: &[u8], rows: u32) -> Result<Lengths, Error> {
    let mut input = Input::new("row lengths", bytes);
    let lengths = match input.u8()? {
        0 => Lengths::same(input.varint_u32()?, rows),
        1 => {
            if rows as usize > input.remaining() {
                return Err(invalid("row lengths of a column", input.remaining(), rows));
            }
            let lengths = Lengths::each((0..rows).map(|_| input.varint_u32()).collect::<Result<_, _>>()?);
            if lengths.common().is_some() {
                return Err(invalid("mode of row lengths", 1, "0, as all are equal"));
            }
            lengths
        }
        other => return Err(invalid("mode of row lengths", other, "0 or 1")),
    };
    input.finish()?;
    Ok(lengths)
}
