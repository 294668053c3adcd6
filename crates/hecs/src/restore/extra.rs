//! Entities that a capture would hold and a document doesn't have.

use hecs::{Archetype, Entity, World};
use keepstone_ecs_persist::{Encoding, Error, NONE};
use keepstone_value::{Entities, EntityType, Learner, Options};

use crate::{
    column::{Rows, Source},
    kept::{Kept, KeptResources},
    registry::Registry,
    restore::found::{Found, Marks},
};

/// Those that a capture of the world would hold, without those that were found or spawned.
pub(crate) fn despawned(world: &World, registry: &Registry, found: &Found<'_>) -> Result<Vec<Entity>, Error> {
    let is_found = |id: u32| found.entities.iter().any(|entity| entity.id() == id);
    let resources = world.archetypes().filter(|archetype| archetype.has::<KeptResources>());
    let unknown = resources.flat_map(Archetype::ids).filter(|&&id| !is_found(id)).count();
    if world.len() as usize == found.entities.len() + unknown {
        return Ok(Vec::new());
    }
    let known = found.known();
    let others = |archetype: &Archetype| !archetype.ids().iter().all(|&id| known.has(id));
    let (mut held, mut bare) = (Marks::default(), false);
    let mut some = false;
    for archetype in world.archetypes().filter(|archetype| !archetype.is_empty()) {
        if archetype.has::<KeptResources>() || !others(archetype) {
            continue;
        }
        let mut types = archetype.component_types();
        let is_held =
            types.len() == 0 || archetype.has::<Kept>() || types.any(|id| registry.get_by_type(id).is_some());
        if is_held {
            some = true;
            for &id in archetype.ids() {
                held.mark(id);
            }
        }
        bare |= !is_held;
    }
    if bare {
        some |= mark_mentioned(world, registry, &mut held)?;
    }
    if !some {
        return Ok(Vec::new());
    }
    let all = world.iter().filter(|entity| !entity.has::<KeptResources>()).map(|entity| entity.entity());
    Ok(all.filter(|entity| held.has(entity.id()) && !known.has(entity.id())).collect())
}

/// Marks what saved components refer to, and says whether there is something.
fn mark_mentioned(world: &World, registry: &Registry, marks: &mut Marks) -> Result<bool, Error> {
    let mut mentioned = Mentioned { world, marks, some: false };
    for entry in registry.iter() {
        let column = &entry.ops().column;
        if matches!(column.encoding(), Some(Encoding::Plain(_))) {
            continue;
        }
        let with = world.archetypes().filter(|archetype| archetype.has_dynamic(entry.type_id()));
        let sources: Vec<Source<'_>> = with
            .map(|archetype| Source { archetype, rows: Rows::Range(0..archetype.len() as usize) })
            .collect();
        let result = if entry.ops().linked {
            column.capture(&sources, &mut mentioned).map(|_| ())
        } else {
            column.learn(&sources, &mut mentioned, &mut Learner::new(&Options::default()))
        };
        result.map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
    }
    for kept in &mut world.query::<&Kept>() {
        for target in kept.rows.iter().flat_map(|row| row.targets.iter()) {
            mentioned.ordinal(target.to_bits().get());
        }
    }
    Ok(mentioned.some)
}

struct Mentioned<'m, 'w> {
    world: &'w World,
    marks: &'m mut Marks,
    some: bool,
}

impl Entities for Mentioned<'_, '_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        if let Some(entity) = Entity::from_bits(bits).filter(|&entity| self.world.contains(entity)) {
            self.marks.mark(entity.id());
            self.some = true;
        }
        NONE
    }
}
