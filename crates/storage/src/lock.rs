use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, File, Files,
    atomic::{enter, found, is_named},
    planted::{self, Plant},
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
        for tries in 1..=TRIES_MAX {
            let file = match open_or_create(&**files, path) {
                Ok(file) => file,
                // Somebody else has just made it; after many times it is a link that leads nowhere.
                Err(err) if err.io_kind() == Some(ErrorKind::AlreadyExists) && tries < TRIES_MAX => continue,
                Err(err) => return Err(err),
            };
            let planted = planted::is(Plant::ContentLock);
            if !(if planted { planted::take_by_content(&*file)? } else { file.try_lock()? }) {
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

impl Drop for Lock {
    fn drop(&mut self) {
        #[cfg(feature = "planted")]
        if planted::is(Plant::ContentLock) {
            // What can't be written is what the test is about.
            let _ = self.file.write_all_at(&[0], 0);
        }
        // Closing the file isn't enough: a process that this one is just starting has a copy of it until it runs its own program.
        self.file.unlock();
    }
}

fn open_or_create(files: &dyn Files, path: &Path) -> Result<Box<dyn File>, Error> {
    if found(files.metadata(path))?.is_some_and(|named| !named.is_file) {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    if let Some(file) = found(files.open_rw(path))? {
        return Ok(file);
    }
    enter(files, path)?;
    files.create_new(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Lock;
    use crate::{Error, Files, OsFiles};

    #[test]
    fn a_lock_ends_where_it_is_dropped_whoever_has_a_copy_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let (files, path): (Arc<dyn Files>, _) = (Arc::new(OsFiles), dir.path().join("LOCK"));
        let lock = Lock::acquire(&files, &path).unwrap();
        // As a process that is being started has.
        let copy = lock.file.as_os_file().unwrap().try_clone().unwrap();
        assert!(matches!(Lock::acquire(&files, &path), Err(Error::Busy { .. })));
        drop(lock);
        let again = Lock::acquire(&files, &path).unwrap();
        drop((copy, again));
    }
}
