use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_storage::{
    Durability, Files, Lsn, Wal, WalOptions,
    wal::{Log, Reader},
};

use super::{Journal, Replay, Stats, gap};
use crate::Error;

/// The first segment: a store that is hardly used stays small.
const SEGMENT_LEN_FIRST: u64 = 256 << 10;
/// The longest segment: the journal is cut after some 8 MiB, and whole segments go.
const SEGMENT_LEN_MAX: u64 = 4 << 20;
/// Commits are kept back until somebody waits for them, unless they are so many bytes.
const BUFFER_LEN: usize = 1 << 20;

/// Commits as records of a write-ahead log.
#[derive(Debug)]
pub(crate) struct WalJournal {
    wal: Wal,
}

/// How the log of a store is kept.
pub(crate) fn options(files: Arc<dyn Files>) -> WalOptions {
    let options = WalOptions::default().files(files);
    options.segment_bytes(SEGMENT_LEN_FIRST, SEGMENT_LEN_MAX).buffer_bytes(BUFFER_LEN)
}

/// The directory of the log in that of a store.
pub(crate) fn dir_of(store: &Path) -> PathBuf {
    store.join("log")
}

impl WalJournal {
    /// Opens the log of the store in a directory, making it if it is missing, and goes through the commits from a number on.
    ///
    /// What it goes through is durable.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the log doesn't reach to `from` or begins behind it, [`Error::Storage`] if a commit from there on is lost, what `replay` answers.
    pub(crate) fn open(
        store: &Path,
        options: WalOptions,
        from: u64,
        replay: Replay<'_>,
    ) -> Result<Self, Error> {
        let dir = dir_of(store);
        let wal = Wal::open(&dir, options)?;
        check(&dir, wal.start(), wal.end(), from)?;
        go_through(wal.read_from(Lsn(from))?, replay)?;
        Ok(Self { wal })
    }
}

/// Goes through the commits from a number on without opening the log for writing, and answers the number behind the last one. Nothing changes on the disk.
///
/// # Errors
/// As [`WalJournal::open`], and [`Error::Storage`] of the kind `Busy` if a writer has given commits up meanwhile.
pub(crate) fn read(store: &Path, options: WalOptions, from: u64, replay: Replay<'_>) -> Result<u64, Error> {
    let dir = dir_of(store);
    let log = match Log::open(&dir, options) {
        // A store that nothing was committed to yet.
        Err(err) if from == 1 && err.io_kind() == Some(ErrorKind::NotFound) => return Ok(from),
        opened => opened?,
    };
    check(&dir, log.start(), log.end(), from)?;
    go_through(log.read_from(Lsn(from))?, replay)?;
    Ok(log.end().0)
}

/// Whether nothing is missing between the commits before `from` and those in the log.
fn check(dir: &Path, start: Lsn, end: Lsn, from: u64) -> Result<(), Error> {
    let name = dir.display().to_string();
    if from < start.0 {
        return Err(gap(&name, from, start.0));
    }
    if end.0 < from {
        return Err(gap(&name, end.0, from));
    }
    Ok(())
}

fn go_through(mut records: Reader, replay: Replay<'_>) -> Result<(), Error> {
    while let Some(record) = records.next()? {
        replay(record.lsn.0, record.bytes)?;
    }
    Ok(())
}

impl Journal for WalJournal {
    fn append(&self, commit: &[u8]) -> Result<u64, Error> {
        Ok(self.wal.append(commit, Durability::Buffered)?.0)
    }

    fn wait(&self, number: u64, durability: Durability) -> Result<(), Error> {
        if number < self.wal.durable_end().0 {
            return Ok(());
        }
        match durability {
            Durability::Durable => self.wal.sync()?,
            Durability::Buffered => self.wal.flush()?,
        }
        Ok(())
    }

    fn truncate(&self, below: u64) -> Result<(), Error> {
        Ok(self.wal.truncate(Lsn(below))?)
    }

    fn shrink(&self) -> Result<(), Error> {
        Ok(self.wal.shrink()?)
    }

    fn start(&self) -> u64 {
        self.wal.start().0
    }

    fn end(&self) -> u64 {
        self.wal.end().0
    }

    #[cfg(test)]
    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(self.wal.close()?)
    }

    fn stats(&self) -> Stats {
        let stats = self.wal.stats();
        Stats { commits: stats.records, commit_bytes: stats.record_bytes, groups: stats.syncs }
    }
}
