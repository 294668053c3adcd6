//! Write-ahead logs on the command line.

mod append;
mod damage;
mod repair;
mod verbs;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone::storage::{Durability, Files as _, Lsn, MemFiles, Wal, WalOptions, read, wal::GivenUp};

use crate::support::{Answer, run, run_with};

fn wal(args: &[&str], dir: &Path) -> Answer {
    run(&[&["wal", args[0], dir.to_str().unwrap()], &args[1..]].concat())
}

fn append(dir: &Path, args: &[&str], input: &[u8]) -> Answer {
    run_with(&[&["wal", "append", dir.to_str().unwrap()], args].concat(), input)
}

/// A log of three segments with the records `record 1` to `record 40`, of about 900 bytes each, closed.
fn log_of_three(dir: &Path) -> Vec<PathBuf> {
    log_from(dir, None)
}

/// The same, from which the records below this one were given up.
fn log_from(dir: &Path, start: Option<Lsn>) -> Vec<PathBuf> {
    // In memory: a lock of this process would pass to the commands that other tests start meanwhile.
    let files = Arc::new(MemFiles::new());
    let options = WalOptions::default().segment_bytes(20 << 10, 20 << 10).background(false);
    let wal = Wal::open("log", options.files(files.clone()).given_up(GivenUp::Remove)).unwrap();
    for number in 1..=40 {
        wal.append(format!("record {number} {}", "x".repeat(700)).as_bytes(), Durability::Durable).unwrap();
    }
    if let Some(start) = start {
        wal.truncate(start).unwrap();
    }
    wal.close().unwrap();
    fs::create_dir_all(dir).unwrap();
    for name in files.list(Path::new("log")).unwrap() {
        let mut bytes = Vec::new();
        read(&*files, &Path::new("log").join(&name), 1 << 20, &mut bytes).unwrap();
        fs::write(dir.join(name), bytes).unwrap();
    }
    let segments = segments(dir);
    assert_eq!(segments.len(), if start.is_some() { 2 } else { 3 }, "{segments:?}");
    segments
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = names.filter(|path| path.extension().is_some_and(|e| e == "wal")).collect();
    segments.sort();
    segments
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Flips a bit of the record whose bytes begin like this, and returns where its frame begins.
fn damage(segment: &Path, record: &str) -> u64 {
    let mut bytes = fs::read(segment).unwrap();
    let at = bytes.windows(record.len()).position(|window| window == record.as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(segment, bytes).unwrap();
    at as u64 - 16
}
