use std::{
    fs,
    path::{Path, PathBuf},
};

use keepstone::{
    ecs::{EncodeOptions, WorldDoc, encode_worlds, list_worlds},
    format::{
        Codec, FileKind, Limits, Metadata, Reader, Section, SectionId, SectionLayout, SectionOptions, Writer,
        WriterOptions,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, asset, demo_file, fixture, json_on, on, run, with_file, world_bytes};

fn repair(path: &Path, out: &Path, more: &[&str]) -> Answer {
    let args = ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str()];
    let more = more.iter().map(AsRef::as_ref);
    run(&args.into_iter().chain(more).collect::<Vec<_>>())
}

/// What a repair answers, and the new file if there is one, which is good.
fn repaired(bytes: &[u8]) -> (Value, Option<Vec<u8>>) {
    with_file("damaged.keep", bytes, |path| {
        let dir = TempDir::new().unwrap();
        let out = dir.path().join("out.keep");
        let answer = repair(path, &out, &["--json"]);
        let document = answer.json();
        assert_eq!((&document["verb"], &document["path"]), (&json!("repair"), &json!(path)));
        assert_eq!(fs::read(path).unwrap(), bytes);
        let new = fs::read(&out).ok();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), usize::from(new.is_some()));
        match &new {
            None => assert!(answer.exit != 0 && document["error"].is_object(), "{document}"),
            Some(new) => {
                assert_eq!(document["error"], json!(null), "{document}");
                let lost = document["lost"].as_array().unwrap();
                assert_eq!(answer.exit, i32::from(!lost.is_empty()), "{document}");
                assert_eq!(document["bytes_out"], new.len());
                let (exit, verified) = json_on("verify", &out);
                assert_eq!(exit, 0, "{document} {verified}");
                let text = repair(path, &out, &[]);
                assert_eq!(text.exit, answer.exit);
                assert_eq!(text.out.contains("nothing was lost"), lost.is_empty(), "{}", text.out);
                assert_eq!(text.out.matches("\n  lost: ").count(), lost.len(), "{}", text.out);
            }
        }
        (document, new)
    })
}

fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap()
}

/// The document without some columns, which are those of the entities still.
fn without(mut doc: WorldDoc<'static>, names: &[&str]) -> WorldDoc<'static> {
    let is_kept = |name: &str| !names.contains(&name);
    let kept: Vec<bool> = doc.columns.iter().map(|column| is_kept(&column.schema.name)).collect();
    for table in &mut doc.tables {
        table.components.retain(|component| kept[usize::from(*component)]);
        for component in &mut table.components {
            let before = kept[..usize::from(*component)].iter().filter(|kept| !**kept).count();
            *component -= u16::try_from(before).unwrap();
        }
    }
    doc.columns.retain(|column| is_kept(&column.schema.name));
    doc
}

fn decode(bytes: &[u8]) -> WorldDoc<'static> {
    WorldDoc::decode(&open(bytes), 0).unwrap().into_owned()
}

/// Flips a bit in the payload of the first chunk.
fn flip(bytes: &mut [u8], section: &Section) {
    bytes[usize::try_from(section.offset()).unwrap() + 40] ^= 0x10;
}

#[test]
fn what_is_whole_is_copied() {
    for name in ["demo.keep", "demo-lz4.keep"] {
        let bytes = fs::read(demo_file(name)).unwrap();
        let (document, new) = repaired(&bytes);
        assert_eq!((&document["exit"], &document["entities"]), (&json!(0), &json!(300)));
        assert_eq!((&document["lost"], &document["damaged"]), (&json!([]), &json!([])));
        assert_eq!(new.unwrap(), bytes);
    }
}

