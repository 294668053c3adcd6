use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, File, Files,
    atomic::{enter, is_named},
};

/// How often a lock file is opened again that vanished between opening and locking it.
const TRIES_MAX: u32 = 64;

/// The right to be the one writer of a store, held until it is dropped.
///
/// It is the kernel's lock on a file that nobody removes or renames, so it ends with its process however
/// that ends, and leaves nothing to clean up. What the file holds does not matter: neither its age nor a
/// process number in it would prove anything.
#[derive(Debug)]
pub struct Lock {
    file: Box<dyn File>,
}

impl Lock {
    /// Takes the lock at `path`, whose file and parent directories are made if they are missing.
    ///
    /// It does not wait. After locking, the name is compared with the open file, so that two holders
    /// cannot have locked two files of one name.
    ///
    /// # Errors
    /// [`Error::Busy`] if another handle has it, in this process or in another; [`Error::Io`], with
    /// `Unsupported` where the file system has no locks: then nothing tells writers apart.
    pub fn acquire(files: &Arc<dyn Files>, path: &Path) -> Result<Self, Error> {
        for _ in 0..TRIES_MAX {
            let Some(file) = open_or_create(&**files, path)? else { continue };
            if !file.try_lock()? {
                return Err(Error::Busy { path: path.to_owned() });
            }
            // Somebody else's program may have removed the file before the lock was ours.
            if is_named(&**files, &*file, path)? {
                return Ok(Self { file });
            }
        }
        Err(Error::Busy { path: path.to_owned() })
    }

    /// The lock file.
    pub fn path(&self) -> PathBuf {
        self.file.path().to_owned()
    }
}

fn open_or_create(files: &dyn Files, path: &Path) -> Result<Option<Box<dyn File>>, Error> {
    match files.open_rw(path) {
        Err(err) if err.io_kind() == Some(ErrorKind::NotFound) => {}
        opened => return opened.map(Some),
    }
    enter(files, path)?;
    match files.create_new(path) {
        Err(err) if err.io_kind() == Some(ErrorKind::AlreadyExists) => Ok(None),
        created => created.map(Some),
    }
}
