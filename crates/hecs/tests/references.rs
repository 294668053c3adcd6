//! Entities named in the fields of components.

use std::collections::{BTreeMap, HashMap};

use hecs::{Entity, World};
use keepstone_hecs::{EcsWorld, Error, Persist, SpawnOptions};
use serde::{Deserialize, Serialize};

use crate::support::{Friends, Label, Unregistered, check, check_at_once, full, load, saved, strict};

#[derive(Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.knows")]
struct Knows {
    best: Entity,
    other: Option<Entity>,
    all: Vec<Entity>,
    since: HashMap<Entity, u32>,
    pair: (u8, Box<Entity>),
}

#[derive(Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.goal")]
enum Goal {
    Nothing,
    Follow(Entity),
    Guard { whom: Entity, against: Vec<Option<Entity>> },
}

/// Twenty that know each other in all ways.
fn people() -> World {
    let mut world = World::new();
    let people: Vec<Entity> = (0..20).map(|i| world.spawn((Label(i.to_string()),))).collect();
    for (i, &entity) in people.iter().enumerate() {
        let at = |step: usize| people[(i * 7 + step) % people.len()];
        let knows = Knows {
            best: at(1),
            other: (i % 3 == 0).then(|| at(2)),
            all: (0..i % 4).map(at).collect(),
            since: (0..i % 5).map(|step| (at(step), 40)).collect(),
            pair: (7, Box::new(entity)),
        };
        let goal = match i % 3 {
            0 => Goal::Nothing,
            1 => Goal::Follow(at(3)),
            _ => Goal::Guard { whom: at(4), against: vec![None, Some(at(5))] },
        };
        world.insert(entity, (knows, goal)).unwrap();
    }
    world
}

fn assert_people(loaded: &World) {
    let names: BTreeMap<Entity, String> =
        loaded.query::<(Entity, &Label)>().iter().map(|(entity, label)| (entity, label.0.clone())).collect();
    assert_eq!(names.len(), 20);
    for (entity, knows, goal) in &mut loaded.query::<(Entity, &Knows, &Goal)>() {
        let i: usize = names[&entity].parse().unwrap();
        let at = |step: usize| ((i * 7 + step) % 20).to_string();
        assert_eq!(names[&knows.best], at(1));
        assert_eq!(*knows.pair.1, entity);
        assert!(knows.since.keys().all(|who| names.contains_key(who)));
        if let Goal::Guard { whom, against } = goal {
            assert_eq!((&names[whom], &names[&against[1].unwrap()]), (&at(4), &at(5)));
        }
    }
}

#[test]
fn references_in_any_field_point_to_the_loaded_entities() {
    let (loaded, _) = check(&people());
    assert_people(&loaded);
}

#[test]
fn references_are_right_in_worlds_with_free_ids_of_any_number() {
    // Fewer than are loaded, as many, and more; and none at the end of the list is the last that was freed.
    for free in [1, 7, 19, 20, 21, 57] {
        let mut target = World::new();
        let used: Vec<Entity> = (0..free + 3).map(|_| target.spawn((Unregistered,))).collect();
        for i in 0..free {
            target
                .despawn(used[(i * 5 + 2) % used.len()])
                .or_else(|_| {
                    let next = used.iter().find(|&&entity| target.contains(entity)).copied().unwrap();
                    target.despawn(next)
                })
                .unwrap();
        }
        assert_eq!(target.freelist().len(), free);
        // Some that nobody has flushed yet.
        let reserved = target.reserve_entities(2).count();
        assert_eq!(reserved, 2);
        let mut copy = World::new();
        let before = target.len();
        check_at_once(&people(), &mut target);
        assert_people(&target);
        assert_eq!(target.len(), before + 2 + 20);
        check_at_once(&target, &mut copy);
    }
}

#[test]
fn an_entity_that_is_only_referred_to_is_saved_bare() {
    let mut world = World::new();
    let hidden = world.spawn((Unregistered,));
    world.spawn((Goal::Follow(hidden),));
    let capture = world.capture(full()).unwrap();
    assert_eq!((capture.doc.entity_count(), capture.entities_left_out), (2, 0));
    let (loaded, report) = check(&world);
    assert_eq!(report.entities.len(), 2);
    let goal = loaded.query::<&Goal>().iter().next().unwrap().clone();
    assert!(matches!(goal, Goal::Follow(target) if loaded.contains(target)), "{goal:?}");
}

#[test]
fn a_reference_to_a_despawned_entity_is_reported_and_refused_when_strict() {
    let mut world = World::new();
    let gone = world.spawn(());
    world.spawn((Goal::Follow(gone),));
    world.despawn(gone).unwrap();
    // Its id lives on in another entity.
    assert_eq!(world.spawn(()).id(), gone.id());
    let capture = world.capture(full()).unwrap();
    assert_eq!(capture.dangling, 1);
    let bytes = saved(&world, full());
    let error = load(&bytes, full(), &strict()).err().unwrap();
    assert!(matches!(error, Error::Dangling { count: 1 }), "{error}");
    let (loaded, report) = load(&bytes, full(), &SpawnOptions::default()).unwrap();
    assert_eq!(report.dangling, 1);
    assert_eq!(*loaded.query::<&Goal>().iter().next().unwrap(), Goal::Follow(Entity::DANGLING));
}

#[test]
fn many_references_to_one_entity_stay_references_to_one() {
    let mut world = World::new();
    let star = world.spawn((Unregistered,));
    for _ in 0..50 {
        world.spawn((Friends(vec![Some(star); 3]),));
    }
    let (loaded, _) = check(&world);
    assert_eq!(loaded.len(), 51);
    let mut seen: Vec<Entity> =
        loaded.query::<&Friends>().iter().flat_map(|friends| friends.0.clone()).flatten().collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1);
}
