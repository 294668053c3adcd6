//! Recycled generations on the command line.

use std::{fs, path::Path};

use keepstone::format::{Codec, FileKind, Metadata, SectionId, WriterOptions};
use keepstone::storage::{GenerationOptions, Generations};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{json_on, on};

/// A directory with the generations of three saves, two of which are kept.
fn saved() -> TempDir {
    let dir = TempDir::new().unwrap();
    let options = GenerationOptions::default().keep(2);
    let mut generations = Generations::open(dir.path().join("auto"), options).unwrap();
    for state in ["in the village", "at the bridge", "in the castle"] {
        let mut draft = generations.begin().unwrap();
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
        let mut writer = draft.container(options).unwrap();
        writer.coded_from(SectionId::BYTES, 0, &[state.as_bytes()]).unwrap();
        let (_, written) = writer.finish(Metadata::new()).unwrap();
        draft.commit(written).unwrap();
    }
    dir
}

/// Flips a bit of a file of the directory, in the payload of its save or where it is told.
fn flip(dir: &Path, name: &str, at: usize) {
    let mut bytes = fs::read(dir.join(name)).unwrap();
    bytes[at] ^= 1;
    fs::write(dir.join(name), bytes).unwrap();
}

/// The file of a generation.
fn file_of(dir: &Path, generation: u64) -> String {
    let (_, document) = json_on("inspect", dir);
    let list = document["generations"].as_array().unwrap();
    let one = list.iter().find(|one| one["generation"] == generation).unwrap();
    one["file"].as_str().unwrap().to_owned()
}

#[test]
fn a_directory_and_its_files_are_inspected_and_verified() {
    let root = saved();
    let dir = root.path().join("auto");
    let (exit, document) = json_on("inspect", &dir);
    assert_eq!((exit, &document["format"], &document["alone"]), (0, &json!("generations"), &json!(false)));
    let numbers: Vec<u64> = document["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["generation"].as_u64().unwrap())
        .collect();
    assert_eq!((numbers[0], numbers[1]), (3, 2), "{document}");
    assert_eq!((&document["newest"]["epoch"], &document["newest"]["kind"]), (&json!(3), &json!("save")));
    let (exit, verified) = json_on("verify", &dir);
    assert_eq!((exit, &verified["damage"]), (0, &json!([])), "{verified}");
    assert!(on("inspect", &dir).out.contains("the newest"));
    let file = dir.join(file_of(&dir, 2));
    let (exit, document) = json_on("inspect", &file);
    assert_eq!((exit, &document["alone"], &document["newest"]["epoch"]), (0, &json!(true), &json!(2)));
    assert_eq!(document["generations"].as_array().unwrap().len(), 1);
    let (exit, verified) = json_on("verify", &file);
    assert_eq!((exit, &verified["sections"]), (0, &json!(1)));
}

#[test]
fn damage_of_a_generation_is_said_with_its_number() {
    let root = saved();
    let dir = root.path().join("auto");
    let name = file_of(&dir, 3);
    let bytes = fs::read(dir.join(&name)).unwrap();
    let at = bytes.windows(13).position(|window| window == b"in the castle").unwrap();
    flip(&dir, &name, at);
    for path in [dir.clone(), dir.join(&name)] {
        let (exit, verified) = json_on("verify", &path);
        let what = verified["damage"][0]["what"].as_str().unwrap();
        assert!(exit == 1 && what == "generation 3: chunk payload", "{verified}");
    }
    assert_eq!(json_on("verify", &dir.join(file_of(&dir, 2))).0, 0);
    // A damaged page says nothing of its generation.
    let other = file_of(&dir, 2);
    flip(&dir, &other, 9);
    let (exit, verified) = json_on("verify", &dir.join(&other));
    assert_eq!((exit, verified["damage"].as_array().unwrap().len()), (1, 1), "{verified}");
    assert_eq!(json_on("verify", &dir).1["damage"].as_array().unwrap().len(), 2);
    let (exit, document) = json_on("inspect", &dir);
    assert_eq!((exit, document["refused"].as_array().unwrap().len()), (0, 1), "{document}");
}

#[test]
fn a_page_of_a_newer_version_is_newer() {
    let root = saved();
    let dir = root.path().join("auto");
    let mut page = fs::read(dir.join(file_of(&dir, 2))).unwrap();
    page[4] = 2;
    let crc = keepstone::format::crc32(&page[..36]).to_le_bytes();
    page[36..40].copy_from_slice(&crc);
    fs::write(dir.join("88.gen"), page).unwrap();
    for path in [dir.clone(), dir.join("88.gen")] {
        let (exit, document) = json_on("verify", &path);
        assert_eq!((exit, &document["error"]["kind"]), (2, &json!("newer")), "{document}");
    }
}

#[test]
fn a_file_without_a_generation_is_said_to_have_none() {
    let root = saved();
    let dir = root.path().join("auto");
    fs::write(dir.join("77.gen"), [0; 5000]).unwrap();
    for verb in ["inspect", "verify"] {
        let (exit, document) = json_on(verb, &dir.join("77.gen"));
        assert_eq!((exit, &document["error"]["kind"]), (1, &json!("not_found")), "{document}");
    }
    // Under another name nobody knows what it belongs to.
    fs::copy(dir.join(file_of(&dir, 3)), root.path().join("copy")).unwrap();
    assert_eq!(json_on("verify", &root.path().join("copy")).0, 1);
}
