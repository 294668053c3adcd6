use bevy_ecs::{entity::Entity, hierarchy::ChildOf, resource::Resource, world::World};
use keepstone::{Persist, bevy::Bevy};
use serde::{Deserialize, Serialize};

use super::ecs::Ecs;
use super::spawn::Bundles;
use super::world::Row;

/// What belongs to no entity.
#[derive(Resource, Persist, Serialize, Deserialize)]
#[persist(name = "demo.Clock")]
struct Clock {
    tick: u64,
    weather: String,
}

impl Ecs<Bevy> for World {
    const NAME: &'static str = "bevy_ecs";
    const FLOOR: &'static str = "bevy's spawn_batch of such entities";
    const WITH: &'static str = "resources and parents";

    type Rows = Bundles;

    fn build(rows: impl Iterator<Item = Row>) -> Self {
        let mut world = Self::new();
        world.insert_resource(Clock { tick: 86_400, weather: "clearing up".to_owned() });
        let mut entities: Vec<Entity> = Vec::with_capacity(rows.size_hint().0);
        for row in rows {
            let mut entity = world.spawn(row.position);
            if let Some(velocity) = row.velocity {
                entity.insert(velocity);
            }
            if let Some(health) = row.health {
                entity.insert(health);
            }
            if let Some(name) = row.name {
                entity.insert(name);
            }
            if let Some(&parent) = row.parent.and_then(|parent| entities.get(parent)) {
                entity.insert(ChildOf(parent));
            }
            entities.push(entity.id());
        }
        world
    }

    fn rows(rows: &[Row]) -> Bundles {
        Bundles::new(rows)
    }

    fn spawn(rows: Bundles) -> Self {
        rows.spawn()
    }
}
