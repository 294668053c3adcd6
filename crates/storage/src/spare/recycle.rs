//! Making files ready, and ready again.

use std::path::Path;

use super::{
    name::Name,
    shared::{Ready, Shared, full, room_for},
};
use crate::{
    Error, File,
    atomic::{found, move_unsynced},
    committed::{CONTAINER_LEN_MAX, PAGE_LEN, is_unsupported, write_zeros},
    planted::{self, Plant},
};

impl Shared {
    pub(super) fn make_ready(&self, count: usize, len: u64) -> Result<(), Error> {
        if len > CONTAINER_LEN_MAX {
            let what = "no save is longer than 2^62 bytes; ask for a shorter file";
            return Err(Error::Options { path: self.dir.clone(), what });
        }
        let _one = self.background();
        let has_enough = || {
            let stock = self.stock();
            stock.ready.len() >= count || stock.ready.len() + stock.unsynced.len() >= count
        };
        while !has_enough() {
            let made = self.make(room_for(len))?;
            self.stock().unsynced.push(made);
        }
        if self.ready_len() < count { self.settle() } else { Ok(()) }
    }

    fn ready_len(&self) -> usize {
        self.stock().ready.len()
    }

    /// Makes a file of zeros that are on the disk.
    fn make(&self, len: u64) -> Result<Ready, Error> {
        let (file, number) = self.create_unlocked()?;
        let made = write_zeros(&*file, len).and_then(|()| file.sync_all());
        if let Err(err) = made {
            let path = file.path().to_owned();
            drop(file);
            // What can't be removed now is tried again later.
            let _ = self.remove(&path);
            return Err(full(err, &path, len));
        }
        Ok(Ready { number, len })
    }

    /// Makes the names of spares durable: from then on saves may go to them.
    fn settle(&self) -> Result<(), Error> {
        let mut named = std::mem::take(&mut self.stock().unsynced);
        if named.is_empty() {
            return Ok(());
        }
        let synced =
            if planted::is(Plant::UnsyncedSpareName) { Ok(()) } else { self.files.sync_dir(&self.dir) };
        let mut stock = self.stock();
        // A sync of a directory that failed may be repeated.
        let to = if synced.is_ok() { &mut stock.ready } else { &mut stock.unsynced };
        to.append(&mut named);
        synced
    }

    pub(super) fn retire(&self, path: &Path) -> Result<(), Error> {
        if path.parent() != Some(&*self.dir) {
            let what = "it is not in the directory of these spares; retire it where it is";
            return Err(Error::Options { path: path.to_owned(), what });
        }
        let number = self.next_number()?;
        move_unsynced(&*self.files, path, &Name::Old(number).path(&self.dir))?;
        self.stock().retired.push(number);
        Ok(())
    }

    pub(super) fn recycle(&self, keep: usize) -> Result<(), Error> {
        let _one = self.background();
        let mut first = None;
        let mut note = |done: Result<(), Error>| {
            if let Err(err) = done {
                first.get_or_insert(err);
            }
        };
        let unremoved = std::mem::take(&mut self.stock().unremoved);
        for path in unremoved {
            note(self.remove(&path));
        }
        let retired = std::mem::take(&mut self.stock().retired);
        let mut wanted = {
            let stock = self.stock();
            keep.saturating_sub(stock.ready.len() + stock.unsynced.len())
        };
        if wanted > 0 && !retired.is_empty() && !planted::is(Plant::ZeroedUnderName) {
            // Until now a file may have the name of a save on the disk, and behind that name there is a save or nothing at all.
            if let Err(err) = self.files.sync_dir(&self.dir) {
                self.stock().retired.extend(retired);
                return Err(err);
            }
        }
        for number in retired {
            let path = Name::Old(number).path(&self.dir);
            if wanted == 0 {
                note(self.remove(&path));
                continue;
            }
            match self.clear(number, &path) {
                Ok(None) => {}
                Ok(Some(ready)) => {
                    wanted -= 1;
                    self.stock().unsynced.push(ready);
                }
                Err(err) => note(Err(err)),
            }
        }
        note(self.settle());
        first.map_or(Ok(()), Err)
    }

    /// Makes a spare of a file that was given up; none if a reader has it, and it is removed.
    fn clear(&self, number: u32, path: &Path) -> Result<Option<Ready>, Error> {
        // As long as nothing has been written, and once the page is on the disk, it can be tried again.
        let again = |err| {
            self.stock().retired.push(number);
            err
        };
        let Some(file) = found(self.files.open_rw(path)).map_err(again)? else { return Ok(None) };
        if !lock(&*file).map_err(again)? {
            drop(file);
            return self.remove(path).map(|()| None);
        }
        let known = file.metadata().map_err(again)?;
        // A backup of links has the same bytes under another name.
        if known.is_shared() {
            drop(file);
            return self.remove(path).map(|()| None);
        }
        let len = known.len;
        if let Err(err) = zero_page(&*file) {
            drop(file);
            // What can't be removed now is tried again later.
            let _ = self.remove(path);
            return Err(err);
        }
        move_unsynced(&*self.files, path, &self.spare_path(number)).map_err(again)?;
        Ok(Some(Ready { number, len }))
    }
}

/// Whether nobody reads the file; where there are no locks that is not known.
fn lock(file: &dyn File) -> Result<bool, Error> {
    if planted::is(Plant::UnaskedLock) {
        return Ok(true);
    }
    match file.try_lock() {
        Err(err) if is_unsupported(&err) => Ok(false),
        answer => answer,
    }
}

/// Takes back what is committed in a file, on the disk.
fn zero_page(file: &dyn File) -> Result<(), Error> {
    file.write_all_at(&[0; PAGE_LEN], 0)?;
    if planted::is(Plant::UnsyncedSparePage) {
        return Ok(());
    }
    file.sync_data()
}
