use std::collections::BTreeMap;

use keepstone::ecs::{ColumnData, Error, NONE, WorldPart};

/// The ranks of linked columns over all parts of a world: rows with one target may be in any of them.
pub(super) struct Ranks {
    /// By column, target and rank of each row.
    columns: BTreeMap<String, Vec<(u32, u32)>>,
    bytes: u64,
    bytes_max: u64,
}

impl Ranks {
    /// Holds at most so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { columns: BTreeMap::new(), bytes: 0, bytes_max }
    }

    /// Adds the rows of the next part.
    pub(super) fn add(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        for column in &part.doc.columns {
            let ColumnData::References { targets, ranks: Some(ranks) } = &column.data else { continue };
            self.bytes = self.bytes.saturating_add(ranks.len() as u64 * 8);
            if self.bytes > self.bytes_max {
                let (needs, allowed) = (self.bytes, self.bytes_max);
                return Err(Error::Limit { what: "bytes of the ranks of a world", needs, allowed });
            }
            let known = self.columns.entry(column.schema.name.clone()).or_default();
            for (&target, &rank) in targets.iter().zip(ranks.iter()) {
                if target != NONE {
                    known.push((target, rank));
                } else if rank != 0 {
                    return Err(invalid(&column.schema.name, rank, "0, as the reference leads to nothing"));
                }
            }
        }
        Ok(())
    }

    /// Checks that the ranks of the rows with one target are 0, 1, 2 ... in some order.
    pub(super) fn finish(self) -> Result<(), Error> {
        for (name, mut rows) in self.columns {
            rows.sort_unstable();
            for of_one in rows.chunk_by(|a, b| a.0 == b.0) {
                if let Some(((_, found), expected)) =
                    of_one.iter().zip(0_u32..).find(|((_, rank), expected)| rank != expected)
                {
                    return Err(invalid(&name, *found, &format!("{expected}: each place of a target once")));
                }
            }
        }
        Ok(())
    }
}

fn invalid(component: &str, found: u32, expected: &str) -> Error {
    let expected = format!("{expected} (component {component})");
    Error::Invalid { what: "rank of a reference", found: found.to_string(), expected }
}
