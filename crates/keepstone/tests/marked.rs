//! The mark for references, by the name that the umbrella gives it.

use bevy_ecs::prelude::*;
use keepstone::prelude::*;
use serde::{Deserialize, Serialize};

/// A newtype that serde shows as a number, and a list of such.
#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(name = "marked.guards")]
struct Guards {
    #[serde(with = "keepstone::entity")]
    captain: Entity,
    #[serde(with = "keepstone::entity::option")]
    second: Option<Entity>,
    #[serde(with = "keepstone::entity::vec")]
    others: Vec<u64>,
}

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "marked.number", pod)]
#[repr(C)]
struct Number(u32);

#[test]
fn marked_fields_lead_to_the_same_entities_after_a_load() {
    let mut world = World::new();
    let [one, two, three] = [1, 2, 3].map(|number| world.spawn(Number(number)).id());
    world.spawn(Guards { captain: three, second: Some(one), others: vec![two.to_bits()] });
    let mut loaded = World::new();
    // The ids that are given out differ from those of the file.
    for _ in 0..7 {
        loaded.spawn_empty();
    }
    let dir = tempfile::tempdir().unwrap();
    world.save(dir.path().join("a.keep")).unwrap();
    loaded.load_into(dir.path().join("a.keep"), LoadMode::Merge).unwrap();
    let guards = loaded.query::<&Guards>().single(&loaded).unwrap();
    let number = |entity| loaded.get::<Number>(entity).unwrap().0;
    assert_ne!(guards.captain, three);
    let others: Vec<u32> = guards.others.iter().map(|&bits| number(Entity::from_bits(bits))).collect();
    assert_eq!((number(guards.captain), guards.second.map(number), others), (3, Some(1), vec![2]));
}