#[test]
fn of_a_damaged_column_only_that_column_is_lost() {
    for name in ["demo.keep", "demo-lz4.keep"] {
        let bytes = fs::read(demo_file(name)).unwrap();
        let reader = open(&bytes);
        let doc = decode(&bytes);
        for section in reader.sections().iter().filter(|section| section.decoded_len() > 0) {
            let mut damaged = bytes.clone();
            flip(&mut damaged, section);
            let (document, new) = repaired(&damaged);
            if [SectionId::SCHEMA, SectionId::TABLES].contains(&section.id()) {
                // Nobody knows then whose the rows are.
                assert_eq!((new, &document["error"]["kind"]), (None, &json!("damaged")), "{document}");
                continue;
            }
            let name = &doc.columns[(section.instance() & 0xffff) as usize].schema.name;
            let lost = document["lost"].as_array().unwrap();
            assert_eq!(lost.len(), 1, "{document}");
            assert_eq!((&lost[0]["component"], &lost[0]["world"]), (&json!(name), &json!(0)));
            assert_eq!((&document["exit"], &document["entities"]), (&json!(1), &json!(300)));
            assert_eq!(document["damaged"].as_array().unwrap().len(), 1);
            let expected =
                if section.id() == SectionId::RANKS { doc.clone() } else { without(doc.clone(), &[name]) };
            let new = new.unwrap();
            let found = decode(&new);
            assert_eq!((found.tables, found.meta), (expected.tables, expected.meta));
            if section.id() != SectionId::RANKS {
                assert_eq!(found.columns, expected.columns);
            }
            assert_eq!(found.columns.len(), expected.columns.len());
        }
    }
}

#[test]
fn a_damaged_header_of_a_chunk_costs_nothing() {
    let bytes = world_bytes();
    for section in open(&bytes).sections() {
        let mut damaged = bytes.clone();
        damaged[usize::try_from(section.offset()).unwrap() + 3] ^= 1;
        let (document, new) = repaired(&damaged);
        assert_eq!((&document["exit"], &document["lost"]), (&json!(0), &json!([])), "{document}");
        assert_eq!(decode(&new.unwrap()), decode(&bytes));
    }
}

#[test]
fn a_lost_footer_costs_no_column() {
    let bytes = world_bytes();
    let (doc, footer) = (decode(&bytes), bytes.len() - 64);
    let reader = open(&bytes);
    let end = reader.sections().last().unwrap();
    let body_end = usize::try_from(end.offset() + end.span()).unwrap();
    let mut flipped = bytes.clone();
    flipped[footer + 5] ^= 1;
    for damaged in [&bytes[..bytes.len() - 1], &bytes[..footer], &bytes[..body_end], &flipped] {
        let (document, new) = repaired(damaged);
        let lost = document["lost"].as_array().unwrap();
        assert_eq!(lost[0]["what"], "footer", "{document}");
        // The order of a relationship may have stood in a section that nobody knows of.
        assert!(lost[1..].iter().all(|lost| lost["component"] == "bevy_ecs.ChildOf"), "{document}");
        assert_eq!(decode(&new.unwrap()), doc);
    }
}

#[test]
fn a_world_cut_short_keeps_the_columns_before_the_cut() {
    let bytes = world_bytes();
    let doc = decode(&bytes);
    let mut kept_before = 0;
    let step = bytes.len() / 40;
    for len in (0..bytes.len()).step_by(step) {
        let (document, new) = repaired(&bytes[..len]);
        assert_eq!(document["exit"], 1, "{len} bytes");
        let Some(new) = new else {
            assert_eq!((&document["error"]["kind"], kept_before), (&json!("damaged"), 0), "{len} bytes");
            continue;
        };
        let found = decode(&new);
        assert_eq!((found.entity_count(), &found.meta), (300, &doc.meta));
        assert!(found.columns.len() >= kept_before, "{len} bytes");
        kept_before = found.columns.len();
        let lost: Vec<&str> = (doc.columns.iter().map(|column| column.schema.name.as_str()))
            .filter(|name| found.column(name).is_none())
            .collect();
        assert_eq!(found, without(doc.clone(), &lost), "{len} bytes");
        for name in lost {
            let is_listed = document["lost"].as_array().unwrap().iter().any(|lost| lost["component"] == name);
            assert!(is_listed, "{name} at {len} bytes");
        }
    }
    assert!(kept_before > 3);
}

