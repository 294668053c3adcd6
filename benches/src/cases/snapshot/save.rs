use std::{path::Path, rc::Rc, sync::Arc};

use anyhow::Result;
use keepstone::storage::{OsFiles, read};
use keepstone_testkit::CountingFiles;

use crate::{
    Scratch,
    case::{Case, Plan},
    cases::durable::calls,
    protocol,
    vectors::Vectors,
};

/// Vectors and ids put in the place of the snapshot before, beside the bytes of that file written by hand.
pub(in crate::cases) fn random(plan: &Plan, dir: &Path) -> Result<Case> {
    saved(plan, dir, Vectors::random(plan.amount)?)
}

/// The same with vectors whose bytes are all 0x42.
pub(in crate::cases) fn repeated(plan: &Plan, dir: &Path) -> Result<Case> {
    saved(plan, dir, Vectors::repeated(plan.amount)?)
}

fn saved(plan: &Plan, dir: &Path, vectors: Vectors) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "snapshot-save")?);
    let (path, other) = (scratch.path().join("ours.keep"), scratch.path().join("by-hand.keep"));
    vectors.save(&OsFiles, &path)?;
    let mut same = Vec::new();
    read(&OsFiles, &path, u64::MAX, &mut same)?;
    let case = super::case(plan).limit(0.8).ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        if !watch.is_counting() {
            return watch.each(|| vectors.save(&OsFiles, &path));
        }
        let files = CountingFiles::over(Arc::new(OsFiles));
        watch.each(|| vectors.save(&files, &path))?;
        let counts = files.counts();
        watch.note_bytes(counts.bytes_written);
        watch.note_calls(calls(&counts));
        watch.note_syncs(counts.file_syncs + counts.dir_syncs);
        Ok(())
    });
    Ok(case.floor(1.0, "write, fdatasync, rename, directory sync", move |watch| {
        watch.note_bytes(same.len() as u64);
        watch.note_calls(protocol::BY_HAND.0);
        watch.note_syncs(protocol::BY_HAND.1);
        watch.each(|| Ok(protocol::replace_by_hand(&other, &same)?))
    }))
}
