use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use keepstone::{
    format::{Format, ReadAt, detect},
    storage::{self, File, Files, Op, OsFiles},
};

use crate::error::Error;
use crate::progress::Progress;
use crate::{checkpoint, generations, log, saves};

/// Enough to tell every format.
const FIRST_LEN: usize = 8;

/// A file that is read where it is asked for, never whole.
#[derive(Debug)]
pub(crate) struct Source {
    file: Box<dyn File>,
    len: u64,
    progress: Progress,
}

impl Source {
    /// Opens a file and tells its format by its first bytes.
    pub(crate) fn open(path: &Path, progress: &Progress) -> Result<(Self, Format), Error> {
        let (source, first) = Self::open_any(path, progress)?;
        match detect(&first) {
            Some(format) => Ok((source, format)),
            None => Err(Error::unknown(path, &first)),
        }
    }

    /// Opens a file whatever it is, and hands its first bytes over.
    pub(crate) fn open_any(path: &Path, progress: &Progress) -> Result<(Self, Vec<u8>), Error> {
        // Asked before opening: to open a pipe is to wait for its writer.
        let found = path.metadata().map_err(|source| storage::Error::io(Op::Metadata, path, source))?;
        let path_owned = || PathBuf::from(path);
        if found.is_dir() {
            return Err(directory(path));
        }
        if !found.is_file() {
            return Err(Error::NotAFile { path: path_owned() });
        }
        let file = OsFiles.open(path)?;
        let len = file.metadata()?.len;
        let mut first = vec![0; FIRST_LEN];
        let count = file.read_full_at(&mut first, 0)?;
        first.truncate(count);
        Ok((Self { file, len, progress: progress.clone() }, first))
    }
}

impl ReadAt for Source {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let count = self.file.read_full_at(buf, offset).map_err(|error| {
            let kind = error.io_kind().unwrap_or(io::ErrorKind::Other);
            io::Error::new(kind, error)
        })?;
        if count < buf.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.progress.add(count as u64, self.len);
        Ok(())
    }
}

/// How many names of a directory are looked at for logs, generations, saves and checkpoints.
const LOOKED_AT_MAX: usize = 64;
/// How many of them an error names.
const NAMED_MAX: usize = 4;

/// Says what to name instead of a directory.
fn directory(path: &Path) -> Error {
    let mut names = OsFiles.list(path).unwrap_or_default();
    names.sort_unstable();
    let what_is_in = |name: &OsString| {
        let below = path.join(name);
        let what = if !below.is_dir() {
            None
        } else if matches!(log::find(&below), Ok(Some(_))) {
            Some("a write-ahead log")
        } else if matches!(generations::find(&below), Ok(Some(_))) {
            Some("recycled generations")
        } else if matches!(saves::find(&below), Ok(Some(_))) {
            Some("saves")
        } else if matches!(checkpoint::is_store(&below), Ok(true)) {
            Some("checkpoints")
        } else {
            None
        };
        what.map(|what| format!("{} ({what})", name.to_string_lossy()))
    };
    let below: Vec<String> =
        names.iter().take(LOOKED_AT_MAX).filter_map(what_is_in).take(NAMED_MAX).collect();
    let path = path.to_owned();
    if below.is_empty() { Error::Directory { path } } else { Error::DirectoryAbove { path, below } }
}

/// Reads a whole file of a format that has no other way.
pub(crate) fn read(path: &Path, len_max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    storage::read(&OsFiles, path, len_max, &mut bytes)?;
    Ok(bytes)
}
