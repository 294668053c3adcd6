use crate::{
    doc::{Column, ColumnData, NONE, WorldDoc},
    error::Error,
    gather::{Gathered, Index, Keep, Selection, targets_by_row},
};

/// What becomes of references that lead to nothing, in [`WorldDoc::with_dangling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Dangling {
    /// They stay, as *none*; reports count them.
    #[default]
    Null,
    /// They are an error.
    Refuse,
    /// The value that holds one is left out: a component of its entity, or a resource.
    LeaveOut,
    /// The entity that holds one goes, and so do those that then refer to nothing. A resource that holds one is left out.
    DropEntity,
}

/// Target and holder, and for resources target and column.
type References = (Vec<(u32, u32)>, Vec<(u32, usize)>);

/// A reference to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DanglingReference {
    /// The place of the component in [`WorldDoc::columns`].
    pub column: usize,
    /// The row of that column.
    pub row: u32,
    /// The entity that holds the reference; none for a resource.
    pub holder: Option<u32>,
}

impl WorldDoc<'_> {
    /// Makes a document in which references to nothing are treated like this.
    ///
    /// ```
    /// use keepstone_ecs_persist::{Dangling, WorldDoc};
    ///
    /// let doc = WorldDoc::default();
    /// assert_eq!(doc.with_dangling(Dangling::Refuse)?.doc, doc);
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Dangling`] with [`Dangling::Refuse`] and a reference to nothing; as [`WorldDoc::gather`].
    pub fn with_dangling(&self, policy: Dangling) -> Result<Gathered<'_>, Error> {
        let selection = match policy {
            Dangling::Null => Selection::all(),
            Dangling::Refuse => {
                let count = self.columns.iter().map(Column::dangling).sum();
                if count > 0 {
                    return Err(Error::Dangling { count });
                }
                Selection::all()
            }
            Dangling::LeaveOut => self.without_holding()?,
            Dangling::DropEntity => self.without_holders()?,
        };
        self.gather(&selection)
    }

    /// The references of this document that lead to nothing, column by column and row by row. A serde row that holds several stands
    /// there once for each.
    ///
    /// # Errors
    /// As [`WorldDoc::check`]; [`Error::Value`] when a serde row can't be read.
    pub fn dangling_references(&self) -> Result<Vec<DanglingReference>, Error> {
        self.check()?;
        let index = Index::of(self);
        let mut found = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            if column.dangling() == 0 {
                continue;
            }
            let mut holders = index.holders(at);
            for (row, targets) in (0_u32..).zip(targets_by_row(column)?) {
                let holder = holders.next();
                let count = targets.iter().filter(|&&target| target == NONE).count();
                found.extend(std::iter::repeat_n(DanglingReference { column: at, row, holder }, count));
            }
        }
        Ok(found)
    }

    fn without_holding(&self) -> Result<Selection, Error> {
        let mut kept: Vec<Option<Vec<bool>>> = vec![None; self.columns.len()];
        let rows = self.rows_per_column();
        for reference in self.dangling_references()? {
            let rows = rows.get(reference.column).copied().unwrap_or(0);
            let mask = kept
                .get_mut(reference.column)
                .map(|mask| mask.get_or_insert_with(|| vec![true; rows as usize]));
            if let Some(slot) = mask.and_then(|mask| mask.get_mut(reference.row as usize)) {
                *slot = false;
            }
        }
        let masks = kept.into_iter().enumerate().filter_map(|(at, mask)| Some((at, mask?)));
        Ok(masks.fold(Selection::all(), |selection, (at, mask)| selection.values(at, mask)))
    }

    fn without_holders(&self) -> Result<Selection, Error> {
        let dangling = self.dangling_references()?;
        if dangling.is_empty() {
            return Ok(Selection::all());
        }
        let entities = self.entity_count() as usize;
        let mut keep = vec![Keep::Whole; entities];
        let mut gone: Vec<u32> = Vec::new();
        let mut selection = Selection::all();
        let mut drop_holder = |holder: u32, gone: &mut Vec<u32>| {
            if let Some(slot) = keep.get_mut(holder as usize)
                && *slot != Keep::Drop
            {
                *slot = Keep::Drop;
                gone.push(holder);
            }
        };
        let (edges, of_resources) = self.references()?;
        for reference in &dangling {
            match reference.holder {
                Some(holder) => drop_holder(holder, &mut gone),
                None => selection = selection.without(reference.column),
            }
        }
        // An entity that goes takes with it those that refer to it.
        while let Some(target) = gone.pop() {
            let from = edges.partition_point(|&(to, _)| to < target);
            let holders = edges.get(from..).unwrap_or_default().iter().take_while(|&&(to, _)| to == target);
            holders.for_each(|&(_, holder)| drop_holder(holder, &mut gone));
        }
        for (target, column) in of_resources {
            if keep.get(target as usize) == Some(&Keep::Drop) {
                selection = selection.without(column);
            }
        }
        Ok(selection.entities(keep))
    }

    /// All references that lead somewhere: target and holder, ascending; and those of resources: target and column.
    fn references(&self) -> Result<References, Error> {
        let index = Index::of(self);
        let (mut edges, mut of_resources) = (Vec::new(), Vec::new());
        for (at, column) in self.columns.iter().enumerate() {
            let (ColumnData::Rows { .. } | ColumnData::References { .. }) = &column.data else { continue };
            let mut holders = index.holders(at);
            for targets in targets_by_row(column)? {
                let holder = holders.next();
                for &target in targets.iter().filter(|&&target| target != NONE) {
                    match holder {
                        Some(holder) => edges.push((target, holder)),
                        None => of_resources.push((target, at)),
                    }
                }
            }
        }
        edges.sort_unstable();
        Ok((edges, of_resources))
    }
}
