use std::{
    ffi::{OsStr, OsString},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone::storage::{Error, File, Files, Metadata, Op, OsFiles};

use super::header::{self, Copies};

/// One segment as a log of its own, whatever the name of its file is: a directory with nothing else in it.
#[derive(Debug, Clone)]
pub(super) struct Alone {
    real: PathBuf,
    /// Its name in a log.
    name: PathBuf,
}

impl Alone {
    /// The epoch in the header counts, then that of the name.
    pub(super) fn new(path: &Path, copies: &Copies) -> Self {
        let named = path.file_name().and_then(epoch_of);
        let epoch = header::epoch(copies).or(named).unwrap_or(1);
        let name = path.with_file_name(format!("{epoch:016x}.wal"));
        Self { real: path.to_owned(), name }
    }

    pub(super) fn real(&self) -> &Path {
        &self.real
    }

    pub(super) fn dir(&self) -> &Path {
        self.name.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.clone())
    }

    fn real_of(&self, op: Op, path: &Path) -> Result<&Path, Error> {
        if path == self.name { Ok(&self.real) } else { Err(Error::io(op, path, ErrorKind::NotFound.into())) }
    }
}

/// The epoch that a name stands for, if it is that of a segment.
pub(super) fn epoch_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".wal")?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_named = digits.len() == 16 && digits.bytes().all(is_hex);
    u64::from_str_radix(digits, 16).ok().filter(|epoch| is_named && *epoch > 0)
}

fn refused<T>(op: Op, path: &Path) -> Result<T, Error> {
    Err(Error::io(op, path, ErrorKind::ReadOnlyFilesystem.into()))
}

/// Only for reading: a log that is looked at is not changed.
impl Files for Alone {
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        OsFiles.open(self.real_of(Op::Open, path)?)
    }

    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        refused(Op::Open, path)
    }

    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        refused(Op::CreateNew, path)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        OsFiles.metadata(self.real_of(Op::Metadata, path)?)
    }

    fn list(&self, _: &Path) -> Result<Vec<OsString>, Error> {
        Ok(self.name.file_name().map(OsStr::to_owned).into_iter().collect())
    }

    fn create_dir(&self, dir: &Path) -> Result<(), Error> {
        refused(Op::CreateDir, dir)
    }

    fn rename(&self, from: &Path, _: &Path) -> Result<(), Error> {
        refused(Op::Rename, from)
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        refused(Op::Remove, path)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        refused(Op::SyncDir, dir)
    }
}
