use std::path::Path;

use super::temporary::{found, is_named, is_temporary};
use crate::{Error, Files};

/// What a cleaning found.
#[non_exhaustive]
#[derive(Debug, Default)]
pub struct Cleaned {
    /// Temporaries that were removed.
    pub removed: usize,
    /// Temporaries that a live writer holds, and keeps.
    pub busy: usize,
    /// Why others are still there.
    pub failed: Vec<Error>,
}

/// Removes the temporaries that killed writers left in a directory.
///
/// Only those are removed whose lock it gets, so it may run beside writers. Removal is not synced: a
/// temporary that a power cut brings back is as harmless as before.
///
/// # Errors
/// [`Error::Io`] if the directory can't be listed. A temporary that can't be opened, locked or removed
/// does not keep it from the others and is in [`Cleaned::failed`].
pub fn clean(files: &dyn Files, dir: &Path) -> Result<Cleaned, Error> {
    let mut cleaned = Cleaned::default();
    for name in files.list(dir)? {
        if !is_temporary(&name) {
            continue;
        }
        match remove_unlocked(files, &dir.join(&name)) {
            Ok(Outcome::Removed) => cleaned.removed += 1,
            Ok(Outcome::Busy) => cleaned.busy += 1,
            Ok(Outcome::Gone) => {}
            Err(err) => cleaned.failed.push(err),
        }
    }
    Ok(cleaned)
}

enum Outcome {
    Removed,
    Busy,
    Gone,
}

fn remove_unlocked(files: &dyn Files, path: &Path) -> Result<Outcome, Error> {
    let Some(file) = found(files.open(path))? else {
        return Ok(Outcome::Gone);
    };
    if !file.try_lock()? {
        return Ok(Outcome::Busy);
    }
    // Its writer may have finished, and another taken the name, before the lock was ours.
    if !is_named(files, &*file, path)? {
        return Ok(Outcome::Gone);
    }
    Ok(match found(files.remove(path))? {
        Some(()) => Outcome::Removed,
        None => Outcome::Gone,
    })
}
