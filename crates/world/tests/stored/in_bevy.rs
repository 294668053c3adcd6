use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, Persist, PersistIds as _};
use keepstone_ecs_persist::{IdSource, PersistId};
use serde::{Deserialize, Serialize};

use super::{Ecs, Mood, Near, Thing};

#[derive(Component, Persist, Clone, Copy)]
#[persist(crate = "keepstone_bevy", name = "stored.score", pod)]
#[repr(C)]
struct Score(u64);

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "stored.feels")]
struct Feels(Mood);

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "stored.sees")]
struct Sees {
    one: Option<Entity>,
    many: Vec<Entity>,
}

pub(crate) struct InBevy;

fn set<C: Component<Mutability = bevy_ecs::component::Mutable>>(
    world: &mut World,
    entity: Entity,
    value: Option<C>,
) {
    let mut entity = world.entity_mut(entity);
    match (value, entity.contains::<C>()) {
        (Some(value), true) => *entity.get_mut::<C>().unwrap() = value,
        (Some(value), false) => drop(entity.insert(value)),
        (None, _) => drop(entity.remove::<C>()),
    }
}

impl Ecs for InBevy {
    type Mark = Bevy;
    type World = World;
    type Entity = Entity;

    fn spawn(world: &mut World) -> Entity {
        world.spawn_empty().id()
    }

    fn spawn_as(world: &mut World, id: PersistId) -> Entity {
        world.spawn_with_id(id.into(), ()).unwrap()
    }

    fn despawn(world: &mut World, entity: Entity) {
        world.despawn(entity);
    }

    fn is_there(world: &World, entity: Entity) -> bool {
        world.get_entity(entity).is_ok()
    }

    fn remove_id(world: &mut World, entity: Entity) {
        world.entity_mut(entity).remove::<keepstone_bevy::PersistId>();
    }

    fn set_score(world: &mut World, entity: Entity, score: Option<u64>) {
        set(world, entity, score.map(Score));
    }

    fn set_mood(world: &mut World, entity: Entity, mood: Option<Mood>) {
        set(world, entity, mood.map(Feels));
    }

    fn set_near(world: &mut World, entity: Entity, near: Option<Near<Entity>>) {
        set(world, entity, near.map(|(one, many)| Sees { one, many }));
    }

    fn set_parent(world: &mut World, entity: Entity, parent: Option<Entity>) {
        world.entity_mut(entity).remove::<ChildOf>();
        if let Some(parent) = parent {
            world.entity_mut(entity).insert(ChildOf(parent));
        }
    }

    fn id(world: &World, entity: Entity) -> Option<PersistId> {
        world.persist_id(entity).map(PersistId::from)
    }

    fn entity_of(world: &World, id: PersistId) -> Option<Entity> {
        world.entity_of(id.into())
    }

    fn thing(world: &World, entity: Entity) -> Thing<Entity> {
        Thing {
            score: world.get::<Score>(entity).map(|score| score.0),
            mood: world.get::<Feels>(entity).map(|feels| feels.0.clone()),
            near: world.get::<Sees>(entity).map(|sees| (sees.one, sees.many.clone())),
            parent: world.get::<ChildOf>(entity).map(|parent| parent.0),
        }
    }

    fn children(world: &World, entity: Entity) -> Vec<Entity> {
        world.get::<Children>(entity).map(|children| children.to_vec()).unwrap_or_default()
    }

    fn count(world: &World) -> usize {
        world.persist_ids().count()
    }

    fn set_source(world: &mut World, source: IdSource) {
        world.get_resource_or_init::<keepstone_bevy::PersistIndex>().set_source(source);
    }

    fn tick(world: &mut World) {
        world.increment_change_tick();
    }
}
