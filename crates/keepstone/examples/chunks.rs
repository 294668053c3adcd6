//! A world of which only what is near the player is loaded.
//!
//! Each chunk is an entity that names what stands in it. As the player walks, chunks are loaded and unloaded; what changed is written as the
//! game goes on.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::Arc,
};

use hecs::{Entity, World};
use keepstone::{
    MemoryStore, PersistId, StoredEntities,
    ecs::EntityStore as _,
    hecs::{Hecs, PersistIds as _},
    prelude::*,
};
use serde::{Deserialize, Serialize};

#[derive(Persist, Serialize, Deserialize)]
#[persist(name = "chunks.chunk")]
struct Chunk {
    at: i64,
    trees: Vec<Entity>,
}

#[derive(Persist, Clone, Copy)]
#[persist(name = "chunks.tree", pod)]
#[repr(C)]
struct Tree {
    height: u32,
}

type Stored = StoredEntities<Hecs, World>;

/// How far the player sees.
const NEAR: i64 = 1;

/// The map, which a game has in a file of its own: which entity each chunk is.
type Map = BTreeMap<i64, PersistId>;

/// Loads what has come near and unloads what is far.
fn walk(world: &mut World, stored: &mut Stored, map: &Map, to: i64) -> Result<(), Box<dyn Error>> {
    let is_near = |at: i64| (at - to).abs() <= NEAR;
    let near: Vec<PersistId> = map.iter().filter(|(at, _)| is_near(**at)).map(|(_, id)| *id).collect();
    let chunks: BTreeSet<Entity> = stored.load_entities(world, &near)?.into_iter().collect();
    let mut trees = Vec::new();
    for &chunk in &chunks {
        trees.extend(world.get::<&Chunk>(chunk)?.trees.iter().filter_map(|tree| world.persist_id(*tree)));
    }
    stored.load_entities(world, &trees)?;

    let mut far = Vec::new();
    for (entity, chunk) in &mut world.query::<(Entity, &Chunk)>() {
        if !chunks.contains(&entity) {
            far.push(entity);
            far.extend(&chunk.trees);
        }
    }
    stored.unload(world, &far)?;
    println!("at {to}: {} entities are loaded", stored.len());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::with_capacity(100));
    let mut stored: Stored = StoredEntities::in_store(Arc::clone(&store))?;
    let mut world = World::new();

    // The world is made chunk by chunk, and never in memory as a whole.
    let mut map = Map::new();
    let id_of = |map: &Map, at: i64| map.get(&at).copied().ok_or("no such chunk");
    for at in 0..10 {
        let trees: Vec<Entity> = (0..4).map(|height| world.spawn((Tree { height },))).collect();
        let chunk = world.spawn((Chunk { at, trees: trees.clone() },));
        map.insert(at, stored.save_entity(&mut world, chunk)?);
        stored.unload(&mut world, &[vec![chunk], trees].concat())?;
    }
    // One record more: under the id 0 the store keeps which ids were given.
    assert_eq!((store.len()?, stored.len()), (50 + 1, 0));

    for to in 0..10 {
        walk(&mut world, &mut stored, &map, to)?;
        assert!(stored.len() <= 15);
        // The trees that the player sees grow, one is felled.
        world.query_mut::<&mut Tree>().into_iter().for_each(|tree| tree.height += 1);
        if to == 5 {
            let chunk = stored.entity(id_of(&map, 5)?).ok_or("not loaded")?;
            let felled = world.get::<&mut Chunk>(chunk)?.trees.pop().ok_or("no tree")?;
            world.despawn(felled)?;
        }
        // An autosave: one batch with what changed.
        let report = stored.save_changed(&mut world)?;
        println!("saved {}, deleted {}", report.saved, report.deleted);
    }

    // The player walks back: each chunk is as it was left.
    walk(&mut world, &mut stored, &map, 5)?;
    let chunk = world.get::<&Chunk>(stored.entity(id_of(&map, 5)?).ok_or("not loaded")?)?;
    let mut heights = Vec::new();
    for tree in &chunk.trees {
        heights.push(world.get::<&Tree>(*tree)?.height);
    }
    println!("the trees of chunk {} have the heights {heights:?}", chunk.at);
    assert_eq!((heights, store.len()?), (vec![3, 4, 5], 49 + 1));
    Ok(())
}

#[test]
fn chunks_are_as_they_were_left() {
    main().unwrap();
}
