//! Where commits go first: in one order, and durable before anybody is told.

mod none;
mod objects;
#[cfg(test)]
mod tests;
mod wal;

use std::fmt::Debug;

use keepstone_storage::Durability;

pub(crate) use none::NoJournal;
pub(crate) use objects::{Group, ObjectJournal, read as read_objects};
pub(crate) use wal::{WalJournal, dir_of, options, read as read_log};

use crate::Error;

/// Commits in an order, numbered from 1.
///
/// After an error of anything but [`truncate`](Self::truncate) it must be opened again: only then is known which commits it holds. Those for which `wait` has answered `Ok` are among
/// them; others may be.
pub(crate) trait Journal: Debug + Send + Sync {
    /// Gives a commit its place, behind all before it, and answers its number. It is not durable yet.
    ///
    /// The caller sees to it that appends come in the order that the commits are to have.
    ///
    /// # Errors
    /// Of what is beneath, [`Error::Poisoned`] and [`Error::Superseded`]: the journal must be opened again.
    fn append(&self, commit: &[u8]) -> Result<u64, Error>;

    /// Waits until a commit, and all before it, are durable or, if that is enough, with the system. Threads that wait at the same time share the work.
    ///
    /// # Errors
    /// As [`append`](Self::append). All who wait for what is not there get one.
    fn wait(&self, number: u64, durability: Durability) -> Result<(), Error>;

    /// Gives up all commits below a number. A crash half-way leaves some of them.
    ///
    /// # Errors
    /// Of what is beneath: they are given up all the same, and what is left of them goes with the next ones.
    fn truncate(&self, below: u64) -> Result<(), Error>;

    /// Gives up all commits, and takes as little room as it can until the next one.
    ///
    /// # Errors
    /// As [`truncate`](Self::truncate).
    fn shrink(&self) -> Result<(), Error> {
        self.truncate(self.end())
    }

    /// The first commit that has not been given up.
    fn start(&self) -> u64;

    /// The number that the next commit gets.
    fn end(&self) -> u64;

    /// Makes all commits durable and ends.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    #[cfg(test)]
    fn close(self: Box<Self>) -> Result<(), Error>;

    /// What has been done since it was opened.
    fn stats(&self) -> Stats;
}

/// What a journal has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stats {
    /// Commits appended.
    pub(crate) commits: u64,
    /// Their bytes.
    pub(crate) commit_bytes: u64,
    /// Times that commits were made durable: syncs of a log, objects that were put.
    pub(crate) groups: u64,
}

/// What is called for each commit that an opening finds, in order, with its number.
pub(crate) type Replay<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), Error>;

/// A journal and a manifest don't fit: between them commits are lost.
fn gap(object: &str, from: u64, behind: u64) -> Error {
    let last = behind.saturating_sub(1);
    Error::damaged(object, format!("the commits {from} to {last} are not there"))
}
