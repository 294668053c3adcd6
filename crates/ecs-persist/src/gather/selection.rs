use crate::{doc::WorldDoc, error::Error};

/// What becomes of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It goes, with its values; references to it lead to nothing.
    Drop,
    /// It stays for the references to it, without its values but for its [`PersistId`](crate::PersistId), which tells who it was.
    Bare,
    /// It stays with its values.
    Whole,
}

/// Which entities and values of a document [`WorldDoc::gather`] takes, and in which order. By default all, as they stand.
///
/// Columns are named by their place in [`WorldDoc::columns`].
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub(super) entities: Option<Vec<Keep>>,
    pub(super) order: Option<Vec<u32>>,
    values: Vec<Values>,
}

/// Which values of a column are taken.
#[derive(Debug, Clone, Default)]
pub(super) enum Values {
    #[default]
    All,
    Dropped,
    Masked(Vec<bool>),
}

impl Selection {
    /// Takes everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Chooses what becomes of each entity, in the order of the ordinals.
    pub fn entities(mut self, keep: Vec<Keep>) -> Self {
        self.entities = Some(keep);
        self
    }

    /// Takes these ordinals alone, in this order; each may stand there once.
    ///
    /// Without an order the entities stay as they stand, table by table; rows of one table that keep different components are set
    /// apart, in the order of the first of each kind.
    pub fn order(mut self, ordinals: Vec<u32>) -> Self {
        self.order = Some(ordinals);
        self
    }

    /// Leaves a column out, of a component or of a resource.
    pub fn without(mut self, column: usize) -> Self {
        *self.slot(column) = Values::Dropped;
        self
    }

    /// Chooses which values of a column are taken, in the order of its rows.
    pub fn values(mut self, column: usize, kept: Vec<bool>) -> Self {
        *self.slot(column) = Values::Masked(kept);
        self
    }

    fn slot(&mut self, column: usize) -> &mut Values {
        if self.values.len() <= column {
            self.values.resize_with(column + 1, Values::default);
        }
        self.values.get_mut(column).expect("made long enough above")
    }

    pub(super) fn keep(&self, ordinal: u32) -> Keep {
        match &self.entities {
            None => Keep::Whole,
            Some(keep) => keep.get(ordinal as usize).copied().unwrap_or(Keep::Drop),
        }
    }

    pub(super) fn column(&self, column: usize) -> &Values {
        self.values.get(column).unwrap_or(&Values::All)
    }

    /// Forgets choices that choose nothing, so that a selection of everything is known as one.
    pub(super) fn simplified(&self) -> Option<Self> {
        let whole = |keep: &Vec<Keep>| keep.iter().all(|keep| *keep == Keep::Whole);
        let idle = |values: &Values| matches!(values, Values::Masked(kept) if !kept.contains(&false));
        if !self.entities.as_ref().is_some_and(whole) && !self.values.iter().any(idle) {
            return None;
        }
        let mut simple = self.clone();
        simple.entities.take_if(|keep| whole(keep));
        simple.values.iter_mut().filter(|values| idle(values)).for_each(|values| *values = Values::All);
        Some(simple)
    }

    pub(super) fn is_all(&self) -> bool {
        let all = |values: &Values| matches!(values, Values::All);
        self.entities.is_none() && self.order.is_none() && self.values.iter().all(all)
    }

    /// Checks the lengths against a document.
    pub(super) fn check(&self, doc: &WorldDoc<'_>) -> Result<(), Error> {
        let entities = u64::from(doc.entity_count());
        match &self.entities {
            Some(keep) if keep.len() as u64 != entities => {
                return Err(bad("entities of a selection", keep.len() as u64, entities));
            }
            _ => {}
        }
        let rows = doc.rows_per_column();
        if self.values.len() > rows.len() {
            return Err(bad("columns of a selection", self.values.len() as u64, rows.len() as u64));
        }
        for (values, rows) in self.values.iter().zip(rows) {
            match values {
                Values::Masked(kept) if kept.len() as u64 != u64::from(rows) => {
                    return Err(bad("values of a column of a selection", kept.len() as u64, rows));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

pub(super) fn bad(what: &'static str, found: impl Into<u64>, expected: impl Into<u64>) -> Error {
    Error::BadSelection { what, found: found.into(), expected: expected.into() }
}
