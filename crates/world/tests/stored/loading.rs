//! Entities come back as they were, whatever is loaded first.

use std::sync::Arc;

use keepstone_ecs_persist::{EntityStore as _, IdSource, MemoryStore, PersistId, StoreError};
use keepstone_format::Kind;
use keepstone_world::Error;

use super::{Ecs, Mood, Thing, both, by_id, scored, stored, stored_in, stores::Watched, world};

both! {
    an_entity_comes_back_with_all_that_it_has
    a_missing_entity_is_an_error_and_the_world_untouched
    a_damaged_record_is_an_error_and_the_world_untouched
    what_does_not_fit_takes_back_what_was_placed_before_it
    loading_twice_gives_the_same_entity_and_keeps_what_was_changed
    a_reference_waits_for_its_target
    a_target_that_is_there_already_is_found
    cycles_and_references_to_itself_come_back
    children_have_their_order
    children_find_their_parent_whichever_is_loaded_first
    each_store_has_its_entities
    an_entity_moves_to_another_store
    ids_of_loaded_entities_are_not_handed_out_again
    a_new_world_overwrites_nothing_that_a_store_has
    pending_entities_have_nothing_to_save
    an_entity_that_is_there_in_another_way_is_not_touched
    a_pending_one_from_a_file_is_loaded
    deleting_takes_an_entity_from_both
}

/// Saves what is spawned to a store, and gives it back as it was.
fn saved<T: Ecs>(
    store: &Arc<MemoryStore>,
    spawn: impl FnOnce(&mut T::World) -> Vec<T::Entity>,
) -> (Vec<PersistId>, Vec<Thing<PersistId>>) {
    let mut from = world::<T>();
    let entities = spawn(&mut from);
    let ids = stored::<T>(store).save_entities(&mut from, &entities).unwrap();
    let things = entities.iter().map(|entity| by_id::<T>(&from, *entity)).collect();
    (ids, things)
}

/// A ring of references, each with a list and a mood of another shape.
fn ring<T: Ecs>(world: &mut T::World, len: usize) -> Vec<T::Entity> {
    let entities: Vec<T::Entity> = (0..len as u64).map(|score| scored::<T>(world, score)).collect();
    for (at, &entity) in entities.iter().enumerate() {
        let next = entities[(at + 1) % len];
        T::set_near(world, entity, Some((Some(next), vec![entity, next, entities[0]])));
        T::set_mood(
            world,
            entity,
            match at % 4 {
                0 => Some(Mood::Calm),
                1 => Some(Mood::Angry(format!("at {at}"))),
                2 => Some(Mood::Sad { days: 3, about: (at % 8 == 2).then(|| "rain".to_owned()) }),
                _ => None,
            },
        );
    }
    entities
}

fn an_entity_comes_back_with_all_that_it_has<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 9));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    let loaded = entities.load_entities(&mut into, &ids).unwrap();
    for ((entity, thing), id) in loaded.iter().zip(&things).zip(&ids) {
        assert_eq!(by_id::<T>(&into, *entity), *thing);
        assert_eq!(T::id(&into, *entity), Some(*id));
        assert_eq!(entities.entity(*id), Some(*entity));
    }
    assert_eq!((entities.pending().count(), entities.len(), T::count(&into)), (0, 9, 9));
}

fn a_new_world_overwrites_nothing_that_a_store_has<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 5));
    // Nothing is loaded: the world knows of no id.
    let (mut other, mut entities) = (world::<T>(), stored::<T>(&store));
    let new = ring::<T>(&mut other, 3);
    let more = entities.save_entities(&mut other, &new).unwrap();
    assert!(more.iter().all(|id| !ids.contains(id)), "{ids:?} and {more:?}");
    // Nor does one whose changes are saved.
    let (mut third, mut entities) = (world::<T>(), stored::<T>(&store));
    entities.save_changed(&mut third).unwrap();
    let new = ring::<T>(&mut third, 2);
    let last = entities.save_entities(&mut third, &new).unwrap();
    assert!(last.iter().all(|id| !ids.contains(id) && !more.contains(id)), "{last:?}");
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    let loaded = entities.load_entities(&mut into, &ids).unwrap();
    for (entity, thing) in loaded.iter().zip(&things) {
        assert_eq!(by_id::<T>(&into, *entity), *thing);
    }
}

