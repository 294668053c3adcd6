//! The floor of a loader: what `insert_by_ids` of bevy_ecs takes for the same rows, with the hooks of relationships.
#![expect(
    unsafe_code,
    reason = "`insert_by_ids` takes values by pointers; it is what loaders without types go through"
)]

use std::{mem::ManuallyDrop, ptr::NonNull};

use bevy_ecs::{component::ComponentId, entity::Entity, hierarchy::ChildOf, ptr::OwningPtr, world::World};

use crate::mixed::{Health, Name, Position, Row, Velocity};

/// Spawns rows into a world of their own, each as an empty entity that gets all its components in one call.
///
/// A row whose parent is not before it has none.
pub fn spawn(rows: &[Row]) -> World {
    let mut world = World::new();
    let ids = Ids {
        position: world.register_component::<Position>(),
        velocity: world.register_component::<Velocity>(),
        health: world.register_component::<Health>(),
        name: world.register_component::<Name>(),
        child_of: world.register_component::<ChildOf>(),
    };
    let mut entities = Vec::with_capacity(rows.len());
    for row in rows {
        let parent = row.parent.and_then(|index| entities.get(usize::try_from(index).ok()?)).copied();
        entities.push(insert(&mut world, &ids, row, parent));
    }
    world
}

struct Ids {
    position: ComponentId,
    velocity: ComponentId,
    health: ComponentId,
    name: ComponentId,
    child_of: ComponentId,
}

/// A value on the stack that will be moved out of by whoever gets its pointer.
struct Slot<T>(ManuallyDrop<T>);

impl<T> Slot<T> {
    fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    fn pointer(&mut self) -> NonNull<u8> {
        NonNull::from(&mut self.0).cast()
    }
}

fn insert(world: &mut World, ids: &Ids, row: &Row, parent: Option<Entity>) -> Entity {
    let mut position = Slot::new(row.position);
    let mut velocity = row.velocity.map(Slot::new);
    let mut health = row.health.map(Slot::new);
    let mut name = row.name.clone().map(Slot::new);
    let mut child_of = parent.map(|parent| Slot::new(ChildOf(parent)));

    let mut list = [(ids.position, position.pointer()); 5];
    let mut len = 1;
    let mut push = |id: ComponentId, pointer: Option<NonNull<u8>>| {
        if let (Some(pointer), Some(place)) = (pointer, list.get_mut(len)) {
            *place = (id, pointer);
            len += 1;
        }
    };
    push(ids.velocity, velocity.as_mut().map(Slot::pointer));
    push(ids.health, health.as_mut().map(Slot::pointer));
    push(ids.name, name.as_mut().map(Slot::pointer));
    push(ids.child_of, child_of.as_mut().map(Slot::pointer));

    let component_ids = list.map(|(id, _)| id);
    let component_ids = component_ids.get(..len).unwrap_or_default();
    let values = list.into_iter().take(len).map(|(_, pointer)| {
        // SAFETY: the pointer comes from a `Slot` of this function, aligned and initialised, which outlives the call
        // below and, being `ManuallyDrop`, is never dropped or read again: its value is moved out of here, once.
        unsafe { OwningPtr::new(pointer) }
    });
    let mut entity = world.spawn_empty();
    // SAFETY: the ids were registered in this world by `spawn`, each with the type of the slot it is pushed with, and
    // are distinct; ids and values have the same length and order.
    unsafe { entity.insert_by_ids(component_ids, values) };
    entity.id()
}

#[cfg(test)]
mod tests {
    use bevy_ecs::hierarchy::Children;

    use super::*;
    use crate::mixed;

    #[test]
    fn rows_arrive_with_values_and_relationships() {
        let rows = mixed::rows(1200);
        let mut world = spawn(&rows);
        let mut found = world.query::<(
            Entity,
            &Position,
            Option<&Velocity>,
            Option<&Health>,
            Option<&Name>,
            Option<&ChildOf>,
        )>();
        let mut found: Vec<_> = found.iter(&world).collect();
        found.sort_by_key(|row| row.0.index());
        let entities: Vec<Entity> = found.iter().map(|row| row.0).collect();
        assert_eq!(found.len(), rows.len());
        for ((_, position, velocity, health, name, child_of), row) in found.into_iter().zip(&rows) {
            assert_eq!(*position, row.position);
            assert_eq!(velocity.copied(), row.velocity);
            assert_eq!(health.copied(), row.health);
            assert_eq!(name, row.name.as_ref());
            assert_eq!(child_of.map(ChildOf::parent), row.parent.map(|index| entities[index as usize]));
        }
        let children: usize = world.query::<&Children>().iter(&world).map(|children| children.len()).sum();
        assert_eq!(children, 120);
    }
}
