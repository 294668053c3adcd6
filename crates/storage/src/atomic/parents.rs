use std::path::{Path, PathBuf};

use keepstone_format::Kind;

use super::temporary::found;
use crate::{Error, Files};

/// The directory a file stands in; `.` for a bare name.
pub(crate) fn dir_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Makes `dir` exist with a durable name, so that a file may be created in it.
///
/// A directory is visible before its name is durable, and whoever made it may have been killed, or may
/// be another thread, between the two. So one rule holds here: nothing is put into an empty directory
/// before the directory above it is synced. Hence one that holds something has a durable name.
///
/// When it returns `Ok` the names of `dir` and of all directories it made are on the disk. A crash
/// half-way leaves some of them, empty.
pub(super) fn enter(files: &dyn Files, dir: &Path) -> Result<(), Error> {
    let mut missing = Vec::new();
    let mut existing = dir.to_owned();
    while found(files.metadata(&existing))?.is_none() {
        let above = dir_of(&existing);
        if above == existing {
            // Not even the current directory is there; creating the file will say so.
            break;
        }
        missing.push(existing);
        existing = above;
    }
    if files.list(&existing)?.is_empty() {
        settle(files, &existing)?;
    }
    for dir in missing.iter().rev() {
        match files.create_dir(dir) {
            Err(err) if err.io_kind() != Some(std::io::ErrorKind::AlreadyExists) => {
                return Err(err);
            }
            Ok(()) | Err(_) => files.sync_dir(&dir_of(dir))?,
        }
    }
    Ok(())
}

/// Makes the name of an existing directory durable.
fn settle(files: &dyn Files, dir: &Path) -> Result<(), Error> {
    match files.sync_dir(&dir.join("..")) {
        // Who may not even read the directory above has not made this one: its maker answers for it.
        Err(err) if err.kind() == Kind::Denied => Ok(()),
        synced => synced,
    }
}
