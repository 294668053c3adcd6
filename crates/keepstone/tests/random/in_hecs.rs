//! Random worlds of hecs.

use std::collections::BTreeMap;

use hecs::{Component, Entity, World};
use keepstone::{
    PersistId,
    ecs::IdSource,
    hecs::{ForeignId, Hecs, Persist, PersistIds as _, Registry},
};
use serde::{Deserialize, Serialize};

use super::{
    build::{Ecs, captured},
    plan::{Bag, FOREIGN, Health, Marked, Mood, Place, Plan, Title, Value},
};
use crate::two_ecs::Parent;

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::hecs", name = "random.squad")]
struct Squad {
    leader: Option<Entity>,
    label: String,
    members: Vec<Entity>,
}

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::hecs", name = "random.bonds")]
struct Bonds(BTreeMap<Entity, u32>);

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone::hecs", name = "random.order")]
enum Order {
    Idle,
    Follow(Entity),
    Guard { who: Vec<Entity>, until: Option<u32> },
}

pub(crate) struct InHecs;

fn remove<T: Component>(world: &mut World, entity: Entity) {
    drop(world.remove_one::<T>(entity));
}

impl Ecs for InHecs {
    type Mark = Hecs;
    type World = World;
    type Entity = Entity;
    type Registry = Registry;

    fn spawn(world: &mut World) -> Entity {
        world.spawn(())
    }

    fn despawn(world: &mut World, entity: Entity) {
        world.despawn(entity).unwrap();
    }

    fn alive(world: &mut World) -> Vec<Entity> {
        captured::<Self>(world).entities().collect()
    }

    fn put(world: &mut World, entity: Entity, value: &Value, entities: &[Entity]) {
        let all = |list: &[usize]| list.iter().map(|&at| entities[at]).collect::<Vec<_>>();
        match value {
            Value::Place(place) => world.insert_one(entity, *place),
            Value::Health(health) => world.insert_one(entity, *health),
            Value::Marked => world.insert_one(entity, Marked),
            Value::Title(title) => world.insert_one(entity, title.clone()),
            Value::Mood(mood) => world.insert_one(entity, mood.clone()),
            Value::Bag(bag) => world.insert_one(entity, bag.clone()),
            Value::Squad { leader, label, members } => {
                let leader = leader.map(|at| entities[at]);
                world.insert_one(entity, Squad { leader, label: label.clone(), members: all(members) })
            }
            Value::Bonds(bonds) => {
                let bonds = bonds.iter().map(|&(at, bond)| (entities[at], bond));
                world.insert_one(entity, Bonds(bonds.collect()))
            }
            Value::Follow(at) => world.insert_one(entity, Order::Follow(entities[*at])),
            Value::Guard { who, until } => {
                world.insert_one(entity, Order::Guard { who: all(who), until: *until })
            }
            Value::Idle => world.insert_one(entity, Order::Idle),
            Value::Foreign(id) => world.insert_one(entity, ForeignId(*id)),
        }
        .unwrap();
    }

    fn take(world: &mut World, entity: Entity, kind: u64) {
        match kind {
            0 => remove::<Place>(world, entity),
            1 => remove::<Health>(world, entity),
            2 => remove::<Marked>(world, entity),
            3 => remove::<Title>(world, entity),
            4 => remove::<Mood>(world, entity),
            5 => remove::<Bag>(world, entity),
            6 => remove::<Squad>(world, entity),
            7 => remove::<Bonds>(world, entity),
            FOREIGN => remove::<ForeignId>(world, entity),
            _ => remove::<Order>(world, entity),
        }
    }

    fn adopt(world: &mut World, child: Entity, parent: Entity, rank: u32) {
        world.insert_one(child, Parent(parent, rank)).unwrap();
    }

    fn orphan(world: &mut World, child: Entity) {
        remove::<Parent>(world, child);
    }

    fn descends(_: &World, _: Entity, _: Entity) -> bool {
        false
    }

    fn identify(world: &mut World, entity: Entity, id: u64) {
        world.insert_one(entity, PersistId(id)).unwrap();
    }

    fn id_of(world: &World, entity: Entity) -> Option<u64> {
        world.persist_id(entity).map(|id| id.0)
    }

    fn finish(world: &mut World, plan: &Plan) {
        if plan.has_ids() {
            world.set_id_source(IdSource::new(3));
        }
    }
}
