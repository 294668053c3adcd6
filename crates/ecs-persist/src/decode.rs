use std::borrow::Cow;

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
    for world in 0..=u16::MAX {
        let Ok(section) = reader.find(SectionId::TABLES, instance(world, 0)) else { break };
        let (name, tables) = decode_tables(&reader.read(section)?, reader)?;
        let entities = tables.iter().map(|table| table.rows).sum();
        worlds.push(WorldEntry { world, name, entities });
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
        let schema = Schema::read(reader, world)?;
        let mut parts = Parts { reader, world, used: 1, bytes: 0 };
        let (name, tables) = decode_tables(&parts.take(SectionId::TABLES, 0)?, reader)?;
        let meta = WorldMeta::from_metadata(reader.head());
        let mut doc = Self { name, meta, tables, ..Self::default() };
        if parts.find(SectionId::FOREIGN_IDS, 0).is_some() {
            doc.foreign_ids = Some(parts.take_plain(SectionId::FOREIGN_IDS, 0)?);
        }
        let empty = |schema| Column { schema, data: ColumnData::Plain(Vec::new()) };
        doc.columns = schema.into_components().into_iter().map(empty).collect();
        let rows = doc.rows_per_column();
        for ((component, column), rows) in (0_u16..).zip(&mut doc.columns).zip(rows) {
            column.data = parts.column(component, &column.schema, rows)?;
        }
        parts.finish()?;
        doc.check()?;
        Ok(doc)
    }
}

struct Parts<'a, R> {
    reader: &'a Reader<R>,
    world: u16,
    /// Sections of this world that were read.
    used: usize,
    /// Bytes that they decode to.
    bytes: u64,
}

impl<'a, R: ReadAt> Parts<'a, R> {
    fn find(&self, id: SectionId, component: u16) -> Option<&'a Section> {
        self.reader.find(id, instance(self.world, component)).ok()
    }

    /// Finds a section that has to be there, and checks that the world as a whole stays within the limit.
    fn claim(&mut self, id: SectionId, component: u16) -> Result<&'a Section, Error> {
        let section = self.reader.find(id, instance(self.world, component))?;
        self.used += 1;
        self.charge(section.decoded_len())?;
        Ok(section)
    }

    fn take(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [u8]>, Error> {
        let section = self.claim(id, component)?;
        Ok(self.reader.read(section)?)
    }

    fn take_lengths(&mut self, component: u16, rows: u32) -> Result<Lengths, Error> {
        let bytes = self.take(SectionId::LENGTHS, component)?;
        if bytes.first() == Some(&1) {
            // One byte in the file may be four in memory.
            self.charge(u64::from(rows) * 4)?;
        }
        decode_lengths(&bytes, rows)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        let allowed = self.reader.limits().decoded_max;
        if self.bytes > allowed {
            return Err(Error::Limit { what: "decoded bytes of a world", needs: self.bytes, allowed });
        }
        Ok(())
    }

    fn take_plain<T: Plain>(&mut self, id: SectionId, component: u16) -> Result<Cow<'a, [T]>, Error> {
        match self.take(id, component)? {
            Cow::Borrowed(bytes) => Ok(plain::from_le_bytes_cow(bytes)?),
            Cow::Owned(bytes) => Ok(Cow::Owned(plain::from_le_bytes_cow(&bytes)?.into_owned())),
        }
    }

    fn column(
        &mut self,
        component: u16,
        schema: &ComponentSchema,
        rows: u32,
    ) -> Result<ColumnData<'a>, Error> {
        Ok(match &schema.encoding {
            Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => {
                let section = self.claim(SectionId::VALUES, component)?;
                ColumnData::Plain(self.reader.chunks(section)?.collect::<Result<_, _>>()?)
            }
            Encoding::Rows { .. } => {
                let data = self.take(SectionId::VALUES, component)?;
                let lengths = self.take_lengths(component, rows)?;
                let targets = match self.find(SectionId::TARGETS, component) {
                    Some(_) => self.take_plain(SectionId::TARGETS, component)?,
                    None => Cow::default(),
                };
                ColumnData::Rows { data, lengths, targets }
            }
            Encoding::Opaque { .. } => {
                let data = self.take(SectionId::VALUES, component)?;
                let lengths = self.take_lengths(component, rows)?;
                ColumnData::Opaque { data, lengths }
            }
            Encoding::Reference { .. } => ColumnData::References {
                targets: self.take_plain(SectionId::TARGETS, component)?,
                ranks: match self.find(SectionId::RANKS, component) {
                    Some(_) => Some(self.take_plain(SectionId::RANKS, component)?),
                    None => None,
                },
            },
        })
    }

    /// Checks that the world has no section that was not read.
    fn finish(&self) -> Result<(), Error> {
        let mut owned = 0;
        for section in self.reader.sections() {
            if section.id().is_ancillary() || !section.id().is_reserved() {
                continue;
            }
            if !WORLD_SECTIONS.contains(&section.id()) {
                return Err(Error::NewerSection { id: section.id(), instance: section.instance() });
            }
            owned += usize::from(section.instance() >> 16 == u32::from(self.world));
        }
        if owned != self.used {
            return Err(invalid("sections of the world", owned, self.used));
        }
        Ok(())
    }
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

fn decode_tables<R: ReadAt>(bytes: &[u8], reader: &Reader<R>) -> Result<(String, Vec<Table>), Error> {
    let mut input = Input::new("tables", bytes);
    let name = input.name()?.to_owned();
    let entities = input.varint_u32()?;
    let allowed = reader.limits().rows_max;
    if entities > allowed {
        return Err(Error::Limit { what: "entities", needs: entities.into(), allowed: allowed.into() });
    }
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
        let rows = input.varint_u32()?;
        left = left.checked_sub(rows).ok_or_else(|| invalid("rows of the tables", "more", entities))?;
        let components = input.varint_u32()?;
        let mut table =
            Table { rows, components: Vec::with_capacity((components as usize).min(input.remaining())) };
        for _ in 0..components {
            let component = input.varint_u32()?;
            table.components.push(
                u16::try_from(component).map_err(|_| invalid("component of a table", component, "a u16"))?,
            );
        }
        tables.push(table);
    }
    if left != 0 {
        return Err(invalid("rows of the tables", entities - left, entities));
    }
    input.finish()?;
    Ok((name, tables))
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
