use std::{collections::BTreeSet, fmt, path::Path};

use keepstone::{
    ecs::{ComponentSchema, Encoding, Schema},
    format::{self, FileKind, ReadAt, Reader, Section, SectionId},
};
use serde::Serialize;

use super::sections;
use super::tables::{Table, Tables};
use crate::error::Error;
use crate::text::{Grid, Shown, count, plural, size};

/// Worlds that are described. What one costs is bounded, but a hostile file may have 65,536.
const DESCRIBED_MAX: usize = 64;
/// Most bytes that schemas and tables may decode to in a file that is smaller: a description repeats them, as text.
const DESCRIPTION_MAX: u64 = 64 << 20;
/// Tables that are listed for people.
const TABLES_SHOWN_MAX: usize = 20;

/// One world of a file.
#[derive(Debug, Serialize)]
pub(super) struct World {
    #[serde(rename = "world")]
    number: u16,
    /// How many parts it is written in; absent where it is in one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<u64>,
    name: String,
    entities: u32,
    values: u64,
    /// Whether it has the ids by which another system knows the entities.
    foreign_ids: bool,
    table_count: u32,
    /// The first 1000.
    tables: Vec<Table>,
    components: Vec<Component>,
}

/// One column of a world.
#[derive(Debug, Serialize)]
struct Component {
    name: String,
    version: u32,
    resource: bool,
    encoding: &'static str,
    schema: String,
    human_readable: bool,
    linked: bool,
    rows: u64,
    bytes_decoded: u64,
    bytes_stored: u64,
    codecs: Vec<String>,
}

/// Whether a container has worlds: one of kind world always, and a save where a world was saved to a slot.
pub(crate) fn holds_worlds<R: ReadAt>(reader: &Reader<R>) -> bool {
    let tells_of_world = |section: &Section| [SectionId::SCHEMA, SectionId::TABLES].contains(&section.id());
    match reader.header().kind {
        FileKind::WORLD => true,
        FileKind::SAVE => reader.sections().iter().any(tells_of_world),
        _ => false,
    }
}

/// The numbers of the worlds that sections belong to; a container that has worlds has world 0 at least.
pub(crate) fn numbers<R: ReadAt>(reader: &Reader<R>) -> BTreeSet<u16> {
    let of_worlds = reader.sections().iter().filter(|section| sections::is_of_world(section.id()));
    let mut numbers: BTreeSet<u16> =
        of_worlds.filter_map(|section| u16::try_from(section.instance() >> 16).ok()).collect();
    numbers.insert(0);
    numbers
}

/// Reads schema and tables of the first worlds, or of all parts of one, and no column.
pub(super) fn inspect<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Vec<World>, Error> {
    let in_parts = reader.header().is_in_parts();
    // Of the schemas of parts, which are all the same, one is read.
    let is_description = |section: &&Section| match section.id() {
        SectionId::SCHEMA => !in_parts || section.instance() == 0,
        id => id == SectionId::TABLES,
    };
    let descriptions = reader.sections().iter().filter(is_description);
    let needs = descriptions.fold(0_u64, |sum, section| sum.saturating_add(section.decoded_len()));
    let allowed = reader.bytes().max(DESCRIPTION_MAX);
    if needs > allowed {
        let source = format::Error::Limit { what: "schemas and tables in bytes", needs, allowed };
        return Err(Error::Keep { path: path.to_owned(), source });
    }
    if in_parts {
        return Ok(vec![World::read_parts(path, reader)?]);
    }
    numbers(reader).into_iter().take(DESCRIBED_MAX).map(|world| World::read(path, reader, world)).collect()
}

impl World {
    fn read<R: ReadAt>(path: &Path, reader: &Reader<R>, world: u16) -> Result<Self, Error> {
        let schema =
            Schema::read(reader, world).map_err(|source| Error::World { path: path.to_owned(), source })?;
        let tables = Tables::read(path, reader, world, schema.components().len())?;
        let own = |section: &Section| section.instance() >> 16 == u32::from(world);
        Ok(Self::new(reader, world, &schema, tables, own))
    }

    /// Reads a world in parts: each has the schema of all.
    fn read_parts<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Self, Error> {
        let schema =
            Schema::read(reader, 0).map_err(|source| Error::World { path: path.to_owned(), source })?;
        let parts = numbers(reader);
        let count = parts.len() as u64;
        let tables = Tables::read_parts(path, reader, parts.into_iter(), schema.components().len())?;
        Ok(Self { parts: Some(count), ..Self::new(reader, 0, &schema, tables, |_| true) })
    }

