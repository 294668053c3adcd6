//! Saves of aw-save that become containers, read as FORMAT.md says and not by the library.

use std::{collections::BTreeMap, fs, path::PathBuf};

use keepstone::{
    compat::awsv,
    format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions, wire::Input},
    value::{Decoder, Options, Shape, encode},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::convert::{Dir, converted, open};
use crate::support::{asset, fixture, json_on, on, with_file};

const AWSV: [&str; 6] = [
    "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
    "v1_with_companion.awsv",
    "codec0_none.awsv",
    "slot00_2026-03-13T08-45-25Z_7331e190-9275-41f6-93b9-f3627dbc2637.awsv",
    "slot00_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000000.awsv",
    // The demonstration's.
    "",
];

fn saves() -> impl Iterator<Item = PathBuf> {
    AWSV.iter().map(|name| if name.is_empty() { asset() } else { fixture(name) })
}

/// What stands in section 0x0061, by FORMAT.md.
#[derive(Deserialize)]
struct Save {
    version: u16,
    schema: u16,
    #[serde(rename = "save_id")]
    id: Option<awsv::SaveId>,
    created_at: i64,
    created_at_offset_seconds: i32,
    player_id: String,
    slot: u8,
    tick: u64,
    state_hash: u64,
}

/// Reads `shape length | shape | row`.
fn row<T: DeserializeOwned>(reader: &Reader<Vec<u8>>, id: u32) -> T {
    let bytes = reader.read(reader.find(SectionId(id), 0).unwrap()).unwrap();
    let mut input = Input::new("row", &bytes);
    let len = input.varint_u32().unwrap() as usize;
    let shape = Shape::decode(input.take(len).unwrap()).unwrap();
    let data = input.take_rest();
    let mut decoder = Decoder::new(&shape, data, &[], None, &Options::default());
    let row = decoder.row(u32::try_from(data.len()).unwrap()).unwrap();
    decoder.finish().unwrap();
    row
}

fn read_save(reader: &Reader<Vec<u8>>) -> awsv::SaveBundle {
    let save: Save = row(reader, 0x0061);
    let blob = reader.read(reader.find(SectionId(0x0060), 0).unwrap()).unwrap().into_owned();
    awsv::SaveBundle {
        version: save.version,
        schema: save.schema,
        save_id: save.id,
        created_at: save.created_at,
        created_at_offset_seconds: save.created_at_offset_seconds,
        player_id: save.player_id,
        slot: save.slot,
        world: awsv::WorldState { tick: save.tick, ecs_blob: blob, state_hash: save.state_hash },
        companions: row(reader, 0x0062),
        inventory: row(reader, 0x0063),
        meta: row(reader, 0x0064),
    }
}

