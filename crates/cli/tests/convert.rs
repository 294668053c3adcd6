use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use keepstone::{
    compat::{awsv, pecs},
    ecs::{Encoding, WorldDoc},
    format::{
        Codec, FileKind, Filter, Limits, Metadata, Reader, SectionId, SectionLayout, SectionOptions, Writer,
        WriterOptions, wire::Input,
    },
    value::{Decoder, Options, Shape},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, asset, demo_file, fixture, json_on, on, run, with_file};

const AWSV: [&str; 6] = [
    "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
    "v1_with_companion.awsv",
    "codec0_none.awsv",
    "slot00_2026-03-13T08-45-25Z_7331e190-9275-41f6-93b9-f3627dbc2637.awsv",
    "slot00_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000000.awsv",
    // The demonstration's.
    "",
];
const PECS: [&str; 5] = [
    "01_empty.pecs",
    "02_one_entity.pecs",
    "05_type_registry_unicode.pecs",
    "06_fixed_ids.pecs",
    "11_format_structs_components.pecs",
];

/// A directory for what is written.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn convert(input: &Path, out: &Path, more: &[&str]) -> Answer {
    let args = ["convert".as_ref(), input.as_os_str(), out.as_os_str()];
    let more = more.iter().map(AsRef::as_ref);
    run(&args.into_iter().chain(more).collect::<Vec<_>>())
}

/// Converts, and asserts that it went well and the new file is good.
fn converted(input: &Path, out: &Path, more: &[&str]) -> Value {
    let answer = convert(input, out, &[more, &["--json"]].concat());
    let document = answer.json();
    assert_eq!((answer.exit, &document["verb"]), (0, &json!("convert")), "{document}");
    assert_eq!(document["path"], input.display().to_string());
    assert_eq!(document["out"], out.display().to_string());
    assert_eq!(document["bytes"], fs::metadata(input).unwrap().len());
    assert_eq!(document["bytes_out"], fs::metadata(out).unwrap().len());
    let (exit, verified) = json_on("verify", out);
    assert_eq!((exit, &verified["sections"]), (0, &document["sections"]), "{verified}");
    document
}

fn open(path: &Path) -> Reader<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let limits = Limits::for_file_len(bytes.len() as u64);
    Reader::open(bytes, limits).unwrap()
}

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
            assert_eq!(read_save(&reader), file.bundle);
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

#[test]
fn a_converted_save_with_another_structure_is_damaged() {
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId(0x0061), 0, &[b"\x03abc"]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    with_file("odd.keep", &bytes, |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, &document["damage"][0]["what"]), (1, &json!("save")), "{document}");
        assert_eq!(on("inspect", path).exit, 1);
    });
}

