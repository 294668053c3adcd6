use std::ops::Range;

use crate::doc::WorldDoc;

/// Where the rows of each table stand in the columns.
pub(crate) struct Index {
    /// The first ordinal of each table, and behind them the number of entities.
    starts: Vec<u32>,
    /// The first row of each table in each of its columns, table by table.
    bases: Vec<u32>,
    /// Where the bases of each table start.
    bases_at: Vec<usize>,
    /// The tables of each column, and the first row of each in it.
    places: Vec<Vec<(u32, u32)>>,
}

impl Index {
    /// Goes through the tables of a document that was checked.
    pub(crate) fn of(doc: &WorldDoc<'_>) -> Self {
        let mut rows = vec![0_u32; doc.columns.len()];
        let mut index = Self {
            starts: Vec::with_capacity(doc.tables.len() + 1),
            bases: Vec::new(),
            bases_at: Vec::with_capacity(doc.tables.len() + 1),
            places: vec![Vec::new(); doc.columns.len()],
        };
        let mut start = 0_u32;
        for (at, table) in (0_u32..).zip(&doc.tables) {
            index.starts.push(start);
            index.bases_at.push(index.bases.len());
            start = start.saturating_add(table.rows);
            for &component in &table.components {
                let component = usize::from(component);
                let base = rows.get(component).copied().unwrap_or(0);
                index.bases.push(base);
                if let (Some(rows), Some(places)) = (rows.get_mut(component), index.places.get_mut(component))
                {
                    *rows = rows.saturating_add(table.rows);
                    places.push((at, base));
                }
            }
        }
        index.starts.push(start);
        index.bases_at.push(index.bases.len());
        index
    }

    /// How many entities there are.
    pub(crate) fn entities(&self) -> u32 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// How many tables there are.
    pub(crate) fn tables(&self) -> u32 {
        u32::try_from(self.starts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The first ordinal of a table; how many entities there are if there is no such table.
    pub(crate) fn first(&self, table: u32) -> u32 {
        self.starts.get(table as usize).copied().unwrap_or(self.entities())
    }

    /// The ordinals of a table.
    pub(crate) fn ordinals(&self, table: u32) -> Range<u32> {
        let start = |at: usize| self.starts.get(at).copied().unwrap_or(self.entities());
        start(table as usize)..start(table as usize + 1)
    }

    /// The table of an entity, which exists.
    pub(crate) fn table_of(&self, ordinal: u32) -> u32 {
        let behind = self.starts.partition_point(|&start| start <= ordinal);
        u32::try_from(behind.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The first row of a table in each of its columns, in the order of its components.
    pub(crate) fn bases(&self, table: u32) -> &[u32] {
        let at = |table: usize| self.bases_at.get(table).copied().unwrap_or(self.bases.len());
        self.bases.get(at(table as usize)..at(table as usize + 1)).unwrap_or_default()
    }

    /// The tables that have a column, and the first row of each in it.
    pub(crate) fn places(&self, column: usize) -> &[(u32, u32)] {
        self.places.get(column).map_or(&[], Vec::as_slice)
    }

    /// The entities that have a column, in the order of its rows; none for a resource.
    pub(crate) fn holders(&self, column: usize) -> impl Iterator<Item = u32> + '_ {
        self.places(column).iter().flat_map(|&(table, _)| self.ordinals(table))
    }
}
