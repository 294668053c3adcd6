use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_storage::{Error, Files, MemFiles, Op};

use crate::tap::{Call, Tap, Tapped, Verdict, With};

/// A disk that answers syncs of files without doing them.
#[derive(Debug)]
pub struct NoFileSync;

impl NoFileSync {
    /// Takes the file syncs out of `inner`.
    pub fn over(inner: Arc<dyn Files>) -> Tapped<Self> {
        Tapped::new(inner, Self)
    }
}

impl Tap for NoFileSync {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.op {
            Op::SyncData | Op::SyncAll => Verdict::Skip,
            _ => Verdict::Run,
        }
    }
}

/// A disk that answers syncs of directories without doing them.
#[derive(Debug)]
pub struct NoDirSync;

impl NoDirSync {
    /// Takes the directory syncs out of `inner`.
    pub fn over(inner: Arc<dyn Files>) -> Tapped<Self> {
        Tapped::new(inner, Self)
    }
}

impl Tap for NoDirSync {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.op {
            Op::SyncDir => Verdict::Skip,
            _ => Verdict::Run,
        }
    }
}

/// A disk that puts the sync of a file off until the file has been renamed.
#[derive(Debug, Default)]
pub struct SyncAfterRename {
    due: Mutex<BTreeSet<PathBuf>>,
}

impl SyncAfterRename {
    /// Swaps sync and rename of each file in `inner`.
    pub fn over(inner: Arc<dyn Files>) -> Tapped<Self> {
        Tapped::new(inner, Self::default())
    }
}

impl Tap for SyncAfterRename {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.op {
            Op::SyncData | Op::SyncAll => {
                let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
                due.insert(MemFiles::resolve(call.path));
                Verdict::Skip
            }
            _ => Verdict::Run,
        }
    }

    fn after(&self, call: &Call<'_>, inner: &dyn Files) -> Result<(), Error> {
        let With::Target(to) = call.with else {
            return Ok(());
        };
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.remove(&MemFiles::resolve(call.path)) {
            inner.open(to)?.sync_all()?;
        }
        Ok(())
    }
}

/// A disk on which one write fails and answers success: what a writer that ignores ENOSPC would see.
#[derive(Debug)]
pub struct IgnoredFailure {
    at: u64,
    writes: AtomicU64,
}

impl IgnoredFailure {
    /// Loses write number `at` (from 0) to `inner`.
    pub fn over(inner: Arc<dyn Files>, at: u64) -> Tapped<Self> {
        Tapped::new(inner, Self { at, writes: AtomicU64::new(0) })
    }
}

impl Tap for IgnoredFailure {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op != Op::Write {
            return Verdict::Run;
        }
        let index = self.writes.fetch_add(1, Ordering::SeqCst);
        if index == self.at { Verdict::Swallow } else { Verdict::Run }
    }
}
