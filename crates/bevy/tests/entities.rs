use bevy_ecs::{entity_disabling::Disabled, name::Name, prelude::*};
use keepstone_bevy::{Bevy, EcsWorld};

use crate::support::{Health, Label, Player, Poisoned, Position, Sparse, check, through_bytes};

#[test]
fn an_empty_world_loads_empty() {
    let (_, report) = check(&World::new());
    assert_eq!(report.entities.len(), 0);
}

#[test]
fn every_kind_of_component_comes_back() {
    let mut world = World::new();
    for i in 0..100_u8 {
        let at = f32::from(i);
        let mut entity = world.spawn(Position { x: at, y: -at, z: at * 0.5 });
        if i % 2 == 0 {
            entity.insert(Health { current: i.into(), max: 100 });
        }
        if i % 3 == 0 {
            entity.insert(Label(format!("entity {i}")));
        }
        if i % 5 == 0 {
            entity.insert((Player, Name::new(format!("name {i}"))));
        }
        if i % 7 == 0 {
            entity.insert((Poisoned { turns: i }, Sparse(u64::from(i) << 40)));
        }
    }
    let (mut loaded, report) = check(&world);
    assert_eq!(report.entities.len(), 100);
    assert_eq!(loaded.query::<(&Poisoned, &Sparse)>().iter(&loaded).count(), 15);
    assert_eq!(loaded.query::<(&Player, &Name)>().iter(&loaded).count(), 20);
}

#[test]
fn entities_without_components_are_kept() {
    let mut world = World::new();
    world.spawn_empty();
    world.spawn(Player);
    world.spawn_empty();
    let (_, report) = check(&world);
    assert_eq!(report.entities.len(), 3);
}

#[test]
fn disabled_entities_are_saved_and_stay_disabled() {
    let mut world = World::new();
    world.spawn((Position { x: 1.0, y: 2.0, z: 3.0 }, Disabled));
    let (mut loaded, _) = check(&world);
    assert_eq!(loaded.query::<&Position>().iter(&loaded).count(), 0);
    assert_eq!(loaded.query::<(&Position, &Disabled)>().iter(&loaded).count(), 1);
}

#[test]
fn rows_of_archetypes_that_share_a_table_stay_apart() {
    // A sparse-set component splits one table into two archetypes, whose rows interleave.
    let mut world = World::new();
    for i in 0..40_u8 {
        let mut entity = world.spawn((Position { x: f32::from(i), y: 0.0, z: 0.0 }, Label(i.to_string())));
        if i % 2 == 1 {
            entity.insert(Sparse(i.into()));
        }
    }
    let (mut loaded, _) = check(&world);
    for (position, label, sparse) in loaded.query::<(&Position, &Label, Option<&Sparse>)>().iter(&loaded) {
        let i: u8 = label.0.parse().unwrap();
        assert_eq!(position.x.to_bits(), f32::from(i).to_bits());
        assert_eq!(sparse.copied(), (i % 2 == 1).then_some(Sparse(i.into())));
    }
}

#[test]
fn despawned_rows_leave_no_trace() {
    let mut world = World::new();
    let all: Vec<Entity> =
        (0..50_u8).map(|i| world.spawn((Health { current: i.into(), max: 0 }, Player)).id()).collect();
    for entity in all.iter().step_by(3) {
        world.despawn(*entity);
    }
    let (_, report) = check(&world);
    assert_eq!(report.entities.len(), 33);
}

#[test]
fn whole_columns_are_borrowed_not_copied() {
    let mut world = World::new();
    let first = world.spawn(Position { x: 1.0, y: 2.0, z: 3.0 }).id();
    world.spawn(Position { x: 4.0, y: 5.0, z: 6.0 });
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(registry).unwrap();
    let keepstone_ecs_persist::ColumnData::Plain(pieces) = &capture.doc.column("test.position").unwrap().data
    else {
        panic!("a pod column is plain");
    };
    let stored: *const Position = world.get::<Position>(first).unwrap();
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].as_ptr(), stored.cast());
}

#[test]
fn equal_worlds_give_equal_bytes() {
    let build = || {
        let mut world = World::new();
        for i in 0..20_u8 {
            world.spawn((Position { x: f32::from(i), y: 0.0, z: 1.0 }, Label(i.to_string())));
        }
        world
    };
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let (a, b) = (build(), build());
    assert_eq!(through_bytes(&a.capture(registry).unwrap()), through_bytes(&b.capture(registry).unwrap()));
}

#[test]
fn loading_merges_into_a_world_that_has_entities() {
    let mut world = World::new();
    world.spawn(Label("saved".to_owned()));
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let capture = world.capture(registry).unwrap();
    let mut other = World::new();
    let mine = other.spawn(Label("mine".to_owned())).id();
    let report = other.spawn_doc(&capture.doc, registry, &keepstone_bevy::SpawnOptions::default()).unwrap();
    assert_ne!(report.entities[0], mine);
    assert_eq!(other.get::<Label>(mine).unwrap().0, "mine");
    assert_eq!(other.get::<Label>(report.entities[0]).unwrap().0, "saved");
}

#[test]
fn the_comparison_finds_the_row_that_differs() {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let build = |changed: usize, label: &str| {
        let mut world = World::new();
        let entities: Vec<Entity> = (0..9_u8)
            .map(|i| world.spawn((Health { current: i.into(), max: 9 }, Label(i.to_string()))).id())
            .collect();
        world.get_mut::<Health>(entities[changed]).unwrap().max = 10;
        world.get_mut::<Label>(entities[0]).unwrap().0 = label.to_owned();
        (world, entities)
    };
    let (a, left) = build(3, "x");
    let found = |(b, right): (World, Vec<Entity>)| {
        let pairs: Vec<_> = left.iter().copied().zip(right).collect();
        a.difference(&b, &pairs, registry).unwrap().map(|found| (found.pair, found.component))
    };
    assert_eq!(found(build(3, "x")), None);
    assert_eq!(found(build(4, "x")), Some((Some(3), "test.health".to_owned())));
    assert_eq!(found(build(3, "y")), Some((Some(0), "test.label".to_owned())));
    assert_eq!(found(build(3, "longer")), Some((Some(0), "test.label".to_owned())));
}
