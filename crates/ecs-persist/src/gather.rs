//! Documents made of other documents: entities and values chosen and put in order, references following them.

mod column;
mod ids;
mod index;
mod plan;
mod ranks;
mod selection;
mod targets;

use std::{borrow::Cow, ops::Range};

pub(crate) use column::{Renumber, row_starts, take};
pub(crate) use ids::{Ids, refuse_twice};
pub(crate) use index::Index;
pub(crate) use ranks::{PerTarget, counted, ranks};
pub use selection::{Keep, Selection};
pub use targets::targets_by_row;

use crate::{
    doc::{Column, ColumnData, NONE, Table, WorldDoc},
    error::Error,
    foreign::ForeignId,
    gather::{
        plan::{Plan, Run},
        selection::Values,
    },
};

/// What [`WorldDoc::gather`] took.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gathered<'d> {
    /// The document, borrowing from the old one what didn't change.
    pub doc: WorldDoc<'d>,
    /// The new ordinal of each old one, or [`NONE`].
    pub ordinals: Vec<u32>,
    /// How many values of each old column are not there.
    pub values_left_out: Vec<u64>,
    /// References that led somewhere, and now are *none*.
    pub dangling: u64,
}

impl WorldDoc<'_> {
    /// Makes a document of a choice of these entities and values, renumbering references, ranks and foreign ids.
    ///
    /// Tables that follow each other with the same components become one, and columns that no entity has any more go; a selection of
    /// everything gives the document as it is. Resources stay unless they are left out. Whole columns that stay as they are, and
    /// long runs of rows, are borrowed. Where there is an order, a table is made wherever the components of one entity differ from
    /// those of the one before it.
    ///
    /// ```
    /// use keepstone_ecs_persist::{Keep, Selection, Table, WorldDoc};
    ///
    /// let mut doc = WorldDoc::default();
    /// doc.tables = vec![Table { rows: 3, components: vec![] }];
    ///
    /// let selection = Selection::all().entities(vec![Keep::Whole, Keep::Drop, Keep::Whole]);
    /// let gathered = doc.gather(&selection)?;
    /// assert_eq!(gathered.doc.entity_count(), 2);
    /// assert_eq!(gathered.ordinals, [0, keepstone_ecs_persist::NONE, 1]);
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`WorldDoc::check`], which the result then passes too; [`Error::BadSelection`] when the selection doesn't fit the document,
    /// [`Error::Limit`] when an order makes more than 2^20 tables, [`Error::Value`] when a serde row can't be read to tell how many
    /// references it holds.
    pub fn gather(&self, selection: &Selection) -> Result<Gathered<'_>, Error> {
        self.check()?;
        selection.check(self)?;
        let simplified = selection.simplified();
        let selection = simplified.as_ref().unwrap_or(selection);
        if selection.is_all() {
            return Ok(Gathered {
                doc: self.borrowed(),
                ordinals: (0..self.entity_count()).collect(),
                values_left_out: vec![0; self.columns.len()],
                dangling: 0,
            });
        }
        let index = Index::of(self);
        let plan = Plan::new(self, &index, selection)?;
        self.take_planned(&index, plan, selection)
    }

    fn take_planned(&self, index: &Index, plan: Plan, selection: &Selection) -> Result<Gathered<'_>, Error> {
        let tables_of = tables_by_column(&plan, self.columns.len());
        let mut renumber = Renumber { ordinals: &plan.ordinals, entities: plan.entities, dangling: 0 };
        let mut doc = WorldDoc { name: self.name.clone(), meta: self.meta.clone(), ..WorldDoc::default() };
        let mut places: Vec<u16> = Vec::with_capacity(self.columns.len());
        let mut left_out = Vec::with_capacity(self.columns.len());
        let mut bases = vec![0_u32; self.tables.len()];
        let columns = self.columns.iter().zip(self.rows_per_column()).zip(&tables_of);
        for (at, ((column, total), tables)) in columns.enumerate() {
            places.push(u16::try_from(doc.columns.len()).unwrap_or(u16::MAX));
            let rows = if column.schema.resource {
                let dropped = match selection.column(at) {
                    Values::All => false,
                    Values::Dropped => true,
                    Values::Masked(kept) => kept.contains(&false),
                };
                std::iter::repeat_n(0..1, usize::from(!dropped)).collect()
            } else {
                for &(table, base) in index.places(at) {
                    if let Some(slot) = bases.get_mut(table as usize) {
                        *slot = base;
                    }
                }
                ranges(&plan, tables, &bases)
            };
            let kept: u64 = rows.iter().map(|range| u64::from(range.end - range.start)).sum();
            left_out.push(u64::from(total).saturating_sub(kept));
            if kept > 0 {
                let data = take(column, &rows, total, &mut renumber)?;
                doc.columns.push(Column { schema: column.schema.clone(), data });
            }
        }
        let component = |old: &u16| places.get(usize::from(*old)).copied().unwrap_or(u16::MAX);
        for table in &plan.tables {
            let set = plan.sets.get(table.set as usize).map_or(&[][..], Vec::as_slice);
            doc.tables.push(Table { rows: table.rows, components: set.iter().map(component).collect() });
        }
        doc.foreign_ids = self.foreign_ids.as_ref().map(|ids| {
            let old = plan.runs.iter().flat_map(|run| old_ordinals(index, run));
            let ids = old.filter_map(|old| ids.get(old as usize).copied());
            Cow::Owned((0..).zip(ids).map(|(new, id)| ForeignId(id).at(new).0).collect())
        });
        let dangling = renumber.dangling;
        Ok(Gathered { doc, ordinals: plan.ordinals, values_left_out: left_out, dangling })
    }

    /// The same document, borrowing all of its columns.
    pub(crate) fn borrowed(&self) -> WorldDoc<'_> {
        WorldDoc {
            name: self.name.clone(),
            meta: self.meta.clone(),
            tables: self.tables.clone(),
            columns: self.columns.iter().map(borrowed).collect(),
            foreign_ids: self.foreign_ids.as_ref().map(|ids| Cow::Borrowed(&**ids)),
        }
    }
}

