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
}

/// A run of entities with the same components.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub(super) rows: u32,
    /// Places in the list of components.
    pub(super) components: Vec<u32>,
}

impl Tables {
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
        Self::decode(&bytes, component_count).map_err(keep)
    }

    fn decode(bytes: &[u8], component_count: usize) -> Result<Self, format::Error> {
        let mut input = Input::new("tables", bytes);
        let mut tables = Self { rows: vec![0; component_count], ..Self::default() };
        input.name()?.clone_into(&mut tables.world_name);
        tables.entities = input.varint_u32()?;
        tables.count = input.varint_u32()?;
        let (mut entities, mut listed): (u64, usize) = (0, 0);
        for _ in 0..tables.count {
            let rows = input.varint_u32()?;
            entities += u64::from(rows);
            let mut table = Table { rows, components: Vec::new() };
            let components = input.varint_u32()?;
            listed = listed.saturating_add(usize::try_from(components).unwrap_or(usize::MAX));
            let is_listed = tables.listed.len() < LISTED_MAX && listed <= COMPONENTS_LISTED_MAX;
            for _ in 0..components {
                let component = input.varint_u32()?;
                let total = usize::try_from(component).ok().and_then(|place| tables.rows.get_mut(place));
                let Some(total) = total else {
                    return Err(input.invalid("a table names a component that the schema doesn't have"));
                };
                *total += u64::from(rows);
                if is_listed {
                    table.components.push(component);
                }
            }
            if is_listed {
                tables.listed.push(table);
            }
        }
        if entities != u64::from(tables.entities) {
            return Err(input.invalid("the rows of the tables don't add up to the entity count"));
        }
        input.finish()?;
        Ok(tables)
    }
}