#[test]
fn wherever_a_bit_is_flipped_what_is_written_is_good() {
    let bytes = fs::read(demo_file("demo-lz4.keep")).unwrap();
    let doc = decode(&bytes);
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let (document, new) = repaired(&damaged);
        if let Some(new) = new {
            let found = decode(&new);
            assert_eq!(found.entity_count(), 300, "byte {at}");
            for column in &found.columns {
                assert_eq!(Some(column), doc.column(&column.schema.name), "byte {at}");
            }
            let is_whole = found.columns.len() == doc.columns.len();
            assert!(is_whole || document["exit"] == 1, "byte {at}");
        }
    }
}

#[test]
fn a_lost_head_is_said_and_costs_no_section() {
    let bytes = world_bytes();
    // Magic, and kind: the header is lost.
    for at in [2, 12] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let (document, new) = repaired(&damaged);
        let lost = document["lost"].as_array().unwrap();
        let what: Vec<&str> = lost.iter().map(|lost| lost["what"].as_str().unwrap()).collect();
        assert!(what.contains(&"header") && what.contains(&"head metadata"), "{document}");
        assert_eq!((&document["exit"], &document["kind"]), (&json!(1), &json!("world")));
        assert_eq!(decode(&new.unwrap()).columns, decode(&bytes).columns);
    }
}

#[test]
fn of_several_worlds_those_that_are_left_are_numbered_anew() {
    let first = decode(&world_bytes());
    let mut worlds = [first.clone(), first.clone(), first];
    for (world, name) in worlds.iter_mut().zip(["caves", "castle", "coast"]) {
        world.name = name.to_owned();
    }
    let docs: Vec<&WorldDoc<'_>> = worlds.iter().collect();
    let (bytes, _) = encode_worlds(&docs, Vec::new(), &EncodeOptions::default()).unwrap();
    with_file("three.keep", &bytes, |path| {
        let (exit, document) = json_on("inspect", path);
        let names: Vec<&Value> =
            document["worlds"].as_array().unwrap().iter().map(|world| &world["name"]).collect();
        assert_eq!((exit, names), (0, vec![&json!("caves"), &json!("castle"), &json!("coast")]));
        let text = on("inspect", path).out;
        assert!(text.contains("world 1 \"castle\": 300 entities"), "{text}");
        assert_eq!(json_on("verify", path).1["entities"], 900);
    });
    let reader = open(&bytes);
    let mut damaged = bytes.clone();
    flip(&mut damaged, reader.find(SectionId::TABLES, 0).unwrap());
    let (document, new) = repaired(&damaged);
    assert_eq!((&document["lost"][0]["world"], &document["entities"]), (&json!(0), &json!(600)));
    let new = new.unwrap();
    let reader = open(&new);
    let names: Vec<String> = list_worlds(&reader).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["castle", "coast"]);
    assert_eq!(WorldDoc::decode_named(&reader, "coast").unwrap(), worlds[2]);
}

#[test]
fn ids_of_another_system_are_kept_or_said_to_be_lost() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("pecs.keep");
    let pecs = fixture("11_format_structs_components.pecs");
    let args = ["convert".as_ref(), pecs.as_os_str(), out.as_os_str(), "--codec".as_ref(), "none".as_ref()];
    assert_eq!(run(&args).exit, 0);
    let bytes = fs::read(&out).unwrap();
    let (doc, reader) = (decode(&bytes), open(&bytes));
    let column = reader.find(SectionId::LENGTHS, 0).unwrap();
    let mut damaged = bytes.clone();
    flip(&mut damaged, column);
    let (_, new) = repaired(&damaged);
    let name = doc.columns[0].schema.name.clone();
    assert_eq!(decode(&new.unwrap()), without(doc.clone(), &[&name]));

    let mut damaged = bytes.clone();
    flip(&mut damaged, reader.find(SectionId::FOREIGN_IDS, 0).unwrap());
    let (document, new) = repaired(&damaged);
    assert_eq!(document["lost"][0]["what"], "foreign ids");
    assert_eq!(decode(&new.unwrap()), WorldDoc { foreign_ids: None, ..doc });
}

