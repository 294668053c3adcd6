//! The rules that columns and tables must keep, checked before a document is written and after it is read.

use crate::{
    doc::{Column, ColumnData, NONE, WorldDoc},
    error::Error,
    foreign::ForeignId,
    schema::Encoding,
};

/// So many values a world, or a part of one, may have whatever its bytes: a minute of work for the slowest of formats.
const VALUES_MIN: u64 = 1 << 26;

/// A table takes two bytes in the file and many more in memory.
pub(crate) const TABLES_MAX: u32 = 1 << 20;

impl WorldDoc<'_> {
    /// Checks that tables, schema and columns agree: what encoding relies on and decoding promises.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first rule that doesn't hold, [`Error::Limit`] beyond 2^32 - 2 entities.
    pub fn check(&self) -> Result<(), Error> {
        self.check_with(None)
    }

    /// Checks a part of a world that has `total` entities: its references may lead to entities of other parts, and its ranks are
    /// those of the whole world.
    pub(crate) fn check_part(&self, total: u32) -> Result<(), Error> {
        self.check_with(Some(total))
    }

    fn check_with(&self, total: Option<u32>) -> Result<(), Error> {
        self.check_tables()?;
        let entities = self.entity_count();
        if let Some(ids) = &self.foreign_ids {
            expect("foreign ids", ids.len() as u64, u64::from(entities))?;
            if self.column(ForeignId::COMPONENT).is_some() {
                return Err(invalid("foreign ids", "beside the entities and in a column", "one of the two"));
            }
        }
        for pair in self.columns.windows(2) {
            if let [before, after] = pair
                && before.schema.name >= after.schema.name
            {
                return Err(invalid("columns don't ascend by name", &after.schema.name, "a greater name"));
            }
        }
        for (column, rows) in self.columns.iter().zip(self.rows_per_column()) {
            if column.schema.version == 0 {
                return Err(invalid("version of a component", 0, "at least 1"));
            }
            check_column(column, u64::from(rows), total.unwrap_or(entities), total.is_none())?;
        }
        self.check_values()
    }

    /// Values without bytes cost nothing in a file, and something wherever they are looked at: they are bounded by those that have some.
    fn check_values(&self) -> Result<(), Error> {
        let needs = self.value_count();
        if needs <= VALUES_MIN {
            return Ok(());
        }
        let bytes: u64 = self.columns.iter().map(|column| bytes_of(&column.data)).sum();
        if needs > bytes.max(VALUES_MIN) {
            return Err(Error::Limit { what: "values of a world", needs, allowed: bytes.max(VALUES_MIN) });
        }
        Ok(())
    }

    fn check_tables(&self) -> Result<(), Error> {
        let tables = self.tables.len() as u64;
        if tables > u64::from(TABLES_MAX) {
            return Err(Error::Limit {
                what: "tables of a world",
                needs: tables,
                allowed: TABLES_MAX.into(),
            });
        }
        let mut entities: u64 = 0;
        for table in &self.tables {
            entities += u64::from(table.rows);
            if table.rows == 0 {
                return Err(invalid("rows of a table", 0, "at least 1"));
            }
            for pair in table.components.windows(2) {
                if let [before, after] = pair
                    && before >= after
                {
                    return Err(invalid(
                        "components of a table don't ascend",
                        after,
                        format!("above {before}"),
                    ));
                }
            }
            for &component in &table.components {
                match self.columns.get(usize::from(component)) {
                    None => {
                        return Err(invalid(
                            "component of a table",
                            component,
                            format!("below {}", self.columns.len()),
                        ));
                    }
                    Some(column) if column.schema.resource => {
                        return Err(invalid(
                            "component of a table",
                            &column.schema.name,
                            "a component, not a resource",
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        if entities >= u64::from(NONE) {
            return Err(Error::Limit { what: "entities", needs: entities, allowed: u64::from(NONE - 1) });
        }
        Ok(())
    }
}

/// Bytes that a column takes in a file, row lengths aside.
fn bytes_of(data: &ColumnData<'_>) -> u64 {
    match data {
        ColumnData::Plain(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
        ColumnData::Rows { data, targets, .. } => data.len() as u64 + 4 * targets.len() as u64,
        ColumnData::Opaque { data, .. } => data.len() as u64,
        ColumnData::References { targets, .. } => 4 * targets.len() as u64,
    }
}

fn check_column(column: &Column<'_>, rows: u64, entities: u32, is_whole: bool) -> Result<(), Error> {
    match (&column.schema.encoding, &column.data) {
        (Encoding::Plain(layout), ColumnData::Plain(pieces)) => {
            let found: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
            expect("bytes of a plain column", found, rows * layout.size() as u64)
        }
        (Encoding::Rows { .. }, ColumnData::Rows { data, lengths, targets }) => {
            expect("row lengths of a column", lengths.rows(), rows)?;
            expect("bytes of the rows of a column", data.len() as u64, lengths.sum())?;
            check_targets(targets, entities)
        }
        (Encoding::Opaque { .. }, ColumnData::Opaque { data, lengths }) => {
            expect("row lengths of a column", lengths.rows(), rows)?;
            expect("bytes of the rows of a column", data.len() as u64, lengths.sum())
        }
        (Encoding::Reference { .. }, _) if column.schema.resource => {
            Err(invalid("encoding of a resource", "reference", "another"))
        }
        (Encoding::Reference { linked }, ColumnData::References { targets, ranks }) => {
            expect("references of a column", targets.len() as u64, rows)?;
            check_targets(targets, entities)?;
            match ranks {
                None => Ok(()),
                Some(_) if !linked => Err(invalid("ranks of a column", "some", "none, as it isn't linked")),
                Some(ranks) if !is_whole => {
                    expect("ranks of a column", ranks.len() as u64, targets.len() as u64)
                }
                Some(ranks) => check_ranks(targets, ranks, entities),
            }
        }
        (encoding, _) => Err(invalid("data of a column", "another encoding's", encoding.to_string())),
    }
}

fn check_targets(targets: &[u32], entities: u32) -> Result<(), Error> {
    match targets.iter().find(|&&target| target >= entities && target != NONE) {
        Some(target) => Err(invalid("ordinal of a reference", target, format!("below {entities}, or none"))),
        None => Ok(()),
    }
}

/// Checks that the ranks of the rows with one target are 0, 1, 2 ... in some order.
pub(crate) fn check_ranks(targets: &[u32], ranks: &[u32], entities: u32) -> Result<(), Error> {
    expect("ranks of a column", ranks.len() as u64, targets.len() as u64)?;
    // Entities cost nothing in the file: going through all of them has to be paid for by rows.
    if targets.len() < entities as usize / ENTITIES_PER_ROW {
        return check_few_ranks(targets, ranks);
    }
    // A place for each row, those of one target side by side: `first` says where they start.
    let mut first = vec![0_u32; entities as usize + 1];
    for &target in targets {
        if let Some(count) = first.get_mut(target as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut first {
        sum += *start;
        *start = sum;
    }
    let mut taken = vec![false; targets.len()];
    for (&target, &rank) in targets.iter().zip(ranks) {
        if target == NONE {
            expect("rank of a reference to nothing", rank.into(), 0)?;
            continue;
        }
        let bounds = first.get(target as usize).zip(first.get(target as usize + 1));
        let place =
            bounds.and_then(|(&from, &to)| taken.get_mut(from as usize..to as usize)?.get_mut(rank as usize));
        match place {
            Some(place) if !*place => *place = true,
            _ => return Err(invalid("rank of a reference", rank, "each place of its target once")),
        }
    }
    Ok(())
}

/// As [`check_ranks`], in time and memory that depend on the rows alone.
fn check_few_ranks(targets: &[u32], ranks: &[u32]) -> Result<(), Error> {
    let mut sorted: Vec<(u32, u32)> = targets.iter().copied().zip(ranks.iter().copied()).collect();
    sorted.sort_unstable();
    for of_one in sorted.chunk_by(|a, b| a.0 == b.0) {
        for (&(target, rank), place) in of_one.iter().zip(0_u32..) {
            if target == NONE {
                expect("rank of a reference to nothing", rank.into(), 0)?;
            } else if rank != place {
                return Err(invalid("rank of a reference", rank, "each place of its target once"));
            }
        }
    }
    Ok(())
}

/// Entities for each row of a column up to which all of them are gone through.
pub(crate) const ENTITIES_PER_ROW: usize = 16;

fn expect(what: &'static str, found: u64, expected: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(invalid(what, found, expected)) }
}

#[expect(clippy::needless_pass_by_value, reason = "numbers and literals read better without a reference")]
pub(crate) fn invalid(what: &'static str, found: impl ToString, expected: impl ToString) -> Error {
    Error::Invalid { what, found: found.to_string(), expected: expected.to_string() }
}
