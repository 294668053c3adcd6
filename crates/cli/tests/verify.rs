use keepstone::{
    ecs::{EncodeOptions, WorldDoc},
    format::{Codec, FileKind, Metadata, SectionId, Writer, WriterOptions},
};
use serde_json::json;

use crate::support::{demo_file, json_on, on, with_file};

#[test]
fn fresh_worlds_are_good() {
    for name in ["demo.keep", "demo-lz4.keep"] {
        let (exit, document) = json_on("verify", &demo_file(name));
        assert_eq!((exit, &document["format"], &document["kind"]), (0, &json!("keep"), &json!("world")));
        assert_eq!((&document["entities"], &document["damage"]), (&json!(300), &json!([])));
        assert!(document["sections"].as_u64() > Some(5) && document["chunks"].as_u64() > Some(5));
        let answer = on("verify", &demo_file(name));
        assert!(answer.exit == 0 && answer.out.contains(": good\n"), "{}", answer.out);
    }
}

#[test]
fn a_world_without_entities_is_good() {
    let (bytes, _) = WorldDoc::default().encode(Vec::new(), &EncodeOptions::default()).unwrap();
    with_file("empty.keep", &bytes, |path| {
        assert_eq!(json_on("verify", path).1["entities"], 0);
        assert_eq!(on("inspect", path).exit, 0);
    });
}

/// Good checksums over a structure that is none.
fn structure(kind: FileKind, schema: &[u8], tables: &[u8], tail: Metadata) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(kind).codec(Codec::None)).unwrap();
    writer.coded_from(SectionId::SCHEMA, 0, &[schema]).unwrap();
    writer.coded_from(SectionId::TABLES, 0, &[tables]).unwrap();
    writer.finish(tail).unwrap().0
}

#[test]
fn a_world_whose_structure_is_broken_is_damaged() {
    // No components, then one table of one entity with component 3.
    for (schema, tables) in [
        (&b"\x00"[..], &b"\x00\x01\x01\x01\x01\x03"[..]),
        (b"\x05", b"\x00\x00\x00"),
        (b"\x00", b"\x00\x02\x00"),
    ] {
        with_file("broken.keep", &structure(FileKind::WORLD, schema, tables, Metadata::new()), |path| {
            let (exit, document) = json_on("verify", path);
            assert_eq!((exit, document["damage"].as_array().unwrap().len()), (1, 1), "{document}");
            assert_eq!(document["damage"][0]["what"], "world 0");
            assert_eq!(on("inspect", path).exit, 1);
        });
    }
}

#[test]
fn a_world_without_its_sections_is_damaged() {
    let writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD)).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    with_file("none.keep", &bytes, |path| {
        assert_eq!(on("verify", path).exit, 1);
        assert_eq!(on("inspect", path).exit, 1);
    });
}

#[test]
fn counts_in_the_tail_have_to_be_those_of_the_world() {
    let mut tail = Metadata::new();
    tail.set_entity_count(5).set_value_count(0).set_schema_hash([7; 16]);
    with_file("told.keep", &structure(FileKind::WORLD, b"\x00", b"\x00\x00\x00", tail), |path| {
        let (exit, document) = json_on("verify", path);
        let damage = document["damage"].as_array().unwrap();
        assert_eq!((exit, &damage[0]["what"]), (1, &json!("tail metadata")));
        assert!(damage[0]["message"].as_str().unwrap().contains("schema hash"), "{damage:?}");
    });
}
