use hecs::{Entity, World};
use keepstone_ecs_persist::{Capture, Difference, EcsWorld, Error, SpawnOptions, SpawnReport, WorldDoc};

use crate::{capture, derived, difference, registry::Registry, spawn};

/// The marker of this adapter: hecs's `World` is an `EcsWorld<Hecs>`.
#[derive(Debug, Clone, Copy)]
pub struct Hecs;

impl EcsWorld<Hecs> for World {
    type Registry = Registry;
    type Entity = Entity;

    fn empty() -> Self {
        Self::new()
    }

    fn derived_registry() -> Result<&'static Registry, Error> {
        derived::registry()
    }

    fn capture<'w>(&'w self, registry: &Registry) -> Result<Capture<'w, Entity>, Error> {
        capture::capture(self, registry)
    }

    fn spawn_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Entity>, Error> {
        spawn::spawn(self, doc, registry, options)
    }

    fn difference(
        &self,
        other: &Self,
        pairs: &[(Entity, Entity)],
        registry: &Registry,
    ) -> Result<Option<Difference>, Error> {
        difference::difference(self, other, pairs, registry)
    }
}
