//! Writes that no delta would have.

use bevy_ecs::prelude::*;
use keepstone_world::WorldDeltas as _;

use super::game::{BevyWorld, Game as _, HecsWorld, Random, Score, Title, in_hecs};

#[test]
fn an_audit_finds_a_write_that_bypassed_detection_and_nothing_else() {
    let mut world = BevyWorld::game(10);
    let entities: Vec<Entity> =
        world.query::<(Entity, &Score)>().iter(&world).map(|(entity, _)| entity).collect();
    let mark = world.audit_mark().unwrap();
    let mut random = Random(11);
    for _ in 0..30 {
        world.edit(&mut random);
    }
    world.add(4);
    assert_eq!(world.audit(&mark).unwrap(), []);
    let mark = world.audit_mark().unwrap();
    let hit: Vec<Entity> =
        entities.into_iter().filter(|&entity| world.get::<Title>(entity).is_some()).collect();
    let [first, second, ..] = hit[..] else { panic!("{hit:?}") };
    world.get_mut::<Title>(second).unwrap().0.push('!');
    world.get_mut::<Score>(first).unwrap().bypass_change_detection().0 += 1;
    world.get_mut::<Title>(first).unwrap().bypass_change_detection().0.push('?');
    // What is written and equal costs nobody anything.
    world.get_mut::<Score>(second).unwrap().bypass_change_detection().0 += 0;
    let mut missed = world.audit(&mark).unwrap();
    missed.sort_by(|a, b| a.component.cmp(&b.component));
    let found: Vec<(Option<Entity>, &str)> =
        missed.iter().map(|missed| (missed.entity, missed.component.as_str())).collect();
    assert_eq!(found, [(Some(first), "deltas.score"), (Some(first), "deltas.title")]);
}

#[test]
fn an_audit_names_a_resource_that_was_changed_behind_its_back() {
    let mut world = BevyWorld::game(3);
    world.insert_resource(Weather(1));
    let mark = world.audit_mark().unwrap();
    world.resource_mut::<Weather>().0 = 2;
    assert_eq!(world.audit(&mark).unwrap(), []);
    let mark = world.audit_mark().unwrap();
    world.resource_mut::<Weather>().bypass_change_detection().0 = 3;
    let missed = world.audit(&mark).unwrap();
    assert_eq!((missed.len(), missed[0].entity, missed[0].component.as_str()), (1, None, "deltas.weather"));
}

#[derive(Resource, keepstone_bevy::Persist, Clone, Copy)]
#[persist(crate = "keepstone_bevy", name = "deltas.weather", pod)]
#[repr(C)]
struct Weather(u32);

#[test]
fn comparison_misses_nothing() {
    let mut world = HecsWorld::game(10);
    let mark = world.audit_mark().unwrap();
    for score in world.query_mut::<&mut in_hecs::Score>() {
        score.0 += 1;
    }
    assert_eq!(world.audit(&mark).unwrap(), []);
}
