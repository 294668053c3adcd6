//! References that serde shows as numbers.

use bevy_ecs::{
    archetype::{Archetype, ArchetypeEntity},
    entity::Entity,
    world::World,
};
use keepstone_ecs_persist::{Entry, Error, HiddenReferences, LeftOut, NONE};
use keepstone_value::{Entities, EntityType, Suspects};

use crate::{
    registry::{Ops, Registry},
    source::Source,
};

/// Rows that are serialized at a time.
const ROWS_MAX: usize = 4096;

/// Looks for them: see [`EcsWorld::hidden_references`](keepstone_ecs_persist::EcsWorld::hidden_references).
pub(crate) fn references(world: &World, registry: &Registry) -> Result<Vec<LeftOut>, Error> {
    let mut watch = Watch { world, hidden: HiddenReferences::default() };
    for entry in registry.iter().filter(|entry| entry.ops().column.encoding().is_none()) {
        let Some(id) = (entry.ops().id)(world) else { continue };
        for archetype in world.archetypes().iter().filter(|archetype| archetype.contains(id)) {
            look_at(entry, archetype, &mut watch)?;
        }
        watch.hidden.settle(entry.name());
    }
    Ok(watch.hidden.take())
}

fn look_at(entry: &Entry<Ops>, archetype: &Archetype, watch: &mut Watch<'_>) -> Result<(), Error> {
    let world = watch.world;
    for rows in archetype.entities().chunks(ROWS_MAX) {
        let entities = rows.iter().map(ArchetypeEntity::id);
        let saved: Vec<Entity> = entities.filter(|&entity| entry.ops().persists(world, entity)).collect();
        let captured = entry.ops().column.capture(world, &[Source::of(saved)], watch);
        captured.map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
    }
    Ok(())
}

struct Watch<'w> {
    world: &'w World,
    hidden: HiddenReferences,
}

impl Entities for Watch<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, _: u64) -> u32 {
        NONE
    }

    fn is_live(&mut self, bits: u64) -> bool {
        Entity::try_from_bits(bits).is_some_and(|entity| self.world.entities().get_spawned(entity).is_ok())
    }

    fn watches(&self) -> bool {
        true
    }

    fn suspect(&mut self, suspects: Suspects) {
        self.hidden.suspect(suspects);
    }
}
