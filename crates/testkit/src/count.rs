use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keepstone_storage::{Error, Files, Op};

use crate::tap::{Call, Tap, Tapped, With};

/// Files that count the calls that succeed: `Tapped::new(files, Counter::default())`, as one name.
pub type CountingFiles = Tapped<Counter>;

impl CountingFiles {
    /// Counts what is done to `inner` from here on.
    pub fn over(inner: Arc<dyn Files>) -> Self {
        Tapped::new(inner, Counter::default())
    }

    /// Answers the counts so far.
    pub fn counts(&self) -> Counts {
        self.tap().counts()
    }
}

/// The tap of [`CountingFiles`].
#[derive(Debug, Default)]
pub struct Counter {
    creates: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    reads: AtomicU64,
    file_syncs: AtomicU64,
    dir_syncs: AtomicU64,
    renames: AtomicU64,
    removes: AtomicU64,
    others: AtomicU64,
}

impl Counter {
    fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Counts {
            creates: of(&self.creates),
            writes: of(&self.writes),
            bytes_written: of(&self.bytes_written),
            reads: of(&self.reads),
            file_syncs: of(&self.file_syncs),
            dir_syncs: of(&self.dir_syncs),
            renames: of(&self.renames),
            removes: of(&self.removes),
            others: of(&self.others),
        }
    }
}

/// Exact numbers of successful calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Files and directories created.
    pub creates: u64,
    /// Writes, each one call to the system.
    pub writes: u64,
    /// Bytes these writes took.
    pub bytes_written: u64,
    /// Reads, each one call to the system.
    pub reads: u64,
    /// Syncs of files.
    pub file_syncs: u64,
    /// Syncs of directories.
    pub dir_syncs: u64,
    /// Renames.
    pub renames: u64,
    /// Removals.
    pub removes: u64,
    /// All other calls: open, stat, list, lock, change of mode.
    pub others: u64,
}

impl Tap for Counter {
    fn after(&self, call: &Call<'_>, _inner: &dyn Files) -> Result<(), Error> {
        let counter = match call.op {
            Op::CreateNew | Op::CreateDir => &self.creates,
            Op::Write => &self.writes,
            Op::Read => &self.reads,
            Op::SyncData | Op::SyncAll => &self.file_syncs,
            Op::SyncDir => &self.dir_syncs,
            Op::Rename => &self.renames,
            Op::Remove => &self.removes,
            _ => &self.others,
        };
        counter.fetch_add(1, Ordering::SeqCst);
        if let With::Bytes { data, .. } = call.with {
            let len = data.len() as u64;
            self.bytes_written.fetch_add(len, Ordering::SeqCst);
        }
        Ok(())
    }
}
