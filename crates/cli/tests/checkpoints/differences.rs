//! What changed between two checkpoints, as the command says it.

use std::fs;

use keepstone::checkpoint::{Bytes, Payload, PayloadError};
use keepstone::ecs::{Column, ColumnData, EncodeOptions, PersistId, WorldDoc};
use keepstone::format::{Limits, Reader};
use keepstone::store::Prepared;
use serde::Serialize;
use serde_json::json;

use super::Store;
use crate::support::demo_file;

#[derive(Serialize)]
struct Game {
    party: Vec<Hero>,
    gold: u32,
}

#[derive(Serialize)]
struct Hero {
    name: &'static str,
    health: u32,
}

fn commit<P: Payload + ?Sized>(store: &Store, payload: &P) {
    store.open().session("main").unwrap().checkpoint(payload).commit().unwrap();
}

/// What people see of the difference of 1 and 2, but for the first line, and how the command ends.
fn shown(store: &Store, more: &[&str]) -> (i32, String) {
    let answer = store.checkpoint("diff", &[&["1", "2"], more].concat());
    assert_eq!(answer.err, "");
    let (_, rest) = answer.out.split_once('\n').unwrap();
    (answer.exit, rest.to_owned())
}

#[test]
fn values_are_compared_by_field_and_element() {
    let store = Store::new();
    let hero = |name, health| Hero { name, health };
    commit(&store, &Game { party: vec![hero("ann", 9), hero("bo", 10)], gold: 3 });
    commit(&store, &Game { party: vec![hero("ann", 9), hero("cy", 5), hero("bo", 7)], gold: 3 });
    let (exit, text) = shown(&store, &[]);
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(exit == 1 && first.contains(" bytes -> "), "{text}");
    assert_eq!(rest, "  + party[1]: Hero { name: \"cy\", health: 5 }\n  ~ party[2].health: 10 -> 7\n");
    let (exit, document) = store.json_any("diff", &["1", "2"]);
    assert_eq!((exit, &document["compared_as"], &document["equal"]), (1, &json!("value"), &json!(false)));
    assert_eq!((&document["total"], &document["listed"]), (&json!(2), &json!(2)));
    let added = json!({"what": "added", "path": "party[1]", "b": {"name": "cy", "health": 5}});
    let changed = json!({"what": "changed", "path": "party[2].health", "a": 10, "b": 7});
    assert_eq!(document["differences"], json!([added, changed]));
    let (_, document) = store.json_any("diff", &["2", "1"]);
    assert_eq!(document["differences"][0]["what"], "removed");
    // The bytes of it, if they are asked for.
    let (exit, document) = store.json_any("diff", &["1", "2", "--bytes"]);
    assert_eq!((exit, &document["compared_as"]), (1, &json!("bytes")));
    assert!(document["new_bytes"].as_u64().unwrap() > 0 && document["differences"].is_null());
    assert!(store.text("diff", &["1", "1"]).contains("are the same, "));
}

#[test]
fn json_is_compared_by_member_and_element() {
    let store = Store::new();
    store.create(br#"{"party":[{"name":"bo","health":10}],"gold":3}"#, &[]);
    store.create(br#"{"party":[{"name":"bo","health":7}],"keys":[1]}"#, &[]);
    store.create(br#"{ "gold": 3, "party": [{"health":10, "name":"bo"}] }"#, &[]);
    let expected = "  46 bytes -> 47 bytes\n  ~ party[0].health: 10 -> 7\n  - gold: 3\n  + keys: [1]\n";
    assert_eq!(shown(&store, &[]), (1, expected.to_owned()));
    assert_eq!(store.json_any("diff", &["1", "2"]).1["compared_as"], "json");
    // Other bytes that hold the same.
    let text = store.text("diff", &["1", "3"]);
    assert!(text.ends_with("#1 and #3 hold the same in other bytes, 46 and 52 bytes\n"), "{text}");
    let document = store.json("diff", &["1", "3"]);
    assert_eq!((&document["equal"], &document["total"]), (&json!(true), &json!(0)));
    assert_eq!(store.json_any("diff", &["1", "3", "--bytes"]).0, 1);
}

#[test]
fn only_the_first_hundred_changes_are_listed_and_all_are_counted() {
    let store = Store::new();
    commit(&store, &(0..1234).collect::<Vec<u32>>());
    commit(&store, &(5000..6234).collect::<Vec<u32>>());
    let (_, text) = shown(&store, &[]);
    assert_eq!(text.lines().count(), 1 + 100 + 1);
    assert!(text.ends_with("100 of 1,234 changes are listed; --all lists all\n"), "{text}");
    let (_, text) = shown(&store, &["--all"]);
    assert_eq!(text.lines().count(), 1 + 1234);
    let (_, document) = store.json_any("diff", &["1", "2"]);
    assert_eq!((&document["total"], &document["listed"]), (&json!(1234), &json!(100)));
    assert_eq!(document["differences"].as_array().unwrap().len(), 100);
}

/// The sections of a container, as a program with a payload of its own hands them over.
struct Container(Vec<u8>);

impl Payload for Container {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        Ok(Prepared::new(0, |writer| {
            let reader = Reader::open(self.0.as_slice(), Limits::default())?;
            for section in reader.sections() {
                let bytes = reader.read(section)?;
                writer.coded_from(section.id(), section.instance(), &[&bytes])?;
            }
            Ok(reader.tail().clone())
        }))
    }
}

#[test]
fn worlds_are_compared_by_entity_component_and_field() {
    let store = Store::new();
    let demo = fs::read(demo_file("demo.keep")).unwrap();
    commit(&store, &Container(demo.clone()));
    let reader = Reader::open(demo.as_slice(), Limits::default()).unwrap();
    let mut doc = WorldDoc::decode(&reader, 0).unwrap();
    let is_plain = |column: &&mut Column<'_>| {
        let name = column.schema.name.as_str();
        name != PersistId::COMPONENT && !column.schema.resource && matches!(column.data, ColumnData::Plain(_))
    };
    let column = doc.columns.iter_mut().find(is_plain).unwrap();
    let name = column.schema.name.clone();
    let ColumnData::Plain(pieces) = &mut column.data else { panic!() };
    pieces[0].to_mut()[0] ^= 1;
    let (bytes, _) = doc.encode(Vec::new(), &EncodeOptions::default()).unwrap();
    commit(&store, &Container(bytes));
    let (_, document) = store.json_any("diff", &["1", "2"]);
    assert_eq!(document["compared_as"], "worlds", "{document}");
    let world = &document["worlds"][0];
    assert_eq!((&world["entities"], &world["values"]), (&json!([300, 300]), &json!(1)));
    assert_eq!(
        (&world["differences"][0]["what"], &world["differences"][0]["name"]),
        (&json!("value"), &json!(name))
    );
    let (exit, text) = shown(&store, &[]);
    assert!(exit == 1 && text.contains(&name) && text.contains("1 entity changed"), "{text}");
    assert_eq!(store.json_any("diff", &["1", "2", "--bytes"]).1["compared_as"], "bytes");
}

#[test]
fn states_of_two_sorts_differ() {
    let store = Store::new();
    commit(&store, &7_u32);
    commit(&store, &Bytes::from(vec![7]));
    let (exit, text) = shown(&store, &[]);
    assert!(exit == 1 && text.ends_with("\n  one is value, the other bytes\n"), "{text}");
    let (exit, document) = store.json_any("diff", &["1", "2"]);
    assert_eq!((exit, &document["layouts"]), (1, &json!(["value", "bytes"])));
}
