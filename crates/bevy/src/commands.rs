use std::{fmt, sync::Arc};

use bevy_ecs::{
    entity::Entity,
    event::Event,
    system::{Command, Commands},
    world::World,
};
use keepstone_ecs_persist::{EcsWorld, Error, SpawnOptions, SpawnReport, WorldDoc};

use crate::registry::Registry;

/// A document was spawned by a command: see [`CommandsExt::spawn_doc`]. It has no entity; observers of the world get it once all of
/// the document is there.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct WorldLoaded {
    /// What was spawned.
    pub report: SpawnReport<Entity>,
}

type Then = Box<dyn FnOnce(&mut World, Result<SpawnReport<Entity>, Error>) + Send>;

/// A command that spawns a document.
///
/// Without [`SpawnDoc::then`] the event [`WorldLoaded`] tells of success, and an error goes where those of other commands go: to the
/// world's fallback error handler, which panics unless it was replaced, or to what [`Command::handle_error_with`] names.
#[must_use = "a command does nothing until it is queued"]
pub struct SpawnDoc {
    doc: WorldDoc<'static>,
    options: SpawnOptions,
    registry: Option<Arc<Registry>>,
    then: Option<Then>,
}

impl SpawnDoc {
    /// Spawns this document with the registry of derived components.
    pub fn new(doc: WorldDoc<'static>, options: SpawnOptions) -> Self {
        Self { doc, options, registry: None, then: None }
    }

    /// With another registry.
    pub fn registry(mut self, registry: Arc<Registry>) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Hands the report or the error to a function, which answers for both: no event is triggered, and no error handler is called.
    pub fn then(
        mut self,
        then: impl FnOnce(&mut World, Result<SpawnReport<Entity>, Error>) + Send + 'static,
    ) -> Self {
        self.then = Some(Box::new(then));
        self
    }

    fn spawn(&self, world: &mut World) -> Result<SpawnReport<Entity>, Error> {
        let registry = match &self.registry {
            Some(registry) => registry,
            None => <World as EcsWorld<crate::Bevy>>::derived_registry()?,
        };
        world.spawn_doc(&self.doc, registry, &self.options)
    }
}

impl fmt::Debug for SpawnDoc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnDoc").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Command for SpawnDoc {
    type Out = Result<(), Error>;

    fn apply(self, world: &mut World) -> Result<(), Error> {
        let result = self.spawn(world);
        match self.then {
            Some(then) => then(world, result),
            None => world.trigger(WorldLoaded { report: result? }),
        }
        Ok(())
    }
}

/// Queues loads from systems.
pub trait CommandsExt {
    /// Queues that a document is spawned, with the registry of derived components; see [`SpawnDoc`] for what becomes of report and
    /// error. The world is as it was until commands are applied.
    fn spawn_doc(&mut self, doc: WorldDoc<'static>, options: SpawnOptions);

    /// As [`CommandsExt::spawn_doc`], with another registry.
    fn spawn_doc_with(&mut self, doc: WorldDoc<'static>, registry: Arc<Registry>, options: SpawnOptions);
}

impl CommandsExt for Commands<'_, '_> {
    fn spawn_doc(&mut self, doc: WorldDoc<'static>, options: SpawnOptions) {
        self.queue(SpawnDoc::new(doc, options));
    }

    fn spawn_doc_with(&mut self, doc: WorldDoc<'static>, registry: Arc<Registry>, options: SpawnOptions) {
        self.queue(SpawnDoc::new(doc, options).registry(registry));
    }
}
