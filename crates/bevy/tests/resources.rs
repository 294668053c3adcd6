use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld, Persist};
use serde::{Deserialize, Serialize};

use crate::support::{Label, check, load, through_bytes};

#[derive(Resource, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.clock", pod)]
#[repr(C)]
struct Clock {
    ticks: u64,
}

#[derive(Resource, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.weather")]
enum Weather {
    Sun,
    Rain { millimetres: f32 },
}

#[derive(Resource)]
struct Unsaved;

#[test]
fn registered_resources_come_back() {
    let mut world = World::new();
    world.insert_resource(Clock { ticks: 99 });
    world.insert_resource(Weather::Rain { millimetres: 1.5 });
    world.insert_resource(Unsaved);
    world.spawn(Label("x".into()));
    let (loaded, report) = check(&world);
    assert_eq!(report.resources, 2);
    assert_eq!(report.entities.len(), 1);
    assert_eq!(loaded.resource::<Clock>(), &Clock { ticks: 99 });
    assert_eq!(loaded.resource::<Weather>(), &Weather::Rain { millimetres: 1.5 });
    assert!(loaded.get_resource::<Unsaved>().is_none());
}

#[test]
fn a_loaded_resource_replaces_the_one_that_is_there() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let mut world = World::new();
    world.insert_resource(Weather::Sun);
    let bytes = through_bytes(&world.capture(registry).unwrap());
    let (mut loaded, _) = load(&bytes, registry, true).unwrap();
    loaded.insert_resource(Weather::Rain { millimetres: 3.0 });
    let options = keepstone_bevy::SpawnOptions::default();
    let count = loaded.entities().count_spawned();
    crate::support::decode(&bytes, |doc| loaded.spawn_doc(doc, registry, &options)).unwrap();
    assert_eq!(loaded.resource::<Weather>(), &Weather::Sun);
    assert_eq!(loaded.entities().count_spawned(), count);
}

#[test]
fn different_resources_are_a_difference() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let (mut a, mut b) = (World::new(), World::new());
    a.insert_resource(Clock { ticks: 1 });
    b.insert_resource(Clock { ticks: 2 });
    let found = a.difference(&b, &[], registry).unwrap().unwrap();
    assert_eq!((found.pair, found.component.as_str()), (None, "test.clock"));
}

#[test]
fn a_removed_resource_neither_stops_a_save_nor_comes_back() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let mut world = World::new();
    world.insert_resource(Weather::Sun);
    world.insert_resource(Clock { ticks: 1 });
    world.remove_resource::<Weather>();
    world.remove_resource::<Clock>();
    let bytes = through_bytes(&world.capture(registry).unwrap());
    let (loaded, report) = load(&bytes, registry, true).unwrap();
    assert_eq!(report.resources, 0);
    assert!(loaded.get_resource::<Weather>().is_none() && loaded.get_resource::<Clock>().is_none());
}

#[test]
fn a_component_on_the_entity_of_a_resource_is_reported() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let mut world = World::new();
    world.insert_resource(Weather::Sun);
    let id = world.component_id::<Weather>().unwrap();
    let entity = world.resource_entities().get(id).unwrap();
    world.entity_mut(entity).insert(Label("on the weather".into()));
    let capture = world.capture(registry).unwrap();
    let left = capture.left_out.iter().find(|left| left.component.ends_with("Label")).unwrap();
    assert_eq!(left.reason, keepstone_ecs_persist::Reason::OnResource);
}
