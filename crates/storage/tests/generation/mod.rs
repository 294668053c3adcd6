//! Recycled generations.

mod behaviour;
mod counts;
mod crash;
mod faults;
mod golden;
#[cfg(feature = "planted")]
mod planted;
mod proofs;
mod readers;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, WriterOptions};
use keepstone_storage::{
    Error, Files, GenerationOptions, Generations, MemFiles,
    generation::{self, Check, Committed, Draft, Loaded},
};
use keepstone_testkit::tap::{Call, Tap, Verdict};

/// The directory of the generations here.
pub(crate) const DIR: &str = "auto";
/// Where the container begins.
pub(crate) const PAGE: usize = 4096;

pub(crate) fn dir() -> &'static Path {
    Path::new(DIR)
}

pub(crate) fn memory() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

pub(crate) fn open(files: &Arc<dyn Files>, keep: u32) -> Result<Generations, Error> {
    Generations::open(DIR, GenerationOptions::default().keep(keep).files(Arc::clone(files)))
}

/// Writes `state` into a draft and commits it.
pub(crate) fn fill(mut draft: Draft<'_>, state: &[u8]) -> Result<Committed, Error> {
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
    let failed = |err: keepstone_format::Error| match err {
        keepstone_format::Error::Io { source, .. } => {
            *source.into_inner().unwrap().downcast::<Error>().unwrap()
        }
        other => panic!("{other}"),
    };
    let mut writer = draft.container(options).map_err(failed)?;
    writer.coded_from(SectionId::BYTES, 0, &[state]).map_err(failed)?;
    let (_, written) = writer.finish(Metadata::new()).map_err(failed)?;
    draft.commit(written)
}

pub(crate) fn commit(generations: &mut Generations, state: &[u8]) -> Result<Committed, Error> {
    fill(generations.begin()?, state)
}

pub(crate) fn state_of(loaded: &Loaded) -> Vec<u8> {
    let section = loaded.reader.find(SectionId::BYTES, 0).unwrap();
    loaded.reader.read(section).unwrap().into_owned()
}

/// The newest whole generation and its state.
pub(crate) fn load(files: &dyn Files) -> Result<(u64, Vec<u8>), Error> {
    let loaded = generation::load(files, dir(), Limits::default(), Check::Verifies)?;
    Ok((loaded.generation, state_of(&loaded)))
}

/// Generations from pages alone, newest first.
pub(crate) fn listed(files: &dyn Files) -> Vec<u64> {
    generation::list(files, dir()).unwrap().generations.iter().map(|found| found.generation).collect()
}

pub(crate) fn path_of(number: u32) -> PathBuf {
    dir().join(format!("{number}.gen"))
}

pub(crate) fn bytes_of(files: &dyn Files, number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, &path_of(number), 1 << 30, &mut bytes).unwrap();
    bytes
}

/// A disk with these files.
pub(crate) fn disk(contents: &[&[u8]]) -> Arc<dyn Files> {
    let files = MemFiles::new();
    files.create_dir(dir()).unwrap();
    for (number, bytes) in (0..).zip(contents) {
        files.create_new(&path_of(number)).unwrap().write_all_at(bytes, 0).unwrap();
    }
    Arc::new(files)
}

/// A state of `len` bytes that tells which it is.
pub(crate) fn state(tag: u64, len: usize) -> Vec<u8> {
    let seed = tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len).map(|i| seed.rotate_left(u32::try_from(i % 64).unwrap()).to_le_bytes()[i % 8]).collect()
}

/// A file system without locks.
#[derive(Debug)]
pub(crate) struct NoLocks;

impl Tap for NoLocks {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op == keepstone_storage::Op::Lock {
            return Verdict::Fail(std::io::ErrorKind::Unsupported.into());
        }
        Verdict::Run
    }
}
