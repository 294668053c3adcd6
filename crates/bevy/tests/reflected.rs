//! Components that bevy_reflect knows and serde doesn't.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use bevy_reflect::{Reflect, TypeRegistryArc};
use keepstone_bevy::{EcsWorld, Error, Registry, RegistryExt};

use crate::support::{check_with, load, through_bytes};

#[derive(Component, Reflect, Clone, PartialEq, Debug)]
struct Engine {
    gears: Vec<u8>,
    mode: Mode,
    names: BTreeMap<String, f32>,
    spare: Option<(u16, bool)>,
}

#[derive(Reflect, Clone, PartialEq, Debug)]
enum Mode {
    Idle,
    Turning { speed: f32 },
}

fn types() -> TypeRegistryArc {
    let types = TypeRegistryArc::default();
    types.write().register::<Engine>();
    types
}

fn world() -> World {
    let mut world = World::new();
    for i in 0..5_u8 {
        world.spawn(Engine {
            gears: vec![i; i.into()],
            mode: if i % 2 == 0 { Mode::Idle } else { Mode::Turning { speed: i.into() } },
            names: BTreeMap::from([(format!("gear {i}"), 0.5)]),
            spare: (i > 2).then_some((i.into(), true)),
        });
    }
    world
}

#[test]
fn reflected_values_come_back() {
    let mut registry = Registry::default();
    registry.add_reflected::<Engine>("test.engine", 1, &types()).unwrap();
    let source = world();
    let (mut loaded, _) = check_with(&source, &registry);
    let mut engines: Vec<Engine> = loaded.query::<&Engine>().iter(&loaded).cloned().collect();
    engines.sort_by_key(|engine| engine.gears.len());
    assert_eq!(engines[3].mode, Mode::Turning { speed: 3.0 });
    assert_eq!(engines[4].spare, Some((4, true)));
}

#[test]
fn a_type_that_is_not_in_the_type_registry_is_an_error_that_names_it() {
    let mut registry = Registry::default();
    registry.add_reflected::<Engine>("test.engine", 1, &types()).unwrap();
    let bytes = through_bytes(&world().capture(&registry).unwrap());
    let mut without = Registry::default();
    without.add_reflected::<Engine>("test.engine", 1, &TypeRegistryArc::default()).unwrap();
    let error = load(&bytes, &without, true).unwrap_err();
    let Error::Value { component, source } = error else { panic!("{error}") };
    assert!(component == "test.engine" && source.to_string().contains("Engine"), "{source}");
}
