//! Values that bare postcard saves and then fails to load, as components.

use std::collections::HashMap;

use bevy_ecs::prelude::*;
use keepstone_bevy::Persist;
use serde::{Deserialize, Serialize};

use crate::support::check;

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.order")]
#[serde(tag = "kind")]
enum Order {
    Wait,
    Move { x: f32, y: f32 },
    Attack { target: String, times: u8 },
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.plan")]
enum Plan {
    Done,
    Step(String),
    Both(Box<Plan>, Box<Plan>),
    Repeat { times: u32, plan: Box<Plan> },
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug, Default)]
struct Stats {
    strength: u8,
    luck: i16,
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug, Default)]
#[persist(crate = "keepstone_bevy", name = "test.sheet")]
struct Sheet {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    title: Option<String>,
    #[serde(flatten)]
    stats: Stats,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    notes: Vec<String>,
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.bag")]
struct Bag(HashMap<String, u32>);

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.either")]
#[serde(untagged)]
enum Either {
    Number(u32),
    Text(String),
    List(Vec<u8>),
}

#[test]
fn internally_tagged_enums_come_back() {
    let mut world = World::new();
    world.spawn(Order::Wait);
    world.spawn(Order::Move { x: 1.0, y: -2.0 });
    world.spawn(Order::Attack { target: "rat".into(), times: 3 });
    check(&world);
}

#[test]
fn recursive_enums_come_back() {
    let mut world = World::new();
    let step = || Box::new(Plan::Step("dig".into()));
    world.spawn(Plan::Done);
    world.spawn(Plan::Both(step(), Box::new(Plan::Repeat { times: 3, plan: step() })));
    check(&world);
}

#[test]
fn skipped_and_flattened_fields_come_back() {
    let mut world = World::new();
    world.spawn(Sheet::default());
    world.spawn(Sheet {
        title: Some("Sir".into()),
        stats: Stats { strength: 9, luck: -1 },
        notes: vec!["x".into()],
    });
    world.spawn(Sheet { notes: vec![String::new()], ..Sheet::default() });
    check(&world);
}

#[test]
fn untagged_enums_come_back() {
    let mut world = World::new();
    world.spawn(Either::Text("five".into()));
    world.spawn(Either::Number(5));
    world.spawn(Either::List(vec![5, 6]));
    check(&world);
}

#[test]
fn maps_compare_equal_whatever_their_order_in_memory() {
    let (mut a, mut b) = (HashMap::new(), HashMap::new());
    for i in 0..100 {
        a.insert(format!("key {i}"), i);
        b.insert(format!("key {}", 99 - i), 99 - i);
    }
    let (mut first, mut second) = (World::new(), World::new());
    let pair = (first.spawn(Bag(a)).id(), second.spawn(Bag(b)).id());
    let registry = <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap();
    assert_eq!(keepstone_bevy::EcsWorld::difference(&first, &second, &[pair], registry).unwrap(), None);
    check(&first);
}
