use std::{fmt, sync::Arc};

use crate::{
    doc::WorldDoc,
    error::Error,
    evolve::ColumnStep,
    meta::WorldMeta,
    migrate::{Migration, MigrationChain, components::moved},
    schema::Schema,
};

/// One step of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationStep {
    /// A change of the whole document.
    World {
        /// What the step is called.
        name: String,
        /// The world version that it begins at.
        from_version: u32,
        /// The world version that it leads to.
        into_version: u32,
    },
    /// A change of each value of a component.
    Component(ColumnStep),
}

impl fmt::Display for MigrationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World { name, from_version, into_version } => {
                let versions = format!("world {from_version} -> {into_version}");
                if *name == versions { f.write_str(name) } else { write!(f, "{name} ({versions})") }
            }
            Self::Component(step) => step.fmt(f),
        }
    }
}

/// The steps that a document would take, in their order; what a dry run gives.
///
/// A world step may make components, or give them versions, that have steps of their own: those it can't foresee.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationPlan {
    /// The world version of the document.
    pub from_version: u32,
    /// The world version that it gets.
    pub into_version: u32,
    /// The steps.
    pub steps: Vec<MigrationStep>,
}

impl fmt::Display for MigrationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl MigrationChain {
    /// Names the steps that a document with such metadata and such a schema would take, without taking one.
    ///
    /// # Errors
    /// [`Error::BadMigration`] as [`MigrationChain::check`], and for a component that is later than a world step was made for;
    /// [`Error::NewerWorld`] for a world of a later version than the chain leads to; [`Error::NoWorldMigration`] and [`Error::NoMigration`] where a step is missing.
    pub fn plan(&self, meta: &WorldMeta, schema: &Schema) -> Result<MigrationPlan, Error> {
        self.check()?;
        let from_version = meta.world_version.unwrap_or(self.unversioned);
        let columns = schema.components().iter();
        let mut columns: Vec<_> = columns.map(|column| (column.name.clone(), column.version)).collect();
        let mut steps = Vec::new();
        for world in self.world_path(from_version)? {
            let moves = self.moves_to(&columns, &world.components(), &world.name())?;
            steps.extend(
                moves.iter().flat_map(|found| &found.steps).map(|step| component(step.column_step())),
            );
            columns = moved(columns, &moves);
            steps.push(world_step(&**world));
        }
        let moves = self.moves(&columns)?;
        steps.extend(moves.iter().flat_map(|found| &found.steps).map(|step| component(step.column_step())));
        let into_version = self.newest().unwrap_or(from_version);
        Ok(MigrationPlan { from_version, into_version, steps })
    }

    /// As [`MigrationChain::plan`], of a document.
    ///
    /// # Errors
    /// As [`MigrationChain::plan`].
    pub fn plan_of(&self, doc: &WorldDoc<'_>) -> Result<MigrationPlan, Error> {
        self.plan(&doc.meta, &doc.schema())
    }

    /// The world steps from a version on.
    pub(super) fn world_path(&self, found: u32) -> Result<Vec<&Arc<dyn Migration>>, Error> {
        let Some(newest) = self.newest() else { return Ok(Vec::new()) };
        if found > newest {
            return Err(Error::NewerWorld { found, newest });
        }
        let (mut path, mut at) = (Vec::new(), found);
        while at < newest {
            let Some(step) = self.worlds.iter().find(|step| step.source_version() == at) else {
                let mut known: Vec<_> =
                    self.worlds.iter().map(|step| (step.source_version(), step.target_version())).collect();
                known.sort_unstable();
                let known: Vec<_> = known.iter().map(|(from, into)| format!("{from} -> {into}")).collect();
                return Err(Error::NoWorldMigration { found, at, newest, known: known.join(", ") });
            };
            path.push(step);
            at = step.target_version();
        }
        Ok(path)
    }
}

pub(super) fn component(step: ColumnStep) -> MigrationStep {
    MigrationStep::Component(step)
}

pub(super) fn world_step(step: &dyn Migration) -> MigrationStep {
    let (from_version, into_version) = (step.source_version(), step.target_version());
    MigrationStep::World { name: step.name(), from_version, into_version }
}
