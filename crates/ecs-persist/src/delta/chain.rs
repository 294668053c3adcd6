use std::mem;

use crate::{
    delta::{
        LiveRows, StateId, WorldDelta,
        assemble::{Made, assemble},
    },
    doc::{Column, WorldDoc},
    error::Error,
    foreign::ForeignId,
    meta::WorldMeta,
};

/// A base and the deltas that were applied to it, as a document: what a full save of the later world would hold.
///
/// Entities and tables may stand in another order than in such a save, and a serde column may know of alternatives that none of its rows has any more.
#[derive(Debug, Clone)]
pub struct DeltaChain {
    doc: WorldDoc<'static>,
    rows: Vec<u32>,
    root: StateId,
    state: StateId,
    sequence: u32,
    given: u32,
}

impl DeltaChain {
    /// Starts a chain at its base.
    ///
    /// # Errors
    /// As [`WorldDoc::check`] and [`WorldDoc::state_id`].
    pub fn new(base: WorldDoc<'static>) -> Result<Self, Error> {
        base.check()?;
        let state = base.state_id()?;
        let given = base.entity_count();
        Ok(Self { doc: base, rows: (0..given).collect(), root: state, state, sequence: 0, given })
    }

    /// Applies the next delta. Columns and entities that it doesn't touch are not looked at more than it takes to give them their ordinals.
    ///
    /// Its metadata, if it has any, takes the place of what there was; the name of the world stays.
    ///
    /// # Errors
    /// [`Error::WrongBase`] when it is for another base or another state of it; as [`WorldDelta::check`]; [`Error::Invalid`] when it names entities
    /// that are not there, has some rows of a relationship's target only, or has values of a component that is described otherwise than the
    /// rest of them; [`Error::Value`] when serde rows of two shapes can't be read or written as one. On any error the chain is as it was.
    pub fn apply(&mut self, delta: &WorldDelta<'_>) -> Result<(), Error> {
        delta.check_base(self.root, self.state, self.sequence)?;
        delta.check()?;
        delta.check_rows_before(self.given.into())?;
        let state = delta.state_id()?;
        let is_foreign = delta.doc.column(ForeignId::COMPONENT).is_some();
        let rows = if is_foreign || self.doc.foreign_ids.is_some() {
            let as_column = self.doc.foreign_as_column();
            let before = as_column.as_ref().unwrap_or(&self.doc);
            let assembled = assemble(before, &self.rows, delta)?;
            let columns = assembled.columns.into_iter().filter_map(|made| match made {
                Made::Own(column) => Some(column),
                Made::Kept(at) => before.columns.get(at).cloned().map(Column::into_owned),
            });
            let mut doc = WorldDoc { columns: columns.collect(), ..WorldDoc::default() };
            doc.tables = assembled.tables;
            doc.column_as_foreign()?;
            (doc.name, doc.meta) = (mem::take(&mut self.doc.name), mem::take(&mut self.doc.meta));
            self.doc = doc;
            assembled.rows
        } else {
            let assembled = assemble(&self.doc, &self.rows, delta)?;
            let mut before: Vec<Option<Column<'static>>> =
                mem::take(&mut self.doc.columns).into_iter().map(Some).collect();
            let columns = assembled.columns.into_iter().filter_map(|made| match made {
                Made::Own(column) => Some(column),
                Made::Kept(at) => before.get_mut(at).and_then(Option::take),
            });
            self.doc.columns = columns.collect();
            self.doc.tables = assembled.tables;
            assembled.rows
        };
        if delta.doc.meta != WorldMeta::default() {
            self.doc.meta.clone_from(&delta.doc.meta);
        }
        self.rows = rows;
        (self.state, self.sequence, self.given) = (state, delta.sequence, delta.rows_after);
        debug_assert!(self.doc.check().is_ok(), "what a delta makes of a document keeps its rules");
        Ok(())
    }

    /// The world as it is behind the last delta.
    pub fn doc(&self) -> &WorldDoc<'static> {
        &self.doc
    }

    /// The row number of each of its entities, in the order of the ordinals.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How many row numbers were given out.
    pub fn rows_given(&self) -> u32 {
        self.given
    }

    /// The base.
    pub fn root(&self) -> StateId {
        self.root
    }

    /// The state that the chain is in.
    pub fn state(&self) -> StateId {
        self.state
    }

    /// How many deltas were applied.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The world as it is behind the last delta.
    pub fn into_doc(self) -> WorldDoc<'static> {
        self.doc
    }

    /// Which entity each row is in a world into which [`DeltaChain::doc`] was loaded: `entities` are those of its ordinals, as the report of the
    /// load has them.
    pub fn live_rows<E: Clone>(&self, entities: impl IntoIterator<Item = E>) -> LiveRows<E> {
        let mut rows = LiveRows {
            root: self.root,
            state: self.state,
            sequence: self.sequence,
            entities: vec![None; self.given as usize],
        };
        for (&row, entity) in self.rows.iter().zip(entities) {
            if let Some(slot) = rows.entities.get_mut(row as usize) {
                *slot = Some(entity);
            }
        }
        rows
    }
}
