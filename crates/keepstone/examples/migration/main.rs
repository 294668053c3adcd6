//! Loads a castle that was saved two versions ago: shows which steps that takes, takes them, and saves the castle as it is now.
//!
//! `castle-v1.keep` was written by the first version, whose types are those that are retired here.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{collections::BTreeSet, error::Error};

use bevy_ecs::prelude::*;
use keepstone::{
    LoadOptions, SaveOptions,
    prelude::*,
    value::Value,
    world::{MigrationChain, WorldSteps},
};
use serde::{Deserialize, Serialize};

const CASTLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/migration/castle-v1.keep");

#[derive(Component, Persist, Serialize, Deserialize, Debug)]
#[persist(name = "castle.name")]
struct Name(String);

/// A position in space, in place of one on a map.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "castle.place", pod, from = Position)]
#[repr(C)]
struct Place {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Persist, Clone, Copy)]
#[persist(name = "castle.position", pod, retired)]
#[repr(C)]
struct Position {
    x: f32,
    y: f32,
}

impl From<Position> for Place {
    fn from(Position { x, y }: Position) -> Self {
        Self { x, y, z: 0.0 }
    }
}

/// In the third version a body has points and a limit, in the second it had points, in the first a percentage.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "castle.health", version = 3, pod, from = Points)]
#[repr(C)]
struct Health {
    current: u32,
    max: u32,
}

#[derive(Persist, Clone, Copy)]
#[persist(name = "castle.health", version = 2, pod, retired, from = Percent)]
#[repr(C)]
struct Points {
    points: u32,
}

#[derive(Persist, Clone, Copy)]
#[persist(name = "castle.health", pod, retired)]
#[repr(C)]
struct Percent {
    percent: u32,
}

impl From<Percent> for Points {
    fn from(old: Percent) -> Self {
        Self { points: old.percent * 10 }
    }
}

impl From<Points> for Health {
    fn from(old: Points) -> Self {
        Self { current: old.points, max: 1000 }
    }
}

/// A field more, another name and wider numbers: nothing but what the fields say.
#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "castle.stats", pod)]
#[repr(C)]
struct Stats {
    #[persist(default)]
    mana: u32,
    luck: u32,
    #[persist(alias = "strength")]
    might: u32,
}

/// Who guards what. References are those of the new world on both sides of a step.
#[derive(Component, Persist, Serialize, Deserialize, Debug)]
#[persist(name = "castle.guard", version = 2, from = OldGuard)]
struct Guard {
    posts: Vec<Entity>,
    orders: String,
}

#[derive(Persist, Serialize, Deserialize)]
#[persist(name = "castle.guard", retired)]
struct OldGuard {
    of: Entity,
    orders: String,
}

impl From<OldGuard> for Guard {
    fn from(old: OldGuard) -> Self {
        Self { posts: vec![old.of], orders: old.orders }
    }
}

/// Came with the second version of the castle.
#[derive(Component, Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(name = "castle.shift")]
struct Shift {
    by_night: bool,
}

/// Came with the third.
#[derive(Component, Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(name = "castle.lock")]
struct Lock {
    keys: u8,
}

/// What concerns the castle as a whole. A step is written for the files of its time and is not changed later.
fn migrations() -> MigrationChain {
    MigrationChain::new()
        .step_with(1, 2, "every other guard goes by night", &[("castle.guard", 1)], |castle| {
            let guards: Vec<u32> = castle.values("castle.guard")?.map(|(who, _)| who).collect();
            let shifts =
                guards.into_iter().enumerate().map(|(at, who)| (who, Shift { by_night: at % 2 == 1 }));
            castle.insert_component_as("castle.shift", 1, shifts)
        })
        .step_with(2, 3, "what is guarded is locked", &[("castle.guard", 1)], |castle| {
            // Without an engine an entity is the number of its row.
            let guarded = castle.values("castle.guard")?.filter_map(|(_, guard)| match guard.field("of") {
                Some(Value::Entity(what)) => Some(*what),
                _ => None,
            });
            let guarded: BTreeSet<u32> = guarded.collect();
            castle.insert_component_as(
                "castle.lock",
                1,
                guarded.into_iter().map(|what| (what, Lock { keys: 1 })),
            )
        })
}

/// What needs the living world: the first castles had no flag.
fn after_the_load() -> WorldSteps<World> {
    WorldSteps::new().step(1, 2, |world: &mut World| {
        world.spawn(Name("flag".to_owned()));
        Ok(())
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = LoadOptions::default().migrations(&migrations());
    println!("a load would take these steps:\n{}", World::dry_run(CASTLE, &options)?);

    let (mut world, report) = World::load_with(CASTLE, &options)?;
    let migrated = report.migrated.ok_or("a chain was given")?;
    println!("\nfrom version {} to {}:", migrated.from_version, migrated.into_version);
    after_the_load().run(&mut world, migrated.from_version)?;
    let mut all = world.query::<(&Name, Option<&Place>, Option<&Health>, Option<&Stats>)>();
    for (Name(name), place, health, stats) in all.iter(&world) {
        println!("{name}: {place:?}, {health:?}, {stats:?}");
    }
    for (Name(name), guard, shift) in world.query::<(&Name, &Guard, &Shift)>().iter(&world) {
        let posts: Vec<_> = guard.posts.iter().filter_map(|post| world.get::<Name>(*post)).collect();
        println!("{name} guards {posts:?}: {:?}, {shift:?}", guard.orders);
    }

    // Until now the file is as it was. A save writes what the world is now, and its version.
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("castle.keep");
    world.save_with(&path, &SaveOptions::default().meta(report.meta))?;
    println!("\na load of the new file takes no step: {}", World::dry_run(&path, &options)?.is_empty());
    Ok(())
}

#[test]
fn an_old_castle_is_that_of_today() {
    main().unwrap();
    let mut world = World::load_with_migrations(CASTLE, &migrations()).unwrap();
    let mut guards = world.query::<(&Name, &Place, &Health, &Stats, &Guard, &Shift)>();
    let (_, place, health, stats, guard, shift) =
        guards.iter(&world).find(|(name, ..)| name.0 == "bo").unwrap();
    assert_eq!((*place, *health), (Place { x: -1.0, y: 11.0, z: 0.0 }, Health { current: 450, max: 1000 }));
    assert_eq!((*stats, shift), (Stats { mana: 0, luck: 1, might: 12 }, &Shift { by_night: true }));
    let gate = guard.posts[0];
    assert_eq!((&*world.get::<Name>(gate).unwrap().0, world.get(gate)), ("gate", Some(&Lock { keys: 1 })));
}
