//! One batch holds what changed, and nothing else.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bevy_ecs::world::World;
use keepstone_ecs_persist::{EntityStore as _, PersistId};

use super::{Ecs, Mood, Stored, Thing, both, in_bevy::InBevy, scored, stored_in, stores::Watched, world};

both! {
    what_changed_is_written_and_nothing_else
    new_entities_are_written_with_what_they_refer_to
    what_was_despawned_is_deleted
    what_lost_its_id_is_deleted
    what_was_loaded_and_not_touched_is_not_written
    what_was_unloaded_is_not_deleted
    changes_are_saved_when_an_entity_leaves
    what_a_store_refused_is_written_later
    a_store_without_transactions_does_as_well
    each_store_gets_one_batch
}

/// Some entities that are all saved, and nothing has changed.
fn game<T: Ecs>(store: &Arc<Watched>, count: u64) -> (T::World, Stored<T>, Vec<T::Entity>, Vec<PersistId>) {
    let mut game = world::<T>();
    let mut entities = stored_in::<T>([store.clone() as Arc<_>]);
    let all: Vec<T::Entity> = (0..count).map(|score| scored::<T>(&mut game, score)).collect();
    for (at, entity) in all.iter().enumerate() {
        let mood = if at % 2 == 0 { Mood::Calm } else { Mood::Angry("no".to_owned()) };
        T::set_mood(&mut game, *entity, Some(mood));
    }
    let ids = entities.save_entities(&mut game, &all).unwrap();
    entities.save_changed(&mut game).unwrap();
    T::tick(&mut game);
    store.take();
    (game, entities, all, ids)
}

/// What the next call writes: saved, deleted and calls.
fn written<T: Ecs>(
    game: &mut T::World,
    entities: &mut Stored<T>,
    store: &Watched,
) -> (Vec<PersistId>, Vec<PersistId>, u64) {
    T::tick(game);
    let report = entities.save_changed(game).unwrap();
    let found = store.take();
    assert_eq!((report.saved, report.deleted), (found.0.len() as u64, found.1.len() as u64));
    found
}

fn what_changed_is_written_and_nothing_else<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 8);
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![], 0));
    T::set_score(&mut game, all[0], Some(50));
    T::set_near(&mut game, all[2], Some((Some(all[1]), Vec::new())));
    T::set_mood(&mut game, all[4], None);
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![ids[0], ids[2], ids[4]], vec![], 1));
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![], 0));
    let (mut other, mut again) = (world::<T>(), stored_in::<T>([store as Arc<_>]));
    let loaded = again.load_entities(&mut other, &ids).unwrap();
    assert_eq!(T::thing(&other, loaded[0]).score, Some(50));
    assert_eq!(T::thing(&other, loaded[2]).near, Some((Some(loaded[1]), Vec::new())));
    assert_eq!(T::thing(&other, loaded[4]).mood, None);
}

fn new_entities_are_written_with_what_they_refer_to<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, ..) = game::<T>(&store, 2);
    let without = scored::<T>(&mut game, 9);
    let new = T::spawn_as(&mut game, PersistId(500));
    let (far, farther) = (scored::<T>(&mut game, 10), scored::<T>(&mut game, 11));
    T::set_near(&mut game, new, Some((Some(far), Vec::new())));
    T::set_near(&mut game, far, Some((None, vec![farther])));
    let (saved, deleted, calls) = written::<T>(&mut game, &mut entities, &store);
    let far = [far, farther].map(|entity| T::id(&game, entity).unwrap());
    assert_eq!((saved, deleted, calls), (vec![PersistId(500), far[0], far[1]], vec![], 1));
    assert_eq!(T::id(&game, without), None, "nobody asked for it");
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![], 0));
}

fn what_was_despawned_is_deleted<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 4);
    T::despawn(&mut game, all[1]);
    T::set_score(&mut game, all[2], Some(7));
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![ids[2]], vec![ids[1]], 1));
    assert_eq!(entities.entity(ids[1]), None);
    assert!(!store.exists(ids[1]).unwrap());
    // One that came and went between two calls.
    let brief = scored::<T>(&mut game, 8);
    let id = entities.save_entity(&mut game, brief).unwrap();
    T::despawn(&mut game, brief);
    store.take();
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![id], 1));
    // One that was despawned and loaded again is there.
    T::despawn(&mut game, all[3]);
    entities.load_entity(&mut game, ids[3]).unwrap();
    assert_eq!(written::<T>(&mut game, &mut entities, &store).1, []);
    assert!(store.exists(ids[3]).unwrap());
}

fn what_lost_its_id_is_deleted<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 3);
    T::remove_id(&mut game, all[1]);
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![ids[1]], 1));
    assert_eq!((T::id(&game, all[1]), entities.len()), (None, 2));
}

