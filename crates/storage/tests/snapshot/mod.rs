//! Snapshots, and what a program has after a crash of one and its log.

mod behaviour;
mod crash;
mod damage;
mod faults;
mod golden;
mod hostile;
mod log;
#[cfg(not(miri))]
mod mapped;
mod memory;
mod repaired;
mod round_trip;
mod writer;

// The containers that no writer would write are made as the tests of the format make them.
#[path = "../../../format/tests/forge.rs"]
#[allow(dead_code, reason = "the tests of the format use the rest")]
mod forge;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::{
    Error as FormatError, Metadata, SectionId,
    plain::{Plain, to_le_bytes_cow},
};
use keepstone_storage::{Error, Files, MemFiles, OsFiles, Snapshot, snapshot::Options, snapshot::Writer};

use forge::{Part, Piece};

pub(crate) const MIB: usize = 1 << 20;

/// Numbers that differ from place to place; `seed` makes them others.
pub(crate) fn words(seed: u64, count: usize) -> Vec<u64> {
    (0..count as u64).map(|at| (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ seed).rotate_left(17)).collect()
}

pub(crate) fn path() -> &'static Path {
    Path::new("a.keep")
}

/// A disk in memory with one file.
pub(crate) fn disk(bytes: &[u8]) -> Arc<dyn Files> {
    let files = MemFiles::new();
    files.create_new(path()).unwrap().write_all_at(bytes, 0).unwrap();
    Arc::new(files)
}

pub(crate) fn open(files: &dyn Files) -> Result<Snapshot, Error> {
    Snapshot::open_with(path(), Options::default().files(files))
}

pub(crate) fn open_bytes(bytes: &[u8]) -> Result<Snapshot, Error> {
    open(&*disk(bytes))
}

/// The bytes of the snapshot that `write` writes.
pub(crate) fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let files = MemFiles::new();
    let mut writer = Writer::create(&files, path(), Metadata::new()).unwrap();
    write(&mut writer);
    writer.commit().unwrap();
    bytes_of(&files)
}

pub(crate) fn bytes_of(files: &dyn Files) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, path(), u64::MAX, &mut bytes).unwrap();
    bytes
}

/// A file of the operating system with these bytes; the folder goes with what is returned.
pub(crate) fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.keep");
    OsFiles.create_new(&path).unwrap().write_all_at(bytes, 0).unwrap();
    (folder, path)
}

/// What is wrong with a container, whose path must be `path`.
pub(crate) fn damage(error: &Error) -> &FormatError {
    match error {
        Error::Container { path: at, source } if at.ends_with(path()) => source,
        other => panic!("{other:?}"),
    }
}

/// The bytes of an array head; the layout is that of the format.
pub(crate) fn head(name: &[u8], layout: &[u8], width: u8) -> Vec<u8> {
    [&[u8::try_from(name.len()).unwrap()], name, layout, &[width]].concat()
}

pub(crate) const F32: &[u8] = &[0x0b];
pub(crate) const U64: &[u8] = &[0x04];
pub(crate) const U8: &[u8] = &[0x01];

pub(crate) fn head_part(instance: u32, head: &[u8]) -> Part {
    Part::Coded(SectionId::ARRAY_HEAD.0, instance, vec![Piece::stored(head)])
}

pub(crate) fn raw_part<T: Plain>(instance: u32, values: &[T]) -> Part {
    Part::Raw(SectionId::ARRAY.0, instance, to_le_bytes_cow(values).into_owned())
}

pub(crate) fn lost_part(instance: u32, ranges: &[(u64, u64)]) -> Part {
    let bytes: Vec<u8> =
        ranges.iter().flat_map(|(start, end)| [start.to_le_bytes(), end.to_le_bytes()].concat()).collect();
    Part::Coded(SectionId::ARRAY_LOST.0, instance, vec![Piece::stored(&bytes)])
}

pub(crate) fn forged(parts: &[Part]) -> Vec<u8> {
    forge::forge(0, parts).bytes
}
