use std::{cell::Cell, rc::Rc};

use hecs::World;
use keepstone_ecs_persist::AsSerde;
use keepstone_hecs::{EcsWorld, Error, Persist, Registry, RegistryExt, SpawnOptions};
use serde::{Deserialize, Serialize};

use crate::support::{Label, check, full, load, saved};

#[derive(Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.slot")]
struct Slot<T>(T);

/// Not `Send`: no component of hecs, though another ECS might have it.
#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_hecs", name = "test.local")]
struct Local {
    #[serde(skip)]
    shared: Rc<Cell<u32>>,
}

#[test]
fn a_derived_type_that_cannot_be_a_component_is_passed_over() {
    assert_eq!(Local { shared: Rc::default() }.shared.get(), 0);
    assert!(full().get("test.local").is_none());
    assert!(full().get("test.label").is_some());
}

#[test]
fn a_generic_component_is_registered_for_each_use() {
    assert!(full().get("test.slot").is_none());
    let mut registry = Registry::default();
    registry.add::<Slot<u8>>().unwrap();
    registry.add::<Slot<u8>>().unwrap();
    registry.add_as::<Slot<String>, AsSerde>("test.slot_of_text", 1).unwrap();
    let error = registry.add::<Slot<i64>>().unwrap_err();
    assert!(matches!(error, Error::DuplicateName { ref name, .. } if name == "test.slot"), "{error}");
    let mut world = World::new();
    world.spawn((Slot(3_u8), Slot("three".to_owned())));
    let (loaded, _) = load(&saved(&world, &registry), &registry, &SpawnOptions::default()).unwrap();
    let slots = loaded.query::<(&Slot<u8>, &Slot<String>)>().iter().next().map(|(a, b)| (a.0, b.0.clone()));
    assert_eq!(slots, Some((3, "three".to_owned())));
}

#[test]
fn an_unregistered_component_of_a_file_is_an_error_that_names_it() {
    let mut world = World::new();
    world.spawn((Label("a".into()),));
    let error = load(&saved(&world, full()), &Registry::default(), &SpawnOptions::default()).err().unwrap();
    assert!(matches!(error, Error::UnknownComponent { ref name } if name == "test.label"), "{error}");
    check(&world);
}

#[test]
fn a_newer_version_and_another_encoding_are_refused() {
    let mut newer = Registry::default();
    newer.add_as::<Label, AsSerde>("test.thing", 2).unwrap();
    let mut world = World::new();
    world.spawn((Label("a".into()),));
    let bytes = saved(&world, &newer);
    let mut older = Registry::default();
    older.add_as::<Label, AsSerde>("test.thing", 1).unwrap();
    let error = load(&bytes, &older, &SpawnOptions::default()).err().unwrap();
    assert!(matches!(error, Error::NewerComponent { found: 2, newest: 1, .. }), "{error}");
    let mut other = Registry::default();
    other.add_as::<f32, keepstone_ecs_persist::AsPlain>("test.thing", 2).unwrap();
    let error = load(&bytes, &other, &SpawnOptions::default()).err().unwrap();
    assert!(matches!(error, Error::Mismatch { ref name, .. } if name == "test.thing"), "{error}");
    assert!(world.difference(&World::new(), &[], &newer).unwrap().is_none());
}
