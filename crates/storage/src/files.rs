use std::{ffi::OsString, fmt::Debug, io, path::Path};

use crate::{Error, Op};

/// The file system, as far as this crate uses one.
///
/// Used as `Arc<dyn Files>`, so that a test can put a simulated disk in its place. A method is one
/// call to the operating system and blocks until it answers; none of them retries. What is durable
/// when: a file's bytes after [`File::sync_data`], a name after [`Files::sync_dir`] of the directory
/// it stands in, and nothing else.
pub trait Files: Debug + Send + Sync {
    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file or it may not be read.
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error>;

    /// Opens an existing file for reading, and doesn't wait where there is a pipe without a writer.
    ///
    /// What is no file is refused, or opened all the same: its [metadata](File::metadata) tell.
    ///
    /// # Errors
    /// [`Error::NotAFile`]; [`Error::Io`] if there is nothing of that name or it may not be read.
    fn open_at_once(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        // Where opening may wait it is asked before.
        if self.metadata(path)?.is_file {
            return self.open(path);
        }
        Err(Error::NotAFile { path: path.to_owned() })
    }

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file or it may not be read and written.
    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error>;

    /// Creates a file, for reading and writing, under a name that must be free.
    ///
    /// # Errors
    /// [`Error::Io`], with `AlreadyExists` if the name is taken.
    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error>;

    /// Answers length, mode and identity of what `path` names.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file or directory.
    fn metadata(&self, path: &Path) -> Result<Metadata, Error>;

    /// Lists the names in a directory, in no order, without `.` and `..`.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory does not exist or may not be read.
    fn list(&self, dir: &Path) -> Result<Vec<OsString>, Error>;

    /// Answers when the names in a directory last changed, if that is certain: if it answers the same later, no name has come, gone or changed since.
    ///
    /// None soon after a change, which the next may share its date with, and wherever dates are no proof; then whoever wants to know lists the names. To know what
    /// a stamp stands for, ask for it before the names are listed.
    fn stamp(&self, dir: &Path) -> Option<Stamp> {
        let _ = dir;
        None
    }

    /// Answers whether a directory has the stamp that it was once known by: then the names in it are those that it had.
    fn has_stamp(&self, dir: &Path, known: Stamp) -> bool {
        self.stamp(dir) == Some(known)
    }

    /// Creates one directory in an existing one.
    ///
    /// # Errors
    /// [`Error::Io`], with `AlreadyExists` if the name is taken and `NotFound` if the parent is missing.
    fn create_dir(&self, dir: &Path) -> Result<(), Error>;

    /// Gives a file another name on the same file system, in one step, replacing a file of that name.
    ///
    /// # Errors
    /// [`Error::Io`]; then both names are as they were.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error>;

    /// Removes a file's name; open handles stay usable.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file.
    fn remove(&self, path: &Path) -> Result<(), Error>;

    /// Makes the names in a directory durable: what was created, renamed and removed in it.
    ///
    /// # Errors
    /// [`Error::Io`]; then none of these changes may be relied on.
    fn sync_dir(&self, dir: &Path) -> Result<(), Error>;
}

/// An open file. Closing it gives up its lock.
pub trait File: Debug + Send + Sync {
    /// The name it was opened under, for messages.
    fn path(&self) -> &Path;

    /// Answers length, mode and identity.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn metadata(&self) -> Result<Metadata, Error>;

    /// Reads at most `buf.len()` bytes from `offset` and returns how many; 0 at the end.
    ///
    /// # Errors
    /// [`Error::Io`], also when a signal interrupted it.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error>;

    /// Writes at most `data.len()` bytes at `offset` and returns how many.
    ///
    /// # Errors
    /// [`Error::Io`], also when a signal interrupted it.
    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error>;

    /// Sets the permission bits, as [`Metadata::mode`] gives them.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn set_mode(&self, mode: u32) -> Result<(), Error>;