#[test]
fn of_other_kinds_complete_sections_are_kept() {
    let mut head = Metadata::new();
    head.set_name("save").set_created_at(5);
    let mut tail = Metadata::new();
    tail.set_custom("k", b"v");
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::Zstd).head(head).store([9; 16], 0);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    let text = b"once upon a time ".repeat(100_000);
    writer.coded_from(SectionId::BYTES, 0, &[&text]).unwrap();
    writer.raw_from(SectionId(0x2000), 1, &[&text]).unwrap();
    writer.coded_from_with(SectionId(0x2000), 2, &[&text], SectionOptions::new(Codec::None)).unwrap();
    let (bytes, _) = writer.finish(tail).unwrap();
    let reader = open(&bytes);
    for (place, section) in reader.sections().iter().enumerate() {
        let mut damaged = bytes.clone();
        // The payload of a raw section is aligned to 64; that of a coded one is behind a header of 40 bytes.
        let at = if section.layout() == SectionLayout::Raw { 200 } else { 48 };
        damaged[usize::try_from(section.offset()).unwrap() + at] ^= 1;
        let (document, new) = repaired(&damaged);
        let lost = document["lost"].as_array().unwrap();
        assert_eq!((lost.len(), &document["exit"], &document["kind"]), (1, &json!(1), &json!("save")));
        let what = lost[0]["what"].as_str().unwrap();
        assert!(what.ends_with(&format!("instance {}", section.instance())), "{what}");
        let new = new.unwrap();
        let new = open(&new);
        assert_eq!((new.head(), new.tail(), new.sections().len()), (reader.head(), reader.tail(), 2));
        assert_eq!(new.header().store_id, [9; 16]);
        for section in new.sections() {
            assert_eq!(*new.read(section).unwrap(), text);
            let old = reader.find(section.id(), section.instance()).unwrap();
            assert_eq!(section.layout(), old.layout());
            if section.layout() == SectionLayout::Coded {
                let codec = |reader: &Reader<&[u8]>, section| reader.chunk_entries(section)[0].codec;
                assert_eq!(codec(&new, section), codec(&reader, old));
            }
        }
        assert!(new.find(section.id(), section.instance()).is_err(), "section {place}");
    }
}

#[test]
fn a_repaired_save_says_which_part_it_lacks() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("save.keep");
    let save = asset();
    let args = ["convert".as_ref(), save.as_os_str(), out.as_os_str(), "--codec".as_ref(), "none".as_ref()];
    assert_eq!(run(&args).exit, 0);
    let bytes = fs::read(&out).unwrap();
    let (_, before) = json_on("inspect", &out);
    for (id, name, key) in [
        (0x60, "AWSV_WORLD", "ecs_blob_len"),
        (0x62, "AWSV_COMPANIONS", "companions"),
        (0x63, "AWSV_INVENTORY", "inventory"),
        (0x64, "AWSV_META", "meta"),
    ] {
        let mut damaged = bytes.clone();
        flip(&mut damaged, open(&bytes).find(SectionId(id), 0).unwrap());
        let (document, new) = repaired(&damaged);
        assert_eq!(document["lost"][0]["what"], format!("section {name}, instance 0"));
        with_file("new.keep", &new.unwrap(), |path| {
            let (_, verified) = json_on("verify", path);
            assert_eq!(
                verified["warnings"],
                json!([format!("section {name} is missing: it was lost before")])
            );
            let (exit, document) = json_on("inspect", path);
            let mut expected = before["save"].clone();
            expected[key] = Value::Null;
            assert_eq!((exit, &document["save"]), (0, &expected));
            assert_eq!(on("inspect", path).exit, 0);
        });
    }
    // Without the part that says whose it is, it is a container with sections.
    let mut damaged = bytes.clone();
    flip(&mut damaged, open(&bytes).find(SectionId(0x61), 0).unwrap());
    let (_, new) = repaired(&damaged);
    with_file("new.keep", &new.unwrap(), |path| {
        assert_eq!(json_on("inspect", path).1["save"], Value::Null);
    });
}

