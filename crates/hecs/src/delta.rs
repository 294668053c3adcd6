//! What changed in a world, told by comparison, and such changes applied to another.

mod apply;
mod chosen;
mod ids;
mod links;
mod names;
mod plan;
mod reshaped;

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    ApplyReport, Capture, Compared, DeltaWorld, EcsWorld, Error, LiveRows, Mark, PersistId, Since,
    SpawnOptions, WorldDelta,
};

use crate::{registry::Registry, world::Hecs};

/// A mark holds a copy of what a save would hold, and [`DeltaWorld::delta`] compares the columns of a new capture with it: it takes the
/// time of a save, and nothing that was written is missed, however it was.
///
/// A registry that keeps handles can't [apply](DeltaWorld::apply_delta) a delta: put it into the document with a
/// [`DeltaChain`](keepstone_ecs_persist::DeltaChain), and load that. Entities that are [captured alone](DeltaWorld::capture_entities) have no handles.
impl DeltaWorld<Hecs> for World {
    type Detail = Compared<Entity>;

    fn mark(&mut self, registry: &Registry) -> Result<(Capture<'_, Entity>, Mark<Self::Detail>), Error> {
        let capture = EcsWorld::capture(&*self, registry)?;
        let mark = Compared::base(&capture)?;
        Ok((capture, mark))
    }

    fn delta(
        &mut self,
        since: &Mark<Self::Detail>,
        registry: &Registry,
    ) -> Result<Since<Self::Detail>, Error> {
        Compared::since(since, &EcsWorld::capture(&*self, registry)?)
    }

    fn apply_delta(
        &mut self,
        rows: &mut LiveRows<Entity>,
        delta: &WorldDelta<'_>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<ApplyReport, Error> {
        apply::apply(self, rows, delta, registry, options)
    }

    fn capture_entities(
        &self,
        entities: &[Entity],
        registry: &Registry,
    ) -> Result<Capture<'_, Entity>, Error> {
        chosen::capture(self, entities, registry)
    }

    fn entities_of(&self, ids: &[PersistId]) -> Vec<Option<Entity>> {
        ids::entities_of(self, ids)
    }

    fn ensure_ids(&mut self, entities: &[Entity]) -> Result<Vec<PersistId>, Error> {
        ids::ensure(self, entities)
    }

    fn entity_of_row(mark: &Mark<Self::Detail>, row: u32) -> Option<Entity> {
        mark.detail.entity_of_row(row)
    }
}
