use std::{
    ffi::OsStr,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use super::parents;
use crate::{Error, File, Files, Metadata, Op};

/// Longer names are cut in the temporary's name, which must fit the usual 255 bytes with its numbers.
const STEM_LEN_MAX: usize = 180;

/// Each try takes a name of its own, so only leftovers of processes with our number use tries up.
const TRIES_MAX: u32 = 1024;

/// Numbers temporaries within this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file that nobody else writes or cleans away, removed when dropped.
#[derive(Debug)]
pub(super) struct Temporary<'a> {
    files: &'a dyn Files,
    /// Open, and with it locked, until the temporary is renamed or removed.
    file: Box<dyn File>,
    path: PathBuf,
    dir: PathBuf,
    /// `fdatasync` does not promise the mode.
    mode_changed: bool,
    /// Whether the name is this writer's to remove.
    named: bool,
}

impl<'a> Temporary<'a> {
    pub(super) fn create(files: &'a dyn Files, target: &Path) -> Result<Self, Error> {
        let Some(name) = target.file_name() else {
            let path = target.to_owned();
            return Err(Error::NoFileName { path });
        };
        let dir = parents::dir_of(target);
        let replaced = found(files.metadata(target))?;
        if replaced.is_some_and(|replaced| !replaced.is_file) {
            return Err(Error::NotAFile { path: target.to_owned() });
        }
        if replaced.is_none() {
            parents::enter(files, &dir)?;
        }
        let mut temporary = Self::claim(files, name, &dir)?;
        let old = replaced.and_then(|replaced| replaced.mode);
        temporary.take_mode(old)?;
        Ok(temporary)
    }

    /// Creates and locks a file of a new name.
    fn claim(files: &'a dyn Files, name: &OsStr, dir: &Path) -> Result<Self, Error> {
        for _ in 0..TRIES_MAX {
            let path = dir.join(next_name(name));
            let file = match files.create_new(&path) {
                Ok(file) => file,
                Err(err) if err.io_kind() == Some(ErrorKind::AlreadyExists) => continue,
                Err(err) => return Err(err),
            };
            let mut temporary =
                Self { files, file, path, dir: dir.to_owned(), mode_changed: false, named: true };
            if temporary.lock()? {
                return Ok(temporary);
            }
            // Cleaned away between creation and lock: the name may be another's by now.
            temporary.named = false;
        }
        let taken = io::Error::from(ErrorKind::AlreadyExists);
        Err(Error::io(Op::CreateNew, &dir.join(next_name(name)), taken))
    }

    /// Locks the file and makes sure that its name still stands for it.
    fn lock(&self) -> Result<bool, Error> {
        match self.file.try_lock() {
            Ok(true) => is_named(self.files, &*self.file, &self.path),
            Ok(false) => Ok(false),
            // Where there are no locks, nobody gets one to clean the file away.
            Err(err) if err.io_kind() == Some(ErrorKind::Unsupported) => Ok(true),
            Err(err) => Err(err),
        }
    }

    fn take_mode(&mut self, old: Option<u32>) -> Result<(), Error> {
        let Some(mode) = old else { return Ok(()) };
        if self.file.metadata()?.mode != Some(mode) {
            self.file.set_mode(mode)?;
            self.mode_changed = true;
        }
        Ok(())
    }

    pub(super) fn write_at(&self, data: &[u8], offset: u64) -> Result<(), Error> {
        self.file.write_all_at(data, offset)
    }

    pub(super) fn write_back(&self, offset: u64, len: u64) {
        self.file.write_back(offset, len);
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        if self.mode_changed { self.file.sync_all() } else { self.file.sync_data() }
    }

    pub(super) fn rename(mut self, target: &Path) -> Result<Published<'a>, Error> {
        self.files.rename(&self.path, target)?;
        self.named = false;
        Ok(Published { files: self.files, dir: self.dir.clone() })
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if self.named {
            // What can't be removed now is left, unlocked, to the next cleaning.
            let _ = self.files.remove(&self.path);
        }
    }
}

/// A temporary that has its final name.
#[derive(Debug)]
pub(super) struct Published<'a> {
    files: &'a dyn Files,
    dir: PathBuf,
}

impl Published<'_> {
    pub(super) fn sync_dir(&self) -> Result<(), Error> {
        self.files.sync_dir(&self.dir)
    }
}

/// Whether `path` stands for the open `file`, and not for nothing or another file.
pub(crate) fn is_named(files: &dyn Files, file: &dyn File, path: &Path) -> Result<bool, Error> {
    names(files, path, &file.metadata()?)
}

/// Whether `path` stands for the open file of which this is known.
pub(crate) fn names(files: &dyn Files, path: &Path, own: &Metadata) -> Result<bool, Error> {
    Ok(found(files.metadata(path))?.is_some_and(|named| named.id == own.id))
}

/// Whether a name has the form that [`next_name`] gives.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    let numbers = name
        .to_str()
        .and_then(|name| name.strip_prefix('.'))
        .and_then(|name| name.strip_suffix(".tmp"))
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(_, numbers)| numbers.split_once('-'));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(process, count)| digits(process) && digits(count))
}

/// Turns a missing file into `None`.
pub(crate) fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(err) if err.io_kind() == Some(ErrorKind::NotFound) => Ok(None),
        Err(err) => Err(err),
    }
}

fn next_name(name: &OsStr) -> String {
    let stem = name.to_string_lossy();
    let stem = stem.get(..stem.floor_char_boundary(STEM_LEN_MAX));
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".{}.{}-{count}.tmp", stem.unwrap_or_default(), process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_recognised_and_others_are_not() {
        for name in ["a.keep", "x", ".hidden", "two words", "\u{e9}.keep"] {
            assert!(is_temporary(next_name(OsStr::new(name)).as_ref()), "{name}");
        }
        for name in ["a.keep", ".a.keep.tmp", ".a.1-.tmp", ".a.-1.tmp", "a.1-2.tmp", ".a.1-x.tmp"] {
            assert!(!is_temporary(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_longest_names_still_have_a_temporary() {
        let long = "\u{e9}".repeat(127);
        let name = next_name(OsStr::new(&long));
        assert!(name.len() <= 255 && is_temporary(name.as_ref()), "{name}");
    }
}
