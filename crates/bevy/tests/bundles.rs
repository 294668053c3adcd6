//! Tables that are spawned by typed code.

use std::{
    cell::Cell,
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bevy_ecs::{entity_disabling::Disabled, lifecycle::HookContext, prelude::*, world::DeferredWorld};
use keepstone_bevy::{
    Bevy, EcsWorld, Error, Persist, PersistId, PersistIds, Registry, RegistryExt, SpawnOptions,
};
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, Player, Poisoned, Position, check_with};

#[derive(Resource, Default)]
struct Counted(usize);

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[component(on_add = count)]
#[persist(crate = "keepstone_bevy", name = "test.counted", pod)]
#[repr(C)]
struct Counts(u32);

fn count(mut world: DeferredWorld<'_>, context: HookContext) {
    assert!(world.get::<Counts>(context.entity).is_some());
    world.commands().queue(|world: &mut World| world.get_resource_or_init::<Counted>().0 += 1);
}

#[derive(Bundle)]
struct Unit {
    label: Label,
    health: Health,
}

fn registry() -> Registry {
    let mut registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap().clone();
    registry.add_bundle::<(Position, Health, Label)>();
    registry.add_bundle::<(Label, Position, Health)>();
    registry.add_bundle::<Unit>();
    registry.add_bundle::<(Counts, Poisoned, ChildOf)>();
    registry.add_bundle::<(Position, PersistId)>();
    registry
}

fn world(count: u16) -> World {
    let mut world = World::new();
    let parent = world.spawn(Player).id();
    // Some ids were used before.
    let gone: Vec<Entity> = (0..200).map(|_| world.spawn_empty().id()).collect();
    for entity in gone {
        world.despawn(entity);
    }
    for i in 0..count {
        let health = Health { current: i.into(), max: 9 };
        let position = Position { x: i.into(), y: 0.5, z: -1.0 };
        world.spawn((Label(i.to_string()), health, position));
        world.spawn((Label(format!("unit {i}")), health));
        world.spawn((Counts(i.into()), Poisoned { turns: 3 }, ChildOf(parent)));
        let entity = world.spawn(position).id();
        world.assign_persist_id(entity).unwrap();
        if i % 3 == 0 {
            world.spawn((Label("disabled".into()), health, position, Disabled));
        }
    }
    world
}

#[test]
fn bundles_change_nothing_about_what_is_loaded() {
    for count in [3, 2000] {
        let (mut loaded, report) = check_with(&world(count), &registry());
        assert_eq!(
            loaded.resource::<Counted>().0,
            usize::from(count),
            "hooks and their commands run once a row"
        );
        assert_eq!(loaded.persist_ids().count(), usize::from(count));
        let labels = loaded.query_filtered::<&Label, With<Position>>().iter(&loaded).count();
        assert_eq!(labels, usize::from(count));
        assert_eq!(
            report.values,
            loaded.capture(&registry()).unwrap().doc.value_count() - u64::from(report.resources)
        );
    }
}

#[test]
fn a_world_with_entities_of_its_own_takes_bundles_too() {
    let registry = registry();
    let mut source = world(1500);
    let capture = source.capture(&registry).unwrap();
    let mut target = world(100);
    let ids: Vec<Entity> = target.query_filtered::<Entity, With<PersistId>>().iter(&target).collect();
    for entity in ids {
        target.despawn(entity);
    }
    let before = target.query::<&Label>().iter(&target).count();
    let report = target.spawn_doc(&capture.doc, &registry, &SpawnOptions::default()).unwrap();
    let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
    assert_eq!(source.difference(&target, &pairs, &registry).unwrap(), None);
    drop(capture);
    let added = source.query::<&Label>().iter(&source).count();
    assert_eq!(target.query::<&Label>().iter(&target).count(), before + added);
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.led_by")]
struct LedBy(Entity);

#[test]
fn references_lead_into_tables_of_bundles_and_out_of_them() {
    let mut registry = registry();
    registry.add_bundle::<(LedBy, Position)>();
    registry.add_bundle::<(LedBy, Health)>();
    registry.add_bundle::<Player>();
    let mut world = World::new();
    for i in 0..300_u16 {
        let position = Position { x: i.into(), y: 0.0, z: 0.0 };
        let health = Health { current: i.into(), max: 9 };
        // A table that another names, one that nothing names, and one that names itself.
        let named = world.spawn((Label(i.to_string()), health)).id();
        world.spawn((Label("nobody's".into()), health, position));
        world.spawn((LedBy(named), position));
        let own = world.spawn_empty().id();
        world.entity_mut(own).insert((LedBy(own), health));
        world.spawn(Player);
    }
    let (loaded, report) = check_with(&world, &registry);
    assert_eq!(report.entities.iter().collect::<HashSet<_>>().len(), 1500);
    assert!(report.entities.iter().all(|&entity| loaded.entities().contains_spawned(entity)));
}

thread_local! {
    /// How many more may be added before the hook panics.
    static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[component(on_add = burn)]
#[persist(crate = "keepstone_bevy", name = "test.burns")]
struct Burns(String);

fn burn(_: DeferredWorld<'_>, _: HookContext) {
    LEFT.set(LEFT.get().checked_sub(1).expect("the hook panics"));
}

#[test]
fn a_hook_that_panics_ends_the_bundles_of_its_table() {
    // bevy spawns the rest of a batch while it unwinds: the hook would panic again and end the program.
    let mut registry = registry();
    registry.add_bundle::<(Burns, Position)>();
    let mut source = World::new();
    let position = Position { x: 1.0, y: 2.0, z: 3.0 };
    source.spawn_batch((0..50).map(|i| (Burns(i.to_string()), position)));
    let capture = source.capture(&registry).unwrap();
    let mut target = World::new();
    LEFT.set(20);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        target.spawn_doc(&capture.doc, &registry, &SpawnOptions::default()).map(drop)
    }));
    LEFT.set(u32::MAX);
    assert!(panicked.is_err());
    assert_eq!(
        target.query::<(&Burns, &Position)>().iter(&target).count(),
        21,
        "the one that panicked has its values"
    );
    let report = target.spawn_doc(&capture.doc, &registry, &SpawnOptions::default()).unwrap();
    let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
    assert_eq!(source.difference(&target, &pairs, &registry).unwrap(), None);
}

#[test]
fn a_document_that_is_refused_gives_back_those_ids_alone_that_it_was_given() {
    #[derive(Component)]
    struct Odd(u32);
    let mut registry = registry();
    registry.add_bundle::<(LedBy, Position)>();
    let refuse = |value: u32| if value % 2 == 1 { Ok(Odd(value)) } else { Err("not odd") };
    registry.try_add_with::<Odd, u32, _>("test.odd", 1, |odd| odd.0, refuse).unwrap();
    let mut source = World::new();
    let position = Position { x: 1.0, y: 2.0, z: 3.0 };
    let named: Vec<Entity> = source.spawn_batch((0..1000).map(|_| Odd(2))).collect();
    source.spawn_batch(named.iter().map(|&named| (LedBy(named), position)).collect::<Vec<_>>());
    let capture = source.capture(&registry).unwrap();
    let mut target = World::new();
    let refused = target.spawn_doc(&capture.doc, &registry, &SpawnOptions::default()).map(drop);
    assert!(matches!(refused, Err(Error::Value { .. })), "{refused:?}");
    assert_eq!(target.entities().count_spawned(), World::new().entities().count_spawned());
    let ids: HashSet<Entity> = (0..4000).map(|_| target.spawn(position).id()).collect();
    assert!(!ids.contains(&Entity::PLACEHOLDER) && ids.len() == 4000);
}
