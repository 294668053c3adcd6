//! References that serde shows as numbers.

use hecs::{Archetype, Entity, World};
use keepstone_ecs_persist::{Entry, Error, HiddenReferences, LeftOut, NONE};
use keepstone_value::{Entities, EntityType, Suspects};

use crate::{
    column::{Rows, Source},
    registry::{Ops, Registry},
};

/// Rows that are serialized at a time.
const ROWS_MAX: u32 = 4096;

/// Looks for them: see [`EcsWorld::hidden_references`](keepstone_ecs_persist::EcsWorld::hidden_references).
pub(crate) fn references(world: &World, registry: &Registry) -> Result<Vec<LeftOut>, Error> {
    let mut watch = Watch { world, hidden: HiddenReferences::default() };
    for entry in registry.iter().filter(|entry| entry.ops().column.encoding().is_none()) {
        for archetype in world.archetypes().filter(|archetype| archetype.has_dynamic(entry.type_id())) {
            look_at(entry, archetype, &mut watch)?;
        }
        watch.hidden.settle(entry.name());
    }
    Ok(watch.hidden.take())
}

fn look_at(entry: &Entry<Ops>, archetype: &Archetype, watch: &mut Watch<'_>) -> Result<(), Error> {
    let persistent = entry.ops().column.persistent(archetype);
    let is_saved = |row: &u32| {
        persistent.as_ref().is_none_or(|persistent| persistent.get(*row as usize).is_some_and(|saved| *saved))
    };
    let saved: Vec<u32> = (0..archetype.len()).filter(is_saved).collect();
    for rows in saved.chunks(ROWS_MAX as usize) {
        let source = Source { archetype, rows: Rows::Listed(rows.into(), 0..rows.len()) };
        let captured = entry.ops().column.capture(&[source], watch);
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
        Entity::from_bits(bits).is_some_and(|entity| self.world.contains(entity))
    }

    fn watches(&self) -> bool {
        true
    }

    fn suspect(&mut self, suspects: Suspects) {
        self.hidden.suspect(suspects);
    }
}
