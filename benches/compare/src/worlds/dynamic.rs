//! The mixed world with reflected components, saved and loaded as the documentation of bevy's `DynamicWorld` does it.

use std::any::TypeId;

use anyhow::{Result, anyhow};
use bevy_asset::{AssetPath, LoadFromPath, UntypedHandle};
use bevy_ecs::{
    entity::{Entity, EntityHashMap},
    hierarchy::{ChildOf, Children},
    prelude::{Component, ReflectComponent},
    world::{EntityWorldMut, World},
};
use bevy_reflect::{Reflect, TypeRegistry};
use bevy_world_serialization::{
    DynamicWorld,
    serde::{DynamicWorldSerializer, WorldDeserializer},
};
use keepstone_benches::mixed;
use serde::de::DeserializeSeed as _;

use super::contents::contents;

contents!(Position, Velocity, Health, Name);

#[derive(Component, Reflect, Clone, Copy, Default)]
#[reflect(Component)]
struct Position {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Component, Reflect, Clone, Copy, Default)]
#[reflect(Component)]
struct Velocity {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Component, Reflect, Clone, Copy, Default)]
#[reflect(Component)]
struct Health {
    current: i32,
    max: i32,
}

#[derive(Component, Reflect, Clone, Default)]
#[reflect(Component)]
struct Name(String);

/// The types of the mixed world. Hooks don't run when a `DynamicWorld` is written to a world, so the lists of children
/// are saved like everything else.
pub(crate) fn registry() -> TypeRegistry {
    let mut registry = TypeRegistry::new();
    register(&mut registry);
    registry
}

/// Adds them to a registry.
pub(crate) fn register(registry: &mut TypeRegistry) {
    registry.register::<Position>();
    registry.register::<Velocity>();
    registry.register::<Health>();
    registry.register::<Name>();
    registry.register::<ChildOf>();
    registry.register::<Children>();
}

/// Spawns the first `count` entities of the mixed world.
pub(crate) fn world(count: u32) -> World {
    let mut world = World::new();
    spawn(&mut world, count, |_| {});
    world
}

/// The same into a world, each with what `mark` adds.
pub(crate) fn spawn(world: &mut World, count: u32, mark: impl Fn(&mut EntityWorldMut<'_>)) {
    let mut entities: Vec<Entity> = Vec::new();
    for row in mixed::rows(count) {
        let parent = row.parent.and_then(|index| entities.get(usize::try_from(index).ok()?)).copied();
        let mixed::Position { x, y, z } = row.position;
        let mut entity = world.spawn(Position { x, y, z });
        if let Some(mixed::Velocity { x, y, z }) = row.velocity {
            entity.insert(Velocity { x, y, z });
        }
        if let Some(mixed::Health { current, max }) = row.health {
            entity.insert(Health { current, max });
        }
        if let Some(mixed::Name(name)) = row.name {
            entity.insert(Name(name));
        }
        if let Some(parent) = parent {
            entity.insert(ChildOf(parent));
        }
        mark(&mut entity);
        entities.push(entity.id());
    }
}

/// The formats that its documentation and tests show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    Postcard,
    Ron,
}

impl Format {
    pub(crate) const ALL: [Self; 2] = [Self::Postcard, Self::Ron];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postcard => "DynamicWorld, postcard",
            Self::Ron => "DynamicWorld, RON",
        }
    }

    /// Extracts and serializes a world.
    pub(crate) fn save(self, world: &World, registry: &TypeRegistry) -> Result<Vec<u8>> {
        let extracted = DynamicWorld::from_world_with(world, registry);
        Ok(match self {
            Self::Postcard => postcard::to_allocvec(&DynamicWorldSerializer::new(&extracted, registry))?,
            Self::Ron => extracted.serialize(registry)?.into_bytes(),
        })
    }

    /// Deserializes a world and writes it into a fresh one.
    pub(crate) fn load(self, bytes: &[u8], registry: &TypeRegistry) -> Result<World> {
        let seed = WorldDeserializer { type_registry: registry, load_from_path: &mut NoAssets };
        let extracted = match self {
            Self::Postcard => seed.deserialize(&mut postcard::Deserializer::from_bytes(bytes))?,
            Self::Ron => {
                let mut deserializer = ron::de::Deserializer::from_bytes(bytes)?;
                seed.deserialize(&mut deserializer)
                    .map_err(|error| anyhow!(deserializer.span_error(error)))?
            }
        };
        let mut world = World::new();
        extracted.write_to_world_with(&mut world, &mut EntityHashMap::default(), registry)?;
        Ok(world)
    }
}

struct NoAssets;

impl LoadFromPath for NoAssets {
    fn load_from_path_erased(&mut self, _: TypeId, path: AssetPath<'static>) -> UntypedHandle {
        panic!("the mixed world has no assets, yet it names {path}");
    }
}

/// Counts what a loaded world must have, lists of children among it, which hooks would make elsewhere: positions, velocities, healths, bytes of names, children in lists.
pub(crate) fn census(world: &mut World) -> [usize; 5] {
    let positions = world.query::<&Position>().iter(world).count();
    let velocities = world.query::<&Velocity>().iter(world).count();
    let healths = world.query::<&Health>().iter(world).count();
    let names = world.query::<&Name>().iter(world).map(|name| name.0.len()).sum();
    let children = world.query::<(Entity, &Children)>().iter(world).map(|(_, children)| children.len()).sum();
    [positions, velocities, healths, names, children]
}

/// Whether two worlds have the same contents and lists of children as long.
pub(crate) fn is_same(one: &mut World, other: &mut World) -> bool {
    census(one) == census(other) && contents(one) == contents(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_world_has_what_was_saved() {
        let registry = registry();
        let mut saved = world(1200);
        let expected = census(&mut saved);
        assert_eq!(expected, [1200, 800, 600, 120 * 12, 120]);
        for format in [Format::Postcard, Format::Ron] {
            let bytes = format.save(&saved, &registry).unwrap();
            let mut loaded = format.load(&bytes, &registry).unwrap();
            assert_eq!(census(&mut loaded), expected, "{format:?}");
            let parents = loaded.query::<&ChildOf>().iter(&loaded).count();
            assert_eq!(parents, 120, "{format:?}");
            assert_eq!(contents(&mut loaded), contents(&mut saved), "{format:?}");
        }
    }
}
