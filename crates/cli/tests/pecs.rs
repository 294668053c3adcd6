use std::fs;

use serde_json::json;

use crate::support::{fixture, json_on, on, with_file};

#[test]
fn a_world_of_pecs_is_described() {
    let (exit, document) = json_on("inspect", &fixture("11_format_structs_components.pecs"));
    assert_eq!((exit, &document["format"], &document["version"]), (0, &json!("pecs"), &json!(1)));
    let types = document["component_types"].as_array().unwrap();
    assert_eq!(document["types"].as_u64().unwrap(), types.len() as u64);
    let rows: u64 = types.iter().map(|one| one["rows"].as_u64().unwrap()).sum();
    assert!(rows > 0 && document["components"] == rows, "{document}");
    assert_eq!(document["bytes"], fs::metadata(fixture("11_format_structs_components.pecs")).unwrap().len());
    let answer = on("inspect", &fixture("11_format_structs_components.pecs"));
    for one in types {
        assert!(answer.out.contains(one["column"].as_str().unwrap()), "{}", answer.out);
    }
}

#[test]
fn worlds_of_pecs_that_can_be_read_are_good() {
    for (name, entities) in [("01_empty.pecs", 0), ("02_one_entity.pecs", 1)] {
        let (exit, document) = json_on("verify", &fixture(name));
        assert_eq!((exit, &document["entities"], &document["damage"]), (0, &json!(entities), &json!([])));
        assert_eq!(on("inspect", &fixture(name)).exit, 0);
    }
}

#[test]
fn odd_worlds_of_pecs_are_good_with_warnings_that_both_verbs_list() {
    let mut bytes = fs::read(fixture("02_one_entity.pecs")).unwrap();
    bytes.extend(b"more");
    with_file("odd.pecs", &bytes, |path| {
        for verb in ["inspect", "verify"] {
            let (exit, document) = json_on(verb, path);
            let warnings = document["warnings"].as_array().unwrap();
            assert_eq!((exit, warnings.len()), (0, 1), "{document}");
            assert!(warnings[0].as_str().unwrap().starts_with("4 unchecked bytes"), "{document}");
            assert!(on(verb, path).out.contains("warning: 4 unchecked bytes"));
        }
    });
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_world_of_pecs_is_found() {
    let bytes = fs::read(fixture("11_format_structs_components.pecs")).unwrap();
    for at in (8..bytes.len()).step_by(bytes.len() / 30) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        with_file("flipped.pecs", &damaged, |path| {
            let (exit, document) = json_on("verify", path);
            assert_eq!((exit, document["damage"].as_array().unwrap().len()), (1, 1), "byte {at}: {document}");
            assert!(document["damage"][0]["offset"].is_u64(), "byte {at}: {document}");
            assert_eq!(on("inspect", path).exit, 1);
        });
        with_file("short.pecs", &bytes[..at], |path| {
            assert_eq!(on("verify", path).exit, 1, "{at} bytes");
            assert_eq!(on("inspect", path).exit, 1, "{at} bytes");
        });
    }
}