#[test]
fn nothing_of_a_save_is_lost() {
    for input in saves() {
        let bytes = fs::read(&input).unwrap();
        let file = awsv::File::read(&bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap();
        for codec in ["none", "lz4", "zstd"] {
            let dir = Dir::new();
            let out = dir.path("save.keep");
            let document = converted(&input, &out, &["--codec", codec]);
            assert_eq!((&document["format"], &document["kind"]), (&json!("awsv"), &json!("save")));
            assert_eq!((&document["codec"], &document["entities"]), (&json!(codec), &json!(null)));
            let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
            assert_eq!(document["warnings"], json!(warnings));

            let reader = open(&out);
            assert_eq!((reader.header().kind, reader.sections().len()), (FileKind::SAVE, 5));
            // A save of version 1 gets the id that is derived from its file.
            let save_id = Some(file.bundle.save_id_or_derived(&bytes));
            assert_eq!(read_save(&reader), awsv::SaveBundle { save_id, ..file.bundle.clone() });
            assert_eq!(dir.names(), ["save.keep"]);
        }
    }
}

#[test]
fn head_metadata_of_a_save_says_whose_it_is_and_when_it_was_made() {
    let dir = Dir::new();
    let out = dir.path("save.keep");
    converted(&fixture(AWSV[0]), &out, &[]);
    let reader = open(&out);
    let head = reader.head();
    assert_eq!((head.created_at(), head.tick()), (Some(1_773_391_525_443_021_700), Some(12345)));
    let customs: BTreeMap<&str, &[u8]> = head.customs().collect();
    let expected: [(&str, &[u8]); 7] = [
        ("awsv.player_id", b"test_player"),
        ("awsv.save_id", b"6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd"),
        ("awsv.schema", b"2"),
        ("awsv.slot", b"5"),
        ("awsv.state_hash", b"123456789abcdf0f"),
        ("awsv.version", b"2"),
        ("origin", b"awsv"),
    ];
    assert_eq!(customs.len(), expected.len());
    for (key, value) in expected.into_iter().filter(|(key, _)| *key != "awsv.state_hash") {
        assert_eq!(customs[key], value, "{key}");
    }
    let hash = format!("{:016x}", 1_311_768_467_294_899_695_u64);
    assert_eq!(customs["awsv.state_hash"], hash.as_bytes());
    // The same input gives the same bytes, at any time.
    let again = dir.path("again.keep");
    converted(&fixture(AWSV[0]), &again, &[]);
    assert_eq!(fs::read(out).unwrap(), fs::read(again).unwrap());
}

#[test]
fn a_converted_save_is_described_as_the_save_was() {
    for input in saves() {
        let dir = Dir::new();
        let out = dir.path("save.keep");
        converted(&input, &out, &[]);
        let (_, before) = json_on("inspect", &input);
        let (exit, after) = json_on("inspect", &out);
        assert_eq!((exit, &after["format"], &after["kind"]), (0, &json!("keep"), &json!("save")));
        for (key, value) in after["save"].as_object().unwrap() {
            if (key.as_str(), &before["version"]) == ("save_id", &json!(1)) {
                let derived = awsv::SaveId::derived(&fs::read(&input).unwrap());
                assert_eq!((value, &before[key]), (&json!(derived.to_string()), &json!(null)));
                continue;
            }
            assert_eq!(value, &before[key], "{key}");
        }
        let text = on("inspect", &out).out;
        assert!(text.contains("AWSV_WORLD") && text.contains("save of aw-save"), "{text}");
        assert!(text.contains(before["player_id"].as_str().unwrap()), "{text}");
    }
}

#[test]
fn a_player_too_long_for_the_head_is_kept_in_the_section() {
    let mut bytes = fs::read(fixture("codec0_none.awsv")).unwrap();
    let file = awsv::File::read(&bytes, &Limits::default()).unwrap();
    // Version 2 without a codec: the body begins with schema, save id and time; the player is sought.
    let player = file.bundle.player_id.as_bytes();
    let at = bytes.windows(player.len()).position(|bytes| bytes == player).unwrap();
    let long = "p".repeat(5000);
    // The length is a varint: 5000 is 0x88 0x27.
    bytes.splice(at - 1..at + player.len(), [0x88, 0x27].into_iter().chain(long.bytes()));
    let data_len = u32::try_from(bytes.len() - 16).unwrap();
    let crc = keepstone::format::crc32(&bytes[16..]);
    bytes[8..12].copy_from_slice(&data_len.to_le_bytes());
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    with_file("long.awsv", &bytes, |path| {
        let dir = Dir::new();
        let out = dir.path("long.keep");
        converted(path, &out, &[]);
        let reader = open(&out);
        assert_eq!(reader.head().custom("awsv.player_id"), None);
        assert_eq!(read_save(&reader).player_id, long);
    });
}

/// A container of kind save with one section.
fn save_with(id: u32, bytes: &[u8]) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId(id), 0, &[bytes]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

#[test]
fn a_converted_save_with_another_structure_is_damaged() {
    // The second is a good value of another type: the number 7. `verify` and `inspect` answered 2 and misuse for it, as for
    // a component whose type has changed; but the types of a save are fixed.
    for section in [&b"\x03abc"[..], &value_of_seven()] {
        with_file("odd.keep", &save_with(0x0061, section), |path| {
            let (exit, document) = json_on("verify", path);
            assert_eq!((exit, &document["damage"][0]["what"]), (1, &json!("save")), "{document}");
            let message = document["damage"][0]["message"].as_str().unwrap();
            assert!(message.starts_with("section AWSV_SAVE: "), "{message}");
            assert_eq!(on("inspect", path).exit, 1);
        });
    }
}

/// `shape length | shape | row`.
fn value_of_seven() -> Vec<u8> {
    let rows = encode(std::iter::once(&7_u8), None, &Options::default()).unwrap();
    let shape = rows.shape.encode();
    [&[u8::try_from(shape.len()).unwrap()], shape.as_slice(), &rows.data].concat()
}

/// The first fixture without a codec, whose last field, an empty `meta`, has this instead.
fn save_with_meta(meta: &BTreeMap<String, String>) -> Vec<u8> {
    let mut bytes = fs::read(fixture("codec0_none.awsv")).unwrap();
    let file = awsv::File::read(&bytes, &Limits::default()).unwrap();
    bytes.truncate(bytes.len() - postcard::to_stdvec(&file.bundle.meta).unwrap().len());
    bytes.extend(postcard::to_stdvec(meta).unwrap());
    let data_len = u32::try_from(bytes.len() - 16).unwrap();
    let crc = keepstone::format::crc32(&bytes[16..]);
    bytes[8..12].copy_from_slice(&data_len.to_le_bytes());
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn a_save_whose_parts_are_far_larger_than_their_file_is_read_back() {
    // A save with 18 MB of repetitive metadata was converted to 0.4 MB, and then `verify` and `inspect` refused the new
    // file with exit code 2: its parts were allowed 16 MiB or the length of the file, less than the .awsv file itself is.
    let meta = (0..70_000).map(|n| (format!("{n:08}"), "v".repeat(250))).collect();
    with_file("large.awsv", &save_with_meta(&meta), |path| {
        let dir = Dir::new();
        let out = dir.path("large.keep");
        let document = converted(path, &out, &[]);
        assert!(document["bytes_out"].as_u64().unwrap() < 1_000_000, "{document}");
        assert_eq!(read_save(&open(&out)).meta, meta);
        let (exit, document) = json_on("inspect", &out);
        assert_eq!((exit, document["save"]["meta"].as_object().unwrap().len()), (0, 70_000));
    });
}

#[test]
fn of_a_long_text_people_are_shown_the_beginning_and_programs_all() {
    // A value of 240 MB in a save of 1 MB was printed whole, padded into columns and escaped, and the JSON document was built
    // in memory before it was printed: 1.7 GB for a text of control characters.
    let long = "\u{1}".repeat(5000);
    let meta = [("key".to_owned(), long.clone())].into();
    with_file("long.awsv", &save_with_meta(&meta), |path| {
        let answer = on("inspect", path);
        let shown = format!("{}... (5,000 bytes)", "\\u{1}".repeat(1000));
        assert_eq!(answer.exit, 0);
        assert!(
            answer.out.contains(&shown) && answer.out.matches("\\u{1}").count() == 1000,
            "{}",
            answer.out
        );
        assert_eq!(json_on("inspect", path).1["meta"]["key"], long);
    });
}
