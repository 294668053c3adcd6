//! Players leave a server and come back, each with what they carry.
//!
//! A player and their items are entities in a store while the player is away. The items refer to their owner, and the owner to the item in
//! hand: both are right again, whichever was loaded first.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use bevy_ecs::prelude::*;
use keepstone::{MemoryStore, PersistId, StoredEntities, bevy::PersistIds as _, prelude::*};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(name = "inventory.player")]
struct Player {
    name: String,
    /// What the program has to load with the player.
    carries: Vec<Entity>,
    in_hand: Option<Entity>,
}

#[derive(Component, Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(name = "inventory.item")]
struct Item {
    what: String,
    owner: Entity,
}

fn main() -> Result<(), Box<dyn Error>> {
    // A database of the crate keepstone-backends outlives the program.
    let store = Arc::new(MemoryStore::new());
    let mut stored = StoredEntities::in_store(Arc::clone(&store))?;
    let mut world = World::new();
    let player = world.spawn_empty().id();
    let items =
        ["a lamp", "a rope"].map(|what| world.spawn(Item { what: what.to_owned(), owner: player }).id());
    world.entity_mut(player).insert(Player {
        name: "Ada".to_owned(),
        carries: items.to_vec(),
        in_hand: Some(items[0]),
    });

    // She leaves: all of it is saved in one batch, then despawned.
    stored.unload(&mut world, &[player, items[0], items[1]])?;
    assert!(world.get_entity(player).is_err() && stored.is_empty());

    // And comes back. The server keeps the id with her account.
    let id = PersistId(1);
    let player = stored.load_entity(&mut world, id)?;
    let carried: Vec<PersistId> = stored.pending().collect();
    println!("{} is back; to load are {carried:?}", world.get::<Player>(player).ok_or("no player")?.name);
    // Her items are there as entities, and have nothing yet.
    let lamp = world.get::<Player>(player).and_then(|player| player.in_hand).ok_or("an empty hand")?;
    assert!(world.get::<Item>(lamp).is_none());
    stored.load_entities(&mut world, &carried)?;
    let item = world.get::<Item>(lamp).ok_or("the lamp is gone")?;
    println!("in her hand is {}", item.what);
    assert_eq!((item.what.as_str(), item.owner), ("a lamp", player));
    assert_eq!((stored.pending().count(), world.persist_ids().count()), (0, 3));
    Ok(())
}

#[test]
fn a_player_comes_back_with_all_items() {
    main().unwrap();
}
