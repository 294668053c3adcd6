mod opened;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keepstone_storage::{Durability, Error as StorageError, Files, Lock, atomic, read};

use super::{Backend, BackendError, Object, Refused, check_name, is_part};
use crate::Error;
use opened::{OpenFile, Opened};

/// Names in the directory that are no objects, however a file system writes them: the lock, and the log of commits.
const OWN: [&str; 2] = ["lock", "log"];

/// How often names are read anew because a file was deleted before it was looked at.
const TRIES_MAX: u32 = 64;

/// Objects as files in a directory.
///
/// `packs/a` is the file `a` in the directory `packs`. A file is written beside its place, synced and renamed, so that one that is there is whole. One process has the directory
/// open for writing, held by the kernel's lock on `LOCK`.
#[derive(Debug)]
pub struct DirBackend {
    files: Arc<dyn Files>,
    dir: PathBuf,
    /// None: nothing is written.
    writer: Option<Writer>,
}

#[derive(Debug)]
struct Writer {
    /// Held while an object is put, so that two never take one name.
    putting: Mutex<()>,
    /// Directories in which a name is seen that a power cut may take, since a sync failed.
    unsynced: Mutex<BTreeSet<PathBuf>>,
    opened: Opened,
    _lock: Lock,
}

impl DirBackend {
    /// Opens a directory for writing, making it if it is missing.
    ///
    /// When it returns, all objects that are there are durable, and what a killed writer left half written is gone.
    ///
    /// # Errors
    /// [`Error::Storage`], of the kind `Busy` at once if another has it open for writing.
    pub fn open(files: Arc<dyn Files>, dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        let lock = Lock::acquire(&files, &dir.join("LOCK"))?;
        let below = folders(&*files, &dir)?;
        for dir in below.iter().chain([&dir]) {
            // A name that is seen may be one that a killed writer gave and nobody synced.
            files.sync_dir(dir)?;
            // What stays is in nobody's way: it has no name of an object.
            let _ = atomic::clean(&*files, dir);
        }
        let (putting, unsynced, opened) = (Mutex::default(), Mutex::default(), Opened::default());
        let writer = Writer { putting, unsynced, opened, _lock: lock };
        Ok(Self { files, dir, writer: Some(writer) })
    }

    /// Takes a directory for reading, beside a writer or without one. Nothing in it changes, and none that is missing is made.
    ///
    /// Objects may be seen that a power cut still takes: those of a writer that is being killed or is told of an error.
    pub fn read_only(files: Arc<dyn Files>, dir: impl Into<PathBuf>) -> Self {
        Self { files, dir: dir.into(), writer: None }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path_of(&self, name: &str, what: &'static str) -> Result<PathBuf, BackendError> {
        check_name(name, what)?;
        if name.split('/').next().is_some_and(|first| OWN.contains(&first)) {
            return Err(BackendError::refused(name, what, Refused::Name));
        }
        Ok(name.split('/').fold(self.dir.clone(), |path, part| path.join(part)))
    }

    /// Goes on once all names that are seen are durable.
    fn settle(&self, name: &str, what: &'static str) -> Result<(), BackendError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let mut unsynced = writer.unsynced();
        while let Some(dir) = unsynced.first() {
            self.files.sync_dir(dir).map_err(failed(name, what))?;
            unsynced.pop_first();
        }
        Ok(())
    }

    fn writer(&self, name: &str, what: &'static str) -> Result<&Writer, BackendError> {
        self.writer.as_ref().ok_or_else(|| BackendError::refused(name, what, Refused::ReadOnly))
    }

    /// The length of a file; none if there is none.
    fn len_of(&self, path: &Path) -> Result<Option<u64>, StorageError> {
        Ok(found(self.files.metadata(path))?.filter(|metadata| metadata.is_file).map(|metadata| metadata.len))
    }

    fn objects(&self, prefix: &str) -> Result<Vec<Object>, StorageError> {
        let mut tries = 0;
        loop {
            let (objects, is_whole) = self.objects_there(prefix)?;
            tries += 1;
            // What has come since the names were read may stand in for what has gone.
            if is_whole || tries == TRIES_MAX {
                return Ok(objects);
            }
        }
    }

    /// The objects that are there, and whether none was deleted meanwhile.
    fn objects_there(&self, prefix: &str) -> Result<(Vec<Object>, bool), StorageError> {
        let (mut objects, mut is_whole) = (Vec::new(), true);
        let (folder, rest) =
            prefix.split_once('/').map_or((prefix, None), |(folder, rest)| (folder, Some(rest)));
        for first in parts(&*self.files, &self.dir)? {
            let fits = if rest.is_some() { first == folder } else { first.starts_with(folder) };
            if !fits || OWN.contains(&first.as_str()) {
                continue;
            }
            let path = self.dir.join(&first);
            let Some(metadata) = found(self.files.metadata(&path))? else { continue };
            if metadata.is_file {
                if rest.is_none() {
                    objects.push(Object { name: first, len: metadata.len });
                }
                continue;
            }
            for second in parts(&*self.files, &path)? {
                if !second.starts_with(rest.unwrap_or_default()) {
                    continue;
                }
                match found(self.files.metadata(&path.join(&second)))? {
                    Some(metadata) if metadata.is_file => {
                        objects.push(Object { name: format!("{first}/{second}"), len: metadata.len });
                    }
                    Some(_) => {}
                    None => is_whole = false,
                }
            }
        }
        objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok((objects, is_whole))
    }

    /// Opens the file of an object for reading; none if there is none.
    fn open_file(&self, path: &Path) -> Result<Option<Arc<OpenFile>>, StorageError> {
        let Some(file) = found(self.files.open(path))? else { return Ok(None) };
        let metadata = file.metadata()?;
        Ok(metadata.is_file.then(|| Arc::new(OpenFile { file, len: metadata.len })))
    }
}

/// Reads what there is of a range.
fn read_range(from: &OpenFile, range: &Range<u64>) -> Result<Vec<u8>, StorageError> {
    let end = range.end.min(from.len);
    let no_memory = || {
        let path = from.file.path().to_owned();
        StorageError::Limit { path, needs: end, allowed: usize::MAX as u64 }
    };
    let len = usize::try_from(end.saturating_sub(range.start)).map_err(|_| no_memory())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| no_memory())?;
    bytes.resize(len, 0);
    let count = from.file.read_full_at(&mut bytes, range.start)?;
    bytes.truncate(count);
    Ok(bytes)
}

