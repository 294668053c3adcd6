//! Beside a writer, and after one that was killed.

use std::{
    ffi::OsString,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_storage::{Error as StorageError, File, Files, Metadata, Op};

use super::*;

fn is_spare(entry: &SaveEntry) -> bool {
    matches!(Name::of_bytes(entry.file_name().as_bytes()), Name::Spare(_))
}

#[test]
fn a_whole_save_in_a_spare_is_listed_once() {
    let disk = Disk::new();
    let stem = stem_of(Some(4), 9);
    drop(disk.sealed(stem));
    let listed = disk.shown_to_readers();
    assert_eq!(listed.len(), 1);
    assert!(is_spare(&listed[0]) && listed[0].is_good());
    assert_eq!((listed[0].id(), listed[0].sequence(), listed[0].slot()), (stem.id, 9, Some(4)));
    assert!(disk.read().newest_first().is_empty(), "a writer has taken it over before");
    // A copy under a name of its own takes its place.
    disk.save(stem);
    assert_eq!(names(&disk.shown_to_readers()), [Name::Save(stem).to_string()]);
}

#[test]
fn a_save_in_a_spare_comes_and_goes_and_is_in_no_index() {
    let disk = Disk::new();
    let read = || Listing::read(&disk.files, &disk.dir, &disk.player, Look::Spares).unwrap();
    let mut listing = read();
    let refresh =
        |listing: &mut Listing| listing.refresh(&disk.files, &disk.dir, &disk.player, Look::Spares).unwrap();
    let stem = stem_of(None, 1);
    let (synced, bytes) = disk.sealed(stem);
    drop(synced);
    assert!(refresh(&mut listing) && !refresh(&mut listing));
    assert_eq!((listing.latest(None).unwrap().id(), listing.bytes()), (stem.id, bytes));
    assert!(index::decode(listing.encode_index().unwrap()).unwrap().entries.is_empty());
    disk.overwrite(&Name::Index, &listing.encode_index().unwrap());
    assert_eq!(read().newest_first().len(), 1);
    assert!(!read().was_index_stale());
    let spare = listing.latest(None).unwrap().file_name().to_owned();
    disk.files.remove(&disk.dir.join(spare)).unwrap();
    assert!(refresh(&mut listing) && !refresh(&mut listing));
    assert!(listing.newest_first().is_empty());
    assert_eq!((listing.bytes(), listing.highest_sequence()), (0, 1));
}

#[test]
fn a_spare_that_is_torn_or_locked_or_empty_holds_no_save() {
    let stem = stem_of(Some(4), 89);
    let disk = Disk::new();
    drop(disk.sealed(stem));
    let path = disk.dir.join(disk.shown_to_readers()[0].file_name());
    let file = disk.open(&path);
    assert!(file.try_lock().unwrap());
    assert!(disk.shown_to_readers().is_empty(), "a writer has it");
    drop(file);
    let file = disk.open(&path);
    let len = file.metadata().unwrap().len;
    for at in (0..len).step_by(37) {
        let mut byte = [0];
        file.read_full_at(&mut byte, at).unwrap();
        file.write_all_at(&[!byte[0]], at).unwrap();
        assert!(disk.shown_to_readers().len() <= usize::from(at > 4200), "{at}");
        file.write_all_at(&byte, at).unwrap();
    }
    assert_eq!(disk.shown_to_readers().len(), 1);
    // In the payload, which neither page nor tables cover.
    let mut bytes = vec![0; usize::try_from(len).unwrap()];
    file.read_full_at(&mut bytes, 0).unwrap();
    let payload = bytes.windows(89).position(|window| window == [7; 89]).map(|at| at as u64);
    if let Some(at) = payload {
        file.write_all_at(&[8], at).unwrap();
        assert!(disk.shown_to_readers().is_empty());
        file.write_all_at(&[7], at).unwrap();
    }
    file.write_all_at(&[0; 4096], 0).unwrap();
    assert!(disk.shown_to_readers().is_empty());
}

/// Files of which one is gone, or refused, once it was listed.
#[derive(Debug)]
struct Changing<'a> {
    files: &'a dyn Files,
    /// What is wrong with names that contain it.
    of: &'static str,
    kind: std::io::ErrorKind,
    is_over: AtomicBool,
}

