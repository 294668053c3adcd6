use hecs::{Component, Entity, World};
use keepstone_ecs_persist::{IdSource, PersistId};
use keepstone_hecs::{Hecs, Persist, PersistIds as _, Relationship};
use serde::{Deserialize, Serialize};

use super::{Ecs, Mood, Near, Thing};

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_hecs", name = "stored.score", pod)]
#[repr(C)]
struct Score(u64);

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_hecs", name = "stored.feels")]
struct Feels(Mood);

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_hecs", name = "stored.sees")]
struct Sees {
    one: Option<Entity>,
    many: Vec<Entity>,
}

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_hecs", name = "stored.parent", relationship)]
struct Parent(Entity, u32);

impl Relationship for Parent {
    fn new(target: Entity, place: u32) -> Self {
        Self(target, place)
    }

    fn target(&self) -> Entity {
        self.0
    }

    fn place(&self) -> u32 {
        self.1
    }
}

pub(crate) struct InHecs;

fn set<C: Component>(world: &mut World, entity: Entity, value: Option<C>) {
    match value {
        Some(value) => world.insert_one(entity, value).unwrap(),
        None => drop(world.remove_one::<C>(entity)),
    }
}

impl Ecs for InHecs {
    type Mark = Hecs;
    type World = World;
    type Entity = Entity;

    fn spawn(world: &mut World) -> Entity {
        world.spawn(())
    }

    fn spawn_as(world: &mut World, id: PersistId) -> Entity {
        world.spawn_with_id(id, ()).unwrap()
    }

    fn despawn(world: &mut World, entity: Entity) {
        world.despawn(entity).unwrap();
    }

    fn is_there(world: &World, entity: Entity) -> bool {
        world.contains(entity)
    }

    fn remove_id(world: &mut World, entity: Entity) {
        world.remove_one::<PersistId>(entity).unwrap();
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
        set::<Parent>(world, entity, None);
        let last = parent.map(|parent| {
            let children = Self::children(world, parent);
            let last = children.last().map_or(0, |child| world.get::<&Parent>(*child).unwrap().1 + 1);
            Parent(parent, last)
        });
        set(world, entity, last);
    }

    fn id(world: &World, entity: Entity) -> Option<PersistId> {
        world.persist_id(entity)
    }

    fn entity_of(world: &World, id: PersistId) -> Option<Entity> {
        world.entity_of(id)
    }

    fn thing(world: &World, entity: Entity) -> Thing<Entity> {
        Thing {
            score: world.get::<&Score>(entity).ok().map(|score| score.0),
            mood: world.get::<&Feels>(entity).ok().map(|feels| feels.0.clone()),
            near: world.get::<&Sees>(entity).ok().map(|sees| (sees.one, sees.many.clone())),
            parent: world.get::<&Parent>(entity).ok().map(|parent| parent.0),
        }
    }

    fn children(world: &World, entity: Entity) -> Vec<Entity> {
        let mut found = world.query::<(Entity, &Parent)>();
        let mut children: Vec<(u32, Entity)> = found
            .iter()
            .filter(|(_, parent)| parent.0 == entity)
            .map(|(child, parent)| (parent.1, child))
            .collect();
        children.sort_by_key(|(place, _)| *place);
        children.into_iter().map(|(_, child)| child).collect()
    }

    fn count(world: &World) -> usize {
        world.persist_ids().count()
    }

    fn set_source(world: &mut World, source: IdSource) {
        world.set_id_source(source);
    }

    fn tick(_: &mut World) {}
}
