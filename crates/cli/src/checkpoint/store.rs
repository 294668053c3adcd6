use std::{ffi::OsStr, path::Path, sync::Arc};

use keepstone::{
    checkpoint::{
        Checkpoint, CheckpointReader, CheckpointStore, ContentId, Error as StoreError, Query, State,
        StoreOptions,
    },
    storage::{Files, OsFiles},
};

use crate::args::Point;
use crate::error::Error;
use crate::slot::now;

/// The directory of the manifests in that of a store: FORMAT.md, section 14.
const MANIFESTS: &str = "manifests";
/// That of the packs.
const PACKS: &str = "packs";

/// Whether a directory is a store of checkpoints.
pub(crate) fn is_store(path: &Path) -> Result<bool, Error> {
    let dir = path.join(MANIFESTS);
    Ok(dir.is_dir() && OsFiles.list(&dir)?.iter().any(|name| is_manifest(name)))
}

/// Whether a directory is, or was, a store of checkpoints: its manifests may be lost.
pub(crate) fn is_left(path: &Path) -> bool {
    [MANIFESTS, PACKS].iter().any(|folder| {
        let names = OsFiles.list(&path.join(folder)).unwrap_or_default();
        names.iter().any(|name| is_manifest(name))
    })
}

fn is_manifest(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_suffix(".keep"));
    number.is_some_and(|number| number.len() == 16 && number.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// How a store is opened where what is gone can be had back for so long.
pub(super) fn options(grace: i64) -> StoreOptions {
    StoreOptions::new().clock(now).grace(grace)
}

/// Opens a store for writing, to do one thing with it; it is made if it is missing.
///
/// A program decides for how long moves of heads can be taken back, so none is forgotten here by the way.
pub(super) fn open(path: &Path) -> Result<CheckpointStore, Error> {
    Ok(CheckpointStore::open_with(path, options(i64::MAX))?)
}

/// As [`open`], where there has to be a store.
pub(super) fn open_existing(path: &Path) -> Result<CheckpointStore, Error> {
    open_with_grace(path, i64::MAX)
}

/// As [`open_existing`], to let go of what is older than so long.
pub(super) fn open_with_grace(path: &Path, grace: i64) -> Result<CheckpointStore, Error> {
    if !is_store(path)? {
        return Err(StoreError::NoStore { path: path.to_owned() }.into());
    }
    Ok(CheckpointStore::open_with(path, options(grace))?)
}

/// Finds a checkpoint by its id or its number.
pub(super) fn find(reader: &CheckpointReader, point: Point) -> Result<Arc<Checkpoint>, Error> {
    match point {
        Point::Id(id) => Ok(reader.checkpoint(id)?),
        Point::Number(number) => only(number, reader.list(&Query::new().sequences(number..=number))?),
    }
}

/// As [`find`], in a store that is open for writing.
pub(super) fn find_in(store: &CheckpointStore, point: Point) -> Result<Arc<Checkpoint>, Error> {
    match point {
        Point::Id(id) => Ok(store.checkpoint(id)?),
        Point::Number(number) => only(number, store.list(&Query::new().sequences(number..=number))?),
    }
}

fn only(number: u64, mut found: Vec<Arc<Checkpoint>>) -> Result<Arc<Checkpoint>, Error> {
    found.pop().ok_or(Error::NoNumber { number })
}

/// Sees that a state is the one that was checkpointed, byte for byte.
pub(super) fn check(checkpoint: &Checkpoint, state: &State) -> Result<(), Error> {
    let found = ContentId::of(state.bytes());
    if found == checkpoint.content {
        return Ok(());
    }
    Err(Error::OtherState { id: checkpoint.id, expected: checkpoint.content, found })
}