impl Changing<'_> {
    fn check(&self, op: Op, path: &Path) -> Result<(), StorageError> {
        let is_it = path.to_string_lossy().contains(self.of) && !self.is_over.load(Ordering::Relaxed);
        if is_it { Err(StorageError::io(op, path, self.kind.into())) } else { Ok(()) }
    }
}

impl Files for Changing<'_> {
    fn open(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        self.check(Op::Open, path)?;
        self.files.open(path)
    }

    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        self.files.open_rw(path)
    }

    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        self.files.create_new(path)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, StorageError> {
        self.check(Op::Metadata, path)?;
        self.files.metadata(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, StorageError> {
        self.files.list(dir)
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

fn two_saves() -> (Disk, Stem, Stem) {
    let disk = Disk::new();
    let (stays, goes) = (stem_of(Some(1), 1), stem_of(Some(250), 2));
    disk.save(stays);
    disk.save(goes);
    disk.write_note(goes, 0, &noted("n"));
    (disk, stays, goes)
}

#[test]
fn a_file_that_is_gone_once_it_was_listed_is_passed_by() {
    let (disk, stays, goes) = two_saves();
    for (of, len) in [("s250-", 1), (".note", 2)] {
        let kind = std::io::ErrorKind::NotFound;
        let files = Changing { files: &disk.files, of, kind, is_over: AtomicBool::new(false) };
        let mut listing = Listing::read(&files, &disk.dir, &disk.player, Look::Skip).unwrap();
        assert_eq!(listing.newest_first().len(), len);
        assert!(listing.get(stays.id).unwrap().is_good());
        assert!(listing.get(goes.id).is_none_or(|entry| entry.note_number().is_none()));
        // It was there after all.
        files.is_over.store(true, Ordering::Relaxed);
        assert!(listing.refresh(&files, &disk.dir, &disk.player, Look::Skip).unwrap());
        assert_eq!(listing.get(goes.id).unwrap().name(), Some("n"));
    }
}

#[test]
fn what_the_system_refuses_is_unreadable_or_locked_until_it_does_not() {
    let (disk, _, goes) = two_saves();
    let kind = std::io::ErrorKind::PermissionDenied;
    let refused = |of| Changing { files: &disk.files, of, kind, is_over: AtomicBool::new(false) };
    let files = refused("s250-");
    let mut listing = Listing::read(&files, &disk.dir, &disk.player, Look::Skip).unwrap();
    let entry = listing.get(goes.id).unwrap();
    assert!(matches!(entry.state(), EntryState::Unreadable { .. }) && entry.is_locked());
    files.is_over.store(true, Ordering::Relaxed);
    assert!(listing.refresh(&files, &disk.dir, &disk.player, Look::Skip).unwrap());
    assert!(listing.get(goes.id).unwrap().is_good());
    assert_eq!(listing.get(goes.id).unwrap().name(), Some("n"));

    let files = refused(".note");
    let mut listing = Listing::read(&files, &disk.dir, &disk.player, Look::Skip).unwrap();
    let entry = listing.get(goes.id).unwrap();
    assert!(entry.is_good() && entry.is_note_damaged() && entry.is_locked());
    files.is_over.store(true, Ordering::Relaxed);
    assert!(listing.refresh(&files, &disk.dir, &disk.player, Look::Skip).unwrap());
    assert_eq!(listing.get(goes.id).unwrap().name(), Some("n"));
    assert!(!listing.refresh(&files, &disk.dir, &disk.player, Look::Skip).unwrap());
}
