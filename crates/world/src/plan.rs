use std::fmt;

use keepstone_ecs_persist::{ColumnStep, EcsWorld, MigrationPlan, MigrationStep, Schema, WorldDoc};

use crate::{error::Error, options::LoadOptions};

/// What a load would do to a file of an earlier version; what [`WorldFiles::dry_run`](crate::WorldFiles::dry_run) gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadPlan {
    /// The steps of the chain, if there is one.
    pub chain: Option<MigrationPlan>,
    /// The steps between definitions of components that come behind it. What a world step of the chain makes of a component is not foreseen.
    pub columns: Vec<ColumnStep>,
}

impl LoadPlan {
    /// Whether the file is of the present version in everything.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.chain.as_ref().is_none_or(|chain| chain.steps.is_empty())
    }
}

/// A step a line.
impl fmt::Display for LoadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = self.chain.iter().flat_map(|chain| &chain.steps).map(MigrationStep::to_string);
        let steps: Vec<String> = chain.chain(self.columns.iter().map(ColumnStep::to_string)).collect();
        f.write_str(&steps.join("\n"))
    }
}

/// Plans the load of a document.
pub(crate) fn of<M, W: EcsWorld<M>>(
    doc: &WorldDoc<'_>,
    registry: &W::Registry,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<LoadPlan, Error> {
    let chain = options.chain().map(|chain| chain.plan_of(doc)).transpose()?;
    let mut components = doc.schema().components().to_vec();
    for step in chain.iter().flat_map(|chain| &chain.steps) {
        let MigrationStep::Component(step) = step else { continue };
        for component in components.iter_mut().filter(|component| component.name == step.from) {
            component.name.clone_from(&step.into);
            component.version = step.into_version;
        }
    }
    Ok(LoadPlan { chain, columns: W::column_steps(registry, &Schema::of(components))? })
}
