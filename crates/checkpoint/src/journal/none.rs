use std::sync::atomic::{AtomicU64, Ordering};

use keepstone_storage::Durability;

use super::{Journal, Stats};
use crate::Error;

/// Numbers without commits, for a store that ends with its program.
#[derive(Debug)]
pub(crate) struct NoJournal {
    first: u64,
    start: AtomicU64,
    end: AtomicU64,
    commit_bytes: AtomicU64,
}

impl NoJournal {
    /// Begins with a number.
    pub(crate) fn new(from: u64) -> Self {
        Self { first: from, start: from.into(), end: from.into(), commit_bytes: AtomicU64::default() }
    }
}

impl Journal for NoJournal {
    fn append(&self, commit: &[u8]) -> Result<u64, Error> {
        self.commit_bytes.fetch_add(commit.len() as u64, Ordering::Relaxed);
        Ok(self.end.fetch_add(1, Ordering::SeqCst))
    }

    fn wait(&self, _: u64, _: Durability) -> Result<(), Error> {
        Ok(())
    }

    fn truncate(&self, below: u64) -> Result<(), Error> {
        self.start.fetch_max(below.min(self.end()), Ordering::SeqCst);
        Ok(())
    }

    fn start(&self) -> u64 {
        self.start.load(Ordering::SeqCst)
    }

    fn end(&self) -> u64 {
        self.end.load(Ordering::SeqCst)
    }

    #[cfg(test)]
    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }

    fn stats(&self) -> Stats {
        let commits = self.end() - self.first;
        Stats { commits, commit_bytes: self.commit_bytes.load(Ordering::Relaxed), groups: 0 }
    }
}
