//! What changed between two worlds, by entity, component and field.

mod change;
mod compare;
mod found;
mod matching;
mod side;
mod text;
mod values;

pub use change::{DiffAbout, WorldChange};
pub use found::DiffCounts;
pub use matching::MatchedBy;

use std::fmt;

use crate::{doc::WorldDoc, error::Error};

/// How worlds are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiffOptions {
    /// Changes that are listed; all are counted. A hundred unless told otherwise.
    pub listed_max: usize,
    /// Changes that are looked for in one value of a component. A thousand unless told otherwise.
    pub values_max: usize,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { listed_max: 100, values_max: 1000 }
    }
}

impl DiffOptions {
    /// Sets how many changes are listed.
    pub fn listed_max(mut self, count: usize) -> Self {
        self.listed_max = count;
        self
    }

    /// Sets how many changes are looked for in one value of a component.
    pub fn values_max(mut self, count: usize) -> Self {
        self.values_max = count;
        self
    }
}

/// What changed between two worlds. Made by [`WorldDoc::diff`].
///
/// Its text has a line for each change that is listed, and one that counts the others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorldDiff {
    /// By what entities are matched.
    pub matched_by: MatchedBy,
    /// Entities in each world.
    pub entities: [u32; 2],
    /// How many changes there are.
    pub counts: DiffCounts,
    /// Those that are listed: metadata, schema and resources first, then entity by entity.
    pub changes: Vec<WorldChange>,
}

impl WorldDiff {
    /// Whether the worlds hold the same.
    pub fn is_empty(&self) -> bool {
        self.counts.total() == 0
    }
}

impl fmt::Display for WorldDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.changes.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n" };
            write!(f, "{between}{change}")?;
        }
        let left = self.counts.total().saturating_sub(self.changes.len() as u64);
        if left > 0 {
            let between = if self.changes.is_empty() { "" } else { "\n" };
            write!(f, "{between}and {left} more")?;
        }
        Ok(())
    }
}

impl WorldDoc<'_> {
    /// Finds what makes the other world of this one.
    ///
    /// Entities are matched by [`PersistId`](crate::PersistId) if both worlds have it, else by the ids of another system, else by their place; those without an id in
    /// their order. Values are compared field by field as [`keepstone_value::diff`] does it, references by the entities that they name, whatever the order of tables
    /// and rows. Of a schema version and encoding count, and not what a shape has recorded of the values.
    ///
    /// Takes memory for the places of the rows of both worlds, and for the changes that are listed.
    ///
    /// # Errors
    /// As [`WorldDoc::check`]; when a row can't be read; [`Error::Limit`] when rows without bytes would take more memory than the world pays for.
    ///
    /// ```
    /// use keepstone_ecs_persist::{DiffOptions, WorldDoc};
    ///
    /// let (mut before, mut after) = (WorldDoc::default(), WorldDoc::default());
    /// before.meta.tick = Some(7);
    /// after.meta.tick = Some(9);
    /// let diff = before.diff(&after, &DiffOptions::default())?;
    /// assert_eq!(diff.to_string(), "metadata tick: 7 -> 9");
    /// assert!(before.diff(&before, &DiffOptions::default())?.is_empty());
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    pub fn diff(&self, other: &WorldDoc<'_>, options: &DiffOptions) -> Result<WorldDiff, Error> {
        self.check()?;
        other.check()?;
        let mut found = found::Found::new(options.listed_max);
        let matched_by = compare::compare(self, other, &mut found, options.values_max)?;
        let (counts, changes) = found.finish();
        Ok(WorldDiff { matched_by, entities: [self.entity_count(), other.entity_count()], counts, changes })
    }
}
