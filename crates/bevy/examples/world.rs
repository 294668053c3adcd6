//! Captures a bevy_ecs world, spawns it into another one, and compares the two entity by entity.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use bevy_ecs::prelude::*;
use keepstone_bevy::{EcsWorld, Error, Persist, SpawnOptions};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy)]
#[persist(crate = "keepstone_bevy", name = "ship.position", pod)]
#[repr(C)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "ship.crew")]
struct Crew {
    names: Vec<String>,
}

/// No `Persist`, so it is not saved, and the capture says so.
#[derive(Component)]
struct Selected;

fn main() -> Result<(), Error> {
    let mut world = World::new();
    let ship = world.spawn((Position { x: 1.0, y: 2.0 }, Crew { names: vec!["ann".to_owned()] })).id();
    world.spawn((Position { x: 3.0, y: 4.0 }, ChildOf(ship), Selected));

    let registry = World::derived_registry()?;
    let capture = world.capture(registry)?;
    println!("{} entities, {} values", capture.doc.entity_count(), capture.doc.value_count());
    for left in &capture.left_out {
        println!("left out: {} x {} ({})", left.count, left.component, left.reason);
    }

    // Plain columns of the document are borrowed from the world; it could also come from a file.
    let mut loaded = World::new();
    let report = loaded.spawn_doc(&capture.doc, registry, &SpawnOptions::default())?;
    let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
    match world.difference(&loaded, &pairs, registry)? {
        None => println!("both worlds are equal in {} entities", pairs.len()),
        Some(difference) => println!("they differ: {difference}"),
    }
    Ok(())
}
