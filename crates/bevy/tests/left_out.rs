use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld};
use keepstone_ecs_persist::Reason;

use crate::support::{Label, Unregistered};

#[derive(Event)]
struct Ping;

#[test]
fn what_is_not_registered_is_counted() {
    let mut world = World::new();
    for _ in 0..3 {
        world.spawn((Label("kept".into()), Unregistered));
    }
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(registry).unwrap();
    let left = capture.left_out.iter().find(|left| left.component.ends_with("Unregistered")).unwrap();
    assert_eq!((left.count, left.reason), (3, Reason::NotRegistered));
    assert_eq!(capture.doc.entity_count(), 3);
}

#[test]
fn observers_and_systems_are_left_out_and_counted() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let mut world = World::new();
    let before = world.capture(registry).unwrap().entities_left_out;
    world.add_observer(|_: On<Ping>| {});
    world.register_system(|| {});
    world.spawn(Label("kept".into()));
    let capture = world.capture(registry).unwrap();
    assert_eq!(capture.doc.entity_count(), 1);
    assert_eq!(capture.entities_left_out, before + 2);
}

#[test]
fn lists_of_children_are_not_lost_but_rebuilt() {
    let mut world = World::new();
    let root = world.spawn(Label("root".into())).id();
    world.spawn((Label("child".into()), ChildOf(root)));
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(registry).unwrap();
    let left = capture.left_out.iter().find(|left| left.component.ends_with("Children")).unwrap();
    assert_eq!(left.reason, Reason::Rebuilt);
}

#[test]
fn components_of_entities_that_are_left_out_are_counted_too() {
    let mut world = World::new();
    world.spawn(Unregistered);
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(registry).unwrap();
    let left = capture.left_out.iter().find(|left| left.component.ends_with("Unregistered")).unwrap();
    assert_eq!((left.count, left.reason), (1, Reason::NotRegistered));
}
