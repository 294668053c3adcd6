//! Directories of aw-save that become roots of saves, and the other way.

use std::{fs, path::Path};

use keepstone::{
    compat::awsv::{File, Index, SaveBundle, player_dir},
    format::{Limits, Reader},
    slots::SaveReader,
};
use serde_json::{Value, json};

use super::{Root, has_extension, names};
use crate::support::{asset, fixture, json_on, on, run};

const SLOT_0: &str = "slot00_2026-03-13T08-45-25Z_7331e190-9275-41f6-93b9-f3627dbc2637.awsv";
const SLOT_5: &str = "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv";
const V1: &str = "v1_with_companion.awsv";

fn convert(from: &str, to: &str, more: &[&str]) -> (i32, Value) {
    let answer = run(&[&["convert", from, to, "--json"], more].concat());
    (answer.exit, answer.json())
}

fn bundle(path: &Path) -> SaveBundle {
    let bytes = fs::read(path).unwrap();
    let mut bundle = File::read(&bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap().bundle;
    bundle.save_id = Some(bundle.save_id_or_derived(&bytes));
    bundle
}

/// A directory with these saves.
fn aw_saves(root: &Root, files: &[&Path]) -> String {
    let dir = root.beside("aw");
    fs::create_dir(&dir).unwrap();
    for file in files {
        fs::copy(file, Path::new(&dir).join(file.file_name().unwrap())).unwrap();
    }
    dir
}

#[test]
fn a_directory_of_aw_save_becomes_a_root_with_all_that_is_in_it() {
    let root = Root::new();
    let files = [fixture(SLOT_0), fixture(SLOT_5), fixture(V1), asset()];
    let dir = aw_saves(&root, &[&files[0], &files[1], &files[2], &files[3]]);
    let (exit, document) = convert(&dir, &root.path(), &[]);
    assert_eq!((exit, &document["saves"], &document["lost"]), (0, &json!(4), &json!([])), "{document}");
    assert_eq!((&document["format"], &document["to"]), (&json!("awsv"), &json!("keep")));
    assert_eq!(json_on("verify", &root.dir()).1["saves"], 4);
    let saves = SaveReader::open(root.dir()).unwrap();
    for file in &files {
        let mut expected = bundle(file);
        let id = expected.save_id.unwrap();
        let entry = saves.find(id.to_string().parse().unwrap()).unwrap().unwrap();
        assert_eq!((entry.player(), entry.slot()), (expected.player_id.as_str(), Some(expected.slot)));
        assert_eq!(
            (entry.created_at(), entry.tick()),
            (Some(expected.created_at), Some(expected.world.tick))
        );
        let out = root.beside("one.keep");
        assert_eq!(run(&["slot", "export", &root.path(), &id.to_string(), &out]).exit, 0);
        let bytes = fs::read(&out).unwrap();
        let found = SaveBundle::read_keep(&Reader::open(&bytes[..], Limits::default()).unwrap()).unwrap();
        expected.save_id = found.save_id;
        assert_eq!(found, expected, "{}", file.display());
        // Nor is it bytes that a program may take for its own.
        let answer = run(&["slot", "load", &root.path(), "--id", &id.to_string()]);
        assert!(answer.exit == 2 && answer.err.contains("slot export"), "{}", answer.err);
    }
}

#[test]
fn the_order_is_that_in_which_they_were_made() {
    let root = Root::new();
    let dir = root.beside("aw");
    fs::create_dir(&dir).unwrap();
    let mut base = bundle(&asset());
    // Neither the names nor the order of the files say it.
    for (number, created_at) in [(3_u8, 30_i64), (1, 10), (2, 20), (4, 20)] {
        base.save_id = Some(keepstone::compat::awsv::SaveId([number; 16]));
        base.created_at = created_at * 1_000_000_000;
        fs::write(format!("{dir}/z{}.awsv", 9 - number), base.to_awsv().unwrap()).unwrap();
    }
    assert_eq!(convert(&dir, &root.path(), &[]).0, 0);
    let list = SaveReader::open(root.dir()).unwrap().list(&base.player_id).unwrap();
    let order: Vec<u8> = list.iter().map(|save| save.id().as_bytes()[0]).collect();
    assert_eq!(order, [3, 2, 4, 1]);
}

#[test]
fn a_root_goes_back_to_aw_save_as_it_came() {
    let root = Root::new();
    let files = [fixture(SLOT_0), fixture(SLOT_5), asset()];
    let dir = aw_saves(&root, &[&files[0], &files[1], &files[2]]);
    assert_eq!(convert(&dir, &root.path(), &[]).0, 0);
    let back = root.beside("back");
    let (exit, document) = convert(&root.path(), &back, &["--to", "awsv"]);
    assert_eq!((exit, &document["saves"], &document["lost"]), (0, &json!(3), &json!([])), "{document}");
    assert_eq!((&document["format"], &document["to"]), (&json!("saves"), &json!("awsv")));
    for file in &files {
        let expected = bundle(file);
        let dir = Path::new(&back).join(player_dir(&expected.player_id));
        let id = expected.save_id.unwrap().to_string();
        let name = names(&dir).into_iter().find(|name| name.contains(&id)).unwrap();
        assert_eq!(bundle(&dir.join(&name)), expected);
        assert_eq!(on("verify", &dir.join(&name)).exit, 0);
        let index = fs::read(dir.join("index.json")).unwrap();
        let index = Index::read(&index, &Limits::default()).unwrap();
        assert!(index.entries.iter().any(|entry| entry.file == name), "{index:?}");
    }
    // And from there to a root again, the directories of all players at once.
    let again = root.beside("again");
    let (exit, document) = convert(&back, &again, &[]);
    assert_eq!((exit, &document["saves"], &document["warnings"]), (0, &json!(3), &json!([])), "{document}");
}

#[test]
fn bytes_of_a_program_become_those_of_an_engine() {
    let root = Root::new();
    let id =
        root.save(7, b"the engine's bytes", &["--tick", "99", "--meta", "chapter=3", "--place", "Bridge"]);
    let old = root.save(7, b"deleted", &[]);
    root.json("delete", &[&old]);
    let back = root.beside("back");
    let (exit, document) = convert(&root.path(), &back, &["--to", "awsv"]);
    let lost = document["lost"].to_string();
    assert!(exit == 0 && lost.contains("place") && lost.contains("1 deleted"), "{document}");
    let dir = Path::new(&back).join("alice");
    let name = names(&dir).into_iter().find(|name| has_extension(name, "awsv")).unwrap();
    assert!(name.starts_with("slot07_"), "{name}");
    let bundle = bundle(&dir.join(name));
    assert_eq!(bundle.save_id.unwrap().to_string().replace('-', ""), id);
    assert_eq!((bundle.world.tick, bundle.world.ecs_blob.as_slice()), (99, &b"the engine's bytes"[..]));
    assert_eq!((bundle.player_id.as_str(), &bundle.meta["chapter"]), ("alice", &"3".to_owned()));
}

#[test]
fn saves_that_cannot_be_read_are_said_and_the_others_kept() {
    let root = Root::new();
    let dir = aw_saves(&root, &[&fixture(SLOT_5), &fixture("bad_crc.awsv"), &fixture("truncated.awsv")]);
    fs::copy(fixture(SLOT_5), format!("{dir}/copy.awsv")).unwrap();
    let (exit, document) = convert(&dir, &root.path(), &[]);
    assert_eq!(
        (exit, &document["saves"], &document["damage_count"]),
        (1, &json!(2), &json!(2)),
        "{document}"
    );
    let warnings = document["warnings"].to_string();
    for text in ["bad_crc.awsv", "truncated.awsv", "it is given"] {
        assert!(warnings.contains(text), "{text}: {warnings}");
    }
    let answer = run(&["convert", &dir, &root.beside("text")]);
    assert!(answer.exit == 1 && answer.out.contains("2 saves can't be read"), "{}", answer.out);
    // The other way a damaged save is passed over, too.
    let id = root.save(0, b"some bytes", &["--codec", "none"]);
    root.damage(&id, b"some bytes");
    let (exit, document) = convert(&root.path(), &root.beside("back"), &["--to", "awsv"]);
    assert_eq!(
        (exit, &document["saves"], &document["damage_count"]),
        (1, &json!(2), &json!(1)),
        "{document}"
    );
}

#[test]
fn what_can_not_be_converted_is_misuse() {
    let root = Root::new();
    root.save(0, b"x", &[]);
    let dir = aw_saves(&root, &[&fixture(SLOT_5)]);
    let out = root.beside("out");
    for (from, to, more) in [
        (&root.path(), &out, &[][..]),
        (&root.path(), &out, &["--to", "json"]),
        (&root.path(), &out, &["--to", "awsv", "--codec", "zstd"]),
        (&root.path(), &dir, &["--to", "awsv"]),
        (&dir, &root.path(), &[]),
        (&dir, &out, &["--to", "pecs"]),
        (&dir, &format!("{dir}/inside"), &[]),
    ] {
        let (exit, document) = convert(from, to, more);
        assert_eq!(
            (exit, &document["error"]["kind"]),
            (2, &json!("misuse")),
            "{from} {to} {more:?}: {document}"
        );
        assert!(!Path::new(&out).exists());
    }
}
