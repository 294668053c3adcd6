use std::{borrow::Cow, ops::Range};

use crate::{
    doc::{NONE, Table, WorldDoc},
    edit::tables,
    error::Error,
    gather::{Keep, Selection},
};

impl WorldDoc<'static> {
    /// Adds entities without components behind all others, and returns their ordinals.
    ///
    /// They have no [`PersistId`](crate::PersistId) until they are given a value of it. Where entities have foreign ids, they get the numbers above the
    /// largest.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond 2^32 - 2 entities, 2^20 tables, or when there is no larger foreign id.
    pub fn spawn(&mut self, count: u32) -> Result<Range<u32>, Error> {
        let start = self.entity_count();
        let end = u64::from(start) + u64::from(count);
        let limit = |what, needs, allowed| Error::Limit { what, needs, allowed };
        let Some(end) = u32::try_from(end).ok().filter(|end| *end < NONE) else {
            return Err(limit("entities", end, u64::from(NONE - 1)));
        };
        if count == 0 {
            return Ok(start..end);
        }
        let ids = match &self.foreign_ids {
            None => None,
            Some(ids) => {
                let first = ids.iter().max().map_or(Some(0), |last| last.checked_add(1));
                let last = first.and_then(|first| first.checked_add(u128::from(count)));
                let (Some(first), Some(last)) = (first, last) else {
                    return Err(limit("foreign ids above the largest", count.into(), 0));
                };
                Some(ids.iter().copied().chain(first..last).collect())
            }
        };
        let mut added = self.tables.clone();
        added.push(Table { rows: count, components: Vec::new() });
        tables::join(&mut added);
        tables::check_count(&added)?;
        self.tables = added;
        if let Some(ids) = ids {
            self.foreign_ids = Some(Cow::Owned(ids));
        }
        Ok(start..end)
    }

    /// Takes entities away with their values, and returns the new ordinal of each old one, [`NONE`] for those that are gone.
    ///
    /// The others keep their order. References to those that are gone lead to nothing, and components that no entity has any more go.
    ///
    /// # Errors
    /// [`Error::BadSelection`] if an ordinal is too large; otherwise as [`WorldDoc::gather`].
    pub fn despawn(&mut self, ordinals: &[u32]) -> Result<Vec<u32>, Error> {
        let mut keep = vec![Keep::Whole; self.entity_count() as usize];
        for ordinal in ordinals {
            let Some(keep) = keep.get_mut(*ordinal as usize) else {
                let expected = u64::from(self.entity_count());
                return Err(Error::BadSelection {
                    what: "ordinal of an entity",
                    found: (*ordinal).into(),
                    expected,
                });
            };
            *keep = Keep::Drop;
        }
        let gathered = self.gather(&Selection::all().entities(keep))?.into_owned();
        *self = gathered.doc;
        Ok(gathered.ordinals)
    }
}
