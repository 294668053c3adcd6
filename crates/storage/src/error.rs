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
    /// Another writer has the store open.
    #[error("{}: another writer has it locked; close that one first or open read-only", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// The file was written by a version of keepstone that this one does not know.
    #[error("{}: is of {what} {found}, this build reads up to {known}; update the program", path.display())]
    Newer {
        /// The file, which is left as it is.
        path: PathBuf,
        /// What is newer: the major version or the required features.
        what: &'static str,
        /// What the file says.
        found: u64,
        /// What is known here.
        known: u64,
    },
    /// Bytes that were on the disk are not what was written.
    #[error(
        "{}: damaged at byte {offset}, good again at {resumed}: the records {first_lsn} to {} are lost; repair copies what is left",
        path.display(),
        next_lsn.saturating_sub(1)
    )]
    Damaged {
        /// The segment, which is left as it is.
        path: PathBuf,
        /// Where the first bad frame starts.
        offset: u64,
        /// Where the next good one starts, or the content ends.
        resumed: u64,
        /// The first LSN that is lost.
        first_lsn: u64,
        /// The first LSN after the lost ones; equal to `first_lsn` if no record is lost.
        next_lsn: u64,
    },
    /// Both copies of a segment's header are damaged.
    #[error("{}: both copies of the segment header are damaged; the records are numbered from the segment before; repair writes them anew", path.display())]
    HeaderDamaged {
        /// The segment, which is left as it is.
        path: PathBuf,
    },
    /// No segment of a log has a header left, so that nothing can be read.
    #[error("{}: no segment here has a sound header, so the log cannot be read; put one back from a backup", path.display())]
    NoHeader {
        /// A segment, which is left as it is.
        path: PathBuf,
    },
    /// A segment that the log needs is not there.
    #[error(
        "{}: a segment is missing: the records {first_lsn} to {} are lost; put the file back from a backup or repair",
        path.display(),
        next_lsn.saturating_sub(1)
    )]
    Missing {
        /// The segment.
        path: PathBuf,
        /// The first LSN that is lost.
        first_lsn: u64,
        /// The first LSN after the lost ones.
        next_lsn: u64,
    },
    /// The records asked for have been given up.
    #[error("{}: the log begins at record {start}, {asked} has been given up; read from {start}", path.display())]
    GivenUp {
        /// The directory of the log.
        path: PathBuf,
        /// What was asked for.
        asked: u64,
        /// Where the log begins.
        start: u64,
    },
    /// The writer took a file for something else while it was being read.
    #[error("{}: was given up by the writer while it was read; open it again", path.display())]
    Superseded {
        /// The file.
        path: PathBuf,
    },
    /// Nothing has been committed in a directory of generations, or not the one that was asked for.
    #[error("{}: there is no such generation here; list them, or commit one", path.display())]
    NoGeneration {
        /// The directory.
        path: PathBuf,
    },
    /// Two files hold the newest generation, so one of them was put there.
    #[error("{}: holds generation {generation}, and so does {}; move the one that was copied here away", path.display(), other.display())]
    Twice {
        /// A file.
        path: PathBuf,
        /// The other one.
        other: PathBuf,
        /// The newest generation.
        generation: u64,
    },
    /// A record is longer than the log allows.
    #[error("{}: record has {needs} bytes, limit is {allowed}; split it", path.display())]
    RecordTooLong {
        /// The directory of the log.
        path: PathBuf,
        /// Bytes of the record.
        needs: u64,
        /// Bytes that are allowed.
        allowed: u64,
    },
    /// A write to the log failed: these records are not in it, all before them are.
    #[error(
        "record {first_lsn} and all after it were not written; append them again once the cause is gone; if buffered ones are among them, open the log again first"
    )]
    NotAppended {
        /// The first record that was not written. Its LSN goes to the next one that is.
        first_lsn: u64,
        /// Why.
        source: Box<Error>,
    },
    /// A sync of the log failed, so nothing is known of what was not durable before.
    #[error("{}: a sync failed and what was written since the last one is in doubt; open the log again", path.display())]
    LogPoisoned {
        /// The directory of the log.
        path: PathBuf,
    },
    /// The options contradict themselves or the log.
    #[error("{}: {what}", path.display())]
    Options {
        /// The store that was to be opened.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// A container, or the commit page in front of it, is damaged, newer than this build, or over a limit.
    #[error("{}: {source}", path.display())]
    Container {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: keepstone_format::Error,
    },
    /// A snapshot has no array of that name.
    #[error("{}: there is no array {name:?}; it has {has}", path.display())]
    NoArray {
        /// The snapshot.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// The names that it has.
        has: String,
    },
    /// An array holds values of another type.
    #[error("{}: array {name:?} holds {stored}, not {asked}; ask for that type", path.display())]
    ArrayType {
        /// The snapshot.
        path: PathBuf,
        /// The array.
        name: String,
        /// The layout in the file.
        stored: String,
        /// The layout of the type asked for.
        asked: String,
    },
    /// Parts of an array are lost, which a repair has filled with zeros.
    #[error("{}: array {name:?} has lost {}", path.display(), lost_text(*lost, *bytes))]
    ArrayLost {
        /// The snapshot.
        path: PathBuf,
        /// The array.
        name: String,
        /// Bytes that are lost; [`u64::MAX`] if nobody knows how many.
        lost: u64,
        /// Bytes of the array.
        bytes: u64,
    },
    /// A snapshot and a log don't belong together.
    #[error("{}: {what}", snapshot.display())]
    Apart {
        /// The snapshot.
        snapshot: PathBuf,
        /// Why, and what to do.
        what: String,
    },
    /// There is not enough room on the disk, or in the quota, for what is being saved.
    #[error(
        "{}: the disk or the quota is full; this save takes at least {needs} bytes in all; free as many and save again",
        path.display()
    )]
    Full {
        /// The file that was being written; it is removed.
        path: PathBuf,
        /// Bytes that the file takes in all, as far as known.
        needs: u64,
        /// What was refused.
        source: Box<Error>,
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
            Self::NotDurable { source, .. }
            | Self::NotAppended { source, .. }
            | Self::Full { source, .. } => source.kind(),
            Self::Limit { .. } | Self::RecordTooLong { .. } => Kind::Limit,
            Self::Container { source, .. } => source.kind(),
            Self::NoFileName { .. }
            | Self::NotAFile { .. }
            | Self::Options { .. }
            | Self::ArrayType { .. }
            | Self::Apart { .. } => Kind::Misuse,
            Self::Poisoned { .. } | Self::LogPoisoned { .. } => Kind::Poisoned,
            Self::Busy { .. } | Self::Superseded { .. } => Kind::Busy,
            Self::Newer { .. } => Kind::Newer,
            Self::Damaged { .. }
            | Self::HeaderDamaged { .. }
            | Self::NoHeader { .. }
            | Self::Missing { .. }
            | Self::ArrayLost { .. }
            | Self::Twice { .. } => Kind::Damaged,
            Self::GivenUp { .. } | Self::NoArray { .. } | Self::NoGeneration { .. } => Kind::NotFound,
        }
    }

    /// The kind of the operating system's answer, if it was asked.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::NotDurable { source, .. }
            | Self::NotAppended { source, .. }
            | Self::Full { source, .. } => source.io_kind(),
            _ => None,
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
    /// Starting a thread.
    Spawn,
    /// Mapping a file into memory.
    Map,
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
            Self::Spawn => "start of a thread",
            Self::Map => "mapping",
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

fn lost_text(lost: u64, bytes: u64) -> String {
    if bytes == 0 {
        return "all of its rows; take it from a backup".to_owned();
    }
    if lost == u64::MAX {
        return format!(
            "rows behind its {bytes} bytes, nobody knows how many; Array::view_repaired gives the others"
        );
    }
    format!(
        "{lost} of {bytes} bytes; Array::lost_rows says which rows, Array::view_repaired gives the others"
    )
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
