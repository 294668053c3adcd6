use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

use keepstone::storage::{Files, OsFiles};

use crate::error::Error;

/// Where the demonstration's files are: a directory of the caller, or one of its own that is removed with them.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    is_own: bool,
}

impl Folder {
    pub(super) fn new(given: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = given {
            return Ok(Self { path: path.to_owned(), is_own: false });
        }
        let mut number = 0_u64;
        loop {
            let path = env::temp_dir().join(format!("keepstone-demo-{}-{number}", process::id()));
            match OsFiles.create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_own: true }),
                // Left by a process of this number that was killed, or made by somebody else: not ours to use.
                Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => number += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    #[expect(
        clippy::disallowed_methods,
        reason = "Files has no removal of a directory, and this one is nobody else's"
    )]
    fn drop(&mut self) {
        if self.is_own {
            // What can't be removed stays in the system's directory for such things.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