    /// Makes bytes and length durable, but no name of the file.
    ///
    /// # Errors
    /// [`Error::Io`]; then the file is not to be trusted, and syncing it again proves nothing.
    fn sync_data(&self) -> Result<(), Error>;

    /// Makes bytes, length and mode durable, but no name of the file.
    ///
    /// # Errors
    /// [`Error::Io`]; then the file is not to be trusted, and syncing it again proves nothing.
    fn sync_all(&self) -> Result<(), Error>;

    /// Takes the kernel's exclusive lock, and answers false at once if another handle has it.
    ///
    /// # Errors
    /// [`Error::Io`], with `Unsupported` where the file system has no locks.
    fn try_lock(&self) -> Result<bool, Error>;

    /// Takes the kernel's shared lock, which excludes only exclusive ones, and answers false at once if
    /// another handle has that.
    ///
    /// # Errors
    /// [`Error::Io`], with `Unsupported` where the file system has no locks.
    fn try_lock_shared(&self) -> Result<bool, Error>;

    /// Gives up the lock, which dropping the file does too. But a copy of the file in a process that is just being started keeps the lock of a
    /// file that was only dropped. What can't be given up ends with the file.
    fn unlock(&self) {}

    /// Asks the system to begin writing a range to the disk and to forget it afterwards.
    ///
    /// A hint: it makes nothing durable, waits for nothing, and does nothing unless a system has it.
    fn write_back(&self, offset: u64, len: u64) {
        let _ = (offset, len);
    }

    /// Returns the file of the operating system behind this one, if there is one and reading it directly is the same.
    fn as_os_file(&self) -> Option<&std::fs::File> {
        None
    }

    /// Reads from `offset` until `buf` is full or the file ends and returns the count.
    ///
    /// # Errors
    /// [`Error::Io`]; interrupted and short reads are continued.
    fn read_full_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let mut rest = buf;
        let mut at = offset;
        let mut total = 0;
        while !rest.is_empty() {
            match self.read_at(rest, at) {
                Ok(0) => break,
                Ok(count) => {
                    rest = rest.get_mut(count..).unwrap_or_default();
                    at = at.saturating_add(count as u64);
                    total += count;
                }
                Err(err) if err.io_kind() == Some(io::ErrorKind::Interrupted) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(total)
    }

    /// Writes all of `data` at `offset`.
    ///
    /// When it returns `Ok` the bytes are with the operating system, not yet on the disk. A crash or
    /// an error half-way leaves any part of them.
    ///
    /// # Errors
    /// [`Error::Io`]; interrupted and short writes are continued.
    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<(), Error> {
        let mut rest = data;
        let mut at = offset;
        while !rest.is_empty() {
            match self.write_at(rest, at) {
                Ok(0) => {
                    let none = io::Error::from(io::ErrorKind::WriteZero);
                    return Err(Error::io(Op::Write, self.path(), none));
                }
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    at = at.saturating_add(count as u64);
                }
                Err(err) if err.io_kind() == Some(io::ErrorKind::Interrupted) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }
}

/// What a file system knows about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes.
    pub len: u64,
    /// Whether it is a file, not a directory, a device or a pipe.
    pub is_file: bool,
    /// The nine permission bits, where the system has them.
    pub mode: Option<u32>,
    /// Which file it is, whatever its names, where the system tells.
    pub id: Option<FileId>,
    /// How many names it has, where the system tells. A backup may be a second name of the same bytes.
    pub links: Option<u64>,
}

impl Metadata {
    /// Whether bytes that are written over may be somebody else's too.
    pub(crate) fn is_shared(&self) -> bool {
        self.links.is_some_and(|links| links > 1)
    }
}

/// When the names in a directory last changed, and in which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The directory.
    pub dir: FileId,
    /// Seconds since 1970, by the clock of the file system.
    pub changed_secs: i64,
    /// And nanoseconds.
    pub changed_nanos: i64,
}

/// Identity of a file while it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}
