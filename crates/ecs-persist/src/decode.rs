use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
};

use keepstone_format::{
    FileKind, ReadAt, Reader, Section, SectionId,
    plain::{self, Plain},
    wire::Input,
};

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

/// Lists the worlds of a container without reading their columns.
///
/// # Errors
/// [`Error::NoWorld`] when the container is of another kind; what is damaged or over a limit otherwise.
pub fn list_worlds<R: ReadAt>(reader: &Reader<R>) -> Result<Vec<WorldEntry>, Error> {
    if reader.header().kind != FileKind::WORLD {
        return Err(Error::NoWorld { world: "0".to_owned(), found: reader.header().kind.to_string() });
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
    Ok(worlds)
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

    /// Reads world `world` of a container; the only one is world 0. What lies uncompressed in memory is borrowed.
    ///
    /// # Errors
    /// [`Error::NoWorld`] when there is none, [`Error::Invalid`] or [`Error::Format`] when the file breaks a rule, is newer than
    /// this build or exceeds the reader's limits.
    pub fn decode<R: ReadAt>(reader: &'a Reader<R>, world: u16) -> Result<Self, Error> {
        if reader.header().kind != FileKind::WORLD {
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
        if threads.get() == 1 || reader.header().is_in_parts() || reader.header().kind != FileKind::WORLD {
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

/// Reads a world in one piece, whose schema was taken already.
pub(crate) fn decode_whole<'a>(
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
    doc.check()?;
    Ok(doc)
}

/// Where the sections of one world, or of one part of it, come from.
pub(crate) trait Sections<'a> {
    /// Whether a section is there.
    fn has(&self, id: SectionId, component: u16) -> bool;
    /// Takes a section that has to be there as a whole.
    fn take(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [u8]>, Error>;
    /// Takes a section that has to be there in pieces.
    fn take_pieces(&mut self, id: SectionId, component: u16) -> Result<Vec<Cow<'a, [u8]>>, Error>;
    /// Counts bytes that decoding takes, and checks that all together stay within the limit.
    fn charge(&mut self, bytes: u64) -> Result<(), Error>;

    /// Takes a section of plain values.
    fn take_plain<T: Plain>(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [T]>, Error> {
        match self.take(id, component)? {
            Cow::Borrowed(bytes) => Ok(plain::from_le_bytes_cow(bytes)?),
            Cow::Owned(bytes) => Ok(Cow::Owned(plain::from_le_bytes_cow(&bytes)?.into_owned())),
        }
    }
}

/// The sections of one world or part in a container that can be read anywhere.
struct Stored<'a, R> {
    reader: &'a Reader<R>,
    world: u16,
    /// Sections of this world that were read.
    used: usize,
    /// Bytes that they decode to.
    bytes: u64,
    /// Chunks of sections that were read ahead.
    fetched: HashMap<(SectionId, u32), Vec<Cow<'a, [u8]>>>,
}

impl<'a, R: ReadAt> Stored<'a, R> {
    fn new(reader: &'a Reader<R>, world: u16) -> Self {
        Self { reader, world, used: 0, bytes: 0, fetched: HashMap::new() }
    }

    /// Finds a section that has to be there, and checks that the world as a whole stays within the limit.
    fn claim(&mut self, id: SectionId, component: u16) -> Result<&'a Section, Error> {
        let section = self.reader.find(id, instance(self.world, component))?;
        self.used += 1;
        self.charge(section.decoded_len())?;
        Ok(section)
    }

    /// Checks that the world has no section that was not read.
    fn finish(&self) -> Result<(), Error> {
        let mut owned = 0;
        for section in self.reader.sections() {
            check_known(section.id(), section.instance())?;
            let is_ours = WORLD_SECTIONS.contains(&section.id());
            owned += usize::from(is_ours && section.instance() >> 16 == u32::from(self.world));
        }
        self.finish_with(owned)
    }

    /// Checks that as many sections were read as the world has.
    fn finish_with(&self, owned: usize) -> Result<(), Error> {
        if owned != self.used {
            return Err(invalid("sections of the world", owned, self.used));
        }
        Ok(())
    }
}

impl<'a, R: ReadAt> Sections<'a> for Stored<'a, R> {
    fn has(&self, id: SectionId, component: u16) -> bool {
        self.reader.find(id, instance(self.world, component)).is_ok()
    }

    fn take(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [u8]>, Error> {
        let section = self.claim(id, component)?;
        let Some(mut chunks) = self.fetched.remove(&(id, section.instance())) else {
            return Ok(self.reader.read(section)?);
        };
        match chunks.len() {
            0 | 1 => Ok(chunks.pop().unwrap_or_default()),
            _ => Ok(Cow::Owned(chunks.concat())),
        }
    }

    fn take_pieces(&mut self, id: SectionId, component: u16) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let section = self.claim(id, component)?;
        if let Some(chunks) = self.fetched.remove(&(id, section.instance())) {
            return Ok(chunks);
        }
        Ok(self.reader.chunks(section)?.collect::<Result<_, _>>()?)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        let allowed = self.reader.limits().decoded_max;
        if self.bytes > allowed {
            return Err(Error::Limit { what: "decoded bytes of a world", needs: self.bytes, allowed });
        }
        Ok(())
    }
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