#[test]
fn worlds_of_pecs_become_worlds_of_opaque_columns() {
    for name in PECS {
        let input = fixture(name);
        let bytes = fs::read(&input).unwrap();
        let file = pecs::File::read(&bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap();
        let dir = Dir::new();
        let out = dir.path("world.keep");
        let document = converted(&input, &out, &[]);
        assert_eq!((&document["format"], &document["kind"]), (&json!("pecs"), &json!("world")));
        assert_eq!(
            (&document["codec"], &document["entities"]),
            (&json!("lz4"), &json!(file.header.entity_count))
        );

        let reader = open(&out);
        let world = WorldDoc::decode(&reader, 0).unwrap();
        assert_eq!(world.meta.custom["origin"], b"pecs");
        assert_eq!(world.meta.custom["pecs.flags"], format!("{:08x}", file.header.flags).as_bytes());
        let mut expected = file.to_world();
        expected.meta = world.meta.clone();
        assert_eq!(world, expected, "{name}");
        assert!(world.columns.iter().all(|column| matches!(column.schema.encoding, Encoding::Opaque { .. })));

        let (_, inspected) = json_on("inspect", &out);
        assert_eq!(inspected["worlds"][0]["foreign_ids"], true);
        for component in inspected["worlds"][0]["components"].as_array().unwrap() {
            assert_eq!(component["encoding"], "opaque");
        }
        assert_eq!(on("inspect", &out).exit, 0);
    }
}

#[test]
fn another_codec_leaves_a_world_as_it_is() {
    let first = demo_file("demo.keep");
    let before = open(&first);
    let before_doc = WorldDoc::decode(&before, 0).unwrap();
    let dir = Dir::new();
    for (from, to) in [("none", "zstd"), ("zstd", "lz4"), ("lz4", "none")] {
        let input = if from == "none" { first.clone() } else { dir.path(from) };
        let out = dir.path(to);
        let document = converted(&input, &out, &["--codec", to, "--to", "keep"]);
        assert_eq!((&document["format"], &document["codec"]), (&json!("keep"), &json!(to)));
        let after = open(&out);
        assert_eq!(WorldDoc::decode(&after, 0).unwrap(), before_doc);
        assert_eq!((after.head(), after.tail()), (before.head(), before.tail()));
        let codecs = after.sections().iter().flat_map(|section| after.chunk_entries(section));
        let id = Codec::from_id(match to {
            "none" => 0,
            "lz4" => 1,
            _ => 2,
        });
        let is_used = codecs.map(|entry| Codec::from_id(entry.codec)).any(|codec| codec == id);
        assert!(is_used, "{to}");
    }
    // A world without a codec has one form.
    assert_eq!(fs::read(dir.path("none")).unwrap(), fs::read(&first).unwrap());
}

#[test]
fn a_container_is_copied_as_it_is_when_no_codec_is_named() {
    let dir = Dir::new();
    for name in ["demo.keep", "demo-lz4.keep"] {
        let out = dir.path(name);
        let document = converted(&demo_file(name), &out, &[]);
        assert_eq!(document["codec"], json!(null));
        assert_eq!(fs::read(demo_file(name)).unwrap(), fs::read(out).unwrap());
    }
}

#[test]
fn every_section_of_a_container_is_copied() {
    let mut tail = Metadata::new();
    tail.set_custom("t", b"tail");
    let mut head = Metadata::new();
    head.set_name("all").set(0x0999, b"unknown");
    let options = WriterOptions::new(FileKind(77)).codec(Codec::Lz4).head(head).store([7; 16], 0);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    let long = b"once upon a time ".repeat(200_000);
    writer.coded_from(SectionId::BYTES, 3, &[&long]).unwrap();
    writer.coded_from(SectionId(0x8000_1000), 0, &[&long]).unwrap();
    writer.raw_from(SectionId(0x1234), 9, &[&long]).unwrap();
    writer.coded_from(SectionId(0x0999), 0, &[]).unwrap();
    let filtered = SectionOptions::new(Codec::Lz4).filter(Filter::Shuffle { width: 17 });
    writer.coded_from_with(SectionId(0x1300), 0, &[&long], filtered).unwrap();
    let (bytes, _) = writer.finish(tail).unwrap();
    with_file("all.keep", &bytes, |path| {
        let before = open(path);
        for codec in [&[][..], &["--codec", "none"], &["--codec", "zstd"]] {
            let dir = Dir::new();
            let out = dir.path("out.keep");
            converted(path, &out, codec);
            let after = open(&out);
            assert_eq!((after.head(), after.tail()), (before.head(), before.tail()));
            let header = after.header();
            assert_eq!((header.kind, header.store_id, header.epoch), (FileKind(77), [7; 16], 0));
            assert_eq!(after.sections().len(), 5);
            // Without a codec a filter is of no use.
            let filtered = after.find(SectionId(0x1300), 0).unwrap();
            let filter = after.chunk_entries(filtered)[0].filter;
            assert_eq!(filter, u8::from(!codec.contains(&"none")));
            for (old, new) in before.sections().iter().zip(after.sections()) {
                assert_eq!(
                    (new.id(), new.instance(), new.layout()),
                    (old.id(), old.instance(), old.layout())
                );
                assert_eq!(after.read(new).unwrap(), before.read(old).unwrap());
                // What may be unknown is not touched.
                if new.id().is_ancillary() || new.layout() == SectionLayout::Raw {
                    assert_eq!(after.chunk_entries(new), before.chunk_entries(old));
                }
            }
        }
    });
}

#[test]
fn an_existing_file_is_replaced_and_nothing_else_is_left() {
    let dir = Dir::new();
    let out = dir.path("world.keep");
    fs::write(&out, b"what was there before").unwrap();
    converted(&fixture(PECS[4]), &out, &[]);
    assert_eq!(dir.names(), ["world.keep"]);
}

/// Converts bytes that can't be, and asserts that an old file stays and a new one isn't made.
fn check_refused(name: &str, bytes: &[u8], more: &[&str], exit: i32, kind: &str) {
    with_file(name, bytes, |path| {
        let dir = Dir::new();
        let answer = convert(path, &dir.path("new.keep"), &[more, &["--json"]].concat());
        let document = answer.json();
        assert_eq!((answer.exit, &document["error"]["kind"]), (exit, &json!(kind)), "{name}: {document}");
        assert_eq!(dir.names(), Vec::<String>::new());
        fs::write(dir.path("old.keep"), b"old").unwrap();
        let answer = convert(path, &dir.path("old.keep"), more);
        assert_eq!((answer.exit, answer.out.as_str()), (exit, ""));
        assert!(answer.err.starts_with("error: "), "{}", answer.err);
        assert_eq!(fs::read(dir.path("old.keep")).unwrap(), b"old");
        assert_eq!(dir.names(), ["old.keep"]);
    });
}

#[test]
fn damaged_files_are_not_converted() {
    for name in ["bad_crc.awsv", "truncated.awsv"] {
        check_refused(name, &fs::read(fixture(name)).unwrap(), &[], 1, "damaged");
    }
    let mut bytes = fs::read(fixture(PECS[4])).unwrap();
    check_refused("short.pecs", &bytes[..bytes.len() - 1], &[], 1, "damaged");
    bytes[30] ^= 1;
    check_refused("flipped.pecs", &bytes, &[], 1, "damaged");
    let bytes = fs::read(demo_file("demo.keep")).unwrap();
    check_refused("short.keep", &bytes[..bytes.len() - 1], &[], 1, "damaged");
    let reader = open(&demo_file("demo.keep"));
    for section in reader.sections().iter().filter(|section| section.decoded_len() > 0) {
        let mut damaged = bytes.clone();
        damaged[usize::try_from(section.offset()).unwrap() + 40] ^= 1;
        for more in [&[][..], &["--codec", "zstd"]] {
            check_refused("flipped.keep", &damaged, more, 1, "damaged");
        }
    }
}

#[test]
fn what_is_not_known_or_newer_is_not_converted() {
    check_refused("a.txt", b"once upon a time", &[], 1, "damaged");
    check_refused("a.evec", b"EVEC\x00\x04\x00\x00", &[], 2, "misuse");
    check_refused("3.awsv", &fs::read(fixture("version3.awsv")).unwrap(), &[], 2, "newer");
    check_refused("2.pecs", &[&b"PECS\x02"[..], &[0; 30]].concat(), &[], 2, "newer");
    let dir = Dir::new();
    let answer = convert(&dir.path("gone.awsv"), &dir.path("new.keep"), &["--json"]);
    assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (1, &json!("not_found")));
}