fn what_was_loaded_and_not_touched_is_not_written<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut from, mut before, all, ids) = game::<T>(&store, 8);
    T::set_near(&mut from, all[0], Some((Some(all[1]), vec![all[7]])));
    for child in &all[3..6] {
        T::set_parent(&mut from, *child, Some(all[2]));
    }
    before.save_changed(&mut from).unwrap();
    store.take();
    let mut into = world::<T>();
    let mut entities = stored_in::<T>([store.clone() as Arc<_>]);
    // In parts, so that serde values stand beside others than when they were saved.
    for part in [&ids[..1], &ids[2..6], &ids[6..]] {
        entities.load_entities(&mut into, part).unwrap();
        T::tick(&mut into);
        let report = entities.save_changed(&mut into).unwrap();
        assert_eq!((report.saved, report.deleted, store.take().2), (0, 0, 0));
    }
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[1]]);
    // Loaded and touched before the next call.
    let entity = entities.load_entity(&mut into, ids[1]).unwrap();
    T::set_mood(&mut into, entity, None);
    assert_eq!(written::<T>(&mut into, &mut entities, &store), (vec![ids[1]], vec![], 1));
}

fn what_was_unloaded_is_not_deleted<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 4);
    T::set_near(&mut game, all[0], Some((Some(all[1]), Vec::new())));
    assert_eq!(written::<T>(&mut game, &mut entities, &store).0, [ids[0]]);
    entities.unload(&mut game, &all[1..3]).unwrap();
    store.take();
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![], 0));
    assert_eq!(store.len().unwrap(), 4);
    assert_eq!(T::count(&game), 3);
}

fn changes_are_saved_when_an_entity_leaves<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 2);
    T::set_score(&mut game, all[0], Some(70));
    entities.unload(&mut game, &all[..1]).unwrap();
    assert_eq!(store.take(), (vec![ids[0]], vec![], 1));
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![], 0));
    let back = entities.load_entity(&mut game, ids[0]).unwrap();
    assert_eq!(T::thing(&game, back), Thing { score: Some(70), mood: Some(Mood::Calm), ..Thing::default() });
}

fn what_a_store_refused_is_written_later<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 5);
    T::set_score(&mut game, all[0], Some(50));
    T::despawn(&mut game, all[1]);
    T::spawn_as(&mut game, PersistId(500));
    store.fails.store(true, Relaxed);
    T::tick(&mut game);
    entities.save_changed(&mut game).unwrap_err();
    T::tick(&mut game);
    T::set_score(&mut game, all[2], Some(52));
    entities.save_changed(&mut game).unwrap_err();
    assert_eq!(store.len().unwrap(), 5);
    store.fails.store(false, Relaxed);
    store.take();
    assert_eq!(
        written::<T>(&mut game, &mut entities, &store),
        (vec![ids[0], ids[2], PersistId(500)], vec![ids[1]], 1)
    );
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![], vec![], 0));
}

fn a_store_without_transactions_does_as_well<T: Ecs>() {
    let store = Arc::new(Watched::without_transactions("here"));
    let (mut game, mut entities, all, ids) = game::<T>(&store, 5);
    T::set_score(&mut game, all[0], Some(50));
    T::despawn(&mut game, all[1]);
    assert_eq!(written::<T>(&mut game, &mut entities, &store), (vec![ids[0]], vec![ids[1]], 2));
}

fn each_store_gets_one_batch<T: Ecs>() {
    let (here, there) = (Arc::new(Watched::new("here")), Arc::new(Watched::new("there")));
    let mut game = world::<T>();
    let mut entities = stored_in::<T>([here.clone() as Arc<_>, there.clone() as Arc<_>]);
    let all: Vec<T::Entity> = (0..6).map(|score| scored::<T>(&mut game, score)).collect();
    let mut ids = entities.save_entities(&mut game, &all[..3]).unwrap();
    ids.extend(entities.save_entities_with(&mut game, &all[3..], "there").unwrap());
    entities.save_changed(&mut game).unwrap();
    here.take();
    there.take();
    for entity in &all {
        T::set_score(&mut game, *entity, Some(9));
    }
    // One of the two fails: both get all of it the next time.
    there.fails.store(true, Relaxed);
    T::tick(&mut game);
    entities.save_changed(&mut game).unwrap_err();
    there.fails.store(false, Relaxed);
    here.take();
    there.take();
    assert_eq!(entities.save_changed(&mut game).unwrap().saved, 6);
    assert_eq!(here.take(), (ids[..3].to_vec(), vec![], 1));
    assert_eq!(there.take(), (ids[3..].to_vec(), vec![], 1));
}

#[test]
fn a_mark_that_is_too_old_writes_all_that_differs() {
    let store = Arc::new(Watched::new("here"));
    let (game, mut entities, all, ids) = game::<InBevy>(&store, 4);
    let world = |score: Option<u64>| {
        // The same entities in a world whose ticks tell nothing of the mark.
        let mut world = World::new();
        let same: Vec<_> = ids.iter().map(|_| InBevy::spawn(&mut world)).collect();
        assert_eq!(same, all);
        for (entity, id) in same.into_iter().zip(&ids) {
            world.entity_mut(entity).insert(keepstone_bevy::PersistId::from(*id));
            let thing = InBevy::thing(&game, entity);
            InBevy::set_score(&mut world, entity, thing.score);
            InBevy::set_mood(&mut world, entity, thing.mood);
        }
        InBevy::set_score(&mut world, all[1], score);
        InBevy::despawn(&mut world, all[2]);
        world
    };
    let mut other = world(Some(80));
    let report = entities.save_changed(&mut other).unwrap();
    let (saved, deleted, _) = store.take();
    assert!(saved.contains(&ids[1]) && report.saved <= 3, "{report:?}");
    assert_eq!(deleted, [ids[2]]);
    assert_eq!(entities.save_changed(&mut other).unwrap().saved, 0);
}
