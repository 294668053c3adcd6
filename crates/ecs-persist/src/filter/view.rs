use std::{
    any::{Any, type_name},
    cell::{OnceCell, RefCell},
};

use keepstone_value::{EntityType, Resolve};

use crate::{
    codec::Codec,
    coder::{Coder, Stateless},
    doc::{ColumnData, NONE, WorldDoc},
    error::Error,
    gather::{Ids, Index},
    identity::PersistId,
    persist::Persist,
};

/// Knows no engine, and so no entity type.
#[derive(Default)]
pub(super) struct NoEntities {
    /// Whether a value asked for an entity.
    pub(super) asked: bool,
}

/// What no value can hold.
struct Nobody(#[expect(dead_code, reason = "an entity type has 8 bytes")] u64);

impl Resolve for NoEntities {
    fn entity(&self) -> EntityType {
        EntityType::of::<Nobody>()
    }

    fn bits(&mut self, _: u32) -> u64 {
        self.asked = true;
        u64::MAX
    }
}

/// A document whose values are read when they are asked for, a column at a time.
pub(super) struct Source<'s> {
    pub(super) doc: &'s WorldDoc<'s>,
    pub(super) index: &'s Index,
    ids: Ids,
    rows: Vec<u32>,
    values: Vec<OnceCell<Box<dyn Any>>>,
    resolve: RefCell<&'s mut dyn Resolve>,
    error: RefCell<Option<Error>>,
}

impl<'s> Source<'s> {
    pub(super) fn new(
        doc: &'s WorldDoc<'s>,
        index: &'s Index,
        resolve: &'s mut dyn Resolve,
    ) -> Result<Self, Error> {
        let mut values = Vec::new();
        values.resize_with(doc.columns.len(), OnceCell::new);
        let (ids, rows) = (Ids::of(doc, index)?, doc.rows_per_column());
        let (resolve, error) = (RefCell::new(resolve), RefCell::new(None));
        Ok(Self { doc, index, ids, rows, values, resolve, error })
    }

    /// The first error of a value that was asked for.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.error.take()
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.doc.columns.binary_search_by(|column| column.schema.name.as_str().cmp(name)).ok()
    }

    /// The column of a type, by its name or by one that it had before.
    fn place_of<T: Persist>(&self) -> Option<usize> {
        let mut names = T::ALIASES.to_vec();
        T::Codec::earlier_names(&mut names);
        self.place(T::NAME).or_else(|| names.into_iter().find_map(|name| self.place(name)))
    }

    fn column<T: Persist>(&self, at: usize) -> Result<&[T], Error> {
        let (Some(cell), Some(column)) = (self.values.get(at), self.doc.columns.get(at)) else {
            return Ok(&[]);
        };
        if cell.get().is_none() {
            Coder::<T>::steps(&Stateless::<T::Codec>::new(), &column.schema, T::VERSION)?;
            let rows = self.rows.get(at).copied().unwrap_or(0) as usize;
            let values: Vec<T> = T::Codec::decode(column, rows, &mut **self.resolve.borrow_mut())?;
            let _ = cell.set(Box::new(values));
        }
        match cell.get().and_then(|values| values.downcast_ref::<Vec<T>>()) {
            Some(values) => Ok(values),
            None => Err(Error::Mismatch {
                name: column.schema.name.clone(),
                type_name: type_name::<T>(),
                found: "been read as another type by the same filter".to_owned(),
                expected: "one type".to_owned(),
            }),
        }
    }

    fn fail(&self, error: Error) {
        self.error.borrow_mut().get_or_insert(error);
    }
}

/// An entity of a document, as the predicates of a [`Filter`](crate::Filter) see it.
pub struct RowView<'v> {
    source: &'v Source<'v>,
    table: u32,
    row: u32,
}

impl std::fmt::Debug for RowView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowView").field("ordinal", &self.ordinal()).finish_non_exhaustive()
    }
}

impl<'v> RowView<'v> {
    pub(super) fn new(source: &'v Source<'v>, table: u32, row: u32) -> Self {
        Self { source, table, row }
    }

    /// The entity's ordinal in the document that is filtered.
    pub fn ordinal(&self) -> u32 {
        self.source.index.ordinals(self.table).start + self.row
    }

    /// What it is called across saves, if it has a name.
    pub fn persist_id(&self) -> Option<PersistId> {
        self.source.ids.get(self.ordinal()).map(PersistId)
    }

    /// Whether it has a component of this name.
    pub fn has(&self, name: &str) -> bool {
        self.source.place(name).is_some_and(|at| self.row_of(at).is_some())
    }

    /// Its value of a component; nothing if it has none.
    ///
    /// The first call for a type reads the whole column. A value that can't be read is nothing too, and then the filter fails with
    /// the error: [`Error::Mismatch`], [`Error::Value`], [`Error::NewerComponent`].
    pub fn get<T: Persist>(&self) -> Option<&'v T> {
        let at = self.source.place_of::<T>()?;
        let row = self.row_of(at)?;
        match self.source.column::<T>(at) {
            Ok(values) => values.get(row as usize),
            Err(error) => {
                self.source.fail(error);
                None
            }
        }
    }

    /// The ordinal that its relationship (or other reference component) of this name leads to; nothing if it has none or leads
    /// to nothing.
    pub fn target(&self, name: &str) -> Option<u32> {
        let at = self.source.place(name)?;
        let row = self.row_of(at)?;
        match &self.source.doc.columns.get(at)?.data {
            ColumnData::References { targets, .. } => {
                targets.get(row as usize).copied().filter(|&target| target != NONE)
            }
            _ => None,
        }
    }

    /// Its row of a column.
    fn row_of(&self, column: usize) -> Option<u32> {
        let table = self.source.doc.tables.get(self.table as usize)?;
        let column = u16::try_from(column).ok()?;
        let place = table.components.binary_search(&column).ok()?;
        Some(self.source.index.bases(self.table).get(place)? + self.row)
    }
}