fn a_missing_entity_is_an_error_and_the_world_untouched<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, _) = saved::<T>(&store, |world| ring::<T>(world, 3));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    let error = entities.load_entities(&mut into, &[ids[0], PersistId(77), ids[1]]).unwrap_err();
    assert!(matches!(error, Error::Store(StoreError::Missing { id: PersistId(77) })), "{error}");
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!((T::count(&into), entities.len(), entities.pending().count()), (0, 0, 0));
    let error = entities.load_entity_with(&mut into, ids[0], "nowhere").unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let error = entities.save_entity_with(&mut into, T::spawn(&mut world::<T>()), "nowhere").unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

fn a_damaged_record_is_an_error_and_the_world_untouched<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, _) = saved::<T>(&store, |world| ring::<T>(world, 4));
    let whole = store.load(ids[2]).unwrap();
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    entities.load_entity(&mut into, ids[0]).unwrap();
    // It refers to the next, which waits.
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[1]]);
    let waiting = T::entity_of(&into, ids[1]).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        store.save(ids[2], &damaged).unwrap();
        let error = entities.load_entities(&mut into, &[ids[1], ids[3], ids[2]]).unwrap_err();
        assert!(matches!(error.kind(), Kind::Damaged | Kind::Newer), "byte {at}: {error} {:?}", error.kind());
        assert_eq!(T::count(&into), 2, "byte {at}");
        assert_eq!(T::thing(&into, waiting), Thing::default(), "byte {at}");
        assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[1]]);
    }
    store.save(ids[2], &whole).unwrap();
    let loaded = entities.load_entities(&mut into, &[ids[1], ids[3], ids[2]]).unwrap();
    assert_eq!((loaded[0], T::count(&into), entities.pending().count()), (waiting, 4, 0));
}

/// A record that is whole and has a component of a version that nobody knows: alone in its document, so others are placed before it.
fn of_later_version(record: &[u8]) -> Vec<u8> {
    use keepstone_ecs_persist::{from_records, records};
    let id = keepstone_ecs_persist::EntityRecord::decode(record).unwrap().id();
    let mut stored = from_records(&[(id, record)]).unwrap().docs.remove(0);
    for column in &mut stored.doc.columns {
        if column.schema.name == "stored.score" {
            column.schema.version = 9;
        }
    }
    records(&stored.doc, stored.whole).unwrap().remove(0).1
}

fn what_does_not_fit_takes_back_what_was_placed_before_it<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 5));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    entities.load_entity(&mut into, ids[0]).unwrap();
    let waiting = T::entity_of(&into, ids[1]).unwrap();
    let whole = store.load(ids[3]).unwrap();
    store.save(ids[3], &of_later_version(&whole)).unwrap();
    // One that waits, a new one, one that doesn't fit.
    entities.load_entities(&mut into, &[ids[1], ids[2], ids[3]]).unwrap_err();
    assert_eq!(T::count(&into), 2);
    assert_eq!(T::thing(&into, waiting), Thing::default());
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(entities.len(), 1);
    store.save(ids[3], &whole).unwrap();
    let loaded = entities.load_entities(&mut into, &ids).unwrap();
    for (entity, thing) in loaded.iter().zip(things) {
        assert_eq!(by_id::<T>(&into, *entity), thing);
    }
}

