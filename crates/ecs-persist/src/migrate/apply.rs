use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    doc::WorldDoc,
    error::Error,
    migrate::{
        MigrationChain,
        components::{Move, run},
        plan::{MigrationStep, component, world_step},
    },
};

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The world version that the document had.
    pub from_version: u32,
    /// The world version that it has.
    pub into_version: u32,
    /// The steps that it took, in their order.
    pub steps: Vec<MigrationStep>,
}

impl MigrationChain {
    /// Takes the steps that a document needs, and says in it which versions it has now. On an error it is as it was.
    ///
    /// While steps run there are two documents. A document that needs none costs nothing.
    ///
    /// # Errors
    /// As [`MigrationChain::plan`] before any step; [`Error::MigrationFailed`] with what a step says, or with the rule that the document doesn't keep after it;
    /// [`Error::MigrationPanicked`].
    pub fn apply(&self, doc: &mut WorldDoc<'static>) -> Result<MigrationReport, Error> {
        if self.plan_of(doc)?.steps.is_empty() {
            // Only what it says of itself may change.
            let meta = WorldDoc { meta: doc.meta.clone(), ..WorldDoc::default() };
            let (changed, report) = self.applied(meta)?;
            doc.meta = changed.meta;
            return Ok(report);
        }
        let (changed, report) = self.applied(doc.clone())?;
        *doc = changed;
        Ok(report)
    }

    /// As [`MigrationChain::apply`], of a document that isn't needed as it was: no copy is made.
    ///
    /// # Errors
    /// As [`MigrationChain::apply`].
    pub fn applied(&self, mut doc: WorldDoc<'static>) -> Result<(WorldDoc<'static>, MigrationReport), Error> {
        let plan = self.plan_of(&doc)?;
        let (from_version, into_version) = (plan.from_version, plan.into_version);
        let mut steps = Vec::new();
        if !plan.steps.is_empty() {
            for world in self.world_path(from_version)? {
                let moves = self.moves_to(&columns(&doc), &world.components(), &world.name())?;
                run(&mut doc, &moves)?;
                note(&mut steps, &moves);
                guarded(&|| world.name(), || {
                    world.migrate(&mut doc)?;
                    doc.check()
                })?;
                doc.meta.world_version = Some(world.target_version());
                steps.push(world_step(&**world));
            }
            let moves = self.moves(&columns(&doc))?;
            run(&mut doc, &moves)?;
            note(&mut steps, &moves);
            doc.check()?;
        }
        if self.newest().is_some() {
            doc.meta.world_version = Some(into_version);
        }
        Ok((doc, MigrationReport { from_version, into_version, steps }))
    }
}

fn columns(doc: &WorldDoc<'_>) -> Vec<(String, u32)> {
    doc.columns.iter().map(|column| (column.schema.name.clone(), column.schema.version)).collect()
}

fn note(steps: &mut Vec<MigrationStep>, moves: &[Move<'_>]) {
    steps.extend(moves.iter().flat_map(|found| &found.steps).map(|step| component(step.column_step())));
}

/// Runs what a program gave, and says which step it was if that fails or panics.
pub(super) fn guarded(
    step: &dyn Fn() -> String,
    run: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    // What is left half done is dropped.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(source)) => Err(Error::MigrationFailed { step: step(), source: Box::new(source) }),
        Err(panic) => Err(Error::MigrationPanicked { step: step(), message: said(&*panic) }),
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    match panic.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => {
            panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "something that is no text".to_owned())
        }
    }
}
