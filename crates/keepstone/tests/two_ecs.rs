//! One derive, two ECS, one file.

use bevy_ecs::component::Component;
use bevy_ecs::prelude::{ChildOf, Children, World as BevyWorld};
use hecs::{Entity, World as HecsWorld};
use keepstone::{LoadOptions, Persist, Unknown, hecs::Relationship, prelude::*};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "two.position", pod)]
#[repr(C)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(name = "two.bag")]
struct Bag {
    items: Vec<String>,
}

/// A component of hecs alone: bevy's are marked as such.
#[derive(Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(name = "two.loose")]
struct Loose(u8);

/// What hecs makes of bevy's `ChildOf`.
#[derive(Persist)]
#[persist(crate = "keepstone::hecs", name = "bevy_ecs.ChildOf", relationship)]
pub(crate) struct Parent(pub(crate) Entity, pub(crate) u32);

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

#[test]
fn a_derived_type_is_registered_with_each_ecs_whose_component_it_is() {
    use keepstone::ecs::EcsWorld;
    let in_bevy = |name: &str| BevyWorld::derived_registry().unwrap().get(name).is_some();
    let in_hecs = |name: &str| HecsWorld::derived_registry().unwrap().get(name).is_some();
    for (name, bevy, hecs) in [
        ("two.position", true, true),
        ("two.bag", true, true),
        ("two.loose", false, true),
        ("bevy_ecs.ChildOf", true, true),
        ("bevy_ecs.Name", true, false),
    ] {
        assert_eq!((in_bevy(name), in_hecs(name)), (bevy, hecs), "{name}");
    }
}

#[test]
fn a_file_saved_from_one_ecs_loads_into_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("bevy.keep"), dir.path().join("hecs.keep"));
    let bag = Bag { items: vec!["lamp".into()] };
    let mut world = BevyWorld::new();
    let root = world.spawn((Position { x: 1.0, y: 2.0 }, bag.clone())).id();
    let children: Vec<_> =
        (0..3_u8).map(|i| world.spawn(Position { x: f32::from(i), y: 0.0 }).id()).collect();
    for at in [2, 0, 1] {
        world.entity_mut(children[at]).insert(ChildOf(root));
    }
    world.save(&first).unwrap();

    let mut middle = HecsWorld::load(&first).unwrap();
    let order = |world: &HecsWorld| {
        let mut order: Vec<(u32, i32)> = Vec::new();
        for (position, parent) in &mut world.query::<(&Position, &Parent)>() {
            assert_eq!(*world.get::<&Bag>(parent.0).unwrap(), bag);
            #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
            order.push((parent.1, position.x as i32));
        }
        order.sort_unstable();
        order
    };
    assert_eq!(order(&middle), [(0, 2), (1, 0), (2, 1)]);
    middle.spawn((Loose(7), Position { x: 9.0, y: 9.0 }));
    middle.save(&second).unwrap();

    assert!(BevyWorld::load(&second).is_err(), "two.loose is no component of bevy");
    let options = LoadOptions::default().unknown(Unknown::Skip);
    let (mut back, report) = BevyWorld::load_with(&second, &options).unwrap();
    assert_eq!(report.spawned.unknown, [("two.loose".to_owned(), 1)]);
    let (lists, position) =
        back.query::<(&Children, &Position)>().single(&back).map(|(c, p)| (c.len(), *p)).unwrap();
    assert_eq!((lists, position), (3, Position { x: 1.0, y: 2.0 }));
    assert_eq!(HecsWorld::load(&second).unwrap().query::<&Loose>().iter().next(), Some(&Loose(7)));
}
