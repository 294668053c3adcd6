//! The files that are at hand, and their numbers.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::name::Name;
use crate::{
    Error, File, Files, Op,
    atomic::found,
    committed::{CONTAINER_AT, CONTAINER_LEN_MAX, PAGE_LEN, is_unsupported},
    planted::{self, Plant},
};

/// How often a new file is made because a reader has just locked it.
const TRIES_MAX: u32 = 64;
/// How many buffers are kept for the next drafts.
const BUFFERS_MAX: usize = 2;

/// What all drafts of a directory share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) files: Arc<dyn Files>,
    pub(super) dir: PathBuf,
    stock: Mutex<Stock>,
    /// Held by who makes spares.
    background: Mutex<()>,
}

/// What is known of the files in the directory that are no saves.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) ready: Vec<Ready>,
    /// Spares whose names are not known to be durable.
    pub(super) unsynced: Vec<Ready>,
    /// Numbers of files that were given up.
    pub(super) retired: Vec<u32>,
    /// What could not be removed.
    pub(super) unremoved: Vec<PathBuf>,
    /// Numbers that names have which were there before.
    taken: BTreeSet<u32>,
    /// Above every number that was given out.
    next: u64,
    buffers: Vec<Vec<u8>>,
}

/// A spare whose page is none and whose name is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) number: u32,
    /// Length of the file.
    pub(super) len: u64,
}

impl Stock {
    pub(super) fn take_number(&mut self, number: u32) {
        self.taken.insert(number);
    }

    /// A number that no file has had since the directory was last synced.
    fn next_number(&mut self) -> Option<u32> {
        loop {
            let number = u32::try_from(self.next).ok()?;
            self.next += 1;
            if !self.taken.contains(&number) {
                return Some(number);
            }
        }
    }

    /// Takes out the shortest file of at least `len` bytes, else the longest.
    fn take_ready(&mut self, len: u64) -> Option<Ready> {
        let by_fit = |ready: &(usize, &Ready)| {
            let fits = ready.1.len >= len;
            (!fits, if fits { ready.1.len } else { u64::MAX - ready.1.len }, ready.1.number)
        };
        let index = self.ready.iter().enumerate().min_by_key(by_fit)?.0;
        Some(self.ready.swap_remove(index))
    }
}

impl Shared {
    pub(super) fn new(files: Arc<dyn Files>, dir: PathBuf, stock: Stock) -> Self {
        Self { files, dir, stock: Mutex::new(stock), background: Mutex::new(()) }
    }

    /// A panic elsewhere leaves nothing half-changed in it.
    pub(super) fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to make spares.
    pub(super) fn background(&self) -> MutexGuard<'_, ()> {
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_number(&self) -> Result<u32, Error> {
        let number = self.stock().next_number();
        number.ok_or_else(|| {
            let none = "there are no higher numbers for spares; open the directory again";
            Error::io(Op::CreateNew, &self.dir, io::Error::other(none))
        })
    }

    pub(super) fn spare_path(&self, number: u32) -> PathBuf {
        Name::Spare(number).path(&self.dir)
    }

    pub(super) fn take_buffer(&self) -> Vec<u8> {
        self.stock().buffers.pop().unwrap_or_default()
    }

    pub(super) fn give_buffer(&self, buffer: Vec<u8>) {
        let mut stock = self.stock();
        if stock.buffers.len() < BUFFERS_MAX {
            stock.buffers.push(buffer);
        }
    }

    /// Opens and locks a file that is ready. One that can't be had is passed over, and given up if it is not a reader's lock that keeps it.
    pub(super) fn take_ready(self: &Arc<Self>, len_hint: u64) -> Option<(Box<dyn File>, Target)> {
        let len = len_hint.saturating_add(CONTAINER_AT);
        let (mut locked, mut chosen) = (Vec::new(), None);
        while chosen.is_none() {
            let Some(ready) = self.stock().take_ready(len) else { break };
            let path = self.spare_path(ready.number);
            let opened = found(self.files.open_rw(&path));
            let opened =
                opened.and_then(|file| file.map(|file| lock(&*file).map(|got| (file, got))).transpose());
            match opened {
                Ok(Some((file, true))) => chosen = Some((file, Target::ready(Arc::clone(self), ready))),
                Ok(Some((_, false))) => locked.push(ready),
                Ok(None) => {}
                Err(_) => self.stock().unremoved.push(path),
            }
        }
        self.stock().ready.append(&mut locked);
        chosen
    }

    /// Makes a new file and locks it.
    pub(super) fn create(self: &Arc<Self>) -> Result<(Box<dyn File>, Target), Error> {
        let mut tries = 0;
        loop {
            let (file, number) = self.create_unlocked()?;
            let target = Target::new(Arc::clone(self), number);
            tries += 1;
            if lock(&*file)? {
                return Ok((file, target));
            }
            // A reader looks at it for a moment. It is removed, and the next one is made.
            if tries == TRIES_MAX {
                return Err(Error::Busy { path: file.path().to_owned() });
            }
        }
    }

