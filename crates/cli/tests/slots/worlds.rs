//! Worlds in save slots, and in the files that are made of them.

use std::{fs, path::Path};

use bevy_ecs::{component::Component, world::World};
use keepstone::{
    Persist, WorldSlots as _,
    format::{Metadata, SectionId},
    slots::{Compression, Payload, PayloadError, SaveManager, SaveOptions},
    store::Prepared,
};
use serde_json::{Value, json};

use super::Root;
use crate::convert::convert;
use crate::support::{json_on, on, run};

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "test.Health", pod)]
#[repr(C)]
struct Health {
    current: i32,
    max: i32,
}

const CURRENT: i32 = 0x5eed_1234;

fn world(max: i32) -> World {
    let mut world = World::new();
    world.spawn(Health { current: CURRENT, max });
    world.spawn(Health { current: CURRENT, max: max + 1 });
    world
}

fn manager(root: &Root) -> SaveManager {
    let options = SaveOptions::default().compression(Compression::NONE).background(false);
    SaveManager::open(root.dir(), options).unwrap()
}

/// Saves a world to a slot of alice.
fn save(root: &Root, slot: u8, max: i32) -> String {
    let saved = world(max).save_to_slot(&manager(root), "alice", slot).unwrap();
    saved.saved.id().to_string()
}

/// A save and the container that is exported of it.
fn both(root: &Root, id: &str) -> [std::path::PathBuf; 2] {
    let out = root.beside(&format!("{id}.keep"));
    root.json("export", &[id, &out]);
    [root.file(id), out.into()]
}

/// Sections that a program calls as those of worlds are called.
struct Sections(&'static [SectionId]);

impl Payload for Sections {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        Ok(Prepared::new(4, |writer| {
            self.0.iter().try_for_each(|id| writer.coded_from(*id, 0, &[&[0xff; 4]]))?;
            Ok(Metadata::new())
        }))
    }
}

#[test]
fn a_world_in_a_save_is_described() {
    let root = Root::new();
    let id = save(&root, 3, 10);
    let [file, exported] = both(&root, &id);
    let container = json_on("inspect", &file).1["container"].take();
    let alone = json_on("inspect", &exported).1;
    for document in [container, alone] {
        assert_eq!((&document["kind"], &document["world_count"]), (&json!("save"), &json!(1)), "{document}");
        let world = &document["worlds"][0];
        assert_eq!((&world["entities"], &world["values"]), (&json!(2), &json!(2)), "{document}");
        let component = &world["components"][0];
        assert_eq!((&component["name"], &component["rows"]), (&json!("test.Health"), &json!(2)));
    }
    for path in [file, exported] {
        let text = on("inspect", &path).out;
        assert!(text.contains("world 0: 2 entities, 2 values") && text.contains("test.Health"), "{text}");
    }
}

#[test]
fn a_save_of_something_else_has_no_worlds() {
    let root = Root::new();
    let id = root.save(0, b"bytes", &[]);
    let values = manager(&root).save("alice", 1, &Sections(&[SectionId::VALUES])).unwrap();
    for id in [id, values.id().to_string()] {
        for path in both(&root, &id) {
            let mut document = json_on("inspect", &path).1;
            if document["format"] == "save" {
                document = document["container"].take();
            }
            assert_eq!((&document["world_count"], &document["worlds"]), (&json!(0), &json!([])));
            let (exit, document) = json_on("verify", &path);
            assert_eq!((exit, &document["entities"]), (0, &json!(null)), "{document}");
            let answer = convert(&path, root.beside("out.json").as_ref(), &["--to", "json"]);
            assert!(answer.exit == 2 && answer.err.contains("container of kind save"), "{}", answer.err);
        }
    }
}

#[test]
fn the_world_in_a_save_is_verified() {
    let root = Root::new();
    let id = save(&root, 0, 10);
    for path in both(&root, &id) {
        let (exit, document) = json_on("verify", &path);
        assert_eq!((exit, &document["entities"]), (0, &json!(2)), "{document}");
        super::flip(&path, &CURRENT.to_le_bytes());
        let (exit, document) = json_on("verify", &path);
        let damage = &document["damage"][0];
        assert_eq!(
            (exit, &damage["section"], &damage["component"]),
            (1, &json!("VALUES"), &json!("test.Health")),
            "{document}"
        );
    }
    assert_eq!(root.slot("verify", &[]).exit, 1);
}

