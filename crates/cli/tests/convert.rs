use std::{
    fs,
    path::{Path, PathBuf},
};

use keepstone::{
    compat::pecs,
    ecs::{Encoding, WorldDoc},
    format::{
        Codec, FileKind, Filter, Limits, Metadata, Reader, SectionId, SectionLayout, SectionOptions, Writer,
        WriterOptions,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, asset, demo_file, fixture, json_on, on, run, with_file};

const PECS: [&str; 5] = [
    "01_empty.pecs",
    "02_one_entity.pecs",
    "05_type_registry_unicode.pecs",
    "06_fixed_ids.pecs",
    "11_format_structs_components.pecs",
];

/// A directory for what is written.
pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn convert(input: &Path, out: &Path, more: &[&str]) -> Answer {
    let args = ["convert".as_ref(), input.as_os_str(), out.as_os_str()];
    let more = more.iter().map(AsRef::as_ref);
    run(&args.into_iter().chain(more).collect::<Vec<_>>())
}

/// Converts, and asserts that it went well and the new file is good.
pub(crate) fn converted(input: &Path, out: &Path, more: &[&str]) -> Value {
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

pub(crate) fn open(path: &Path) -> Reader<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let limits = Limits::for_file_len(bytes.len() as u64);
    Reader::open(bytes, limits).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_written_is_not_a_missing_input() {
    // Nothing can be created in /proc, which the system calls not found. The exit code was 1, by which a script takes the
    // input to be missing or damaged.
    let answer = convert(&asset(), Path::new("/proc/save.keep"), &["--json"]);
    assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (2, &json!("io")));
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
    check_refused("a.evec", b"EVEC\x00\x04\x00\x00", &[], 1, "damaged");
    check_refused("3.awsv", &fs::read(fixture("version3.awsv")).unwrap(), &[], 2, "newer");
    check_refused("2.pecs", &[&b"PECS\x02"[..], &[0; 30]].concat(), &[], 2, "newer");
    let dir = Dir::new();
    let answer = convert(&dir.path("gone.awsv"), &dir.path("new.keep"), &["--json"]);
    assert_eq!((answer.exit, &answer.json()["error"]["kind"]), (1, &json!("not_found")));
}

#[test]
fn targets_that_do_not_exist_are_misuse() {
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
