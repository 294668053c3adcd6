use hecs::{Entity, World};
use keepstone_ecs_persist::{
    Capture, Difference, EcsWorld, Error, LeftBehind, Match, PartSink, PartSource, RestoreReport, Schema,
    SpawnOptions, SpawnReport, WorldDoc,
};

use crate::{
    capture, derived, difference,
    registry::{self, Registry},
    restore, spawn, stream,
};

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

    fn capture_parts(
        &self,
        registry: &Registry,
        rows_max: u32,
        sink: &mut dyn PartSink,
    ) -> Result<LeftBehind, Error> {
        stream::capture_parts(self, registry, rows_max, sink)
    }

    fn spawn_parts(
        &mut self,
        parts: &mut dyn PartSource,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Entity>, Error> {
        stream::spawn_parts(self, parts, registry, options)
    }

    fn restore_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        found: Match<'_, Entity>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<RestoreReport<Entity>, Error> {
        restore::restore(self, doc, found, registry, options)
    }

    fn schema(registry: &Registry) -> Schema {
        registry::schema(registry)
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
