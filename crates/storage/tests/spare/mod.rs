//! Saves that cost one sync.

mod behaviour;
mod counts;
mod crash;
mod faults;
mod opening;
#[cfg(feature = "planted")]
mod planted;
mod player;
mod proofs;
mod readers;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, WriterOptions, Written};
use keepstone_storage::{
    Error, Files, MemFiles,
    spare::{self, Committed, Draft, Held, Spares, Unnamed},
};

/// The directory of the saves here.
pub(crate) const DIR: &str = "saves";
/// Where the container begins.
pub(crate) const PAGE: usize = 4096;

pub(crate) fn dir() -> &'static Path {
    Path::new(DIR)
}

pub(crate) fn memory() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

/// Opens the directory, in which nothing is without a name.
pub(crate) fn open(files: &Arc<dyn Files>) -> Spares {
    let (spares, unnamed) = open_all(files).unwrap();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    spares
}

pub(crate) fn open_all(files: &Arc<dyn Files>) -> Result<(Spares, Vec<Unnamed>), Error> {
    Spares::open(Arc::clone(files), dir(), None)
}

/// Writes a container with `state` into a draft.
pub(crate) fn fill(draft: &mut Draft, state: &[u8]) -> Result<Written, Error> {
    let failed = |err: keepstone_format::Error| match err {
        keepstone_format::Error::Io { source, .. } => {
            *source.into_inner().unwrap().downcast::<Error>().unwrap()
        }
        other => panic!("{other}"),
    };
    let mut head = Metadata::new();
    head.set_name("a save");
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
    let mut writer = draft.container(options).map_err(failed)?;
    writer.coded_from(SectionId::BYTES, 0, &[state]).map_err(failed)?;
    let (_, written) = writer.finish(Metadata::new()).map_err(failed)?;
    Ok(written)
}

pub(crate) fn name_of(generation: u64) -> String {
    format!("{generation}.save")
}

pub(crate) fn path_of(generation: u64) -> PathBuf {
    dir().join(name_of(generation))
}

pub(crate) fn spare_path(number: u32) -> PathBuf {
    dir().join(format!("{number}.spare"))
}

/// Saves durably, under the name of the generation.
pub(crate) fn save(spares: &Spares, generation: u64, state: &[u8]) -> Result<Committed, Error> {
    let mut draft = spares.begin(generation, state.len() as u64)?;
    let written = fill(&mut draft, state)?;
    draft.seal(written)?.sync()?.publish(OsStr::new(&name_of(generation)))
}

/// What a file holds: generation and state, every byte of it read.
pub(crate) fn load(files: &dyn Files, path: &Path) -> Result<(u64, Vec<u8>), Error> {
    state_of(spare::open(files, path)?)
}

pub(crate) fn state_of(held: Held) -> Result<(u64, Vec<u8>), Error> {
    let (generation, path) = (held.generation(), held.path().to_owned());
    let reader = held.reader(Limits::default())?;
    let mut damage = None;
    let verified = reader.verify(&mut |found| {
        damage.get_or_insert(found);
    });
    if let Some(source) = verified.err().or(damage) {
        return Err(Error::Container { path, source });
    }
    let section = reader.find(SectionId::BYTES, 0).unwrap();
    Ok((generation, reader.read(section).unwrap().into_owned()))
}

pub(crate) fn bytes_of(files: &dyn Files, path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, path, 1 << 30, &mut bytes).unwrap();
    bytes
}

pub(crate) fn put(files: &dyn Files, path: &Path, bytes: &[u8]) {
    files.create_new(path).unwrap().write_all_at(bytes, 0).unwrap();
}

/// A disk with these files in the directory.
pub(crate) fn disk(contents: &[(&str, &[u8])]) -> Arc<dyn Files> {
    let files = memory();
    files.create_dir(dir()).unwrap();
    for (name, bytes) in contents {
        put(&*files, &dir().join(name), bytes);
    }
    files
}

/// The bytes of a file with a save, as long as page and container are.
pub(crate) fn sample(generation: u64, state: &[u8]) -> Vec<u8> {
    let files = memory();
    let saved = save(&open(&files), generation, state).unwrap();
    let mut bytes = bytes_of(&*files, &saved.path);
    bytes.truncate(PAGE + usize::try_from(saved.bytes).unwrap());
    bytes
}

pub(crate) use crate::generation::state;
