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
    assert!(matches!(error, keepstone_bevy::Error::CouldNotPlace { count: 1, .. }), "{error}");
    let (mut loaded, report) = load(&bytes, registry, false).unwrap();
    assert_eq!(report.dangling, 1);
    assert_eq!(*loaded.query::<&Goal>().single(&loaded).unwrap(), Goal::Follow(Entity::PLACEHOLDER));
}