#[test]
fn a_part_of_a_save_that_cannot_be_read_is_lost_though_its_checksum_holds() {
    // A container whose AWSV_META is no map, with good checksums, was copied as it was: "nothing was lost", exit code 0,
    // and `verify` called the new file damaged as it had the old one. Checksums alone were asked whether a save is good.
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("save.keep");
    assert_eq!(run(&["convert".as_ref(), asset().as_os_str(), out.as_os_str()]).exit, 0);
    let bytes = fs::read(&out).unwrap();
    let reader = open(&bytes);
    for (id, name) in [(0x61, "AWSV_SAVE"), (0x64, "AWSV_META")] {
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(reader.head().clone());
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        for section in reader.sections() {
            if section.id() == SectionId(id) {
                writer.coded_from(section.id(), 0, &[b"\x03abc"]).unwrap();
            } else {
                writer.copy_section(&reader, section).unwrap();
            }
        }
        let (odd, _) = writer.finish(Metadata::new()).unwrap();
        with_file("odd.keep", &odd, |path| assert_eq!(on("verify", path).exit, 1));
        let (document, new) = repaired(&odd);
        let lost = document["lost"].as_array().unwrap();
        assert_eq!((lost.len(), &document["damaged"]), (1, &json!([])), "{document}");
        assert_eq!(lost[0]["what"], format!("section {name}, instance 0"));
        let message = lost[0]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("its checksums hold, but section {name}: ")), "{message}");
        let new = new.unwrap();
        let new = open(&new);
        assert_eq!((new.sections().len(), new.head()), (4, reader.head()));
        for section in new.sections() {
            let old = reader.find(section.id(), 0).unwrap();
            assert_eq!(new.read(section).unwrap(), reader.read(old).unwrap());
        }
    }
}

#[test]
fn a_tail_that_disagrees_with_its_world_is_made_anew() {
    // A container whose tail counts one entity too many, with good checksums, was copied with its tail, and `verify`
    // called the new file damaged. What counted as good was that its worlds decode.
    let bytes = world_bytes();
    let reader = open(&bytes);
    let mut wrong = [reader.tail().clone(), reader.tail().clone(), reader.tail().clone()];
    wrong[0].set_entity_count(301);
    wrong[1].set_value_count(7);
    wrong[2].set_schema_hash([9; 16]);
    for mut tail in wrong {
        tail.set_custom("mine", b"kept");
        let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).head(reader.head().clone());
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        for section in reader.sections() {
            writer.copy_section(&reader, section).unwrap();
        }
        let (odd, _) = writer.finish(tail).unwrap();
        with_file("odd.keep", &odd, |path| assert_eq!(on("verify", path).exit, 1));
        let (document, new) = repaired(&odd);
        assert_eq!((&document["exit"], &document["lost"]), (&json!(0), &json!([])), "{document}");
        let new = new.unwrap();
        let mut expected = reader.tail().clone();
        expected.set_custom("mine", b"kept");
        assert_eq!(open(&new).tail(), &expected);
        assert_eq!(decode(&new), decode(&bytes));
    }
}

fn check_misuse(path: &Path, out: &Path, message: &str) {
    let document = repair(path, out, &["--json"]).json();
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(2), &json!("misuse")), "{document}");
    assert!(document["error"]["message"].as_str().unwrap().contains(message), "{document}");
}

#[test]
fn only_containers_are_repaired_and_never_in_place() {
    let dir = TempDir::new().unwrap();
    let out: PathBuf = dir.path().join("out.keep");
    check_misuse(&asset(), &out, "only keepstone containers");
    check_misuse(&fixture("01_empty.pecs"), &out, "only keepstone containers");
    check_misuse(dir.path(), &out, "is a directory");
    check_misuse(&demo_file("demo.keep"), &demo_file("demo.keep"), "is the file that is read");
    with_file("a.txt", b"once upon a time, long and long ago", |path| {
        let answer = repair(path, &out, &["--json"]);
        assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (1, &json!("damaged")));
    });
    let answer = repair(&dir.path().join("gone.keep"), &out, &["--json"]);
    assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (1, &json!("not_found")));
    assert_eq!(run(&["repair", "a.keep"]).exit, 2);
    assert!(!out.exists());
}
