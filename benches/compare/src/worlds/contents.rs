//! What a world has, whatever its entities are called and wherever they lie: each loaded world is held to that of the one that was saved.

/// A position, a velocity, a health, a name and the position of a parent; floats by their bits. No two entities of the mixed world are in
/// one place.
pub(crate) type Content = ([u32; 3], Option<[u32; 3]>, Option<[i32; 2]>, Option<String>, Option<[u32; 3]>);

/// Makes the function that lists the contents of a world of bevy in their order, for the components of these types.
macro_rules! contents {
    ($position:ty, $velocity:ty, $health:ty, $name:ty) => {
        pub(crate) fn contents(world: &mut bevy_ecs::world::World) -> Vec<$crate::worlds::contents::Content> {
            use bevy_ecs::{entity::EntityHashMap, hierarchy::ChildOf, prelude::Entity};

            let mut query = world.query::<(Entity, &$position)>();
            let places: EntityHashMap<[u32; 3]> = query
                .iter(world)
                .map(|(entity, position)| (entity, [position.x, position.y, position.z].map(f32::to_bits)))
                .collect();
            let mut query = world.query::<(
                Entity,
                Option<&$velocity>,
                Option<&$health>,
                Option<&$name>,
                Option<&ChildOf>,
            )>();
            let mut found: Vec<_> = query
                .iter(world)
                .filter_map(|(entity, velocity, health, name, parent)| {
                    Some((
                        places.get(&entity).copied()?,
                        velocity.map(|velocity| [velocity.x, velocity.y, velocity.z].map(f32::to_bits)),
                        health.map(|health| [health.current, health.max]),
                        name.map(|name| name.0.clone()),
                        // A parent without a place is none that was saved.
                        parent.map(|parent| places.get(&parent.0).copied().unwrap_or_default()),
                    ))
                })
                .collect();
            found.sort_unstable();
            found
        }
    };
}

pub(super) use contents;
