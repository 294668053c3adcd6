use std::path::Path;

use anyhow::Result;
use bevy_ecs::world::World;
use keepstone::{Codec, LoadOptions, SaveOptions, bevy::Registry, prelude::*};

use super::restore::pairs;
use crate::{
    case::{Case, Plan},
    mixed::{Position, Velocity},
};

/// Entities with two plain components whose pair is registered, from memory into a fresh world, beside `spawn_batch` of the same pairs.
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    let mut registry = registry()?;
    registry.add_bundle::<(Position, Velocity)>();
    Ok(against_batch(plan, registry)?.limit(1.2))
}

/// The same without the pair being registered.
pub(super) fn unregistered(plan: &Plan, _: &Path) -> Result<Case> {
    against_batch(plan, registry()?)
}

fn registry() -> Result<Registry> {
    let mut registry = Registry::default();
    registry.add::<Position>()?;
    registry.add::<Velocity>()?;
    Ok(registry)
}

fn against_batch(plan: &Plan, registry: Registry) -> Result<Case> {
    let pairs = pairs(plan.amount);
    let mut world = World::new();
    world.spawn_batch(pairs.iter().copied());
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &SaveOptions::default().registry(&registry).codec(Codec::None))?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        let options = LoadOptions::default().registry(&registry);
        watch.each(|| Ok(World::load_bytes_with(&bytes, &options)?))
    });
    Ok(case.floor(1.0, "spawn_batch of the pairs", move |watch| {
        watch.each(|| {
            let mut world = World::new();
            world.spawn_batch(pairs.iter().copied());
            Ok(world)
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_comes_back_with_and_without_the_bundle() {
        let pairs = pairs(500);
        let mut with = registry().unwrap();
        with.add_bundle::<(Position, Velocity)>();
        let mut world = World::new();
        world.spawn_batch(pairs.iter().copied());
        let mut bytes = Vec::new();
        world.save_to_with(&mut bytes, &SaveOptions::default().registry(&with)).unwrap();
        for registry in [with, registry().unwrap()] {
            let options = LoadOptions::default().registry(&registry);
            let (mut loaded, _) = World::load_from_with(&mut bytes.as_slice(), &options).unwrap();
            let mut found = loaded.query::<(&Position, &Velocity)>();
            let found: Vec<_> =
                found.iter(&loaded).map(|(position, velocity)| (*position, *velocity)).collect();
            assert_eq!(found, pairs);
        }
    }
}
