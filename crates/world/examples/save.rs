//! Saves a world to a file, loads it, and shows what the options and reports are for.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use bevy_ecs::prelude::*;
use keepstone_bevy::Persist;
use keepstone_world::{Codec, LoadMode, LoadOptions, SaveOptions, WorldFiles, WorldMeta};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "city.house")]
struct House {
    street: String,
    number: u16,
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("city.keep");
    let mut world = World::new();
    world.spawn_batch((1..=1000).map(|number| House { street: "Mill Lane".to_owned(), number }));

    let mut meta = WorldMeta::default();
    meta.name = Some("Mill Lane".to_owned());
    let options = SaveOptions::default().codec(Codec::None).meta(meta).strict(true).read_back(true);
    let saved = world.save_with(&path, &options)?;
    println!("saved {} entities in {} bytes", saved.encoded.entities, saved.encoded.bytes_total);

    let (mut loaded, report) = World::load_with(&path, &LoadOptions::default())?;
    println!("loaded {} values from {} bytes", report.spawned.values, report.bytes);

    // The entities of the file once more, beside those that are there.
    loaded.load_into(&path, LoadMode::Merge)?;
    println!("{} houses after a merge", loaded.query::<&House>().iter(&loaded).count());

    match World::load(dir.path().join("nowhere.keep")) {
        Ok(_) => println!("there is a file of that name"),
        Err(error) => println!("{:?}: {error}", error.kind()),
    }
    Ok(())
}
