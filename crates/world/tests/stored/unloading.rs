//! What leaves a world, and what stays of it.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use keepstone_ecs_persist::{MemoryStore, PersistId};

use super::{Ecs, Thing, both, by_id, scored, stored, stored_in, stores::Watched, world};

both! {
    unloading_saves_and_despawns
    what_others_refer_to_stays_as_pending
    a_parent_leaves_without_its_children
    pending_ones_that_nobody_needs_go
    unloading_all_leaves_nothing
    a_store_that_fails_leaves_the_world_as_it_was
}

fn unloading_saves_and_despawns<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (mut game, mut entities) = (world::<T>(), stored::<T>(&store));
    let entity = scored::<T>(&mut game, 5);
    let other = scored::<T>(&mut game, 6);
    // Never saved before, and named twice.
    entities.unload(&mut game, &[entity, entity]).unwrap();
    assert!(!T::is_there(&game, entity) && T::is_there(&game, other));
    assert!(entities.is_empty());
    let back = entities.load_entity(&mut game, PersistId(1)).unwrap();
    assert_eq!(T::thing(&game, back), Thing { score: Some(5), ..Thing::default() });
}

fn what_others_refer_to_stays_as_pending<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (mut game, mut entities) = (world::<T>(), stored::<T>(&store));
    let (a, b, c) = (scored::<T>(&mut game, 1), scored::<T>(&mut game, 2), scored::<T>(&mut game, 3));
    T::set_near(&mut game, a, Some((None, vec![b, b])));
    T::set_near(&mut game, b, Some((Some(c), vec![b])));
    let ids = entities.save_entities(&mut game, &[a, b, c]).unwrap();
    let before = by_id::<T>(&game, b);
    entities.unload(&mut game, &[b, c]).unwrap();
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[1]]);
    assert_eq!((T::thing(&game, b), T::id(&game, b)), (Thing::default(), Some(ids[1])));
    assert!(!T::is_there(&game, c));
    assert_eq!(T::thing(&game, a).near.unwrap().1, [b, b]);
    // Changes are written without it.
    entities.save_changed(&mut game).unwrap();
    assert_eq!(entities.load_entity(&mut game, ids[1]).unwrap(), b);
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[2]]);
    entities.load_entity(&mut game, ids[2]).unwrap();
    assert_eq!(by_id::<T>(&game, b), before);
}

fn a_parent_leaves_without_its_children<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (mut game, mut entities) = (world::<T>(), stored::<T>(&store));
    let parent = scored::<T>(&mut game, 1);
    let children: Vec<T::Entity> = (0..3).map(|score| scored::<T>(&mut game, score)).collect();
    for child in &children {
        T::set_parent(&mut game, *child, Some(parent));
    }
    let id = entities.save_entity(&mut game, parent).unwrap();
    entities.unload(&mut game, &[parent]).unwrap();
    assert_eq!(T::children(&game, parent), children);
    assert_eq!(entities.pending().collect::<Vec<_>>(), [id]);
    assert_eq!(T::thing(&game, parent), Thing::default());
    // One of the children leaves too, and comes back last.
    entities.unload(&mut game, &children[..1]).unwrap();
    assert_eq!(T::children(&game, parent), children[1..]);
    assert_eq!(entities.load_entity(&mut game, id).unwrap(), parent);
    assert_eq!(T::thing(&game, parent).score, Some(1));
    assert_eq!(T::children(&game, parent), children[1..]);
}

fn pending_ones_that_nobody_needs_go<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (mut game, mut entities) = (world::<T>(), stored::<T>(&store));
    let [a, b, c] = [1, 2, 3].map(|score| scored::<T>(&mut game, score));
    T::set_near(&mut game, a, Some((Some(c), Vec::new())));
    T::set_near(&mut game, b, Some((Some(c), Vec::new())));
    let ids = entities.save_entities(&mut game, &[a, b, c]).unwrap();
    entities.unload(&mut game, &[c]).unwrap();
    entities.unload(&mut game, &[a]).unwrap();
    assert_eq!(entities.pending().collect::<Vec<_>>(), [ids[2]]);
    assert!(T::is_there(&game, c), "b refers to it still");
    // Not by leaving, but by a change.
    T::set_near(&mut game, b, None);
    entities.unload(&mut game, &[]).unwrap();
    assert!(!T::is_there(&game, c));
    assert_eq!(entities.pending().count(), 0);
}

fn unloading_all_leaves_nothing<T: Ecs>() {
    let store = Arc::new(MemoryStore::new());
    let (mut game, mut entities) = (world::<T>(), stored::<T>(&store));
    let all: Vec<T::Entity> = (0..6).map(|score| scored::<T>(&mut game, score)).collect();
    for at in 0..6 {
        T::set_near(&mut game, all[at], Some((Some(all[(at + 1) % 6]), all.clone())));
    }
    for child in &all[1..3] {
        T::set_parent(&mut game, *child, Some(all[0]));
    }
    let things: Vec<_> = {
        entities.save_entities(&mut game, &all).unwrap();
        all.iter().map(|entity| by_id::<T>(&game, *entity)).collect()
    };
    let ids: Vec<PersistId> = all.iter().map(|entity| T::id(&game, *entity).unwrap()).collect();
    // One after the other, then all at once.
    for part in [&all[..1], &all[1..2], &all[2..]] {
        entities.unload(&mut game, part).unwrap();
    }
    assert_eq!((T::count(&game), entities.pending().count(), entities.len()), (0, 0, 0));
    let loaded = entities.load_entities(&mut game, &ids).unwrap();
    for (entity, thing) in loaded.iter().zip(&things) {
        assert_eq!(by_id::<T>(&game, *entity), *thing);
    }
    entities.unload(&mut game, &loaded).unwrap();
    assert_eq!(T::count(&game), 0);
}

fn a_store_that_fails_leaves_the_world_as_it_was<T: Ecs>() {
    let store = Arc::new(Watched::new("here"));
    let mut game = world::<T>();
    let mut entities = stored_in::<T>([store.clone() as Arc<_>]);
    let entity = scored::<T>(&mut game, 1);
    let id = entities.save_entity(&mut game, entity).unwrap();
    store.fails.store(true, Relaxed);
    entities.unload(&mut game, &[entity]).unwrap_err();
    assert_eq!(T::thing(&game, entity).score, Some(1));
    assert_eq!(entities.entity(id), Some(entity));
}
