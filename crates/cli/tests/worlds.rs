//! Worlds from one format into another.

use std::{fs, path::Path};

use keepstone::{
    compat::pecs::{File, Flag},
    ecs::{EncodeOptions, WorldDoc, encode_worlds},
    format::{Codec, FileKind, Limits, Metadata, SectionId, Writer, WriterOptions},
};
use serde_json::{Value, json};

use crate::convert::{Dir, convert, open};
use crate::support::{asset, demo_file, fixture, json_on, on, with_file};

/// Converts, asserts that it went well, and returns the document.
fn to(target: &str, input: &Path, out: &Path, more: &[&str]) -> Value {
    let answer = convert(input, out, &[&["--to", target, "--json"], more].concat());
    let document = answer.json();
    assert_eq!((answer.exit, &document["to"]), (0, &json!(target)), "{document}");
    assert_eq!(document["bytes_out"], fs::metadata(out).unwrap().len());
    document
}

fn doc(path: &Path) -> WorldDoc<'static> {
    WorldDoc::decode(&open(path), 0).unwrap().into_owned()
}

fn same(found: &WorldDoc<'_>, expected: &WorldDoc<'_>) {
    let bytes =
        |doc: &WorldDoc<'_>| doc.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap().0;
    assert!(bytes(found) == bytes(expected));
}

#[test]
fn a_world_goes_through_every_format_and_comes_back() {
    let (dir, first) = (Dir::new(), demo_file("demo.keep"));
    let expected = doc(&first);
    let paths = ["a.json", "b.pecs", "c.json", "d.pecs", "e.keep"].map(|name| dir.path(name));
    let [json_1, pecs_1, json_2, pecs_2, keep] = &paths;
    let document = to("json", &first, json_1, &[]);
    assert_eq!((&document["format"], &document["codec"]), (&json!("keep"), &json!(null)));
    assert_eq!((&document["entities"], &document["lost"]), (&json!(300), &json!([])));
    let document = to("pecs", json_1, pecs_1, &[]);
    assert_eq!((&document["format"], &document["codec"]), (&json!("json"), &json!("none")));
    assert_eq!(document["lost"], json!([]));
    to("json", pecs_1, json_2, &[]);
    assert_eq!(fs::read(json_1).unwrap(), fs::read(json_2).unwrap());
    to("pecs", json_2, pecs_2, &["--codec", "zstd"]);
    let document = to("keep", pecs_2, keep, &[]);
    assert_eq!((&document["format"], &document["codec"]), (&json!("pecs"), &json!("lz4")));
    assert_eq!(json_on("verify", keep).1["sections"], document["sections"]);
    same(&doc(keep), &expected);
}

#[test]
fn a_codec_is_honoured_in_files_of_pecs_and_refused_in_text() {
    let dir = Dir::new();
    let mut sizes = Vec::new();
    for (codec, flag) in [("none", None), ("lz4", Some(Flag::Lz4)), ("zstd", Some(Flag::Zstd))] {
        let out = dir.path(codec);
        let document = to("pecs", &demo_file("demo.keep"), &out, &["--codec", codec]);
        assert_eq!(document["codec"], codec);
        let bytes = fs::read(&out).unwrap();
        let flags = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        assert_eq!(flags, flag.map_or(0, Flag::bit) | Flag::ExtendedMetadata.bit());
        sizes.push(bytes.len());
        // What this build wrote it can look into.
        let (exit, document) = json_on("inspect", &out);
        assert_eq!((exit, &document["entities"], &document["warnings"]), (0, &json!(300), &json!([])));
        assert_eq!(on("verify", &out).exit, 0);
        let mut damaged = bytes.clone();
        damaged[60] ^= 1;
        with_file("damaged.pecs", &damaged, |path| assert_eq!(on("verify", path).exit, 1));
    }
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    let answer = convert(&demo_file("demo.keep"), &dir.path("a.json"), &["--to", "json", "--codec", "lz4"]);
    assert!(answer.exit == 2 && answer.err.contains("leave --codec out"), "{}", answer.err);
}

