//! Every fixture against the listing of its contents.

use std::collections::HashMap;

use keepstone_compat::pecs::{Counts, Header, Id, Warning, crc64_we, verify};
use keepstone_format::Limits;
use serde_json::{Value, json};

use crate::pecs::files::{ALL, Fixture, named, read};

fn listing(fixture: &Fixture) -> Value {
    serde_json::from_str(fixture.listing).unwrap()
}

#[test]
fn header_checksum_and_length_are_as_listed() {
    for fixture in ALL {
        let listed = listing(fixture);
        let header = Header::read(fixture.bytes).unwrap();
        let body = &fixture.bytes[..fixture.bytes.len() - 8];
        assert_eq!(json!(fixture.bytes.len()), listed["bytes"], "{}", fixture.name);
        assert_eq!(json!(format!("{}.pecs", fixture.name)), listed["file"]);
        assert_eq!(json!(header.entity_count), listed["pecs_own_reload_entities"]);
        for (key, found) in [
            ("checksum_crc64_we_hex", json!(format!("{:016x}", crc64_we(body)))),
            ("entity_count", json!(header.entity_count)),
            ("flags", json!(header.flags)),
            ("format_version", json!(header.version)),
        ] {
            assert!(listed.get(key).is_none_or(|expected| *expected == found), "{}: {key}", fixture.name);
        }
    }
}

#[test]
fn stable_ids_are_as_listed() {
    for fixture in ALL {
        let listed = listing(fixture);
        let file = read(fixture.bytes).unwrap();
        let mut ids: Vec<String> = file.entities().map(|entity| entity.id.to_string()).collect();
        if let Some(expected) = listed.get("stable_ids_sorted") {
            ids.sort();
            assert_eq!(&json!(ids), expected, "{}", fixture.name);
        } else {
            let entities = listed["entities"].as_array().unwrap();
            let expected: Vec<&Value> = entities.iter().map(|entity| &entity["id"]).collect();
            assert_eq!(json!(ids), json!(expected), "{}", fixture.name);
        }
    }
}

#[test]
fn registry_is_as_listed() {
    let mut compared = 0;
    for fixture in ALL {
        let mut listed = listing(fixture);
        let expected = match listed.get_mut("registry") {
            Some(registry) => registry.take(),
            None => listed["extra"].get_mut("registry").map_or(json!([]), Value::take),
        };
        let file = read(fixture.bytes).unwrap();
        let found: Vec<Value> = file
            .types()
            .iter()
            .map(|one| json!({ "name": one.name, "type_id_hex": one.type_id, "version": one.version }))
            .collect();
        assert_eq!(json!(found), expected, "{}", fixture.name);
        compared += found.len();
    }
    assert_eq!(compared, 7);
}

/// The bytes of each component are compared with what the listed value encodes to.
#[test]
fn components_are_as_listed() {
    let fixture = ALL.last().unwrap();
    let listed = listing(fixture);
    let file = read(fixture.bytes).unwrap();
    let expected = listed["entities"].as_array().unwrap();
    assert_eq!(file.entities().count(), expected.len());
    let mut compared = HashMap::new();
    for (entity, expected) in file.entities().zip(expected) {
        let components = expected["components"].as_array().unwrap();
        assert_eq!(entity.component_count() as usize, components.len());
        assert_eq!(entity.components().count(), components.len());
        for (found, expected) in entity.components().zip(components) {
            assert_eq!(json!(found.component_type.name), expected["type"]);
            assert_eq!(found.data, encoded(expected), "entity {}", entity.id);
            *compared.entry(found.component_type.name.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(file.entity(entity.ordinal).unwrap().id, entity.id);
    }
    assert!(file.entity(1000).is_none());
    assert_eq!(compared.len(), 4);
    assert_eq!(compared["game::Position"], 1000);
}

fn encoded(listed: &Value) -> Vec<u8> {
    let value = listed["value"].clone();
    match listed["encoding"].as_str().unwrap() {
        "postcard (f32,f32,f32)" => {
            postcard::to_stdvec(&serde_json::from_value::<(f32, f32, f32)>(value).unwrap()).unwrap()
        }
        "postcard (f32,f32)" => {
            postcard::to_stdvec(&serde_json::from_value::<(f32, f32)>(value).unwrap()).unwrap()
        }
        "postcard (i32,i32)" => {
            postcard::to_stdvec(&serde_json::from_value::<(i32, i32)>(value).unwrap()).unwrap()
        }
        "postcard String" => postcard::to_stdvec(&serde_json::from_value::<String>(value).unwrap()).unwrap(),
        "empty" => Vec::new(),
        other => panic!("no encoding {other}"),
    }
}

#[test]
fn only_the_repeated_components_are_odd() {
    for fixture in ALL {
        let warnings = verify(fixture.bytes, &Limits::default()).unwrap();
        if fixture.name.starts_with("11") {
            let [Warning::RepeatedComponents { count: 72, entity: Id(0xabc0), type_id: Id(0x2222), offset }] =
                warnings[..]
            else {
                panic!("{warnings:?}");
            };
            assert_eq!(offset, 0x157);
        } else {
            assert_eq!(warnings, [], "{}", fixture.name);
        }
    }
}

#[test]
fn counts_add_up_to_the_bytes_of_the_file() {
    for fixture in ALL {
        let file = read(fixture.bytes).unwrap();
        let counts = file.counts();
        let names: usize = file.types().iter().map(|one| one.name.unwrap().len()).sum();
        let all = counts.components + counts.repeated_components;
        let len = 32 + 24 * counts.types + names as u64 + 20 * counts.entities + 20 * all + counts.data_len;
        // The repeated components of the fixtures are empty.
        assert_eq!(len, fixture.bytes.len() as u64, "{}", fixture.name);
    }
    let counts = read(named("11_format_structs_components")).unwrap().counts();
    let text = r#"{"entities":1000,"types":4,"unregistered_types":0,"components":2105,"data_len":24672,"repeated_components":72}"#;
    let expected: Counts = serde_json::from_str(text).unwrap();
    assert_eq!(counts, expected);
}
