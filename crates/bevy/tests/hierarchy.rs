use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld, Error};
use keepstone_ecs_persist::ColumnData;

use crate::support::{Label, Unregistered, check, load, through_bytes};

fn label(world: &World, entity: Entity) -> String {
    world.get::<Label>(entity).map_or_else(String::new, |label| label.0.clone())
}

fn children(world: &World, entity: Entity) -> Vec<String> {
    world
        .get::<Children>(entity)
        .map(|list| list.iter().map(|child| label(world, child)).collect())
        .unwrap_or_default()
}

fn find(world: &mut World, name: &str) -> Entity {
    world
        .query::<(Entity, &Label)>()
        .iter(world)
        .find(|(_, label)| label.0 == name)
        .map(|(entity, _)| entity)
        .unwrap()
}

#[test]
fn parents_and_children_are_rebuilt_by_hooks() {
    let mut world = World::new();
    let root = world.spawn(Label("root".into())).id();
    for name in ["a", "b", "c"] {
        world.spawn((Label(name.into()), ChildOf(root)));
    }
    let (mut loaded, _) = check(&world);
    let root = find(&mut loaded, "root");
    assert_eq!(children(&loaded, root), ["a", "b", "c"]);
}

#[test]
fn an_order_of_children_unlike_that_of_the_rows_is_kept() {
    let mut world = World::new();
    let root = world.spawn(Label("root".into())).id();
    let list: Vec<Entity> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| world.spawn((Label((*name).into()), ChildOf(root))).id())
        .collect();
    world.entity_mut(root).insert_children(0, &[list[3]]);
    world.entity_mut(root).insert_children(2, &[list[2]]);
    assert_eq!(children(&world, root), ["d", "a", "c", "b"]);
    let (mut loaded, _) = check(&world);
    let root = find(&mut loaded, "root");
    assert_eq!(children(&loaded, root), ["d", "a", "c", "b"]);
}

#[test]
fn a_child_may_stand_before_its_parent() {
    let mut world = World::new();
    let child = world.spawn(Label("child".into())).id();
    let parent = world.spawn((Label("parent".into()), crate::support::Player)).id();
    world.entity_mut(child).insert(ChildOf(parent));
    let (mut loaded, _) = check(&world);
    let parent = find(&mut loaded, "parent");
    assert_eq!(children(&loaded, parent), ["child"]);
}

#[test]
fn a_parent_without_registered_components_is_saved_bare() {
    let mut world = World::new();
    let parent = world.spawn(Unregistered).id();
    world.spawn((Label("child".into()), ChildOf(parent)));
    world.spawn(Unregistered);
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let left_out = world.capture(registry).unwrap().entities_left_out;
    let empty = World::new().capture(registry).unwrap().entities_left_out;
    assert_eq!(left_out, empty + 1);
    let (mut loaded, report) = check(&world);
    assert_eq!(report.entities.len(), 2);
    let child = find(&mut loaded, "child");
    let parent = loaded.get::<ChildOf>(child).unwrap().parent();
    assert_eq!(children(&loaded, parent), ["child"]);
}

#[test]
fn deep_chains_load() {
    let mut world = World::new();
    let mut above = world.spawn(Label("0".into())).id();
    for depth in 1..2000 {
        above = world.spawn((Label(depth.to_string()), ChildOf(above))).id();
    }
    check(&world);
}

#[test]
fn a_reference_to_nothing_is_an_error_or_reported() {
    let mut world = World::new();
    let root = world.spawn(Label("root".into())).id();
    world.spawn((Label("child".into()), ChildOf(root)));
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let mut capture = world.capture(registry).unwrap();
    for column in &mut capture.doc.columns {
        if let ColumnData::References { targets, .. } = &mut column.data {
            targets.to_mut().fill(keepstone_ecs_persist::NONE);
        }
    }
    let bytes = through_bytes(&capture);
    let error = load(&bytes, registry, true).unwrap_err();
    assert!(matches!(error, Error::Dangling { count: 1 }), "{error}");
    let (mut loaded, report) = load(&bytes, registry, false).unwrap();
    assert_eq!(report.dangling, 1);
    assert_eq!(loaded.query::<&ChildOf>().iter(&loaded).count(), 0);
}