fn loading_twice_gives_the_same_entity_and_keeps_what_was_changed<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, _) = saved::<T>(&store, |world| ring::<T>(world, 3));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    let first = entities.load_entities(&mut into, &[ids[0], ids[1], ids[0]]).unwrap();
    assert_eq!(first[0], first[2]);
    T::set_score(&mut into, first[0], Some(900));
    T::set_mood(&mut into, first[0], None);
    let again = entities.load_entities(&mut into, &ids).unwrap();
    assert_eq!(again[..2], first[..2]);
    let thing = T::thing(&into, first[0]);
    assert_eq!((thing.score, thing.mood), (Some(900), None));
    assert_eq!(T::count(&into), 3);
    // One that the program despawned is loaded anew.
    T::despawn(&mut into, first[1]);
    let anew = entities.load_entity(&mut into, ids[1]).unwrap();
    assert_ne!(anew, first[1]);
    assert_eq!(T::thing(&into, anew).score, Some(1));
}

fn a_reference_waits_for_its_target<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 3));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    let a = entities.load_entity(&mut into, ids[0]).unwrap();
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(entities.entity(ids[1]), None);
    let (one, many) = T::thing(&into, a).near.unwrap();
    let waiting = one.unwrap();
    assert_eq!(many, [a, waiting, a]);
    assert_eq!((T::id(&into, waiting), T::thing(&into, waiting)), (Some(ids[1]), Thing::default()));
    assert_eq!(entities.load_entity(&mut into, ids[1]).unwrap(), waiting);
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[2]]);
    assert_eq!(by_id::<T>(&into, a), things[0]);
    assert_eq!(by_id::<T>(&into, waiting), things[1]);
}

fn a_target_that_is_there_already_is_found<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 2));
    for order in [[0, 1], [1, 0]] {
        let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
        for at in order {
            entities.load_entity(&mut into, ids[at]).unwrap();
        }
        for (id, thing) in ids.iter().zip(&things) {
            assert_eq!(by_id::<T>(&into, entities.entity(*id).unwrap()), *thing);
        }
        assert_eq!((T::count(&into), entities.pending().count()), (2, 0));
    }
}

fn cycles_and_references_to_itself_come_back<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| {
        let mut entities = ring::<T>(world, 3);
        let alone = T::spawn(world);
        T::set_near(world, alone, Some((Some(alone), vec![alone, alone])));
        let nobody = T::spawn(world);
        T::set_near(world, nobody, Some((None, Vec::new())));
        entities.extend([alone, nobody]);
        entities
    });
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    for id in ids.iter().rev() {
        entities.load_entity(&mut into, *id).unwrap();
    }
    for (id, thing) in ids.iter().zip(&things) {
        assert_eq!(by_id::<T>(&into, entities.entity(*id).unwrap()), *thing);
    }
}

fn family<T: Ecs>(world: &mut T::World) -> Vec<T::Entity> {
    let parent = scored::<T>(world, 100);
    let children: Vec<T::Entity> = (0..4).map(|score| scored::<T>(world, score)).collect();
    // Another order than that of spawning.
    for at in [2, 0, 3, 1] {
        T::set_parent(world, children[at], Some(parent));
    }
    [parent].into_iter().chain(children).collect()
}

fn children_have_their_order<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, _) = saved::<T>(&store, family::<T>);
    for parent_first in [true, false] {
        let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
        if parent_first {
            entities.load_entity(&mut into, ids[0]).unwrap();
        }
        entities.load_entities(&mut into, &ids[1..]).unwrap();
        let parent = entities.load_entity(&mut into, ids[0]).unwrap();
        let scores = |into: &T::World| -> Vec<u64> {
            T::children(into, parent).iter().map(|child| T::thing(into, *child).score.unwrap()).collect()
        };
        assert_eq!(scores(&into), [2, 0, 3, 1]);
        assert_eq!(T::count(&into), 5);
        // All of them go and come back.
        let children = T::children(&into, parent);
        entities.unload(&mut into, &children).unwrap();
        assert_eq!(scores(&into), [0; 0]);
        entities.load_entities(&mut into, &ids[1..]).unwrap();
        assert_eq!(scores(&into), [2, 0, 3, 1]);
    }
}

