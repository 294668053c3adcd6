use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use keepstone_format::Kind;
use thiserror::Error as ThisError;

/// What keeping bytes on a disk can fail with.
#[non_exhaustive]
#[derive(Debug, ThisError)]
pub enum Error {
    /// The operating system refused an operation.
    #[error("{}: {op} failed{}", path.display(), remedy(source))]
    Io {
        /// What was asked for.
        op: Op,
        /// The file or directory it was asked of.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// The new file is in place, but its name is not known to be on the disk.
    #[error(
        "{}: the new content is visible but may be lost in a power cut, since its directory could not be synced; save again once the cause is gone",
        path.display()
    )]
    NotDurable {
        /// The file that was replaced.
        path: PathBuf,
        /// Why its directory was not synced.
        source: Box<Error>,
    },
    /// The file is larger than the caller allows.
    #[error(
        "{}: file has {needs} bytes, limit is {allowed}; raise the limit if the file is trusted",
        path.display()
    )]
    Limit {
        /// The file.
        path: PathBuf,
        /// Bytes that reading it takes.
        needs: u64,
        /// Bytes the caller allows.
        allowed: u64,
    },
    /// The path names a directory, a device or a pipe.
    #[error("{}: is not a file; name one", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The path ends in no file name, so there is nothing to replace.
    #[error("{path:?}: path has no file name; add one")]
    NoFileName {
        /// The path as given.
        path: PathBuf,
    },
    /// An earlier write of this file failed, so it is not published.
    #[error(
        "{}: an earlier write failed, the previous file is unchanged; write it again from the start",
        path.display()
    )]
    Poisoned {
        /// The file that was to be replaced.
        path: PathBuf,
    },
}

impl Error {
    /// Attaches operation and path to an answer of the operating system.
    pub fn io(op: Op, path: &Path, source: io::Error) -> Self {
        Self::Io { op, path: path.to_owned(), source }
    }

    /// Says what the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Io { source, .. } => kind_of(source.kind()),
            Self::NotDurable { source, .. } => source.kind(),
            Self::Limit { .. } => Kind::Limit,
            Self::NoFileName { .. } | Self::NotAFile { .. } => Kind::Misuse,
            Self::Poisoned { .. } => Kind::Poisoned,
        }
    }

    /// The kind of the operating system's answer, if it was asked.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::NotDurable { source, .. } => source.io_kind(),
            Self::Limit { .. } | Self::NoFileName { .. } | Self::NotAFile { .. } | Self::Poisoned { .. } => {
                None
            }
        }
    }
}

/// An operation on a file or directory, as named in [`Error::Io`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Opening an existing file.
    Open,
    /// Creating a file that must not exist.
    CreateNew,
    /// Asking for length, mode and identity.
    Metadata,
    /// Listing a directory.
    List,
    /// Creating a directory.
    CreateDir,
    /// Giving a file another name.
    Rename,
    /// Removing a file's name.
    Remove,
    /// Making a directory's entries durable.
    SyncDir,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Setting permission bits.
    SetMode,
    /// Making a file's bytes and length durable.
    SyncData,
    /// Making a file's bytes, length and mode durable.
    SyncAll,
    /// Taking the kernel's lock.
    Lock,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::CreateNew => "create",
            Self::Metadata => "stat",
            Self::List => "list",
            Self::CreateDir => "create directory",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::SyncDir => "sync of the directory",
            Self::Read => "read",
            Self::Write => "write",
            Self::SetMode => "change of mode",
            Self::SyncData | Self::SyncAll => "sync",
            Self::Lock => "lock",
        })
    }
}

fn kind_of(kind: io::ErrorKind) -> Kind {
    use io::ErrorKind as E;
    match kind {
        E::NotFound => Kind::NotFound,
        E::StorageFull | E::QuotaExceeded => Kind::NoSpace,
        E::PermissionDenied | E::ReadOnlyFilesystem => Kind::Denied,
        E::ResourceBusy => Kind::Busy,
        E::InvalidFilename | E::NotADirectory | E::IsADirectory => Kind::Misuse,
        _ => Kind::Io,
    }
}

/// The end of the message: what to do, where that is known.
fn remedy(source: &io::Error) -> &'static str {
    match kind_of(source.kind()) {
        Kind::NoSpace => ": the disk or the quota is full; free space and repeat",
        Kind::Denied => ": access is refused; check permissions and whether the disk is read-only",
        Kind::NotFound => ": there is no such file or directory",
        Kind::Misuse => ": the path cannot name a file here; choose another",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    /// Holds at compile time.
    const _: fn() = || {
        fn travels<T: Send + Sync + 'static>() {}
        travels::<Error>();
    };

    #[test]
    fn a_full_disk_says_what_to_do_and_keeps_its_cause() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let err = Error::io(Op::Write, Path::new("saves/a.keep"), full);
        assert_eq!(
            err.to_string(),
            "saves/a.keep: write failed: the disk or the quota is full; free space and repeat"
        );
        assert_eq!(err.kind(), Kind::NoSpace);
        assert!(err.source().is_some());
    }

    #[test]
    fn a_name_that_may_be_lost_answers_as_its_cause() {
        let cause =
            Error::io(Op::SyncDir, Path::new("saves"), io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        let err = Error::NotDurable { path: PathBuf::from("saves/a.keep"), source: Box::new(cause) };
        assert_eq!(err.kind(), Kind::Denied);
        assert_eq!(err.io_kind(), Some(io::ErrorKind::ReadOnlyFilesystem));
    }
}
