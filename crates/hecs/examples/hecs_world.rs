//! Captures a hecs world, spawns it into another one, and compares the two entity by entity.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use hecs::{Entity, World};
use keepstone_hecs::{EcsWorld, Error, Persist, Relationship, SpawnOptions};
use serde::{Deserialize, Serialize};

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_hecs", name = "ship.position", pod)]
#[repr(C)]
struct Position {
    x: f32,
    y: f32,
}

/// References stand in any field, and follow their entities.
#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_hecs", name = "ship.crew")]
struct Crew {
    names: Vec<String>,
    escorts: Vec<Entity>,
}

/// What bevy saves as `ChildOf` loads into this.
#[derive(Persist)]
#[persist(crate = "keepstone_hecs", name = "bevy_ecs.ChildOf", relationship)]
struct Parent(Entity);

impl Relationship for Parent {
    fn new(target: Entity, _: u32) -> Self {
        Self(target)
    }

    fn target(&self) -> Entity {
        self.0
    }
}

/// No `Persist`, so it is not saved, and the capture says so.
struct Selected;

fn main() -> Result<(), Error> {
    let mut world = World::new();
    let escort = world.spawn((Position { x: 9.0, y: 9.0 },));
    let crew = Crew { names: vec!["ann".to_owned()], escorts: vec![escort] };
    let ship = world.spawn((Position { x: 1.0, y: 2.0 }, crew));
    world.spawn((Position { x: 3.0, y: 4.0 }, Parent(ship), Selected));

    let registry = World::derived_registry()?;
    let capture = world.capture(registry)?;
    println!("{} entities, {} values", capture.doc.entity_count(), capture.doc.value_count());
    for left in &capture.left_out {
        println!("left out: {} x {} ({})", left.count, left.component, left.reason);
    }

    // The document could also come from a file, and from another ECS.
    let mut loaded = World::new();
    let report = loaded.spawn_doc(&capture.doc, registry, &SpawnOptions::default())?;
    let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
    match world.difference(&loaded, &pairs, registry)? {
        None => println!("both worlds are equal in {} entities", pairs.len()),
        Some(difference) => println!("they differ: {difference}"),
    }
    for (crew, parent) in &mut loaded.query::<(&Crew, Option<&Parent>)>() {
        println!("{:?}, {} escorts, part of a fleet: {}", crew.names, crew.escorts.len(), parent.is_some());
    }
    Ok(())
}
