//! Random worlds of bevy.

use std::collections::BTreeMap;

use bevy_ecs::{prelude::*, resource::IsResource};
use keepstone::{
    bevy::{Bevy, ForeignId, Persist, PersistId, PersistIds as _, PersistIndex, Registry},
    ecs::IdSource,
};
use serde::{Deserialize, Serialize};

use super::{
    build::Ecs,
    plan::{Bag, FOREIGN, Health, Marked, Mood, Place, Plan, Title, Value},
};

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::bevy", name = "random.squad")]
struct Squad {
    leader: Option<Entity>,
    label: String,
    members: Vec<Entity>,
}

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::bevy", name = "random.bonds")]
struct Bonds(BTreeMap<Entity, u32>);

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::bevy", name = "random.order")]
enum Order {
    Idle,
    Follow(Entity),
    Guard { who: Vec<Entity>, until: Option<u32> },
}

#[derive(Resource, Persist, Clone, Copy)]
#[persist(crate = "keepstone::bevy", name = "random.clock", pod)]
#[repr(C)]
struct Clock(u64);

#[derive(Resource, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::bevy", name = "random.season")]
struct Season {
    name: String,
    first: Option<Entity>,
}

pub(crate) struct InBevy;

impl Ecs for InBevy {
    type Mark = Bevy;
    type World = World;
    type Entity = Entity;
    type Registry = Registry;

    fn spawn(world: &mut World) -> Entity {
        world.spawn_empty().id()
    }

    fn despawn(world: &mut World, entity: Entity) {
        world.despawn(entity);
    }

    fn alive(world: &mut World) -> Vec<Entity> {
        world.query_filtered::<Entity, Without<IsResource>>().iter(world).collect()
    }

    fn put(world: &mut World, entity: Entity, value: &Value, entities: &[Entity]) {
        let mut target = world.entity_mut(entity);
        let all = |list: &[usize]| list.iter().map(|&at| entities[at]).collect::<Vec<_>>();
        match value {
            Value::Place(place) => target.insert(*place),
            Value::Health(health) => target.insert(*health),
            Value::Marked => target.insert(Marked),
            Value::Title(title) => target.insert(title.clone()),
            Value::Mood(mood) => target.insert(mood.clone()),
            Value::Bag(bag) => target.insert(bag.clone()),
            Value::Squad { leader, label, members } => {
                let leader = leader.map(|at| entities[at]);
                target.insert(Squad { leader, label: label.clone(), members: all(members) })
            }
            Value::Bonds(bonds) => {
                target.insert(Bonds(bonds.iter().map(|&(at, bond)| (entities[at], bond)).collect()))
            }
            Value::Follow(at) => target.insert(Order::Follow(entities[*at])),
            Value::Guard { who, until } => target.insert(Order::Guard { who: all(who), until: *until }),
            Value::Idle => target.insert(Order::Idle),
            Value::Foreign(id) => target.insert(ForeignId(*id)),
        };
    }

    fn take(world: &mut World, entity: Entity, kind: u64) {
        let mut target = world.entity_mut(entity);
        match kind {
            0 => target.remove::<Place>(),
            1 => target.remove::<Health>(),
            2 => target.remove::<Marked>(),
            3 => target.remove::<Title>(),
            4 => target.remove::<Mood>(),
            5 => target.remove::<Bag>(),
            6 => target.remove::<Squad>(),
            7 => target.remove::<Bonds>(),
            FOREIGN => target.remove::<ForeignId>(),
            _ => target.remove::<Order>(),
        };
    }

    fn adopt(world: &mut World, child: Entity, parent: Entity, rank: u32) {
        world.entity_mut(parent).insert_children(usize::try_from(rank).unwrap(), &[child]);
    }

    fn orphan(world: &mut World, child: Entity) {
        world.entity_mut(child).remove::<ChildOf>();
    }

    fn descends(world: &World, entity: Entity, from: Entity) -> bool {
        let parent = |&entity: &Entity| world.get::<ChildOf>(entity).map(ChildOf::parent);
        std::iter::successors(Some(entity), parent).any(|ancestor| ancestor == from)
    }

    fn identify(world: &mut World, entity: Entity, id: u64) {
        world.entity_mut(entity).insert(PersistId(id));
    }

    fn id_of(world: &World, entity: Entity) -> Option<u64> {
        world.persist_id(entity).map(|id| id.0)
    }

    fn finish(world: &mut World, plan: &Plan) {
        if plan.has_ids() {
            world.get_resource_or_init::<PersistIndex>().set_source(IdSource::new(3));
        }
        if let Some((clock, season)) = &plan.resources {
            world.insert_resource(Clock(*clock));
            let first = Self::alive(world).into_iter().find(|&entity| {
                let id = plan.entities[0].id;
                id.is_some() && Self::id_of(world, entity) == id
            });
            world.insert_resource(Season { name: season.clone(), first });
        }
    }
}
