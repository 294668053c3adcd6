use std::{
    io::{self, ErrorKind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use keepstone_storage::{Error, Files, MemFiles, Op};

use crate::tap::{Call, Tap, Tapped, Verdict, With};

/// A simulated disk: files in memory that record each change and each sync.
///
/// Use it from one thread: the record is in the order in which calls return. A rename from one
/// directory to another is refused, since what of it a sync makes durable differs between systems.
pub type SimFiles = Tapped<Recorder>;

impl SimFiles {
    /// Makes an empty disk.
    pub fn empty() -> Self {
        Tapped::new(Arc::new(MemFiles::new()), Recorder::default())
    }

    /// Records that the caller has been told its work is durable.
    pub fn acknowledge(&self) {
        self.tap().push(Step::Acknowledge);
    }

    /// What has happened so far.
    pub fn steps(&self) -> Vec<Step> {
        self.tap().steps()
    }
}

/// One recorded change or sync. Paths are as [`MemFiles::resolve`] gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A file was created.
    CreateNew {
        /// Its name.
        path: PathBuf,
        /// Its number, which stays when it is renamed.
        inode: u64,
    },
    /// A directory was created.
    CreateDir {
        /// Its name.
        path: PathBuf,
    },
    /// Bytes were written.
    Write {
        /// The file.
        inode: u64,
        /// Where.
        offset: u64,
        /// What.
        data: Vec<u8>,
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
    /// A file took another name.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
    },
    /// A name was removed.
    Remove {
        /// The name.
        path: PathBuf,
    },
    /// The names in a directory were synced.
    SyncDir {
        /// The directory.
        path: PathBuf,
    },
    /// The caller was told that its work is durable.
    Acknowledge,
}

/// The tap of [`SimFiles`].
#[derive(Debug, Default)]
pub struct Recorder {
    steps: Mutex<Vec<Step>>,
}

impl Recorder {
    fn push(&self, step: Step) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.push(step);
    }

    fn steps(&self) -> Vec<Step> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.clone()
    }
}

impl Tap for Recorder {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let With::Target(to) = call.with else {
            return Verdict::Run;
        };
        if MemFiles::resolve(call.path).parent() == MemFiles::resolve(to).parent() {
            Verdict::Run
        } else {
            Verdict::Fail(io::Error::from(ErrorKind::Unsupported))
        }
    }

    fn after(&self, call: &Call<'_>, _inner: &dyn Files) -> Result<(), Error> {
        if let Some(step) = step_of(call) {
            self.push(step);
        }
        Ok(())
    }
}

/// The step that a successful call is, if it changes or syncs anything.
fn step_of(call: &Call<'_>) -> Option<Step> {
    let path = MemFiles::resolve(call.path);
    let inode = call.file.map(|id| id.inode);
    Some(match (call.op, call.with) {
        (Op::CreateNew, _) => {
            let inode = inode?;
            Step::CreateNew { path, inode }
        }
        (Op::CreateDir, _) => Step::CreateDir { path },
        (Op::Write, With::Bytes { data, offset }) => {
            Step::Write { inode: inode?, offset, data: data.to_vec() }
        }
        (Op::SetMode, With::Mode(mode)) => {
            let inode = inode?;
            Step::SetMode { inode, mode }
        }
        (Op::SyncData, _) => Step::SyncData { inode: inode? },
        (Op::SyncAll, _) => Step::SyncAll { inode: inode? },
        (Op::Rename, With::Target(to)) => Step::Rename { from: path, to: MemFiles::resolve(to) },
        (Op::Remove, _) => Step::Remove { path },
        (Op::SyncDir, _) => Step::SyncDir { path },
        _ => return None,
    })
}
