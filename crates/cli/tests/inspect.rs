use keepstone::format::{Codec, FileKind, Metadata, SectionId, Writer, WriterOptions};
use serde_json::{Value, json};

use crate::support::{demo_file, json_on, on, with_file};

#[test]
fn a_world_is_described_without_its_columns() {
    let path = demo_file("demo.keep");
    let (exit, document) = json_on("inspect", &path);
    assert_eq!(exit, 0);
    assert_eq!(
        (&document["format"], &document["kind"], &document["major"]),
        (&json!("keep"), &json!("world"), &json!(1))
    );
    assert_eq!(document["bytes"], std::fs::metadata(&path).unwrap().len());
    assert_eq!(document["tail"]["entities"], 300);
    let world = &document["worlds"][0];
    assert_eq!(world["entities"], 300);
    assert_eq!(document["tail"]["values"], world["values"]);
    let components = world["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|component| component["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["bevy_ecs.ChildOf", "demo.Clock", "demo.Health", "demo.Name", "demo.Position", "demo.Velocity"]
    );
    let component = |name: &str| &components[names.iter().position(|known| *known == name).unwrap()];
    let position = component("demo.Position");
    assert_eq!(position["schema"], "plain { x: f32, y: f32, z: f32 }");
    assert_eq!(
        (&position["rows"], &position["bytes_decoded"], &position["bytes_stored"]),
        (&json!(300), &json!(3600), &json!(3600))
    );
    assert_eq!((&position["encoding"], &position["codecs"]), (&json!("plain"), &json!(["none"])));
    assert_eq!(
        (&component("demo.Health")["rows"], &component("demo.Velocity")["rows"]),
        (&json!(150), &json!(200))
    );
    let clock = component("demo.Clock");
    assert_eq!(
        (&clock["resource"], &clock["rows"], &clock["encoding"]),
        (&json!(true), &json!(1), &json!("rows"))
    );
    assert_eq!(component("bevy_ecs.ChildOf")["linked"], true);
    let rows = |table: &Value| table["rows"].as_u64().unwrap();
    assert_eq!(world["tables"].as_array().unwrap().iter().map(rows).sum::<u64>(), 300);
}

#[test]
fn people_see_schema_counts_and_sizes() {
    let answer = on("inspect", &demo_file("demo-lz4.keep"));
    assert_eq!((answer.exit, answer.err.as_str()), (0, ""));
    for text in
        ["world 0: 300 entities", "demo.Name", "rows struct Name = str", "relationship", "3.60 kB", "lz4"]
    {
        assert!(answer.out.contains(text), "{text:?} is not in {}", answer.out);
    }
}

#[test]
fn columns_are_not_read() {
    // The first column's payload is damaged, which only reading it can show.
    let (_, document) = json_on("inspect", &demo_file("demo.keep"));
    let sections = document["sections"].as_array().unwrap();
    let values = sections.iter().find(|section| section["id"] == "VALUES").unwrap();
    let offset = usize::try_from(values["offset"].as_u64().unwrap()).unwrap();
    let mut bytes = crate::support::world_bytes();
    bytes[offset + 40] ^= 1;
    with_file("damaged.keep", &bytes, |path| {
        assert_eq!(on("inspect", path).exit, 0);
        assert_eq!(on("verify", path).exit, 1);
    });
}

#[test]
fn other_kinds_show_metadata_and_sections() {
    let mut head = Metadata::new();
    head.set_name("Before the \u{1b}[31mbridge")
        .set_tick(7)
        .set_application("game")
        .set_application_version("1.2");
    head.set_custom("difficulty", b"hard").set_custom("raw", b"\xff\x00").set(0x7777, b"\x01");
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[b"hello"]).unwrap();
    writer.coded_from(SectionId(0x1234), 9, &[b"own"]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    with_file("save.bin", &bytes, |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["kind"]), (0, &json!("save")));
        let head = &document["head"];
        assert_eq!((&head["name"], &head["tick"]), (&json!("Before the \u{1b}[31mbridge"), &json!(7)));
        assert_eq!(head["custom"], json!({"difficulty": "hard", "raw": {"hex": "ff00"}}));
        assert_eq!(head["unknown_tags"], json!({"0x7777": "01"}));
        let sections = document["sections"].as_array().unwrap();
        assert_eq!((&sections[0]["id"], &sections[0]["bytes_decoded"]), (&json!("BYTES"), &json!(5)));
        assert_eq!((&sections[1]["id"], &sections[1]["instance"]), (&json!("0x1234"), &json!(9)));
        assert!(document["worlds"].as_array().unwrap().is_empty());

        let answer = on("inspect", path);
        assert_eq!(answer.exit, 0);
        assert!(answer.out.contains("game 1.2") && answer.out.contains("0x1234"), "{}", answer.out);
        // A terminal would obey what stands in the name.
        assert!(answer.out.contains("\\u{1b}[31m") && !answer.out.contains('\u{1b}'), "{:?}", answer.out);
        assert_eq!(on("verify", path).exit, 0);
    });
}
