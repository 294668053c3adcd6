//! Reads the files of EdgeVec (0.9): snapshots of an index ([`Snapshot`], laid out as [`snapshot`] says), and write-ahead logs ([`Wal`]), records
//! of vectors that were inserted. The two know nothing of each other.
//!
//! # Layout of a log
//!
//! Entries stand one behind the other. The file has no header, no magic and no version. All integers are little-endian.
//!
//! | size | field | rule |
//! |---|---|---|
//! | 8 | sequence | 0, 1, 2 ..; anything else is a warning |
//! | 1 | type | 0, 1 or 2: an insert. Other types are a warning |
//! | 3 | padding | zero; anything else is a warning |
//! | 4 | length of the payload | at most 16 MiB |
//! | n | payload | |
//! | 4 | CRC-32 of all of it before | |
//!
//! The payload of an insert is an id as u64 and a vector: f32 numbers (type 0), a byte for each
//! dimension (1) or a bit for each (2). EdgeVec never logs that something was deleted.
//!
//! # What is read otherwise than in EdgeVec
//!
//! EdgeVec ends at the first entry that is not whole, and drops all behind it in silence. Here an
//! end in the middle of an entry, with nothing behind it, is [`Warning::TornTail`] too; but
//! where anything else is wrong that is a [`Damage`], and reading resumes at the next place where an
//! entry with zero padding and a right checksum begins. EdgeVec refuses the whole log for a length above 16 MiB;
//! here this is damage like any other.
//!
//! An entry that stands inside the payload of a damaged one passes for one of the log. A damaged
//! entry at the very end can't be told from one that a crash left: it is damage.
//!
//! # Memory
//!
//! 8 bytes for each entry, of which each takes at least 20 bytes of the file; once something is
//! damaged 4 bytes for each 256 of the file as well. At most 1024 places of damage are listed. A search for
//! the next entry takes time in proportion to what it goes over, whatever the bytes are.

mod damage;
mod entry;
mod insert;
mod odd;
pub mod snapshot;
mod sums;
mod warning;

use keepstone_format::Limits;

use crate::edgevec::odd::Odd;
use crate::edgevec::sums::Sums;
use crate::error::Error;

pub use damage::Damage;
pub use entry::Entry;
pub use insert::{Insert, Vector};
pub use snapshot::Snapshot;
pub use warning::Warning;

/// Places of damage that are listed.
const DAMAGE_MAX: usize = 1024;

/// A whole log, checked and read; the payloads stay in the bytes it was read from.
#[derive(Debug)]
pub struct Wal<'a> {
    /// The places where the bytes are not what was written, the first 1024 of them.
    pub damage: Vec<Damage>,
    /// How many such places there are.
    pub damage_count: u64,
    /// What was odd about the log; empty for one that EdgeVec wrote and closed.
    pub warnings: Vec<Warning>,
    bytes: &'a [u8],
    starts: Vec<u64>,
}

impl<'a> Wal<'a> {
    /// Reads all entries whose checksums hold.
    ///
    /// Damage is no error: it is listed in [`Wal::damage`]. A log without entries is one without bytes, as
    /// for EdgeVec, or one of which nothing is left.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] for more bytes or entries than are allowed, and [`Error::OutOfMemory`] if they are
    /// allowed and cannot be had.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let needs = bytes.len() as u64;
        if needs > limits.decoded_max {
            return Err(Error::Limit { what: "decoded bytes", needs, allowed: limits.decoded_max });
        }
        let mut wal =
            Self { damage: Vec::new(), damage_count: 0, warnings: Vec::new(), bytes, starts: Vec::new() };
        let mut odd = Odd::default();
        let mut sums = None;
        let (mut at, mut is_behind_damage) = (0, false);
        while at < bytes.len() {
            let cause = match Entry::at(bytes, at) {
                Ok(entry) => {
                    wal.push(at, limits)?;
                    odd.see(&entry, is_behind_damage);
                    is_behind_damage = false;
                    at += entry.len();
                    continue;
                }
                Err(cause) => cause,
            };
            if sums.is_none() {
                sums = Some(Sums::new(bytes)?);
            }
            let resumed = sums.as_ref().and_then(|sums| sums.next_entry(at + 1));
            let is_torn = resumed.is_none() && matches!(cause, Error::Truncated { .. });
            let resumed = resumed.unwrap_or(bytes.len());
            if is_torn {
                wal.warnings.push(Warning::TornTail { offset: at as u64, len: (resumed - at) as u64 });
            } else {
                wal.lose(Damage { offset: at as u64, resumed: resumed as u64, cause });
            }
            (at, is_behind_damage) = (resumed, true);
        }
        wal.warnings.splice(..0, odd.warnings());
        Ok(wal)
    }

    /// Returns how many entries there are.
    pub fn entry_count(&self) -> u64 {
        self.starts.len() as u64
    }

    /// Returns the entries in file order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + '_ {
        let starts = self.starts.iter().filter_map(|start| usize::try_from(*start).ok());
        starts.filter_map(|start| Entry::whole(self.bytes, start))
    }

    fn push(&mut self, at: usize, limits: &Limits) -> Result<(), Error> {
        let needs = self.entry_count() + 1;
        let allowed = u64::from(limits.rows_max);
        if needs > allowed {
            return Err(Error::Limit { what: "entries", needs, allowed });
        }
        let room = self.starts.try_reserve(1);
        room.map_err(|source| Error::OutOfMemory { needs: needs.saturating_mul(8), source })?;
        self.starts.push(at as u64);
        Ok(())
    }

    fn lose(&mut self, damage: Damage) {
        self.damage_count += 1;
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(damage);
        }
    }
}

/// Checks every checksum of a log and returns what is odd about it.
///
/// # Errors
///
/// As [`Wal::read`], and the cause of the first [`Damage`].
pub fn verify(bytes: &[u8], limits: &Limits) -> Result<Vec<Warning>, Error> {
    let Wal { damage, warnings, .. } = Wal::read(bytes, limits)?;
    match damage.into_iter().next() {
        Some(first) => Err(first.cause),
        None => Ok(warnings),
    }
}

/// Whether bytes begin with a whole entry: the one thing that tells a log from other files.
///
/// [`Entry::len_of`] says how many bytes that takes.
pub fn begins_with_entry(bytes: &[u8]) -> bool {
    Entry::at(bytes, 0).is_ok()
}
