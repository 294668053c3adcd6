//! Tables that are spawned by typed code.

use bevy_ecs::{entity_disabling::Disabled, lifecycle::HookContext, prelude::*, world::DeferredWorld};
use keepstone_bevy::{Bevy, EcsWorld, Persist, PersistId, PersistIds, Registry, RegistryExt};

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
    let report = target.spawn_doc(&capture.doc, &registry, &keepstone_bevy::SpawnOptions::default()).unwrap();
    let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
    assert_eq!(source.difference(&target, &pairs, &registry).unwrap(), None);
    drop(capture);
    let added = source.query::<&Label>().iter(&source).count();
    assert_eq!(target.query::<&Label>().iter(&target).count(), before + added);
}