#[test]
fn pecs_itself_can_read_what_is_written_for_it() {
    let dir = Dir::new();
    let out = dir.path("demo.pecs");
    to("pecs", &demo_file("demo.keep"), &out, &[]);
    let bytes = fs::read(&out).unwrap();
    let file = File::read(&bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap();
    // Every component of an entity is of a registered type, and the ids differ: else PECS refuses the file.
    assert_eq!((file.counts().unregistered_types, file.warnings.len()), (0, 0));
    assert!(file.counts().components > 300);
}

#[test]
fn a_real_world_of_pecs_becomes_json_and_the_same_container_by_either_way() {
    let dir = Dir::new();
    for name in ["01_empty.pecs", "06_fixed_ids.pecs", "11_format_structs_components.pecs"] {
        let (direct, text, second) = (dir.path("a"), dir.path("b"), dir.path("c"));
        let document = to("keep", &fixture(name), &direct, &[]);
        to("json", &fixture(name), &text, &[]);
        let again = to("keep", &text, &second, &[]);
        assert_eq!(document["entities"], again["entities"]);
        if name != "01_empty.pecs" {
            same(&doc(&second), &doc(&direct));
        }
    }
}

#[test]
fn several_worlds_stay_several_in_json_and_are_refused_for_pecs() {
    let mut first = doc(&demo_file("demo.keep"));
    first.name = "one".to_owned();
    let second = WorldDoc { name: "two".to_owned(), meta: first.meta.clone(), ..WorldDoc::default() };
    let (bytes, _) = encode_worlds(&[&first, &second], Vec::new(), &EncodeOptions::default()).unwrap();
    with_file("two.keep", &bytes, |path| {
        let dir = Dir::new();
        let (text, back) = (dir.path("two.json"), dir.path("back.keep"));
        to("json", path, &text, &[]);
        let document = to("keep", &text, &back, &[]);
        assert_eq!(document["entities"], 300);
        let reader = open(&back);
        same(&WorldDoc::decode_named(&reader, "one").unwrap(), &first);
        assert_eq!(WorldDoc::decode_named(&reader, "two").unwrap().name, "two");
        let answer = convert(path, &dir.path("two.pecs"), &["--to", "pecs", "--json"]);
        assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (2, &json!("misuse")));
        assert_eq!(dir.names(), ["back.keep", "two.json"]);
    });
}

#[test]
fn what_the_new_format_has_no_place_for_is_said() {
    let world = doc(&demo_file("demo.keep"));
    let plain = world.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap().0;
    let reader = keepstone::format::Reader::open(plain, Limits::default()).unwrap();
    let mut head = Metadata::new();
    head.set(0x0999, b"later");
    let options = WriterOptions::new(FileKind::WORLD).head(head).store([7; 16], 0);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for section in reader.sections() {
        writer.copy_section(&reader, section).unwrap();
    }
    writer.coded_from(SectionId(0x8000_1000), 3, &[b"more"]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    with_file("more.keep", &bytes, |path| {
        let dir = Dir::new();
        for target in ["json", "pecs"] {
            let answer = convert(path, &dir.path(target), &["--to", target]);
            assert_eq!(answer.exit, 0);
            let lines: Vec<&str> = answer.err.lines().collect();
            assert_eq!(lines.len(), 3, "{}", answer.err);
            assert_eq!(lines[0], "warning: not kept: the id of the store that the file belongs to");
            assert!(lines[1].contains("head metadata 0x0999"), "{}", lines[1]);
            assert!(lines[2].ends_with("instance 3"), "{}", lines[2]);
            let lost = to(target, path, &dir.path(target), &[])["lost"].clone();
            assert_eq!(lost.as_array().unwrap().len(), 3);
        }
    });
}

#[test]
fn what_holds_no_world_is_misuse_and_what_is_damaged_is_damaged() {
    let dir = Dir::new();
    let check = |input: &Path, target: &str, exit: i32, kind: &str| {
        fs::write(dir.path("old"), b"old").unwrap();
        let answer = convert(input, &dir.path("old"), &["--to", target, "--json"]);
        let document = answer.json();
        assert_eq!((answer.exit, &document["error"]["kind"]), (exit, &json!(kind)), "{document}");
        assert_eq!(fs::read(dir.path("old")).unwrap(), b"old");
        assert_eq!(dir.names(), ["old"]);
    };
    for target in ["json", "pecs"] {
        check(&asset(), target, 2, "misuse");
        check(&fixture("snap_1x128.evec"), target, 2, "misuse");
        check(&fixture("wal_f32_100x8.wal"), target, 2, "misuse");
        check(&dir.path("gone"), target, 1, "not_found");
        let save = Dir::new();
        assert_eq!(convert(&asset(), &save.path("save.keep"), &[]).exit, 0);
        check(&save.path("save.keep"), target, 2, "misuse");
        let mut bytes = fs::read(demo_file("demo.keep")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        with_file("flipped.keep", &bytes, |path| check(path, target, 1, "damaged"));
    }
    for target in ["json", "pecs", "keep"] {
        let texts =
            [r#"{"version":1,"entities":[}"#, r#"{"version":1,"entities":[{"id":0,"id":1}]}"#, r#"{"a": 1}"#];
        for text in texts {
            with_file("bad.json", text.as_bytes(), |path| check(path, target, 1, "damaged"));
        }
        let newer = br#"{"version":2,"entities":[]}"#;
        with_file("newer.json", newer, |path| check(path, target, 2, "newer"));
        with_file("a.txt", b"once upon a time", |path| check(path, target, 1, "damaged"));
    }
}
