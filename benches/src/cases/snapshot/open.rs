use std::path::Path;

use anyhow::{Context, Result};
use keepstone::storage::{Buffer, Files as _, OsFiles, Snapshot};

use super::{Stored, options};
use crate::{
    case::{Case, Plan},
    mapped,
};

/// A snapshot read into the memory of the one before and checked, beside a read into memory and a CRC-32 of it.
pub(in crate::cases) fn warm(plan: &Plan, dir: &Path) -> Result<Case> {
    warmed(plan, dir, false)
}

/// The same by one thread.
pub(in crate::cases) fn warm_alone(plan: &Plan, dir: &Path) -> Result<Case> {
    warmed(plan, dir, true)
}

fn warmed(plan: &Plan, dir: &Path, is_alone: bool) -> Result<Case> {
    let stored = Stored::new(plan, dir, "snapshot-open")?;
    let (path, same, len) = (stored.path(), stored.path(), stored.len);
    let mut buffer = Buffer::new();
    let case = super::case(plan).limit(1.1).ours(move |watch| {
        let _ = stored.path();
        watch.note_bytes(len);
        watch.together(|| {
            let snapshot = Snapshot::open_into(&path, std::mem::take(&mut buffer), options(is_alone))?;
            let count = snapshot.view::<f32>("vectors")?.len();
            buffer = snapshot.into_buffer().context("a mapped file has no buffer")?;
            Ok(count)
        })
    });
    let mut memory = vec![0; usize::try_from(len)?];
    Ok(case.floor(1.0, "read into the same memory, CRC-32", move |watch| {
        watch.note_bytes(len);
        watch.together(|| read(&same, &mut memory))
    }))
}

/// A snapshot read into new memory, checked and dropped, beside the same by hand.
pub(in crate::cases) fn first(plan: &Plan, dir: &Path) -> Result<Case> {
    fresh(plan, dir, false)
}

/// The same by one thread.
pub(in crate::cases) fn first_alone(plan: &Plan, dir: &Path) -> Result<Case> {
    fresh(plan, dir, true)
}

fn fresh(plan: &Plan, dir: &Path, is_alone: bool) -> Result<Case> {
    let stored = Stored::new(plan, dir, "snapshot-open-first")?;
    let (path, same, len) = (stored.path(), stored.path(), stored.len);
    let case = super::case(plan).limit(1.2).ours(move |watch| {
        let _ = stored.path();
        watch.note_bytes(len);
        watch.together(|| {
            let snapshot = Snapshot::open_with(&path, options(is_alone))?;
            Ok(snapshot.view::<f32>("vectors")?.len())
        })
    });
    Ok(case.floor(1.0, "read into new huge pages, CRC-32", move |watch| {
        watch.note_bytes(len);
        watch.together(|| read(&same, &mut mapped::fresh(usize::try_from(len)?)?))
    }))
}

/// Fills memory from a file and sums it.
fn read(path: &Path, memory: &mut [u8]) -> Result<u32> {
    let file = OsFiles.open(path)?;
    anyhow::ensure!(file.read_full_at(memory, 0)? == memory.len(), "the file is shorter");
    Ok(crc32fast::hash(memory))
}
