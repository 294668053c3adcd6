//! Restoring in place: what differs is found first, and written afterwards.

mod apply;
mod matched;
mod plan;

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Error, Match, RestoreReport, SpawnOptions, WorldDoc};

use crate::{registry::Registry, restore::matched::Places, spawn};

/// Restores a document in place: see [`EcsWorld::restore_doc`](keepstone_ecs_persist::EcsWorld::restore_doc).
pub(crate) fn restore(
    world: &mut World,
    doc: &WorldDoc<'_>,
    found: &Match<'_, Entity>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<RestoreReport<Entity>, Error> {
    spawn::check(doc, registry, options)?;
    let Places { mut entities, missing, tables } = matched::places(world, doc, found, registry)?;
    let new: Vec<Entity> =
        world.entity_allocator().alloc_many(u32::try_from(missing.len()).unwrap_or(0)).collect();
    let mut report = RestoreReport::new(Vec::new());
    for (&ordinal, &entity) in missing.iter().zip(&new) {
        if let Some(place) = entities.get_mut(ordinal as usize) {
            let before = std::mem::replace(place, entity);
            if before != Entity::PLACEHOLDER {
                report.respawned.push((before, entity));
            }
        }
    }
    report.entities = entities;
    report.spawned = new.len() as u64;
    report.dangling = spawn::dangling(doc);
    let planned = matched::Matched::new(world, doc, &report.entities, missing, &tables)
        .and_then(|matched| plan::Plan::new(world, doc, registry, options, matched));
    match planned {
        Ok(plan) => apply::apply(world, doc, plan, report),
        Err(error) => {
            world.entity_allocator_mut().free_many(&new);
            Err(error)
        }
    }
}
