//! Entities named in the fields of components.

use std::collections::{BTreeMap, HashMap};

use bevy_ecs::prelude::*;
use keepstone_bevy::Persist;
use serde::{Deserialize, Serialize};

use crate::support::{Label, Unregistered, check, load, through_bytes};

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.knows")]
struct Knows {
    best: Entity,
    other: Option<Entity>,
    all: Vec<Entity>,
    since: HashMap<Entity, u32>,
    pair: (u8, Entity),
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.goal")]
enum Goal {
    Nothing,
    Follow(Entity),
    Guard { whom: Entity, against: Vec<Option<Entity>> },
}

#[test]
fn references_in_any_field_point_to_the_loaded_entities() {
    let mut world = World::new();
    // Ids of the loaded world differ: here some were used up before.
    for _ in 0..5 {
        let gone = world.spawn_empty().id();
        world.despawn(gone);
    }
    let people: Vec<Entity> = (0..20).map(|i| world.spawn(Label(i.to_string())).id()).collect();
    for (i, &entity) in people.iter().enumerate() {
        let at = |step: usize| people[(i * 7 + step) % people.len()];
        world.entity_mut(entity).insert(Knows {
            best: at(1),
            other: (i % 3 == 0).then(|| at(2)),
            all: (0..i % 4).map(at).collect(),
            since: (0..i % 5).map(|step| (at(step), 40)).collect(),
            pair: (7, entity),
        });
        world.entity_mut(entity).insert(match i % 3 {
            0 => Goal::Nothing,
            1 => Goal::Follow(at(3)),
            _ => Goal::Guard { whom: at(4), against: vec![None, Some(at(5))] },
        });
    }
    let (mut loaded, _) = check(&world);
    let names: BTreeMap<Entity, String> = loaded
        .query::<(Entity, &Label)>()
        .iter(&loaded)
        .map(|(entity, label)| (entity, label.0.clone()))
        .collect();
    for (entity, knows) in loaded.query::<(Entity, &Knows)>().iter(&loaded) {
        let i: usize = names[&entity].parse().unwrap();
        assert_eq!(names[&knows.best], ((i * 7 + 1) % 20).to_string());
        assert_eq!(knows.pair.1, entity);
    }
}

#[test]
fn an_entity_that_is_only_referred_to_is_saved_bare() {
    let mut world = World::new();
    let hidden = world.spawn(Unregistered).id();
    world.spawn(Goal::Follow(hidden));
    let (mut loaded, report) = check(&world);
    assert_eq!(report.entities.len(), 2);
    let goal = loaded.query::<&Goal>().single(&loaded).unwrap().clone();
    assert!(matches!(goal, Goal::Follow(target) if loaded.get_entity(target).is_ok()), "{goal:?}");
}

#[test]
fn a_reference_to_a_despawned_entity_is_reported_and_refused_when_strict() {
    let mut world = World::new();
    let gone = world.spawn_empty().id();
    world.spawn(Goal::Follow(gone));
    world.despawn(gone);
    let registry = <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap();
    let capture = keepstone_bevy::EcsWorld::capture(&world, registry).unwrap();
    assert_eq!(capture.dangling, 1);
    let bytes = through_bytes(&capture);
    let error = load(&bytes, registry, true).unwrap_err();
    assert!(matches!(error, keepstone_bevy::Error::Dangling { count: 1 }), "{error}");
    let (mut loaded, report) = load(&bytes, registry, false).unwrap();
    assert_eq!(report.dangling, 1);
    assert_eq!(*loaded.query::<&Goal>().single(&loaded).unwrap(), Goal::Follow(Entity::PLACEHOLDER));
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.grudges")]
struct Grudges(HashMap<Entity, u32>);

#[test]
fn two_dead_entities_may_be_keys_of_one_map() {
    let mut world = World::new();
    let enemies: Vec<Entity> = (0..4).map(|_| world.spawn(Unregistered).id()).collect();
    world.spawn(Grudges(enemies.iter().copied().zip(1..).collect()));
    world.despawn(enemies[0]);
    world.despawn(enemies[2]);
    let registry = <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap();
    let capture = keepstone_bevy::EcsWorld::capture(&world, registry).unwrap();
    assert_eq!(capture.dangling, 2);
    let (mut loaded, report) = load(&through_bytes(&capture), registry, false).unwrap();
    assert_eq!(report.dangling, 2);
    // Two keys are bevy's placeholder now, which a map holds once.
    assert_eq!(loaded.query::<&Grudges>().single(&loaded).unwrap().0.len(), 3);
}

#[test]
fn a_kept_map_of_entities_is_readable_after_some_are_gone() {
    // A program that doesn't know the map loads it, despawns one of its keys, and saves: the others get new ordinals, and
    // the entries no longer ascend.
    let mut world = World::new();
    let mut keys: Vec<Entity> = (0..6).map(|i| world.spawn(Label(i.to_string())).id()).collect();
    world.spawn((Grudges(keys.iter().copied().zip(1..).collect()), Label("holder".into())));
    let full = <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap();
    let bytes = through_bytes(&keepstone_bevy::EcsWorld::capture(&world, full).unwrap());
    let mut little = keepstone_bevy::Registry::default();
    keepstone_bevy::RegistryExt::add::<Label>(&mut little).unwrap();
    let (mut middle, report) = load(&bytes, &little, false).unwrap();
    keys.clone_from(&report.entities);
    middle.despawn(keys[0]);
    let bytes = through_bytes(&keepstone_bevy::EcsWorld::capture(&middle, &little).unwrap());
    let (mut back, _) = load(&bytes, full, false).unwrap();
    assert_eq!(back.query::<&Grudges>().single(&back).unwrap().0.len(), 6);
}

#[test]
fn a_reference_to_a_stranger_equals_no_other() {
    let registry = <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap();
    let (mut a, mut b) = (World::new(), World::new());
    let strangers = (a.spawn(Unregistered).id(), b.spawn(Unregistered).id());
    let pair = (a.spawn(Goal::Follow(strangers.0)).id(), b.spawn(Goal::Follow(Entity::PLACEHOLDER)).id());
    let found = keepstone_bevy::EcsWorld::difference(&a, &b, &[pair], registry).unwrap();
    assert!(found.is_some_and(|found| found.component == "test.goal"));
    let pairs = [pair, strangers];
    b.get_mut::<Goal>(pair.1).unwrap().clone_from(&Goal::Follow(strangers.1));
    assert_eq!(keepstone_bevy::EcsWorld::difference(&a, &b, &pairs, registry).unwrap(), None);
}

#[test]
fn a_difference_in_references_alone_names_its_entity() {
    let registry = <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap();
    let world = |target: usize| {
        let mut world = World::new();
        let targets = [world.spawn(Unregistered).id(), world.spawn(Unregistered).id()];
        let followers = [targets[0], targets[target]].map(|to| world.spawn(Goal::Follow(to)).id());
        (world, targets.into_iter().chain(followers).collect::<Vec<_>>())
    };
    let ((a, left), (b, right)) = (world(0), world(1));
    let pairs: Vec<_> = left.into_iter().zip(right).collect();
    let found = keepstone_bevy::EcsWorld::difference(&a, &b, &pairs, registry).unwrap().unwrap();
    assert_eq!((found.component.as_str(), found.pair), ("test.goal", Some(3)));
}
