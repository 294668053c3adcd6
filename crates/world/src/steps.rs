use std::fmt;

use crate::error::Error;

/// Steps that need the living world: they run after a load, with the world version that the file had.
///
/// Most steps are better taken by a [`MigrationChain`](crate::MigrationChain) before the load, where the old types still show. These are for what only the program knows: to spawn what did not exist then, or to register entities with
/// an engine.
///
/// ```
/// use bevy_ecs::prelude::*;
/// use keepstone_world::WorldSteps;
///
/// #[derive(Resource)]
/// struct Weather(&'static str);
///
/// let steps = WorldSteps::new().step(1, 2, |world: &mut World| {
///     world.insert_resource(Weather("fair"));
///     Ok(())
/// });
/// let mut world = World::new();
/// assert_eq!(steps.run(&mut world, 1)?, 2);
/// assert_eq!(world.resource::<Weather>().0, "fair");
/// assert_eq!(steps.run(&mut world, 2)?, 2, "there is nothing left to do");
/// # Ok::<(), keepstone_world::Error>(())
/// ```
pub struct WorldSteps<W> {
    steps: Vec<Step<W>>,
}

type Run<W> = dyn Fn(&mut W) -> Result<(), String> + Send + Sync;

struct Step<W> {
    from: u32,
    into: u32,
    run: Box<Run<W>>,
}

impl<W> Default for WorldSteps<W> {
    fn default() -> Self {
        Self { steps: Vec::new() }
    }
}

impl<W> WorldSteps<W> {
    /// No steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step from one world version to a later one.
    pub fn step(
        mut self,
        source_version: u32,
        target_version: u32,
        run: impl Fn(&mut W) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step { from: source_version, into: target_version, run: Box::new(run) });
        self
    }

    /// Runs the steps that begin at this version or later, in the order of their versions, and returns the version they led to. A version that
    /// no step begins at is passed over: not every change of the file needs the living world.
    ///
    /// # Errors
    /// [`Error::WorldStep`] with what a step says: the world has then what the steps before it did.
    pub fn run(&self, world: &mut W, from_version: u32) -> Result<u32, Error> {
        let mut steps: Vec<&Step<W>> = self.steps.iter().filter(|step| step.from >= from_version).collect();
        steps.sort_by_key(|step| step.from);
        let mut at = from_version;
        for step in steps.into_iter().filter(|step| step.into > step.from) {
            // Inside of a longer one.
            if step.from < at {
                continue;
            }
            let (from, into) = (step.from, step.into);
            (step.run)(world).map_err(|why| Error::WorldStep { from, into, why })?;
            at = into;
        }
        Ok(at)
    }
}

impl<W> fmt::Debug for WorldSteps<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|step| (step.from, step.into))).finish()
    }
}