    /// Makes a new file.
    pub(super) fn create_unlocked(&self) -> Result<(Box<dyn File>, u32), Error> {
        loop {
            let number = self.next_number()?;
            match self.files.create_new(&self.spare_path(number)) {
                Ok(file) => return Ok((file, number)),
                // Somebody else's: it is left alone.
                Err(err) if err.io_kind() == Some(io::ErrorKind::AlreadyExists) => {}
                Err(err) => return Err(err),
            }
        }
    }

    /// Removes a file that nothing is written to again; if that fails it is tried again later.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        let removed = found(self.files.remove(path)).map(drop);
        if removed.is_err() {
            self.stock().unremoved.push(path.to_owned());
        }
        removed
    }
}

/// Locks a file for writing; true too where there are no locks, since only files that never held a save are written to there.
fn lock(file: &dyn File) -> Result<bool, Error> {
    match file.try_lock() {
        Err(err) if is_unsupported(&err) => Ok(true),
        answer => answer,
    }
}

/// How long a file is made for a container: an eighth longer, so that the next ones fit as well.
pub(super) fn room_for(container_len: u64) -> u64 {
    let len = container_len.min(CONTAINER_LEN_MAX);
    (CONTAINER_AT + len + len / 8).next_multiple_of(PAGE_LEN as u64)
}

/// Names the bytes that a save takes in an error for lack of space.
pub(super) fn full(err: Error, path: &Path, needs: u64) -> Error {
    if err.kind() != keepstone_format::Kind::NoSpace {
        return err;
    }
    Error::Full { path: path.to_owned(), needs, source: Box::new(err) }
}

/// The file that a save goes to, and what becomes of it if that ends early. It is dropped behind the open file.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u32,
    /// Length of the file.
    pub(super) len: u64,
    /// Whether its name is durable and its page none on the disk.
    pub(super) ready: bool,
    pub(super) fate: Fate,
}

/// What becomes of a file when its save ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is as it was and ready for another save.
    Return,
    /// It is no save, and nothing is written to it again.
    Remove,
    /// It is a save.
    Keep,
}

impl Target {
    fn new(shared: Arc<Shared>, number: u32) -> Self {
        Self { shared, number, len: 0, ready: false, fate: Fate::Remove }
    }

    fn ready(shared: Arc<Shared>, Ready { number, len }: Ready) -> Self {
        Self { shared, number, len, ready: true, fate: Fate::Return }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.shared.spare_path(self.number)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        match self.fate {
            Fate::Return => self.shared.stock().ready.push(Ready { number: self.number, len: self.len }),
            // What can't be removed now is tried again by a later recycling, or by the next opening.
            Fate::Remove => drop(self.shared.remove(&self.path())),
            Fate::Keep => {}
        }
        if planted::is(Plant::ReusedSpareNumber) {
            self.shared.stock().next = self.number.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lens: &[u64], wanted: u64) -> Option<u32> {
        let ready = (0..).zip(lens).map(|(number, &len)| Ready { number, len }).collect();
        let mut stock = Stock { ready, ..Stock::default() };
        stock.take_ready(wanted).map(|ready| ready.number)
    }

    #[test]
    fn the_shortest_file_that_fits_is_taken_else_the_longest() {
        assert_eq!(taken(&[], 1), None);
        assert_eq!(taken(&[50, 20, 30], 10), Some(1));
        assert_eq!(taken(&[50, 20, 30], 21), Some(2));
        assert_eq!(taken(&[50, 20, 30], 50), Some(0));
        assert_eq!(taken(&[20, 50, 30], 51), Some(1));
        assert_eq!(taken(&[20, 50, 50], u64::MAX), Some(1));
    }

    #[test]
    fn a_number_is_given_out_once_and_not_where_there_is_a_name() {
        let mut stock = Stock::default();
        stock.take_number(1);
        assert_eq!([0; 3].map(|_| stock.next_number()), [Some(0), Some(2), Some(3)]);
        stock.next = u32::MAX.into();
        assert_eq!([0; 3].map(|_| stock.next_number()), [Some(u32::MAX), None, None]);
    }

    #[test]
    fn files_are_whole_pages_an_eighth_longer_than_what_they_are_made_for() {
        assert_eq!(room_for(0), 4096);
        assert_eq!(room_for(144), 8192);
        assert_eq!(room_for(8 * 4096), 10 * 4096);
        assert_eq!(room_for(8 * 4096 + 1), 11 * 4096);
        assert!(room_for(u64::MAX) > CONTAINER_LEN_MAX);
    }
}