impl Writer {
    /// The set is whole after every step under its mutex.
    fn unsynced(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for DirBackend {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        const WHAT: &str = "put";
        let path = self.path_of(name, WHAT)?;
        let writer = self.writer(name, WHAT)?;
        let _alone = writer.putting.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle(name, WHAT)?;
        if self.len_of(&path).map_err(failed(name, WHAT))?.is_some() {
            return Ok(false);
        }
        match atomic::replace(&*self.files, &path, Durability::Durable, bytes) {
            Ok(_) => Ok(true),
            Err(err) => {
                if matches!(err, StorageError::NotDurable { .. }) {
                    writer.unsynced().extend(path.parent().map(Path::to_owned));
                }
                Err(failed(name, WHAT)(err))
            }
        }
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        const WHAT: &str = "get";
        let path = self.path_of(name, WHAT)?;
        self.settle(name, WHAT)?;
        let mut bytes = Vec::new();
        match found(read(&*self.files, &path, u64::MAX, &mut bytes)) {
            Ok(read) => Ok(read.map(|()| bytes)),
            Err(StorageError::NotAFile { .. }) => Ok(None),
            Err(err) => Err(failed(name, WHAT)(err)),
        }
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        const WHAT: &str = "get";
        self.settle(name, WHAT)?;
        let opened = self.writer.as_ref().map(|writer| &writer.opened);
        let (file, ticket) = match opened.map(|opened| opened.find(name)) {
            Some(Ok(file)) => (file, None),
            other => {
                let path = self.path_of(name, WHAT)?;
                let Some(file) = self.open_file(&path).map_err(failed(name, WHAT))? else { return Ok(None) };
                (file, other.and_then(Result::err))
            }
        };
        let read = read_range(&file, &range);
        match (opened, ticket) {
            (Some(opened), _) if read.is_err() => opened.forget(name),
            (Some(opened), Some(ticket)) => opened.keep(ticket, name, &file),
            _ => {}
        }
        read.map(Some).map_err(failed(name, WHAT))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        const WHAT: &str = "list";
        self.settle(prefix, WHAT)?;
        self.objects(prefix).map_err(failed(prefix, WHAT))
    }

    /// Deletes a file; the name is not synced, so a power cut may bring it back.
    fn delete(&self, name: &str) -> Result<(), BackendError> {
        const WHAT: &str = "delete";
        let path = self.path_of(name, WHAT)?;
        // No longer open first: some systems keep the name of an open file until it is closed.
        self.writer(name, WHAT)?.opened.forget(name);
        let removed = found(self.files.remove(&path)).map(drop).map_err(failed(name, WHAT));
        // What was opened meanwhile.
        self.writer(name, WHAT)?.opened.forget(name);
        removed
    }
}

/// The directories of objects in the directory of a store.
fn folders(files: &dyn Files, dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let mut folders = Vec::new();
    for part in parts(files, dir)? {
        let path = dir.join(&part);
        let is_folder = found(files.metadata(&path))?.is_some_and(|metadata| !metadata.is_file);
        if is_folder && !OWN.contains(&part.as_str()) {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// What in a directory has a name that is part of an object's; nothing if it is missing.
fn parts(files: &dyn Files, dir: &Path) -> Result<Vec<String>, StorageError> {
    let names = found(files.list(dir))?.unwrap_or_default();
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).filter(|name| is_part(name)).collect())
}

/// None if there is no such file.
fn found<T>(result: Result<T, StorageError>) -> Result<Option<T>, StorageError> {
    use ErrorKind as E;

    match result {
        Ok(value) => Ok(Some(value)),
        Err(err) if matches!(err.io_kind(), Some(E::NotFound | E::NotADirectory | E::IsADirectory)) => {
            Ok(None)
        }
        Err(err) => Err(err),
    }
}

fn failed(name: &str, what: &'static str) -> impl FnOnce(StorageError) -> BackendError {
    move |err| BackendError::new(name, what, err.kind(), err)
}
