use keepstone::format::{Codec, FileKind, Metadata, SectionId, Writer, WriterOptions};
use serde_json::json;

use crate::support::{json_on, run, with_file};

/// A world whose sections decode to more than the file has bytes.
fn inflated(id: SectionId, len: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD).codec(Codec::Lz4)).unwrap();
    for section in [SectionId::SCHEMA, SectionId::TABLES, SectionId::VALUES] {
        let bytes = if section == id { vec![0; len] } else { vec![0] };
        writer.coded_from(section, 0, &[&bytes]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

#[test]
fn a_schema_far_larger_than_its_file_is_not_described() {
    with_file("schema.keep", &inflated(SectionId::SCHEMA, 65 << 20), |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["error"]["kind"]), (2, &json!("limit")), "{document}");
    });
}

#[test]
fn a_world_far_larger_than_its_file_is_not_decoded() {
    with_file("values.keep", &inflated(SectionId::VALUES, 257 << 20), |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, &document["error"]["kind"]), (2, &json!("limit")), "{document}");
        let out = path.with_extension("out");
        let args =
            ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()];
        let document = run(&args).json();
        assert_eq!(
            (&document["exit"], &document["error"]["kind"]),
            (&json!(2), &json!("limit")),
            "{document}"
        );
        assert!(!out.exists());
    });
}

#[test]
fn many_worlds_are_counted_and_the_first_described() {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD).codec(Codec::None)).unwrap();
    for world in 0..300_u32 {
        writer.coded_from(SectionId::SCHEMA, world << 16, &[b"\x00"]).unwrap();
        writer.coded_from(SectionId::TABLES, world << 16, &[b"\x00\x00\x00"]).unwrap();
    }
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    with_file("many.keep", &bytes, |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["world_count"]), (0, &json!(300)));
        assert_eq!(document["worlds"].as_array().unwrap().len(), 64);
        assert_eq!(json_on("verify", path).0, 0);
    });
}

#[test]
fn a_table_that_repeats_a_component_for_ever_is_only_counted() {
    // One table of one entity with two million times component 0.
    let mut tables = vec![0, 1, 1, 1, 0x80, 0x89, 0x7a];
    tables.resize(tables.len() + 2_000_000, 0);
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD).codec(Codec::Lz4)).unwrap();
    // A marker component: name `a`, version 1, no flags, a plain struct without fields.
    writer.coded_from(SectionId::SCHEMA, 0, &[b"\x01\x01a\x01\x00\x01\x21\x00"]).unwrap();
    writer.coded_from(SectionId::TABLES, 0, &[&tables]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    with_file("repeat.keep", &bytes, |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["worlds"][0]["table_count"]), (0, &json!(1)), "{document}");
        assert_eq!(document["worlds"][0]["tables"], json!([]));
        assert_eq!(json_on("verify", path).0, 1);
    });
}
