//! Deltas in worlds that went their own way.

use bevy_ecs::prelude::*;
use keepstone_bevy::{EcsWorld, Error, PersistId, PersistIds, Registry, RegistryExt, SpawnOptions, Unknown};
use keepstone_ecs_persist::{DeltaChain, DeltaWorld, IdConflict, LiveRows};

use crate::{
    delta::{Followed, Friend, Hour, Wants, registry, some},
    support::{Health, Label, Unregistered},
};

#[test]
fn rows_whose_entity_is_gone_here_are_counted_and_passed_over() {
    let (world, entities) = some(8);
    let mut followed = Followed::new(world);
    let gone = followed.there(entities[3]);
    followed.second.despawn(gone);
    followed.world.get_mut::<Health>(entities[3]).unwrap().current = 1;
    followed.world.get_mut::<Health>(entities[4]).unwrap().current = 2;
    followed.world.entity_mut(entities[5]).insert(Friend(Some(entities[3])));
    let delta = followed.changes();
    let options = SpawnOptions::default();
    let report = followed.second.apply_delta(&mut followed.rows, &delta, registry(), &options).unwrap();
    assert_eq!((report.missing, report.written), (1, 2));
    let friend = followed.second.get::<Friend>(followed.there(entities[5]));
    assert_eq!(friend, Some(&Friend(Some(Entity::PLACEHOLDER))));
}

#[test]
fn a_value_that_can_not_be_read_leaves_the_world_as_it_was() {
    let (world, _) = some(8);
    let mut followed = Followed::new(world);
    followed.world.spawn(Label("x".into()));
    let mut delta = followed.changes();
    for column in &mut delta.doc.columns {
        column.schema.version += 1;
    }
    let before = (followed.second.entities().count_spawned(), followed.rows.state);
    let result =
        followed.second.apply_delta(&mut followed.rows, &delta, registry(), &SpawnOptions::default());
    assert!(matches!(result, Err(Error::NewerComponent { .. })));
    assert_eq!(before, (followed.second.entities().count_spawned(), followed.rows.state));
    assert_eq!(followed.rows.entities.len(), 8);
}

#[test]
fn ids_stay_with_their_entities() {
    let (mut world, entities) = some(6);
    world.ensure_ids(&entities[..3]).unwrap();
    let mut followed = Followed::new(world);
    followed.world.ensure_ids(&entities).unwrap();
    followed.follow();
    let ids: Vec<_> = entities.iter().map(|&e| followed.world.persist_id(e).unwrap().into()).collect();
    let there: Vec<Option<Entity>> = entities.iter().map(|&entity| Some(followed.there(entity))).collect();
    assert_eq!(followed.second.entities_of(&ids), there);
    // Two exchange their ids.
    let (a, b) =
        (followed.world.persist_id(entities[0]).unwrap(), followed.world.persist_id(entities[1]).unwrap());
    followed.world.entity_mut(entities[0]).insert(PersistId(900));
    followed.world.entity_mut(entities[1]).insert(a);
    followed.world.entity_mut(entities[0]).insert(b);
    followed.follow();
    assert_eq!(followed.second.persist_ids().count(), 6);
}

#[test]
fn an_id_that_another_entity_has_is_refused_or_exchanged_as_asked() {
    for conflict in [IdConflict::Refuse, IdConflict::Remap, IdConflict::Replace] {
        let mut followed = Followed::new(some(3).0);
        followed.second.spawn_with_id(PersistId(7), Unregistered).unwrap();
        followed.world.spawn_with_id(PersistId(7), Label("seven".into())).unwrap();
        let delta = followed.changes();
        let mut options = SpawnOptions::default();
        options.ids = conflict;
        let result = followed.second.apply_delta(&mut followed.rows, &delta, registry(), &options);
        match conflict {
            IdConflict::Refuse => assert!(matches!(result, Err(Error::DuplicateId { .. }))),
            IdConflict::Remap => {
                assert_eq!(result.unwrap().spawned, 1);
                assert_eq!(followed.second.persist_ids().count(), 2);
            }
            _ => {
                assert_eq!(result.unwrap().despawned, 1);
                assert_eq!(followed.second.persist_ids().count(), 1);
            }
        }
    }
}

#[test]
fn what_a_program_does_not_know_it_keeps_and_hands_on() {
    let (mut world, entities) = some(8);
    world.insert_resource(Hour(4));
    world.entity_mut(entities[1]).insert((Friend(Some(entities[2])), Wants(entities[0])));
    world.entity_mut(entities[2]).insert((Friend(None), Wants(entities[0])));
    let mut little = Registry::default();
    little.add::<Health>().unwrap();
    let mut options = SpawnOptions::default();
    options.unknown = Unknown::Keep;
    let (capture, mut mark) = world.mark(registry()).unwrap();
    let mut middle = World::new();
    let base = middle.spawn_doc(&capture.doc, &little, &options).unwrap();
    let mut rows = LiveRows::of_base(mark.root, base.entities);
    let (own, mut own_mark) = middle.mark(&little).unwrap();
    let mut chain = DeltaChain::new(own.doc.into_owned()).unwrap();

    world.entity_mut(entities[3]).insert((Friend(Some(entities[1])), Wants(entities[0])));
    world.get_mut::<Friend>(entities[2]).unwrap().0 = Some(entities[4]);
    world.entity_mut(entities[1]).remove::<Friend>();
    world.remove_resource::<Hour>();
    for _ in 0..2 {
        let since = world.delta(&mark, registry()).unwrap();
        mark = since.mark;
        let report = middle.apply_delta(&mut rows, &since.delta, &little, &options).unwrap();
        assert_eq!(report.unknown.is_empty(), since.delta.doc.columns.is_empty());
        let since = middle.delta(&own_mark, &little).unwrap();
        since.delta.check().unwrap();
        own_mark = since.mark;
        chain.apply(&since.delta).unwrap();
        for doc in [&middle.capture(&little).unwrap().doc, chain.doc()] {
            let mut last = World::new();
            let report = last.spawn_doc(doc, registry(), &SpawnOptions::default()).unwrap();
            let held: Vec<Option<&Friend>> = report.entities.iter().map(|&e| last.get::<Friend>(e)).collect();
            assert_eq!(held.iter().flatten().count(), 2);
            assert_eq!(last.query::<&Wants>().iter(&last).count(), 3);
            assert!(last.get_resource::<Hour>().is_none());
            assert_eq!(doc.value_count(), world.capture(registry()).unwrap().doc.value_count());
        }
    }
}
