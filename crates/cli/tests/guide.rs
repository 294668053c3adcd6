//! The commands that the guide shows do what it says.

use std::{fs, path::Path};

use keepstone::slots::{Bytes, Player, SaveManager, SaveOptions, SaveReader};
use keepstone::storage::{Durability, Wal, WalOptions};
use tempfile::TempDir;

use crate::support::{asset, command, fixture};

/// The commands in the shell blocks of a chapter, without the name of the command itself.
fn commands(chapter: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/src").join(chapter);
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("keepstone "));
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// Runs the commands of a chapter in a directory, and asserts how each of them ends.
fn check(chapter: &str, dir: &TempDir, exits: &[i32]) {
    let commands = commands(chapter);
    assert_eq!(commands.len(), exits.len(), "{commands:?}");
    for (args, exit) in commands.iter().zip(exits) {
        let output = command().current_dir(dir.path()).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(*exit), "{args:?}: {output:?}");
    }
}

#[test]
fn saves_of_aw_save_are_converted_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let name = "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv";
    fs::copy(fixture(name), dir.path().join(name)).unwrap();
    check("from-aw-save.md", &dir, &[0, 0, 0, 0]);
    assert!(fs::read(dir.path().join("back.awsv")).unwrap().starts_with(b"ASVS\x02"));
}

#[test]
fn worlds_of_pecs_are_converted_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let name = "11_format_structs_components.pecs";
    fs::copy(fixture(name), dir.path().join(name)).unwrap();
    check("from-pecs.md", &dir, &[0, 0, 0]);
}

#[test]
fn snapshots_of_edgevec_are_imported_and_repaired_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let name = "snap_100x8_deleted_meta.evec";
    let bytes = fs::read(fixture(name)).unwrap();
    fs::write(dir.path().join(name), &bytes).unwrap();
    fs::write(dir.path().join("cut.evec"), &bytes[..2000]).unwrap();
    check("from-edgevec.md", &dir, &[0, 0, 0, 1, 0]);
}

#[test]
fn exports_of_forge_are_imported_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/tests/fixtures/forge/export_all.json");
    fs::copy(path, dir.path().join("export_all.json")).unwrap();
    check("from-forge.md", &dir, &[0, 0, 0, 0]);
}

#[test]
fn damaged_logs_are_repaired_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("index/wal");
    let writer = Wal::open(&log, WalOptions::default()).unwrap();
    for record in [b"record 1", b"record 2", b"record 3"] {
        writer.append(record, Durability::Durable).unwrap();
    }
    writer.close().unwrap();
    let segment = log.join("0000000000000001.wal");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(8).position(|window| window == b"record 2").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    check("write-ahead-log.md", &dir, &[1, 1, 1, 0]);
}

#[test]
fn saves_in_slots_are_looked_after_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("saves");
    let manager = SaveManager::open(&root, SaveOptions::default()).unwrap();
    let saved = [&b"first"[..], b"second"].map(|state| manager.save("ann", 0, &Bytes::from(state)).unwrap());
    let path = root.join(Player::new("ann").unwrap().dir_name()).join(saved[1].save.file_name());
    drop(manager);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 + usize::try_from(saved[1].save.bytes()).unwrap() / 2] ^= 1;
    fs::write(&path, bytes).unwrap();
    check("slots.md", &dir, &[0, 0, 1, 1]);
    assert_eq!(SaveReader::open(dir.path().join("repaired")).unwrap().list("ann").unwrap().len(), 1);
}

#[test]
fn damaged_files_are_repaired_as_the_guide_says() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("damaged.keep");
    let made = command().arg("convert").arg(asset()).arg(&path).output().unwrap();
    assert!(made.status.success());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    check("troubleshooting.md", &dir, &[1, 1, 0]);
}
