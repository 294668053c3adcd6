//! Recycled generations on the command line.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use keepstone::format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, WriterOptions};
use keepstone::storage::{GenerationOptions, Generations};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{json_on, on, run, run_with};

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

/// A listed generation that was written over by the time it was opened was called damage.
#[test]
fn a_writer_at_work_is_no_damage() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("auto");
    let is_done = AtomicBool::new(false);
    let mut generations = Generations::open(&path, GenerationOptions::default().keep(2)).unwrap();
    let mut save = || {
        let mut draft = generations.begin().unwrap();
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
        let mut writer = draft.container(options).unwrap();
        writer.coded_from(SectionId::BYTES, 0, &[&[7; 5000]]).unwrap();
        let (_, written) = writer.finish(Metadata::new()).unwrap();
        draft.commit(written).unwrap();
    };
    save();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                save();
            }
        });
        let answers: Vec<_> = (0..40).map(|_| json_on("verify", &path)).collect();
        is_done.store(true, Ordering::Relaxed);
        for (exit, document) in answers {
            // Being given up by the writer many times over is an answer of its own.
            assert!(exit == 0 || document["error"]["kind"] == "busy", "{document}");
        }
    });
    assert_eq!(json_on("verify", &path).0, 0);
}

#[test]
fn damage_below_an_intact_newest_is_a_warning() {
    let root = saved();
    let dir = root.path().join("auto");
    let name = file_of(&dir, 2);
    let bytes = fs::read(dir.join(&name)).unwrap();
    let at = bytes.windows(13).position(|window| window == b"at the bridge").unwrap();
    flip(&dir, &name, at);
    let (exit, verified) = json_on("verify", &dir);
    assert_eq!((exit, &verified["damage"]), (0, &json!([])), "{verified}");
    assert_eq!(verified["older_damage"][0]["what"], "generation 2: chunk payload", "{verified}");
    let warning = verified["warnings"][0].as_str().unwrap();
    assert!(warning.contains("generation 2") && warning.contains("when the power went"), "{warning}");
    let text = on("verify", &dir).out;
    assert!(text.contains("the newest is good") && text.contains("when the power went"), "{text}");
    assert!(!text.contains("every checksum holds"), "{text}");
    // Whoever asks for that file asks about that file.
    assert_eq!(json_on("verify", &dir.join(&name)).0, 1);
    // The same if its container can't even be opened.
    fs::write(dir.join(&name), &bytes[..4096 + 100]).unwrap();
    let (exit, verified) = json_on("verify", &dir);
    assert_eq!((exit, &verified["older_damage"][0]["what"]), (0, &json!("generation 2")), "{verified}");
}

#[test]
fn the_newest_in_two_files_and_none_at_all_are_said() {
    let root = saved();
    let dir = root.path().join("auto");
    fs::copy(dir.join(file_of(&dir, 3)), dir.join("50.gen")).unwrap();
    let (exit, verified) = json_on("verify", &dir);
    let message = verified["damage"][0]["message"].as_str().unwrap();
    assert!(exit == 1 && message.contains("and so does"), "{verified}");
    let empty = root.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("0.gen"), [0; 5000]).unwrap();
    let (exit, document) = json_on("verify", &empty);
    assert_eq!((exit, &document["error"]["kind"]), (1, &json!("not_found")), "{document}");
}

#[test]
fn a_damaged_generation_is_repaired_into_a_container() {
    let root = saved();
    let dir = root.path().join("auto");
    let name = file_of(&dir, 3);
    let repair = |path: &Path| {
        let out = root.path().join("out.keep");
        let args =
            ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()];
        (run(&args).json(), out)
    };
    // The header of its only chunk: the tables have a copy.
    let bytes = fs::read(dir.join(&name)).unwrap();
    let at = bytes.windows(4).position(|window| window == b"KCHK").unwrap();
    flip(&dir, &name, at);
    for path in [dir.clone(), dir.join(&name)] {
        assert_eq!(json_on("verify", &path).0, 1);
        let (document, out) = repair(&path);
        assert_eq!((&document["generation"], &document["lost"]), (&json!(3), &json!([])), "{document}");
        let bytes = fs::read(&out).unwrap();
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let section = reader.find(SectionId::BYTES, 0).unwrap();
        assert_eq!((&*reader.read(section).unwrap(), reader.header().epoch), (&b"in the castle"[..], 0));
        fs::remove_file(&out).unwrap();
    }
    // What can't be told from a page is not guessed.
    flip(&dir, &name, 9);
    let (document, out) = repair(&dir.join(&name));
    assert_eq!((&document["exit"], &document["error"]["kind"]), (&json!(1), &json!("damaged")), "{document}");
    assert!(!out.exists());
}

#[test]
fn a_directory_above_generations_and_logs_names_them() {
    let root = saved();
    for verb in ["inspect", "verify"] {
        let answer = on(verb, root.path());
        assert!(answer.exit == 2 && answer.err.contains("auto (recycled generations)"), "{}", answer.err);
    }
    fs::create_dir(root.path().join("wal")).unwrap();
    let log = root.path().join("wal");
    let appended = run_with(&["wal", "append", log.to_str().unwrap()], b"a line\n");
    assert_eq!(appended.exit, 0, "{}", appended.err);
    let answer = on("verify", root.path());
    assert!(answer.err.contains("wal (a write-ahead log)"), "{}", answer.err);
}

#[test]
fn what_a_killed_run_left_beside_a_new_file_is_removed() {
    let root = saved();
    let left = root.path().join(".out.keep.1234-0.tmp");
    fs::write(&left, b"half of it").unwrap();
    let other = root.path().join("out.keep.tmp");
    fs::write(&other, b"somebody's").unwrap();
    let out = root.path().join("out.keep");
    let answer =
        run(&["repair".as_ref(), root.path().join("auto").as_os_str(), "--out".as_ref(), out.as_os_str()]);
    assert_eq!(
        (answer.exit, left.exists(), other.exists(), out.exists()),
        (0, false, true, true),
        "{}",
        answer.err
    );
}
