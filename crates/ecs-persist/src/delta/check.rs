//! The rules of FORMAT.md, section 7.

use crate::{
    check::{check_ranks, invalid},
    delta::{StateId, WorldDelta},
    doc::{Column, ColumnData, NONE},
    error::{Chain, Error},
    gather::Index,
    schema::{Encoding, check_count},
};

impl WorldDelta<'_> {
    /// Checks that rows, tables, schema and columns agree: what encoding relies on and decoding promises.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first rule that doesn't hold, [`Error::Limit`] beyond 2^32 - 2 rows and 16,383 names.
    pub fn check(&self) -> Result<(), Error> {
        self.check_head()?;
        self.doc.check_part(self.rows_after)?;
        if self.doc.foreign_ids.is_some() {
            return Err(invalid("foreign ids of a delta", "beside the entities", "a component of their own"));
        }
        for (column, rows) in self.doc.columns.iter().zip(self.doc.rows_per_column()) {
            if rows == 0 {
                return Err(invalid("component of a delta without rows", &column.schema.name, "a row"));
            }
            self.check_linked(column)?;
        }
        self.check_rows()?;
        self.check_removed()
    }

    /// Checks that the delta applies to this state of a chain.
    pub(super) fn check_base(&self, root: StateId, state: StateId, sequence: u32) -> Result<(), Error> {
        if self.root == root && self.previous == state && self.sequence == sequence.saturating_add(1) {
            return Ok(());
        }
        Err(Error::WrongBase {
            needs: self.previous,
            found: state,
            sequence: self.sequence,
            applied: sequence,
            chain: if self.root == root { Chain::Same } else { Chain::Other },
        })
    }

    /// Checks that so many row numbers were given out before.
    pub(super) fn check_rows_before(&self, given: u64) -> Result<(), Error> {
        if u64::from(self.rows_before) == given {
            return Ok(());
        }
        Err(invalid("row numbers before the delta", self.rows_before, given))
    }

    fn check_head(&self) -> Result<(), Error> {
        if self.sequence == 0 {
            return Err(invalid("place of a delta in its chain", 0, "at least 1"));
        }
        if (self.sequence == 1) != (self.root == self.previous) {
            return Err(invalid(
                "state before a delta",
                self.previous,
                "that of the base for the first alone",
            ));
        }
        if self.rows_after < self.rows_before {
            return Err(invalid("row numbers with a delta", self.rows_after, self.rows_before));
        }
        if self.rows_after == NONE {
            return Err(Error::Limit {
                what: "rows of a chain",
                needs: self.rows_after.into(),
                allowed: u64::from(NONE - 1),
            });
        }
        Ok(())
    }

    /// A relationship has all rows of each target, with ranks.
    fn check_linked(&self, column: &Column<'_>) -> Result<(), Error> {
        match (&column.schema.encoding, &column.data) {
            (Encoding::Reference { linked: true }, ColumnData::References { targets, ranks }) => {
                let Some(ranks) = ranks else {
                    return Err(invalid("ranks of a relationship of a delta", "none", "some"));
                };
                check_ranks(targets, ranks, self.rows_after)
            }
            _ => Ok(()),
        }
    }

    fn check_rows(&self) -> Result<(), Error> {
        if self.rows.len() as u64 != u64::from(self.doc.entity_count()) {
            return Err(invalid("rows of a delta", self.rows.len(), self.doc.entity_count()));
        }
        let mut rest: &[u32] = &self.rows;
        for table in &self.doc.tables {
            let (own, after) = rest.split_at_checked(table.rows as usize).unwrap_or((rest, &[]));
            ascend(own, "row of a delta")?;
            rest = after;
        }
        let mut all = self.rows.clone();
        all.sort_unstable();
        ascend(&all, "row of two tables of a delta")?;
        match all.last() {
            Some(&last) if last >= self.rows_after => {
                return Err(invalid("row of a delta", last, format!("below {}", self.rows_after)));
            }
            _ => {}
        }
        let spawned = all.len() - all.partition_point(|&row| row < self.rows_before);
        if spawned as u64 != u64::from(self.rows_after - self.rows_before) {
            return Err(invalid("entities spawned by a delta", spawned, self.rows_after - self.rows_before));
        }
        self.check_old(&self.despawned)?;
        match self.despawned.iter().find(|row| all.binary_search(row).is_ok()) {
            Some(row) => Err(invalid("despawned row of a delta", row, "one without values")),
            None => Ok(()),
        }
    }

    /// Checks a list of rows that were there before.
    fn check_old(&self, rows: &[u32]) -> Result<(), Error> {
        ascend(rows, "row in a list of a delta")?;
        match rows.last() {
            Some(&last) if last >= self.rows_before => {
                Err(invalid("row in a list of a delta", last, format!("below {}", self.rows_before)))
            }
            _ => Ok(()),
        }
    }

    fn check_removed(&self) -> Result<(), Error> {
        // So many a world may have: each takes two bytes of the file and many more in memory.
        check_count(self.removed.len() as u64)?;
        check_count(self.removed_resources.len() as u64)?;
        ascend_by_name(self.removed.iter().map(|(name, _)| name))?;
        ascend_by_name(self.removed_resources.iter())?;
        let index = Index::of(&self.doc);
        for (name, rows) in &self.removed {
            if rows.is_empty() {
                return Err(invalid("rows without a component", 0, "at least 1"));
            }
            self.check_old(rows)?;
            if let Some(row) = rows.iter().find(|row| self.despawned.binary_search(row).is_ok()) {
                return Err(invalid("row without a component", row, "one that isn't despawned"));
            }
            let at = self.doc.columns.binary_search_by(|column| column.schema.name.cmp(name));
            let Ok(at) = at else { continue };
            let holders = index.holders(at).filter_map(|ordinal| self.rows.get(ordinal as usize).copied());
            let mut holders: Vec<u32> = holders.collect();
            holders.sort_unstable();
            if let Some(row) = rows.iter().find(|row| holders.binary_search(row).is_ok()) {
                return Err(invalid("row without a component", row, "one that has no value of it"));
            }
        }
        let is_there = |name: &&String| self.doc.column(name).is_some_and(|column| column.schema.resource);
        match self.removed_resources.iter().find(is_there) {
            Some(name) => Err(invalid("resource that is gone", name, "one without a value")),
            None => Ok(()),
        }
    }
}

fn ascend(rows: &[u32], what: &'static str) -> Result<(), Error> {
    for pair in rows.windows(2) {
        if let [before, after] = pair
            && before >= after
        {
            return Err(invalid(what, after, format!("above {before}")));
        }
    }
    Ok(())
}

fn ascend_by_name<'n>(names: impl Iterator<Item = &'n String>) -> Result<(), Error> {
    let mut last: Option<&String> = None;
    for name in names {
        if last.is_some_and(|last| last >= name) || name.is_empty() {
            return Err(invalid("names in a delta don't ascend", name, "a greater name"));
        }
        last = Some(name);
    }
    Ok(())
}