#[test]
fn targets_that_do_not_exist_are_misuse() {
    for target in ["pecs", "json", "awsv"] {
        check_refused("a.awsv", &fs::read(asset()).unwrap(), &["--to", target], 2, "misuse");
        let answer = convert(&asset(), Path::new("never"), &["--to", target]);
        assert!(answer.err.contains(&format!("no conversion to {target} yet")), "{}", answer.err);
    }
    for args in [&["--to", "xml"][..], &["--codec", "gzip"]] {
        let answer = convert(&asset(), Path::new("never"), args);
        assert!(answer.exit == 2 && answer.err.contains("possible values"), "{}", answer.err);
    }
}

#[test]
fn the_input_is_never_overwritten() {
    let dir = Dir::new();
    let (input, other) = (dir.path("in.keep"), dir.path("link.keep"));
    fs::copy(demo_file("demo.keep"), &input).unwrap();
    fs::hard_link(&input, &other).unwrap();
    for out in [input.clone(), dir.0.path().join(".").join("in.keep"), other] {
        let answer = convert(&input, &out, &["--json"]);
        assert_eq!(
            (answer.exit, &answer.json()["error"]["kind"]),
            (2, &json!("misuse")),
            "{}",
            out.display()
        );
    }
    let answer = convert(&input, dir.0.path(), &["--json"]);
    assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (2, &json!("misuse")));
    assert_eq!(fs::read(&input).unwrap(), fs::read(demo_file("demo.keep")).unwrap());
}

#[test]
fn warnings_go_to_standard_error_and_nothing_else_does() {
    let dir = Dir::new();
    let answer = convert(&fixture("codec0_none.awsv"), &dir.path("a.keep"), &[]);
    assert_eq!(answer.exit, 0);
    assert_eq!(answer.err, "warning: codec is 0, which aw-save neither writes nor reads\n");
    assert!(answer.out.contains("5 sections"), "{}", answer.out);
    let answer = convert(&asset(), &dir.path("b.keep"), &[]);
    assert_eq!((answer.exit, answer.err.as_str()), (0, ""));
}