    fn new<R: ReadAt>(
        reader: &Reader<R>,
        world: u16,
        schema: &Schema,
        tables: Tables,
        is_own: impl Fn(&Section) -> bool,
    ) -> Self {
        let mut columns: Vec<Vec<&Section>> = vec![Vec::new(); schema.components().len()];
        for section in reader.sections().iter().filter(|section| is_column(section) && is_own(section)) {
            let column =
                usize::try_from(section.instance() & 0xffff).ok().and_then(|place| columns.get_mut(place));
            if let Some(column) = column {
                column.push(section);
            }
        }
        let rows = tables.rows.iter().copied();
        let components: Vec<Component> = (schema.components().iter().zip(rows).zip(&columns))
            .map(|((schema, rows), sections)| Component::new(schema, rows, reader, sections))
            .collect();
        Self {
            number: world,
            parts: None,
            name: tables.world_name,
            entities: tables.entities,
            values: components.iter().map(|component| component.rows).sum(),
            foreign_ids: reader.find(SectionId::FOREIGN_IDS, u32::from(world) << 16).is_ok(),
            table_count: tables.count,
            tables: tables.listed,
            components,
        }
    }
}

/// Whether it holds rows of a world, or what belongs to rows.
pub(crate) fn is_column(section: &Section) -> bool {
    sections::is_of_world(section.id()) && !is_of_whole(section)
}

/// Whether it is about a world as a whole.
fn is_of_whole(section: &Section) -> bool {
    [SectionId::SCHEMA, SectionId::TABLES, SectionId::FOREIGN_IDS].contains(&section.id())
}

impl Component {
    fn new<R: ReadAt>(
        schema: &ComponentSchema,
        rows: u64,
        reader: &Reader<R>,
        sections: &[&Section],
    ) -> Self {
        let (encoding, human_readable, linked) = match &schema.encoding {
            Encoding::Plain(_) => ("plain", false, false),
            Encoding::Rows { human_readable, .. } => ("rows", *human_readable, false),
            Encoding::Opaque { .. } => ("opaque", false, false),
            Encoding::Reference { linked } => ("reference", false, *linked),
            _ => ("unknown", false, false),
        };
        Self {
            name: schema.name.clone(),
            version: schema.version,
            resource: schema.resource,
            encoding,
            schema: schema.encoding.to_string(),
            human_readable,
            linked,
            rows: if schema.resource { 1 } else { rows },
            bytes_decoded: sections.iter().map(|section| section.decoded_len()).sum(),
            bytes_stored: sections.iter().map(|section| sections::stored_len(reader, section)).sum(),
            codecs: sections::codecs(reader, sections),
        }
    }

    fn cells(&self) -> [String; 7] {
        [
            Shown(&self.name).to_string(),
            if self.resource { "resource".to_owned() } else { "component".to_owned() },
            format!("v{}", self.version),
            count(self.rows),
            size(self.bytes_decoded),
            size(self.bytes_stored),
            if self.codecs.is_empty() { "-".to_owned() } else { self.codecs.join("+") },
        ]
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "world {}", self.number)?;
        if !self.name.is_empty() {
            write!(f, " \"{}\"", Shown(&self.name))?;
        }
        write!(f, ": {}, {}", plural(self.entities, "entity"), plural(self.values, "value"))?;
        match self.parts {
            Some(parts) => writeln!(f, ", in {}", plural(parts, "part"))?,
            None => writeln!(f)?,
        }
        if self.foreign_ids {
            writeln!(f, "  with the ids of another system, 16 bytes an entity")?;
        }
        self.write_components(f)?;
        self.write_schema(f)?;
        self.write_tables(f)
    }
}

impl World {
    fn write_components(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.components.is_empty() {
            return Ok(());
        }
        let mut grid = Grid::new("<<>>>><");
        grid.line(["column", "", "", "rows", "decoded", "stored", "codec"].map(str::to_owned));
        for component in &self.components {
            grid.line(component.cells());
        }
        let sum = |bytes: fn(&Component) -> u64| size(self.components.iter().map(bytes).sum());
        grid.line([
            "total".to_owned(),
            String::new(),
            String::new(),
            count(self.values),
            sum(|component| component.bytes_decoded),
            sum(|component| component.bytes_stored),
            String::new(),
        ]);
        write!(f, "{grid}")
    }

    fn write_schema(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.components.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nschema")?;
        let mut grid = Grid::new("<<");
        for component in &self.components {
            let human = if component.human_readable { " (human readable)" } else { "" };
            // A shape takes a line a type.
            let mut lines = component.schema.lines();
            let first = lines.next().unwrap_or_default();
            grid.line([Shown(&component.name).to_string(), format!("{}{human}", Shown(first))]);
            for line in lines {
                grid.line([String::new(), format!("  {}", Shown(line))]);
            }
        }
        write!(f, "{grid}")
    }

    fn write_tables(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tables.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{}", plural(self.table_count, "table"))?;
        let mut grid = Grid::new("><");
        for table in self.tables.iter().take(TABLES_SHOWN_MAX) {
            let names: Vec<String> = (table.components.iter())
                .filter_map(|&place| self.components.get(usize::try_from(place).ok()?))
                .map(|component| Shown(&component.name).to_string())
                .collect();
            let names = if names.is_empty() { "no components".to_owned() } else { names.join(", ") };
            grid.line([count(table.rows), names]);
        }
        write!(f, "{grid}")?;
        let shown = u32::try_from(TABLES_SHOWN_MAX).unwrap_or(u32::MAX);
        match self.table_count.saturating_sub(shown) {
            0 => Ok(()),
            more => writeln!(f, "  and {} more", count(more)),
        }
    }
}
