use hecs::{Entity, World};
use keepstone_hecs::{EcsWorld, Error, SpawnOptions};

use crate::support::{
    Friends, Health, Label, Player, Position, Unregistered, check, check_into, full, load, saved, strict,
};

fn position(x: f32) -> Position {
    Position { x, y: f32::NAN, z: -0.0 }
}

#[test]
fn an_empty_world_comes_back() {
    let (loaded, report) = check(&World::new());
    assert!(loaded.is_empty() && report.entities.is_empty());
}

#[test]
fn entities_of_all_archetypes_come_back() {
    let mut world = World::new();
    for i in 0..100_i32 {
        let health = Health { current: i, max: 100 };
        match i % 5 {
            0 => world.spawn((position(1.0), health)),
            1 => world.spawn((position(2.0), Label(i.to_string()), Player)),
            2 => world.spawn((Player,)),
            3 => world.spawn((Label(String::new()), health, position(3.0))),
            _ => world.spawn(()),
        };
    }
    let (loaded, report) = check(&world);
    assert_eq!((loaded.len(), report.entities.len()), (100, 100));
    // Two, three, one and three components.
    assert_eq!(report.values, 20 * (2 + 3 + 1 + 3));
    assert_eq!(loaded.query::<&Player>().iter().count(), 40);
}

#[test]
fn loading_into_a_world_that_has_entities_leaves_them_alone() {
    let mut target = World::new();
    let old: Vec<Entity> = (0..10).map(|i| target.spawn((Label(format!("old {i}")),))).collect();
    let mut world = World::new();
    let a = world.spawn((Label("a".into()),));
    world.spawn((Friends(vec![Some(a), None]), Label("b".into())));
    check_into(&world, &mut target);
    for (i, &entity) in old.iter().enumerate() {
        assert_eq!(target.get::<&Label>(entity).unwrap().0, format!("old {i}"));
    }
    check(&target);
}

#[test]
fn entities_without_a_registered_component_are_left_out_and_bare_ones_are_not() {
    let mut world = World::new();
    world.spawn((Unregistered,));
    world.spawn(());
    world.spawn((Player,));
    let capture = world.capture(full()).unwrap();
    assert_eq!((capture.doc.entity_count(), capture.entities_left_out), (2, 1));
}

#[test]
fn an_entity_that_is_reserved_is_saved_when_something_refers_to_it() {
    let mut world = World::new();
    let ids: Vec<Entity> = world.reserve_entities(3).collect();
    let before = world.spawn((Player,));
    world.despawn(before).unwrap();
    // The first three are entities by now; these are not.
    let again: Vec<Entity> = world.reserve_entities(2).collect();
    let friends = Friends(vec![Some(ids[0]), Some(again[1]), Some(again[1]), Some(again[0])]);
    let holder = ids[2];
    let mut other = World::new();
    other.spawn_at(holder, (friends.clone(),));
    world.insert_one(holder, friends).unwrap();
    let late: Vec<Entity> = world.reserve_entities(2).collect();
    world.query_one_mut::<&mut Friends>(holder).unwrap().0.push(Some(late[1]));
    let capture = world.capture(full()).unwrap();
    assert_eq!(capture.dangling, 0);
    // Five were flushed by the insertion; of the last two only one is named.
    assert_eq!(capture.doc.entity_count(), 6);
    let (loaded, _) = load(&saved(&world, full()), full(), &strict()).unwrap();
    assert_eq!(loaded.len(), 6);
    let named = loaded.query::<&Friends>().iter().next().unwrap().clone();
    assert!(named.0.iter().all(|who| loaded.contains(who.unwrap())), "{named:?}");
    assert_eq!(named.0[1], named.0[2]);
}

#[test]
fn more_entities_than_allowed_are_refused() {
    let mut world = World::new();
    for _ in 0..10 {
        world.spawn((Player,));
    }
    let bytes = saved(&world, full());
    let mut options = SpawnOptions::default();
    options.entities_max = 9;
    let error = load(&bytes, full(), &options).err().unwrap();
    assert!(matches!(error, Error::Limit { what: "entities", needs: 10, allowed: 9 }), "{error}");
    let mut options = SpawnOptions::default();
    options.bytes_max = 100;
    let error = load(&bytes, full(), &options).err().unwrap();
    assert!(matches!(error, Error::Limit { allowed: 100, .. }), "{error}");
}

#[test]
fn a_document_lives_longer_than_later_changes() {
    let mut world = World::new();
    let entity = world.spawn((position(1.0),));
    let capture = world.capture(full()).unwrap();
    // hecs changes components through a shared reference: what was captured must not follow.
    world.get::<&mut Position>(entity).unwrap().x = 9.0;
    let (loaded, report) = load(&crate::support::through_bytes(&capture), full(), &strict()).unwrap();
    assert_eq!(loaded.get::<&Position>(report.entities[0]).unwrap().x.to_bits(), 1.0_f32.to_bits());
}

#[test]
fn differences_are_found() {
    let mut world = World::new();
    let a = world.spawn((position(1.0), Label("a".into())));
    let b = world.spawn((Friends(vec![Some(a)]), Player));
    let (mut loaded, report) = check(&world);
    let pairs = vec![(a, report.entities[0]), (b, report.entities[1])];
    let find = |loaded: &World| world.difference(loaded, &pairs, full()).unwrap().map(|d| d.to_string());
    let first = pairs[0].1;
    loaded.get::<&mut Label>(first).unwrap().0.push('!');
    assert_eq!(find(&loaded).unwrap(), "entity pair 0: test.label: values differ");
    loaded.get::<&mut Label>(first).unwrap().0.pop();
    loaded.get::<&mut Position>(first).unwrap().z = 0.0;
    assert_eq!(find(&loaded).unwrap(), "entity pair 0: test.position: values differ");
    loaded.get::<&mut Position>(first).unwrap().z = -0.0;
    assert_eq!(find(&loaded), None);
    loaded.get::<&mut Friends>(pairs[1].1).unwrap().0[0] = Some(pairs[1].1);
    let said = "entity pair 1: test.friends: references, their order or shapes differ";
    assert_eq!(find(&loaded).unwrap(), said);
    loaded.get::<&mut Friends>(pairs[1].1).unwrap().0[0] = Some(first);
    loaded.remove_one::<Player>(pairs[1].1).unwrap();
    assert_eq!(find(&loaded).unwrap(), "entity pair 1: test.player: only the first has it");
    loaded.insert_one(pairs[1].1, Player).unwrap();
    assert_eq!(find(&loaded), None);
    let stranger = loaded.spawn((Player,));
    loaded.get::<&mut Friends>(pairs[1].1).unwrap().0[0] = Some(stranger);
    assert_eq!(find(&loaded).unwrap(), said);
    loaded.despawn(pairs[1].1).unwrap();
    assert_eq!(find(&loaded).unwrap(), "entity pair 1: Entity: only the first is alive");
}

#[test]
fn references_to_entities_without_a_pair_equal_nothing() {
    let mut world = World::new();
    let star = world.spawn((Player,));
    let fan = world.spawn((Friends(vec![Some(star)]),));
    let (loaded, report) = check(&world);
    let pairs = [(fan, report.entities[1])];
    assert_eq!(world.difference(&world, &[(fan, fan), (star, star)], full()).unwrap(), None);
    let found = world.difference(&loaded, &pairs, full()).unwrap().unwrap();
    assert_eq!((found.pair, found.component.as_str()), (Some(0), "test.friends"));
}