impl Gathered<'_> {
    /// The old ordinal of each new one.
    pub fn old_ordinals(&self) -> Vec<u32> {
        let mut old = vec![NONE; self.doc.entity_count() as usize];
        for (ordinal, &new) in (0_u32..).zip(&self.ordinals) {
            if let Some(slot) = old.get_mut(new as usize) {
                *slot = ordinal;
            }
        }
        old
    }

    /// Copies what is borrowed.
    pub fn into_owned(self) -> Gathered<'static> {
        Gathered {
            doc: self.doc.into_owned(),
            ordinals: self.ordinals,
            values_left_out: self.values_left_out,
            dangling: self.dangling,
        }
    }
}

fn borrowed<'c>(column: &'c Column<'_>) -> Column<'c> {
    let data = match &column.data {
        ColumnData::Plain(pieces) => {
            ColumnData::Plain(pieces.iter().map(|piece| Cow::Borrowed(&**piece)).collect())
        }
        ColumnData::Rows { data, lengths, targets } => ColumnData::Rows {
            data: Cow::Borrowed(data),
            lengths: lengths.clone(),
            targets: Cow::Borrowed(targets),
        },
        ColumnData::Opaque { data, lengths } => {
            ColumnData::Opaque { data: Cow::Borrowed(data), lengths: lengths.clone() }
        }
        ColumnData::References { targets, ranks } => ColumnData::References {
            targets: Cow::Borrowed(targets),
            ranks: ranks.as_ref().map(|ranks| Cow::Borrowed(&**ranks)),
        },
    };
    Column { schema: column.schema.clone(), data }
}

fn old_ordinals(index: &Index, run: &Run) -> Range<u32> {
    let from = index.ordinals(run.table).start + run.first;
    from..from + run.rows
}

/// The planned tables that have each column.
fn tables_by_column(plan: &Plan, columns: usize) -> Vec<Vec<u32>> {
    let mut tables = vec![Vec::new(); columns];
    for (at, table) in (0_u32..).zip(&plan.tables) {
        for &component in plan.sets.get(table.set as usize).into_iter().flatten() {
            if let Some(tables) = tables.get_mut(usize::from(component)) {
                tables.push(at);
            }
        }
    }
    tables
}

/// The rows of a column that planned tables take, those that follow each other as one range.
fn ranges(plan: &Plan, tables: &[u32], bases: &[u32]) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    let tables = tables.iter().filter_map(|&table| plan.tables.get(table as usize));
    for run in tables.flat_map(|table| plan.runs.get(table.runs.clone()).unwrap_or_default()) {
        let from = bases.get(run.table as usize).copied().unwrap_or(0) + run.first;
        match ranges.last_mut() {
            Some(last) if last.end == from => last.end += run.rows,
            _ => ranges.push(from..from + run.rows),
        }
    }
    ranges
}
