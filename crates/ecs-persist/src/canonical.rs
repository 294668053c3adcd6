//! One order of what a world holds, whatever the order in which it came to be.

mod maps;

use std::{borrow::Cow, collections::BTreeMap};

pub(crate) use maps::Maps;

use crate::{
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    gather::{Gathered, Ids, Index, Selection, refuse_twice},
};

impl WorldDoc<'_> {
    /// The same content in an order that doesn't depend on its history: one table for each set of components, tables in the order of the
    /// sorted names of their components, entities by [`PersistId`](crate::PersistId). References, ranks and foreign ids follow.
    ///
    /// Two documents with the same entities have equal canonical documents, and equal bytes of [`WorldDoc::encode`] if name and metadata
    /// are equal too.
    ///
    /// Serde rows are what they are: the values of a `HashSet` stand in the order in which it iterated (maps are sorted, also those whose
    /// keys are entities), and what the rows of a column have in common is that of the rows that were captured, so a filtered world differs
    /// from one that never had more. Relationships keep the order of the rows with one target.
    ///
    /// ```
    /// use keepstone_ecs_persist::{Error, Table, WorldDoc};
    ///
    /// let mut doc = WorldDoc::default();
    /// assert_eq!(doc.canonical()?, doc);
    /// doc.tables = vec![Table { rows: 3, components: vec![] }];
    /// assert!(matches!(doc.canonical(), Err(Error::NoPersistId { entities: 3, of: 3, .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoPersistId`] when an entity has no id, [`Error::DuplicateId`] when two have the same, [`Error::Mismatch`] when ids are no plain
    /// u64; otherwise as [`WorldDoc::gather`].
    pub fn canonical(&self) -> Result<WorldDoc<'static>, Error> {
        Ok(self.gather_canonical()?.doc)
    }

    /// As [`WorldDoc::canonical`], with the new ordinal of each entity.
    ///
    /// # Errors
    /// As [`WorldDoc::canonical`].
    pub fn gather_canonical(&self) -> Result<Gathered<'static>, Error> {
        self.check()?;
        let index = Index::of(self);
        let ids = Ids::of(self, &index)?;
        let by_ordinal = ids.of_all("a canonical document")?;
        refuse_twice(&ids.sorted())?;
        let mut sets: BTreeMap<&[u16], u32> =
            self.tables.iter().map(|table| (table.components.as_slice(), 0)).collect();
        (0..).zip(sets.values_mut()).for_each(|(rank, slot)| *slot = rank);
        let mut keys: Vec<(u32, u64, u32)> = Vec::with_capacity(by_ordinal.len());
        for (at, table) in (0_u32..).zip(&self.tables) {
            let rank = sets.get(table.components.as_slice()).copied().unwrap_or(0);
            let ordinals = index.ordinals(at);
            let ids = by_ordinal.get(ordinals.start as usize..).unwrap_or_default();
            keys.extend(ordinals.zip(ids).map(|(ordinal, &id)| (rank, id, ordinal)));
        }
        keys.sort_unstable();
        let order = keys.into_iter().map(|(_, _, ordinal)| ordinal).collect();
        let mut gathered = self.gather(&Selection::all().order(order))?.into_owned();
        gathered.doc.columns.iter_mut().try_for_each(settle)?;
        Ok(gathered)
    }
}

/// Gives a column the one form that its rows can have.
fn settle(column: &mut Column<'static>) -> Result<(), Error> {
    if let Some(maps) = Maps::of(column)? {
        let sorted = maps.sort(column, &|ordinal| ordinal)?;
        if let ColumnData::Rows { data, targets, .. } = &mut column.data {
            *data = Cow::Owned(sorted.data);
            *targets = Cow::Owned(sorted.targets);
        }
    }
    if let ColumnData::Plain(pieces) = &mut column.data
        && pieces.len() > 1
    {
        *pieces = vec![Cow::Owned(pieces.concat())];
    }
    Ok(())
}
