use std::{fmt, path::Path, sync::Arc};

/// One recorded change or sync. Paths are as [`MemFiles::resolve`](keepstone_storage::MemFiles::resolve)
/// gives them; an inode is the number of a file, which stays when it is renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A file was created.
    CreateNew {
        /// Its name.
        path: Arc<Path>,
        /// The file.
        inode: u64,
    },
    /// A directory was created.
    CreateDir {
        /// Its name.
        path: Arc<Path>,
    },
    /// Bytes were written.
    Write {
        /// The file.
        inode: u64,
        /// Where.
        offset: u64,
        /// What.
        data: Arc<[u8]>,
    },
    /// The mode was set.
    SetMode {
        /// The file.
        inode: u64,
        /// The new mode.
        mode: u32,
    },
    /// Bytes and length of a file were synced.
    SyncData {
        /// The file.
        inode: u64,
    },
    /// Bytes, length and mode of a file were synced.
    SyncAll {
        /// The file.
        inode: u64,
    },
    /// A sync of a file has failed, see [`SimFiles::faults`](crate::SimFiles::faults).
    SyncFailed {
        /// The file.
        inode: u64,
    },
    /// A file took another name.
    Rename {
        /// The old name.
        from: Arc<Path>,
        /// The new name.
        to: Arc<Path>,
    },
    /// A name was removed.
    Remove {
        /// The name.
        path: Arc<Path>,
    },
    /// The names in a directory were synced.
    SyncDir {
        /// The directory.
        path: Arc<Path>,
    },
    /// The caller was told that its work is durable.
    Acknowledge {
        /// What it was told: a count or a position.
        value: u64,
    },
}

/// A few words, without the bytes written.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNew { path, inode } => write!(f, "create {} as inode {inode}", path.display()),
            Self::CreateDir { path } => write!(f, "create directory {}", path.display()),
            Self::Write { inode, offset, data } => {
                write!(f, "write {} bytes at {offset} of inode {inode}", data.len())
            }
            Self::SetMode { inode, mode } => write!(f, "set mode {mode:o} of inode {inode}"),
            Self::SyncData { inode } => write!(f, "sync data of inode {inode}"),
            Self::SyncAll { inode } => write!(f, "sync all of inode {inode}"),
            Self::SyncFailed { inode } => write!(f, "fail to sync inode {inode}"),
            Self::Rename { from, to } => write!(f, "rename {} to {}", from.display(), to.display()),
            Self::Remove { path } => write!(f, "remove {}", path.display()),
            Self::SyncDir { path } => write!(f, "sync directory `{}`", path.display()),
            Self::Acknowledge { value } => write!(f, "acknowledge {value}"),
        }
    }
}
