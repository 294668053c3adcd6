//! Saves that become files of aw-save again.

use std::{fs, path::Path};

use keepstone::{
    compat::awsv::{File, SaveBundle, SaveId},
    format::{Codec, FileKind, Limits, Metadata, SectionId, Writer, WriterOptions},
};
use serde_json::{Value, json};

use crate::convert::{Dir, convert, converted, open};
use crate::support::{asset, demo_file, fixture, json_on, on, with_file};

const TO_AWSV: [&str; 2] = ["--to", "awsv"];
const SLOT_5: &str = "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv";
const SLOT_0: &str = "slot00_2026-03-13T08-45-25Z_7331e190-9275-41f6-93b9-f3627dbc2637.awsv";
const V1: &str = "v1_with_companion.awsv";

fn read(path: &Path) -> File {
    let bytes = fs::read(path).unwrap();
    File::read(&bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap()
}

/// Converts to a file of aw-save, and asserts that it went well and that the new file is as aw-save writes them.
fn to_awsv(input: &Path, out: &Path, more: &[&str]) -> Value {
    let answer = convert(input, out, &[&TO_AWSV, more, &["--json"]].concat());
    let document = answer.json();
    assert_eq!((answer.exit, &document["to"]), (0, &json!("awsv")), "{document}");
    assert_eq!((&document["kind"], &document["codec"]), (&json!("save"), &json!("lz4")));
    assert_eq!(document["bytes"], fs::metadata(input).unwrap().len());
    assert_eq!(document["bytes_out"], fs::metadata(out).unwrap().len());
    let file = read(out);
    assert_eq!((file.header.version, file.header.codec, file.warnings.len()), (2, 1, 0));
    assert_eq!(json_on("verify", out).0, 0);
    document
}

/// Of version 2, as every file that is written is.
fn upgraded(input: &Path) -> SaveBundle {
    let bytes = fs::read(input).unwrap();
    let mut bundle = read(input).bundle;
    bundle.save_id = Some(bundle.save_id_or_derived(&bytes));
    bundle.version = 2;
    bundle
}

#[test]
fn a_save_that_became_a_container_becomes_a_save_again_with_an_equal_bundle() {
    for input in [asset(), fixture(SLOT_5), fixture(SLOT_0), fixture(V1), fixture("codec0_none.awsv")] {
        for codec in ["none", "lz4", "zstd"] {
            let dir = Dir::new();
            let (keep, awsv) = (dir.path("save.keep"), dir.path("save.awsv"));
            converted(&input, &keep, &["--codec", codec]);
            let document = to_awsv(&keep, &awsv, &[]);
            assert_eq!((&document["format"], &document["warnings"]), (&json!("keep"), &json!([])));
            let is_v1 = input.ends_with(V1);
            assert_eq!(document["lost"].as_array().unwrap().len(), usize::from(is_v1), "{document}");
            assert_eq!(read(&awsv).bundle, upgraded(&input));
            assert_eq!(dir.names(), ["save.awsv", "save.keep"]);
        }
    }
    // This one has no map whose order aw-save leaves to chance.
    let dir = Dir::new();
    let (keep, awsv) = (dir.path("save.keep"), dir.path("save.awsv"));
    converted(&fixture(SLOT_0), &keep, &[]);
    to_awsv(&keep, &awsv, &["--codec", "lz4"]);
    assert_eq!(fs::read(awsv).unwrap(), fs::read(fixture(SLOT_0)).unwrap());
}

#[test]
fn a_save_of_version_1_is_upgraded_with_an_id_that_stays() {
    let dir = Dir::new();
    let (direct, keep, over_keep) = (dir.path("a.awsv"), dir.path("b.keep"), dir.path("b.awsv"));
    let document = to_awsv(&fixture(V1), &direct, &[]);
    assert_eq!(document["format"], "awsv");
    assert_eq!(document["lost"], json!(["that the save was of version 1; it becomes version 2"]));
    converted(&fixture(V1), &keep, &[]);
    to_awsv(&keep, &over_keep, &[]);
    assert_eq!(fs::read(&direct).unwrap(), fs::read(&over_keep).unwrap());
    let id = SaveId::derived(&fs::read(fixture(V1)).unwrap());
    assert_eq!(read(&direct).bundle.save_id, Some(id));
    assert_eq!(open(&keep).head().custom("awsv.save_id"), Some(id.to_string().as_bytes()));
    // A second time there is nothing to lose.
    let again = dir.path("c.awsv");
    assert_eq!(to_awsv(&direct, &again, &[])["lost"], json!([]));
    assert_eq!(fs::read(&direct).unwrap(), fs::read(again).unwrap());
}

#[test]
fn a_container_without_an_id_gets_one_from_what_it_holds() {
    let bundle = read(&fixture(V1)).bundle;
    assert_eq!(bundle.save_id, None);
    let mut ids = Vec::new();
    for codec in [Codec::None, Codec::Lz4] {
        let (bytes, _) = bundle.write_keep(Vec::new(), codec).unwrap();
        with_file("save.keep", &bytes, |path| {
            let dir = Dir::new();
            let out = dir.path("save.awsv");
            let document = to_awsv(path, &out, &[]);
            let id = read(&out).bundle.save_id.unwrap();
            assert_eq!(
                document["warnings"],
                json!([format!("the save has no id; it is given {id}, which what it holds always gives")])
            );
            ids.push(id);
        });
    }
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn what_a_file_of_aw_save_has_no_place_for_is_said() {
    let bundle = read(&fixture(SLOT_5)).bundle;
    let (bytes, _) = bundle.write_keep(Vec::new(), Codec::None).unwrap();
    with_file("save.keep", &bytes, |path| {
        let reader = open(path);
        let mut head = reader.head().clone();
        head.set_name("Harbour").set_custom("difficulty", b"hard");
        let mut tail = Metadata::new();
        tail.set_custom("t", b"tail");
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        for section in reader.sections() {
            writer.copy_section(&reader, section).unwrap();
        }
        writer.coded_from(SectionId(0x8000_1000), 3, &[b"more"]).unwrap();
        let (bytes, _) = writer.finish(tail).unwrap();
        with_file("more.keep", &bytes, |path| {
            let dir = Dir::new();
            let out = dir.path("save.awsv");
            let lost = [
                "section 0x80001000, instance 3",
                "custom metadata \"difficulty\"",
                "metadata 0x0001",
                "the tail metadata",
            ];
            assert_eq!(to_awsv(path, &out, &[])["lost"], json!(lost));
            assert_eq!(read(&out).bundle, bundle);
            let answer = convert(path, &dir.path("b.awsv"), &TO_AWSV);
            assert_eq!(answer.exit, 0);
            let told: Vec<String> = lost.iter().map(|lost| format!("warning: not kept: {lost}\n")).collect();
            assert_eq!(answer.err, told.concat());
            assert!(
                answer.out.contains("save (keep)") && answer.out.contains("save (awsv)"),
                "{}",
                answer.out
            );
        });
    });
}

/// Converts what can't be, and asserts that an old file stays and a new one isn't made.
fn check_refused(input: &Path, more: &[&str], exit: i32, kind: &str) -> String {
    let dir = Dir::new();
    let more = [&TO_AWSV, more].concat();
    let answer = convert(input, &dir.path("new.awsv"), &[&more[..], &["--json"]].concat());
    let document = answer.json();
    assert_eq!((answer.exit, &document["error"]["kind"]), (exit, &json!(kind)), "{document}");
    assert_eq!(dir.names(), Vec::<String>::new());
    fs::write(dir.path("old.awsv"), b"old").unwrap();
    let answer = convert(input, &dir.path("old.awsv"), &more);
    assert_eq!((answer.exit, answer.out.as_str()), (exit, ""));
    assert_eq!(fs::read(dir.path("old.awsv")).unwrap(), b"old");
    assert_eq!(dir.names(), ["old.awsv"]);
    answer.err
}

#[test]
fn what_is_no_save_does_not_become_one() {
    for input in [demo_file("demo.keep"), fixture("02_one_entity.pecs"), fixture("snap_1x128.evec")] {
        let err = check_refused(&input, &[], 2, "misuse");
        assert!(err.contains("is no save of aw-save"), "{err}");
    }
    let err = check_refused(&fixture("wal_f32_100x8.wal"), &[], 2, "misuse");
    assert!(err.contains("a write-ahead log of EdgeVec found"), "{err}");
    let err = check_refused(&asset(), &["--codec", "zstd"], 2, "misuse");
    assert!(err.contains("always lz4"), "{err}");
}

#[test]
fn damaged_and_newer_saves_are_not_written_again() {
    for (name, exit, kind) in
        [("bad_crc.awsv", 1, "damaged"), ("truncated.awsv", 1, "damaged"), ("version3.awsv", 2, "newer")]
    {
        check_refused(&fixture(name), &[], exit, kind);
    }
    let dir = Dir::new();
    let keep = dir.path("save.keep");
    converted(&fixture(SLOT_5), &keep, &["--codec", "none"]);
    let bytes = fs::read(&keep).unwrap();
    for section in open(&keep).sections().iter().filter(|section| section.decoded_len() > 0) {
        let mut damaged = bytes.clone();
        damaged[usize::try_from(section.offset()).unwrap() + 40] ^= 1;
        with_file("flipped.keep", &damaged, |path| check_refused(path, &[], 1, "damaged"));
    }
}

#[test]
fn a_save_is_not_written_over_itself() {
    let dir = Dir::new();
    let path = dir.path("save.awsv");
    fs::copy(fixture(V1), &path).unwrap();
    let answer = convert(&path, &path, &TO_AWSV);
    assert_eq!(answer.exit, 2, "{}", answer.err);
    assert_eq!(fs::read(&path).unwrap(), fs::read(fixture(V1)).unwrap());
    assert_eq!(on("inspect", &path).exit, 0);
}
