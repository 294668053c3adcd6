use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld, Error, Persist, Registry, RegistryExt};
use keepstone_format::Kind;
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, Position, check_with, load, through_bytes};

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.wrapper")]
struct Wrapper<T: Send + Sync + 'static>(T);

/// Derives `Persist` without being a bevy component, as a type of another ECS would.
#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.foreign")]
struct NotAComponent(u8);

#[test]
fn derived_components_are_registered_without_a_call() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    assert!(registry.get("test.position").is_some_and(|entry| entry.version() == 1));
    assert!(registry.get("bevy_ecs.ChildOf").is_some());
}

#[test]
fn a_persist_type_that_is_no_component_is_passed_over() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    assert_eq!(NotAComponent::NAME, "test.foreign");
    assert_eq!(NotAComponent(7).0, 7);
    assert!(registry.get("test.foreign").is_none());
}

#[test]
fn generic_components_are_added_by_hand() {
    let mut registry = Registry::default();
    registry.add::<Wrapper<u32>>().unwrap();
    let mut world = World::new();
    world.spawn(Wrapper(7_u32));
    check_with(&world, &registry);
}

#[test]
fn two_types_with_one_name_are_refused_by_name() {
    let mut registry = Registry::default();
    registry.add::<Wrapper<u32>>().unwrap();
    registry.add::<Wrapper<u32>>().unwrap();
    let error = registry.add::<Wrapper<u64>>().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::DuplicateName { .. }), "{text}");
    assert!(text.contains("Wrapper<u32>") && text.contains("Wrapper<u64>"), "{text}");
}

#[test]
fn an_unknown_component_is_an_error_that_says_what_to_do() {
    let mut world = World::new();
    world.spawn((Position { x: 0.0, y: 0.0, z: 0.0 }, Label("x".into())));
    let derived = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let bytes = through_bytes(&world.capture(derived).unwrap());
    let mut registry = Registry::default();
    registry.add::<Position>().unwrap();
    let error = load(&bytes, &registry, true).unwrap_err();
    assert!(error.to_string().contains("registry.add::<T>()"), "{error}");
    assert!(matches!(error, Error::UnknownComponent { name } if name == "test.label"));
    let (mut loaded, report) = load(&bytes, &registry, false).unwrap();
    assert_eq!(report.unknown, [("test.label".to_owned(), 1)]);
    assert_eq!(loaded.query::<&Position>().iter(&loaded).count(), 1);
}

#[test]
fn a_layout_that_the_file_does_not_fit_is_an_error_and_spawns_nothing() {
    #[derive(Component, Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "test.health", pod)]
    #[repr(C)]
    struct Health3 {
        current: i32,
        max: i32,
        shield: i32,
    }
    #[derive(Component, Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "test.health", pod)]
    #[repr(C)]
    struct Unsigned {
        current: u32,
    }
    let mut world = World::new();
    world.spawn((Label("first".into()), Health { current: 1, max: 2 }));
    let derived = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(derived).unwrap();
    let refused = |add: fn(&mut Registry) -> Result<(), Error>| {
        let mut registry = Registry::default();
        add(&mut registry).unwrap();
        registry.add::<Label>().unwrap();
        let mut target = World::new();
        let before = target.entities().count_spawned();
        let error =
            target.spawn_doc(&capture.doc, &registry, &keepstone_bevy::SpawnOptions::default()).unwrap_err();
        assert_eq!(target.entities().count_spawned(), before);
        error
    };
    let error = refused(RegistryExt::add::<Health3>);
    assert!(matches!(&error, Error::MissingField { field, .. } if field == "shield"), "{error}");
    let error = refused(RegistryExt::add::<Unsigned>);
    assert!(matches!(&error, Error::Mismatch { found, .. } if found.contains("current")), "{error}");
}

#[test]
fn a_newer_component_version_is_refused() {
    #[derive(Component, Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "test.health", version = 2, pod)]
    #[repr(C)]
    struct HealthV2 {
        current: i32,
        max: i32,
    }
    let mut newer = Registry::default();
    newer.add::<HealthV2>().unwrap();
    let mut world = World::new();
    world.spawn(HealthV2 { current: 1, max: 2 });
    let bytes = through_bytes(&world.capture(&newer).unwrap());
    let mut older = Registry::default();
    older.add::<Health>().unwrap();
    let error = load(&bytes, &older, true).unwrap_err();
    assert_eq!(error.kind(), Kind::Newer);
    assert!(matches!(error, Error::NewerComponent { found: 2, newest: 1, .. }), "{error}");
}

#[test]
fn rows_without_bytes_can_not_fill_the_memory() {
    let mut world = World::new();
    world.spawn(Position { x: 0.0, y: 0.0, z: 0.0 });
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(registry).unwrap();
    let mut options = keepstone_bevy::SpawnOptions::default();
    options.bytes_max = 99;
    let error = World::new().spawn_doc(&capture.doc, registry, &options).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 100, allowed: 99, .. }), "{error}");
    options.bytes_max = 100;
    World::new().spawn_doc(&capture.doc, registry, &options).unwrap();
}

#[test]
fn a_type_has_one_name() {
    let mut registry = Registry::default();
    registry.add::<Position>().unwrap();
    let error = registry.add_as::<Position, keepstone_ecs_persist::AsPlain>("other", 1).unwrap_err();
    assert!(matches!(error, Error::DuplicateType { .. }), "{error}");
}
