use std::path::Path;

use keepstone::format::{self, ReadAt, Reader, SectionId, wire::Input};
use serde::Serialize;

use crate::error::Error;

/// Tables that are listed. A file may have one for every two bytes.
const LISTED_MAX: usize = 1000;
/// Components that are listed over all tables.
const COMPONENTS_LISTED_MAX: usize = 1 << 20;

/// The tables of a world, as far as their counts say.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) world_name: String,
    pub(super) entities: u32,
    pub(super) count: u32,
    /// The first ones.
    pub(super) listed: Vec<Table>,
    /// Rows of each component.
    pub(super) rows: Vec<u64>,
    /// Components of the tables up to here, those that are not listed as well.
    components: usize,
}

/// A run of entities with the same components.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub(super) rows: u32,
    /// Places in the list of components.
    pub(super) components: Vec<u32>,
}

impl Tables {
    /// Reads the tables of all parts of a world that has `component_count` components.
    pub(super) fn read_parts<R: ReadAt>(
        path: &Path,
        reader: &Reader<R>,
        parts: impl Iterator<Item = u16>,
        component_count: usize,
    ) -> Result<Self, Error> {
        let keep = |source| Error::Keep { path: path.to_owned(), source };
        let mut tables = Self { rows: vec![0; component_count], ..Self::default() };
        for part in parts {
            let section = reader.find(SectionId::TABLES, u32::from(part) << 16).map_err(keep)?;
            let bytes = reader.read(section).map_err(keep)?;
            tables.add(&bytes, true).map_err(keep)?;
        }
        Ok(tables)
    }

    /// Reads the tables of a world that has `component_count` components.
    pub(super) fn read<R: ReadAt>(
        path: &Path,
        reader: &Reader<R>,
        world: u16,
        component_count: usize,
    ) -> Result<Self, Error> {
        let keep = |source| Error::Keep { path: path.to_owned(), source };
        let section = reader.find(SectionId::TABLES, u32::from(world) << 16).map_err(keep)?;
        let bytes = reader.read(section).map_err(keep)?;
        let mut tables = Self { rows: vec![0; component_count], ..Self::default() };
        tables.add(&bytes, false).map_err(keep)?;
        Ok(tables)
    }

    /// Adds the tables of a world in one piece, or of the next part.
    fn add(&mut self, bytes: &[u8], in_parts: bool) -> Result<(), format::Error> {
        let mut input = Input::new("tables", bytes);
        input.name()?.clone_into(&mut self.world_name);
        let (entity_count, table_count) = (input.varint_u32()?, input.varint_u32()?);
        self.entities = self.entities.saturating_add(entity_count);
        self.count = self.count.saturating_add(table_count);
        let mut entities: u64 = 0;
        for _ in 0..table_count {
            let rows = input.varint_u32()?;
            entities += u64::from(rows);
            let mut table = Table { rows, components: Vec::new() };
            let components = input.varint_u32()?;
            self.components =
                self.components.saturating_add(usize::try_from(components).unwrap_or(usize::MAX));
            let is_listed = self.listed.len() < LISTED_MAX && self.components <= COMPONENTS_LISTED_MAX;
            for _ in 0..components {
                let component = input.varint_u32()?;
                let total = usize::try_from(component).ok().and_then(|place| self.rows.get_mut(place));
                let Some(total) = total else {
                    return Err(input.invalid("a table names a component that the schema doesn't have"));
                };
                *total += u64::from(rows);
                if is_listed {
                    table.components.push(component);
                }
            }
            if is_listed {
                self.listed.push(table);
            }
        }
        if entities != u64::from(entity_count) {
            return Err(input.invalid("the rows of the tables don't add up to the entity count"));
        }
        if in_parts {
            // Where the part stands in the whole; verify looks at it.
            input.varint_u32()?;
            input.varint_u32()?;
        }
        input.finish()
    }
}