fn children_find_their_parent_whichever_is_loaded_first<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, family::<T>);
    for turn in 0..ids.len() {
        let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
        for at in 0..ids.len() {
            entities.load_entity(&mut into, ids[(turn + at * 2) % ids.len()]).unwrap();
        }
        for (id, thing) in ids.iter().zip(&things) {
            assert_eq!(by_id::<T>(&into, entities.entity(*id).unwrap()), *thing);
        }
        let parent = entities.entity(ids[0]).unwrap();
        assert_eq!(T::children(&into, parent).len(), 4);
    }
}

fn each_store_has_its_entities<T: Ecs>() {
    let (here, there) = (Arc::new(Watched::new("here")), Arc::new(Watched::new("there")));
    let mut from = world::<T>();
    let mut entities = stored_in::<T>([here.clone() as Arc<_>, there.clone() as Arc<_>]);
    let (a, b) = (scored::<T>(&mut from, 1), scored::<T>(&mut from, 2));
    T::set_near(&mut from, a, Some((Some(b), Vec::new())));
    let a = entities.save_entity(&mut from, a).unwrap();
    let b = entities.save_entity_with(&mut from, b, "there").unwrap();
    assert_eq!((here.take().0, there.take().0), (vec![a], vec![b]));

    let mut into = world::<T>();
    let mut entities = stored_in::<T>([here as Arc<_>, there as Arc<_>]);
    let first = entities.load_entity(&mut into, a).unwrap();
    let error = entities.load_entity(&mut into, b).unwrap_err();
    assert!(matches!(error, Error::Store(StoreError::Missing { id }) if id == b), "{error}");
    let second = entities.load_entity_with(&mut into, b, "there").unwrap();
    assert_eq!(T::thing(&into, first).near.unwrap().0, Some(second));
    assert_eq!(T::thing(&into, second).score, Some(2));
}

fn an_entity_moves_to_another_store<T: Ecs>() {
    use std::sync::atomic::Ordering::Relaxed;
    let (here, there) = (Arc::new(Watched::new("here")), Arc::new(Watched::new("there")));
    let mut game = world::<T>();
    let mut entities = stored_in::<T>([here.clone() as Arc<_>, there.clone() as Arc<_>]);
    let entity = scored::<T>(&mut game, 1);
    let id = entities.save_entity(&mut game, entity).unwrap();
    there.fails.store(true, Relaxed);
    entities.save_entity_with(&mut game, entity, "there").unwrap_err();
    assert!(here.exists(id).unwrap() && !there.exists(id).unwrap());
    there.fails.store(false, Relaxed);
    entities.save_entity_with(&mut game, entity, "there").unwrap();
    assert!(!here.exists(id).unwrap() && there.exists(id).unwrap());
    here.take();
    there.take();
    // Changes and unloading follow it.
    entities.save_changed(&mut game).unwrap();
    T::tick(&mut game);
    T::set_score(&mut game, entity, Some(2));
    entities.save_changed(&mut game).unwrap();
    assert_eq!((here.take().0, there.take().0), (vec![], vec![id]));
    entities.unload(&mut game, &[entity]).unwrap();
    assert_eq!((here.take().0, there.take().0), (vec![], vec![id]));
    let entity = entities.load_entity_with(&mut game, id, "there").unwrap();
    assert_eq!(T::thing(&game, entity).score, Some(2));
}

