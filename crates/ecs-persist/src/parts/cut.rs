use std::ops::Range;

use crate::{
    doc::{Column, Table, WorldDoc},
    error::Error,
    parts::WorldPart,
};

/// The columns of a world that is cut into parts, each handed out front to back.
pub trait PartColumns<'c> {
    /// How many there are, those without rows among them: tables name them by their places.
    fn count(&self) -> usize;

    /// Whether the column at a place is one value that belongs to no entity.
    fn is_resource(&self, column: usize) -> bool;

    /// The next rows of the column at a place, at least one; `part` are the ordinals of the entities that the part has.
    ///
    /// # Errors
    /// When they can't be captured.
    fn take(&mut self, column: usize, rows: u32, part: Range<u32>) -> Result<Column<'c>, Error>;
}

/// Cuts the tables of a world where its parts end, and takes of each column what belongs to a part.
#[derive(Debug)]
pub struct Cuts<'t> {
    tables: std::slice::Iter<'t, Table>,
    /// The rows of the table at hand that are left, and its columns.
    rest: Option<(u32, &'t [u16])>,
    rows_max: u32,
    first: u32,
    total: u32,
    ended: bool,
}

impl<'t> Cuts<'t> {
    /// Starts before the first part; none has more than `rows_max` entities (at least 1).
    pub fn new(tables: &'t [Table], rows_max: u32) -> Self {
        let total = tables.iter().fold(0_u32, |sum, table| sum.saturating_add(table.rows));
        let (rows_max, first, ended) = (rows_max.max(1), 0, false);
        Self { tables: tables.iter(), rest: None, rows_max, first, total, ended }
    }

    /// The next part; none behind the last. A world without entities has one part as well.
    ///
    /// # Errors
    /// Those of the columns.
    pub fn next_part<'c>(
        &mut self,
        columns: &mut dyn PartColumns<'c>,
    ) -> Result<Option<WorldPart<'c>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let first = self.first;
        let mut doc = WorldDoc { tables: self.take_tables(), ..WorldDoc::default() };
        self.first = first.saturating_add(doc.entity_count());
        self.ended = self.first >= self.total;

        let rows = rows_of(&doc.tables, columns.count());
        let mut places: Vec<Option<u16>> = Vec::with_capacity(rows.len());
        for (column, rows) in rows.into_iter().enumerate() {
            let rows = if columns.is_resource(column) { u32::from(first == 0) } else { rows };
            places.push(u16::try_from(doc.columns.len()).ok().filter(|_| rows > 0));
            if rows > 0 {
                doc.columns.push(columns.take(column, rows, first..self.first)?);
            }
        }
        for component in doc.tables.iter_mut().flat_map(|table| &mut table.components) {
            // A column that a table names has rows.
            *component = places.get(usize::from(*component)).copied().flatten().unwrap_or(u16::MAX);
        }
        Ok(Some(WorldPart::new(doc, first, self.total)))
    }

    fn take_tables(&mut self) -> Vec<Table> {
        let mut left = self.rows_max;
        let mut taken = Vec::new();
        while left > 0 {
            let next = || self.tables.next().map(|table| (table.rows, table.components.as_slice()));
            let Some((rows, components)) = self.rest.take().or_else(next) else { break };
            let cut = rows.min(left);
            taken.push(Table { rows: cut, components: components.to_vec() });
            left -= cut;
            self.rest = (rows > cut).then_some((rows - cut, components));
        }
        taken
    }
}

/// How many rows of each column these tables have.
fn rows_of(tables: &[Table], columns: usize) -> Vec<u32> {
    let mut rows = vec![0_u32; columns];
    for table in tables {
        for &component in &table.components {
            if let Some(rows) = rows.get_mut(usize::from(component)) {
                *rows = rows.saturating_add(table.rows);
            }
        }
    }
    rows
}

/// How many parts are worked on at once, at least, where one part alone would need a look at the whole world: a multiple of `rows_max` rows of
/// at most `total`.
///
/// It is `parts` of them, so that memory stays the same however large the world is; and a thirty-second of a world which is larger than that,
/// so that nobody looks at the whole world more than 32 times.
pub fn rows_at_once(total: u32, rows_max: u32, parts: u32) -> u32 {
    let rows_max = rows_max.max(1);
    let of_world = total.div_ceil(LOOKS_MAX).div_ceil(rows_max);
    rows_max.saturating_mul(parts.max(of_world).max(1)).min(total)
}

/// How often the whole world is looked at.
const LOOKS_MAX: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_world_is_looked_at_more_than_32_times_and_a_window_ends_where_a_part_does() {
        for total in [0, 1, 7, 1_000, 70_000, 16 << 20, 33 << 20, 100_000_001, u32::MAX - 1] {
            for (rows_max, parts) in [(1, 1), (7, 3), (1 << 16, 16), (1 << 16, 32), (u32::MAX, 4)] {
                let rows = rows_at_once(total, rows_max, parts);
                assert!(rows == total || rows.is_multiple_of(rows_max), "{total} by {rows_max}: {rows}");
                assert!(total == 0 || total.div_ceil(rows) <= LOOKS_MAX, "{total} by {rows_max}: {rows}");
            }
        }
        // However many entities there are, up to 33 million.
        for total in [3 << 20, 10 << 20, 32 << 20] {
            assert_eq!(rows_at_once(total, 1 << 16, 16), 1 << 20);
        }
    }
}
