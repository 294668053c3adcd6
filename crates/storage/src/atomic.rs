//! Replacing a file whole: readers, and crashes, see the old content or the new one.
//!
//! The new content goes to a temporary in the same directory, which takes the old one's name once it
//! is on the disk. Writers of one file don't wait for each other; the last to commit wins.

mod clean;
mod parents;
mod temporary;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use clean::{Cleaned, clean};
use temporary::Temporary;

use crate::{Durability, Error, Files};

pub(crate) use parents::dir_of;
pub(crate) use temporary::{found, is_named, names};

/// Makes the directory of `path` exist with a durable name.
pub(crate) fn enter(files: &dyn Files, path: &Path) -> Result<(), Error> {
    parents::enter(files, &dir_of(path))
}

/// Gives a file another name in its directory; a file of that name is replaced.
///
/// When it returns `Ok` the new name is on the disk; what is in the file is not looked at. A crash half-way leaves
/// the file under one of the two names.
///
/// # Errors
/// [`Error::Io`]; if only the directory could not be synced, the new name is there, and a power cut may bring the old
/// one back.
pub fn rename(files: &dyn Files, from: &Path, to: &Path) -> Result<(), Error> {
    files.rename(from, to)?;
    files.sync_dir(&dir_of(to))
}

/// Renames a file within its directory and leaves it to a later sync of the directory to make the name durable.
pub(crate) fn move_unsynced(files: &dyn Files, from: &Path, to: &Path) -> Result<(), Error> {
    files.rename(from, to)
}

/// How much is written before the disk is set to work: less is not worth a call, and more lets it wait.
const PIECE_LEN: usize = 1 << 20;

/// New content for a file, not visible before [`commit`](Writer::commit).
///
/// A write is passed on as it comes, so small ones are worth a `BufWriter`. Dropping it without a
/// commit removes the temporary and leaves the previous file as it was; so does an error.
#[derive(Debug)]
pub struct Writer<'a> {
    temporary: Temporary<'a>,
    path: PathBuf,
    durability: Durability,
    len: u64,
    /// Up to where the system was asked to begin writing to the disk.
    begun: u64,
    failed: bool,
}

impl<'a> Writer<'a> {
    /// Begins new content for `path`, in a temporary beside it.
    ///
    /// Missing parent directories are created and, whatever the `durability`, synced into their
    /// parents, so that a later durable write may build on them. If `path` exists, its permission
    /// bits are taken over before the first byte is written; owner and extended attributes are not.
    /// A symbolic link at `path` is replaced, not followed.
    ///
    /// A crash from here to the commit leaves the previous file, and a temporary for [`clean`].
    ///
    /// # Errors
    /// [`Error::NoFileName`] if `path` ends in none, else [`Error::Io`].
    pub fn create(files: &'a dyn Files, path: &Path, durability: Durability) -> Result<Self, Error> {
        let temporary = Temporary::create(files, path)?;
        Ok(Self { temporary, path: path.to_owned(), durability, len: 0, begun: 0, failed: false })
    }

    /// Puts the new content in the place of the old.
    ///
    /// When it returns `Ok`, with [`Durability::Durable`] content and name are on the disk. With
    /// [`Durability::Buffered`] they survive the death of the process; a power cut may leave the old
    /// content, the new, or a file with the new name and part or none of the content.
    ///
    /// A crash half-way leaves the old content or the new, when durable.
    ///
    /// # Errors
    /// [`Error::Poisoned`] after a failed write and [`Error::Io`]: the previous file is as it was.
    /// [`Error::NotDurable`] if the directory could not be synced: the new content is in place, and a
    /// power cut may bring the old one back.
    pub fn commit(self) -> Result<Committed, Error> {
        let Self { temporary, path, durability, len, failed, .. } = self;
        if failed {
            return Err(Error::Poisoned { path });
        }
        let durable = durability == Durability::Durable;
        if durable {
            // A sync that failed is not repeated: the temporary is dropped, its pages are not trusted.
            temporary.sync()?;
        }
        let published = temporary.rename(&path)?;
        if durable {
            // The directory is synced last: until then a crash may bring the old name back.
            published.sync_dir().map_err(|source| Error::NotDurable { path, source: Box::new(source) })?;
        }
        Ok(Committed { bytes: len, durability })
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Adds to the new content, as a write does.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.failed {
            let path = self.path.clone();
            return Err(Error::Poisoned { path });
        }
        // In pieces, so that the disk is at work on one while the next is copied.
        for piece in data.chunks(PIECE_LEN) {
            let written = self.temporary.write_at(piece, self.len);
            self.failed = written.is_err();
            written?;
            self.len += piece.len() as u64;
            let due = self.len - self.begun;
            if self.durability == Durability::Durable && due >= PIECE_LEN as u64 {
                self.temporary.write_back(self.begun, due);
                self.begun = self.len;
            }
        }
        Ok(())
    }
}

/// Takes all bytes of each write, or fails for good. The error inside the [`io::Error`] is [`Error`].
impl io::Write for Writer<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.append(data).map_err(|e| io::Error::new(e.io_kind().unwrap_or(io::ErrorKind::Other), e))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Receipt of a replacement.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Length of the new content.
    pub bytes: u64,
    /// What has been waited for.
    pub durability: Durability,
}

/// Replaces the content of `path` by `bytes`, in one step.
///
/// What has survived when it returns `Ok`, and what a crash half-way leaves, is as
/// [`Writer::create`] and [`Writer::commit`] say.
///
/// # Errors
/// As [`Writer::create`] and [`Writer::commit`].
pub fn replace(
    files: &dyn Files,
    path: &Path,
    durability: Durability,
    bytes: &[u8],
) -> Result<Committed, Error> {
    let mut writer = Writer::create(files, path, durability)?;
    writer.append(bytes)?;
    writer.commit()
}
