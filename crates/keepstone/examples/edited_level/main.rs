//! A level that people write: loads `level.json`, changes it, saves it as text, edits the text and loads that.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "stands for a text editor, which knows nothing of this crate")]

use std::{error::Error, fs};

use bevy_ecs::prelude::*;
use keepstone::prelude::*;
use serde::{Deserialize, Serialize};

const LEVEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/edited_level/level.json");

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "level.place", pod)]
#[repr(C)]
struct Place {
    x: f32,
    y: f32,
}

#[derive(Component, Persist, Serialize, Deserialize, Debug)]
#[persist(name = "level.light")]
struct Light {
    colour: String,
    reach: u8,
}

/// A switch, and the door that it opens.
#[derive(Component, Persist)]
#[persist(name = "level.opens", relationship)]
#[relationship(relationship_target = OpenedBy)]
struct Opens(Entity);

#[derive(Component)]
#[relationship_target(relationship = Opens)]
struct OpenedBy(Vec<Entity>);

#[derive(Resource, Persist, Serialize, Deserialize, Debug)]
#[persist(name = "level.rules")]
struct Rules {
    title: String,
    seconds: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Written by hand, without a schema: what is registered says what the values are.
    let mut world = World::load_json(LEVEL)?;
    let door = world.query::<&Opens>().single(&world)?.0;
    println!("{:?}: a switch opens the door at {:?}", world.resource::<Rules>(), world.get::<Place>(door));
    assert_eq!(world.get::<Place>(door), Some(&Place { x: 9.0, y: 0.0 }));

    world.spawn((Place { x: 0.0, y: 0.0 }, Light { colour: "white".to_owned(), reach: 2 }));
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("level.json");
    world.save_json(&path)?;

    // A component is a line, so it is found and compared with the tools for text.
    let text = fs::read_to_string(&path)?;
    let light = text.lines().find(|line| line.contains("white")).unwrap_or_default();
    println!("saved as {}", light.trim());
    fs::write(&path, text.replace("\"white\"", "\"green\""))?;
    let mut edited = World::load(&path)?; // its first bytes say that it is JSON
    let colours: Vec<_> = edited.query::<&Light>().iter(&edited).map(|light| &light.colour).collect();
    println!("after the edit: {colours:?}");
    assert!(colours.iter().any(|colour| *colour == "green"));

    // A slip is named with its place.
    fs::write(&path, text.replace("\"x\": 0.0", "\"x\": \"left\""))?;
    let Err(error) = World::load(&path) else { return Err("text is no place".into()) };
    let slip = error.source().map(ToString::to_string).unwrap_or_default();
    println!("after a slip: {slip}");
    assert!(slip.contains("level.place"));
    Ok(())
}

#[test]
fn an_edited_level_is_loaded() {
    main().unwrap();
}
