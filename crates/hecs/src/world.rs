use hecs::{Entity, World};
use keepstone_ecs_persist::{
    Capture, ColumnStep, Difference, EcsWorld, Error, ForeignSink, ForeignSource, LeftBehind, LeftOut, Match,
    PartSink, PartSource, RestoreReport, Schema, SpawnOptions, SpawnReport, WorldDoc,
};

use crate::{
    builtin, capture, derived, difference, handles, hidden,
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
        let mut capture = capture::capture(self, registry)?;
        if builtin::knows_foreign(registry) {
            capture.doc.column_as_foreign()?;
        }
        Ok(capture)
    }

    fn spawn_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Entity>, Error> {
        let placed = builtin::with_foreign(doc, registry);
        spawn::spawn(self, placed.as_ref().unwrap_or(doc), registry, options)
    }

    fn capture_parts(
        &self,
        registry: &Registry,
        rows_max: u32,
        sink: &mut dyn PartSink,
    ) -> Result<LeftBehind, Error> {
        let sink = &mut ForeignSink::new(sink);
        if handles::are_kept(registry) {
            return handles::capture_parts(self, registry, rows_max, sink);
        }
        stream::capture_parts(self, registry, rows_max, sink)
    }

    fn hidden_references(&self, registry: &Registry) -> Result<Vec<LeftOut>, Error> {
        hidden::references(self, registry)
    }

    fn spawn_parts(
        &mut self,
        parts: &mut dyn PartSource,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Entity>, Error> {
        let parts = &mut ForeignSource::new(parts, builtin::knows_foreign(registry));
        stream::spawn_parts(self, parts, registry, options)
    }

    fn restore_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        found: Match<'_, Entity>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<RestoreReport<Entity>, Error> {
        let placed = builtin::with_foreign(doc, registry);
        restore::restore(self, placed.as_ref().unwrap_or(doc), found, registry, options)
    }

    fn column_steps(registry: &Registry, schema: &Schema) -> Result<Vec<ColumnStep>, Error> {
        registry::column_steps(registry, schema)
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