#[test]
fn a_world_that_is_none_is_damage_though_all_checksums_hold() {
    for sections in [&[SectionId::SCHEMA][..], &[SectionId::TABLES], &[SectionId::SCHEMA, SectionId::TABLES]]
    {
        let root = Root::new();
        let saved = manager(&root).save("alice", 0, &Sections(sections)).unwrap();
        let id = saved.id().to_string();
        for path in both(&root, &id) {
            let (exit, document) = json_on("verify", &path);
            assert_eq!((exit, &document["damage"][0]["what"]), (1, &json!("world 0")), "{document}");
        }
        let document = root.slot("verify", &["--json"]).json();
        let what = document["damage"][0]["what"].as_str().unwrap();
        assert!(what.contains(&id) && what.ends_with("world 0"), "{document}");
        assert_eq!(document["saves"], 0);
        assert_ne!(root.slot("load", &["--player", "alice", "--slot", "0", "--json"]).exit, 0);
    }
}

#[test]
fn worlds_in_saves_are_compared() {
    let root = Root::new();
    let [first, second] = [save(&root, 0, 10), save(&root, 0, 20)].map(|id| both(&root, &id));
    let diff = |a: &Path, b: &Path| {
        let answer = run(&["diff".as_ref(), a.as_os_str(), b.as_os_str(), "--json".as_ref()]);
        (answer.exit, answer.json())
    };
    let (exit, document) = diff(&first[0], &first[1]);
    assert_eq!((exit, &document["formats"]), (0, &json!(["save", "keep"])), "{document}");
    for (a, b) in first.iter().zip(&second) {
        let (exit, document) = diff(a, b);
        let world = &document["worlds"][0];
        assert_eq!((exit, &world["components_changed"]), (1, &json!(2)), "{document}");
        let paths: Vec<&Value> =
            world["differences"].as_array().unwrap().iter().map(|d| &d["path"]).collect();
        assert_eq!(paths, [".max"; 2]);
    }
}

#[test]
fn a_world_in_a_save_becomes_json_and_pecs() {
    let root = Root::new();
    let id = save(&root, 0, 10);
    for (path, format) in both(&root, &id).iter().zip(["save", "keep"]) {
        for to in ["json", "pecs"] {
            let out = root.beside(&format!("{format}.{to}"));
            let answer = convert(path, out.as_ref(), &["--to", to, "--json"]);
            let document = answer.json();
            assert_eq!(
                (answer.exit, &document["format"], &document["entities"]),
                (0, &json!(format), &json!(2)),
                "{document}"
            );
            let lost = document["lost"].as_array().unwrap();
            assert!(lost.iter().any(|lost| lost.as_str().unwrap().contains("player, slot")), "{document}");
            assert!(lost.iter().all(|lost| !lost.as_str().unwrap().contains("doesn't know")), "{document}");
        }
    }
    let [one, other] = ["save.json", "keep.json"].map(|name| fs::read(root.beside(name)).unwrap());
    assert!(one == other);
}

#[test]
fn a_load_says_that_a_save_holds_a_world() {
    let root = Root::new();
    let id = save(&root, 0, 10);
    let document = root.json("load", &["--player", "alice", "--slot", "0"]);
    assert_eq!((&document["payload"], &document["save"]["id"]), (&json!("world"), &json!(id)));
    assert_eq!(document["worlds"], json!([{"name": "", "entities": 2, "values": 2}]), "{document}");
    assert_eq!(document["sections"], json!(["SCHEMA", "TABLES", "VALUES"]), "{document}");
    let (exit, out, err) = root.load(0);
    assert!(exit == 2 && out.is_empty() && err.contains("slot export"), "{err}");
    // One whose rows are damaged is no more the latest than it is for a game.
    let later = save(&root, 0, 20);
    root.damage(&later, &CURRENT.to_le_bytes());
    let document = root.json("load", &["--player", "alice", "--slot", "0"]);
    let lost = document["lost"].as_array().unwrap();
    assert_eq!((&document["save"]["id"], lost.len()), (&json!(id), 1), "{document}");
    assert_eq!(lost[0]["id"], json!(later));
}
