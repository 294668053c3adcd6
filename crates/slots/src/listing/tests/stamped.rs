//! On files that tell when the names in a directory last changed.

use std::{
    ffi::OsString,
    path::Path,
    sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
};

use keepstone_storage::{Error as StorageError, File, FileId, Files, Metadata, Stamp};

use super::*;

/// Files whose directories changed when a test says so.
#[derive(Debug)]
struct Dated<'a> {
    files: &'a dyn Files,
    changed_nanos: AtomicI64,
    lists: AtomicUsize,
}

/// What stands for a change that is too young.
const YOUNG: i64 = 0;

impl<'a> Dated<'a> {
    fn new(disk: &'a Disk, changed_nanos: i64) -> Self {
        Self { files: &disk.files, changed_nanos: changed_nanos.into(), lists: 0.into() }
    }

    /// Refreshes, and answers whether anything was different and whether the names were read.
    fn refresh(&self, listing: &mut Listing, disk: &Disk) -> (bool, bool) {
        let before = self.lists.load(Relaxed);
        let is_different = listing.refresh(self, &disk.dir, &disk.player, Look::Skip).unwrap();
        (is_different, self.lists.load(Relaxed) > before)
    }
}

impl Files for Dated<'_> {
    fn stamp(&self, _: &Path) -> Option<Stamp> {
        let changed_nanos = self.changed_nanos.load(Relaxed);
        let stamp = Stamp { dir: FileId { device: 1, inode: 1 }, changed_secs: 1, changed_nanos };
        (changed_nanos != YOUNG).then_some(stamp)
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, StorageError> {
        self.lists.fetch_add(1, Relaxed);
        self.files.list(dir)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        self.files.open(path)
    }

    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        self.files.open_rw(path)
    }

    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        self.files.create_new(path)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, StorageError> {
        self.files.metadata(path)
    }

    fn create_dir(&self, dir: &Path) -> Result<(), StorageError> {
        self.files.create_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), StorageError> {
        self.files.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), StorageError> {
        self.files.sync_dir(dir)
    }
}

#[test]
fn names_are_read_once_and_then_again_at_another_stamp() {
    let disk = Disk::new();
    let [one, two] = [1, 2].map(|sequence| stem_of(Some(1), sequence));
    disk.save(one);
    let files = Dated::new(&disk, 5);
    let mut listing = disk.read();
    assert_eq!(files.refresh(&mut listing, &disk), (false, true));
    assert_eq!(files.refresh(&mut listing, &disk), (false, false));
    // A change that dates nothing can't be seen: this is what a stamp promises not to be.
    disk.save(two);
    assert_eq!(files.refresh(&mut listing, &disk), (false, false));
    files.changed_nanos.store(6, Relaxed);
    assert_eq!(files.refresh(&mut listing, &disk), (true, true));
    assert_eq!(listing.newest_first().len(), 2);
    assert_eq!(files.refresh(&mut listing, &disk), (false, false));
    // Another stamp, the same names.
    files.changed_nanos.store(7, Relaxed);
    assert_eq!(files.refresh(&mut listing, &disk), (false, true));
}

#[test]
fn names_are_read_each_time_while_a_change_is_young() {
    let disk = Disk::new();
    disk.save(stem_of(Some(1), 1));
    let files = Dated::new(&disk, YOUNG);
    let mut listing = disk.read();
    for sequence in 2..4 {
        assert_eq!(files.refresh(&mut listing, &disk), (false, true));
        disk.save(stem_of(Some(1), sequence));
        assert_eq!(files.refresh(&mut listing, &disk), (true, true));
    }
}

#[test]
fn what_was_put_in_or_taken_out_since_has_the_names_read() {
    let disk = Disk::new();
    let [one, two] = [1, 2].map(|sequence| stem_of(Some(1), sequence));
    disk.save(one);
    disk.save(two);
    let files = Dated::new(&disk, 5);
    let mut listing = disk.read();
    let entry = listing.get(two.id).unwrap().clone();
    // Neither has happened to the directory.
    files.refresh(&mut listing, &disk);
    assert!(listing.remove(entry.file_name()).is_some());
    assert_eq!(files.refresh(&mut listing, &disk), (true, true));
    assert_eq!(listing.newest_first().len(), 2);
    listing.insert(entry.with_damaged_note(3));
    assert_eq!(files.refresh(&mut listing, &disk), (true, true));
    assert!(!listing.get(two.id).unwrap().is_note_damaged());
    assert_eq!(files.refresh(&mut listing, &disk), (false, false));
}