fn ids_of_loaded_entities_are_not_handed_out_again<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, _) = saved::<T>(&store, |world| ring::<T>(world, 6));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    // The last of them waits.
    entities.load_entity(&mut into, ids[4]).unwrap();
    let new: Vec<T::Entity> = (0..6).map(|score| scored::<T>(&mut into, score)).collect();
    for id in entities.save_entities(&mut into, &new).unwrap() {
        assert!(!ids.contains(&id), "{id} was handed out again");
    }
    // A source of its own keeps worlds apart that share a store.
    let mut other = world::<T>();
    T::set_source(&mut other, IdSource::new(7));
    let entity = scored::<T>(&mut other, 1);
    let id = stored::<T>(&store).save_entity(&mut other, entity).unwrap();
    assert!(!ids.contains(&id));
}

fn pending_entities_have_nothing_to_save<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 3));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    entities.load_entity(&mut into, ids[0]).unwrap();
    let waiting = T::entity_of(&into, ids[1]).unwrap();
    assert_eq!(entities.save_entity(&mut into, waiting).unwrap(), ids[1]);
    entities.save_changed(&mut into).unwrap();
    entities.unload(&mut into, &[waiting]).unwrap();
    assert!(T::is_there(&into, waiting));
    assert_eq!(entities.load_entity(&mut into, ids[1]).unwrap(), waiting);
    assert_eq!(by_id::<T>(&into, waiting), things[1]);
    // Given components by the program, it is saved when it is named.
    let waiting = T::entity_of(&into, ids[2]).unwrap();
    T::set_score(&mut into, waiting, Some(55));
    T::tick(&mut into);
    entities.save_changed(&mut into).unwrap();
    entities.save_entity(&mut into, waiting).unwrap();
    assert_eq!(entities.pending().count(), 0);
    let mut other = world::<T>();
    let loaded = stored::<T>(&store).load_entity(&mut other, ids[2]).unwrap();
    assert_eq!(T::thing(&other, loaded), Thing { score: Some(55), ..Thing::default() });
}

fn an_entity_that_is_there_in_another_way_is_not_touched<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, _) = saved::<T>(&store, |world| ring::<T>(world, 3));
    let (mut into, mut entities) = (world::<T>(), stored::<T>(&store));
    let mine = T::spawn_as(&mut into, ids[0]);
    T::set_score(&mut into, mine, Some(77));
    assert_eq!(entities.load_entity(&mut into, ids[0]).unwrap(), mine);
    assert_eq!(T::thing(&into, mine), Thing { score: Some(77), ..Thing::default() });
    // It is loaded from now on: its changes are saved.
    entities.save_changed(&mut into).unwrap();
    let mut other = world::<T>();
    let loaded = stored::<T>(&store).load_entity(&mut other, ids[0]).unwrap();
    assert_eq!(T::thing(&other, loaded).score, Some(77));
}

fn a_pending_one_from_a_file_is_loaded<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (ids, things) = saved::<T>(&store, |world| ring::<T>(world, 2));
    let mut into = world::<T>();
    // As a save of a world with pending ones leaves it.
    let bare = T::spawn_as(&mut into, ids[0]);
    let mut entities = stored::<T>(&store);
    assert_eq!(entities.load_entity(&mut into, ids[0]).unwrap(), bare);
    assert_eq!(by_id::<T>(&into, bare), things[0]);
}

fn deleting_takes_an_entity_from_both<T: Ecs>() {
    use std::sync::atomic::Ordering::Relaxed;
    let store = Arc::new(Watched::new("here"));
    let mut game = world::<T>();
    let mut entities = stored_in::<T>([store.clone() as Arc<_>]);
    let entity = scored::<T>(&mut game, 1);
    let id = entities.save_entity(&mut game, entity).unwrap();
    store.fails.store(true, Relaxed);
    entities.delete_entity(&mut game, entity).unwrap_err();
    assert!(T::is_there(&game, entity) && store.exists(id).unwrap());
    store.fails.store(false, Relaxed);
    entities.delete_entity(&mut game, entity).unwrap();
    assert!(!T::is_there(&game, entity) && !store.exists(id).unwrap());
    assert!(entities.is_empty());
}
