//! What changed since a moment, told from change ticks.

mod apply;
mod capture;
mod ids;
mod links;
mod live;
mod moment;
mod naming;
mod numbers;
mod selected;
mod sets;
mod structure;
mod values;
mod writing;

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{
    ApplyReport, Capture, DeltaWorld, Error, LiveRows, Mark, PersistId, Since, SpawnOptions, WorldDelta,
};

pub use self::moment::Moment;
pub(crate) use self::{live::changed_since, moment::Window};
use crate::{identity::PersistIds, incoming, registry::Registry, world::Bevy};

/// Changes are told from bevy's change ticks, so a write that bypasses change detection is not in a delta. A value that was written and is
/// equal to the one before may be.
///
/// A reference to an entity that was reserved and not yet spawned at a mark leads to nothing until the value that holds it changes.
impl DeltaWorld<Bevy> for World {
    type Detail = Moment;

    fn mark(&mut self, registry: &Registry) -> Result<(Capture<'_, Entity>, Mark<Moment>), Error> {
        capture::mark(self, registry)
    }

    fn delta(&mut self, since: &Mark<Moment>, registry: &Registry) -> Result<Since<Moment>, Error> {
        capture::delta(self, since, registry)
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
        selected::capture(self, entities, registry)
    }

    fn entities_of(&self, ids: &[PersistId]) -> Vec<Option<Entity>> {
        ids.iter().map(|&id| PersistIds::entity_of(self, id.into())).collect()
    }

    fn ensure_ids(&mut self, entities: &[Entity]) -> Result<Vec<PersistId>, Error> {
        let missing = entities.iter().filter(|&&entity| !self.entities().contains_spawned(entity)).count();
        if missing > 0 {
            let (found, expected) = ((entities.len() - missing) as u64, entities.len() as u64);
            return Err(Error::BadSelection { what: "entities that exist", found, expected });
        }
        let id = |&entity: &Entity| {
            let id = self.assign_persist_id(entity);
            id.map(PersistId::from).ok_or_else(incoming::exhausted)
        };
        entities.iter().map(id).collect()
    }

    fn entity_of_row(mark: &Mark<Moment>, row: u32) -> Option<Entity> {
        mark.detail.0.rows.entity_of(row)
    }
}
