use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keepstone_storage::{Error as StorageError, Files, atomic, spare::Spares};

use super::{Shared, load};
use crate::{
    Error,
    entry::SaveEntry,
    id::SaveId,
    kind::SaveKind,
    listing::{Listing, Look},
    note::{NOTE_LEN_MAX, Note},
    options::SaveOptions,
    player::Player,
    request::check_head,
    root,
    stem::{Name, SEQUENCE_MAX, Stem},
};

/// How many files a directory may have that is read at each save, so that saves that were copied there are older than what is saved next.
/// With more, that is seen at the next list or load.
const REFRESHED_MAX: usize = 1024;

/// The directory of one player, open for writing.
pub(crate) struct Folder {
    pub(crate) player: Player,
    pub(crate) dir: PathBuf,
    pub(crate) spares: Spares,
    state: Mutex<State>,
    /// What keeps saves of one slot apart, and those of the profile.
    turns: Mutex<BTreeMap<Option<u8>, Arc<Mutex<()>>>>,
}

/// What is known of a directory.
pub(crate) struct State {
    pub(crate) listing: Listing,
    /// The number of the next save.
    next_sequence: u64,
    /// Bytes of the longest recent save: what spares are made for.
    pub(crate) spare_len: u64,
    /// Changes since the index was written.
    pub(crate) unindexed: usize,
    /// Saves that nobody has waited for yet.
    pub(crate) unsynced: HashSet<String>,
    /// Those whose sync has failed: nobody knows what of them is on the disk.
    pub(crate) doubted: HashSet<String>,
}

impl Folder {
    /// Opens the directory and takes over what a killed writer left in spares.
    pub(super) fn open(shared: &Shared, player: Player) -> Result<Self, Error> {
        let dir = root::dir_of(&shared.dir, &player);
        let files = &shared.options.files;
        let (spares, unnamed) = Spares::open(Arc::clone(files), &dir, None)?;
        for unnamed in unnamed {
            let stem = Stem::of_head(&unnamed.head().metadata);
            match stem {
                // A crash after it was taken over has brought the spare back.
                Some(stem) if has_file(&**files, &dir, stem)? => unnamed.discard()?,
                Some(stem) => drop(unnamed.adopt(&spares, OsStr::new(&Name::Save(stem).to_string()))?),
                // Whole, and not by us: it is nobody's save.
                None => unnamed.discard()?,
            }
        }
        let mut listing = Listing::read(&**files, &dir, &player, Look::Skip)?;
        for (old, new) in listing.earlier_revisions() {
            // Names are durable by now. An earlier revision may still be needed if the later is damaged.
            let is_whole = new.is_good() && load::verify(&**files, &dir, &player, &new).is_ok();
            if is_whole && spares.retire(&dir.join(old.file_name())).is_ok() {
                listing.remove(old.file_name());
                // Its note says nothing any more.
                listing.refresh(&**files, &dir, &player, Look::Skip)?;
            }
        }
        let idle = listing.idle_notes();
        if !idle.is_empty() {
            for name in idle {
                drop(files.remove(&dir.join(name.to_string())));
            }
            listing.refresh(&**files, &dir, &player, Look::Skip)?;
        }
        let next_sequence = listing.highest_sequence().saturating_add(1);
        let state = State {
            spare_len: listing.longest(),
            unindexed: usize::from(listing.was_index_stale()),
            listing,
            next_sequence,
            unsynced: HashSet::new(),
            doubted: HashSet::new(),
        };
        Ok(Self { player, dir, spares, state: Mutex::new(state), turns: Mutex::default() })
    }

    /// What is known, as it is.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, compared with the names in the directory.
    pub(crate) fn refreshed(&self, shared: &Shared) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state();
        if state.listing.refresh(&*shared.options.files, &self.dir, &self.player, Look::Skip)? {
            state.unindexed += 1;
            state.next_sequence = state.next_sequence.max(state.listing.highest_sequence().saturating_add(1));
        }
        Ok(state)
    }

    /// What is known, compared with the directory unless that takes longer than a save should.
    pub(crate) fn refreshed_for_save(&self, shared: &Shared) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.listing.len() > REFRESHED_MAX {
            return Ok(state);
        }
        drop(state);
        self.refreshed(shared)
    }

    /// What has to be held while something of a slot is saved, or its saves change.
    pub(crate) fn turn(&self, slot: Option<u8>) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(slot).or_default())
    }

    /// Where a file of this directory is.
    pub(crate) fn path_of(&self, file_name: &str) -> PathBuf {
        self.dir.join(file_name)
    }

    /// What has changed about a save, for another change to build on.
    ///
    /// A note that can't be read now is an error, lest it be replaced; one that is damaged leaves its save locked.
    pub(crate) fn note_of(&self, options: &SaveOptions, entry: &SaveEntry) -> Result<Note, Error> {
        let (true, Some(number)) = (entry.is_note_damaged(), entry.note_number()) else {
            return Ok(entry.note());
        };
        let path = self.path_of(&Name::Note(entry.stem(), number).to_string());
        let mut bytes = Vec::new();
        let read = keepstone_storage::read(&*options.files, &path, NOTE_LEN_MAX, &mut bytes);
        if let Err(err @ StorageError::Io { .. }) = read {
            return Err(err.into());
        }
        let locked = Note { locked: true, ..Note::default() };
        Ok(Note::decode(&bytes, entry.id()).unwrap_or(locked))
    }

    /// Puts a note in the place of the one that a save has. It is durable when this returns.
    pub(crate) fn write_note(
        &self,
        options: &SaveOptions,
        entry: &SaveEntry,
        note: &Note,
    ) -> Result<(), Error> {
        let files = &*options.files;
        let before = self.state().listing.note_number(entry.id());
        let too_many =
            Error::Misuse { what: "a save was renamed, locked or commented on 65,536 times; copy it" };
        let number = before.map_or(Some(0), |number| number.checked_add(1)).ok_or(too_many)?;
        let stem = entry.stem();
        let path = self.path_of(&Name::Note(stem, number).to_string());
        check_head(&note.to_head(entry.id()))?;
        let bytes = note.encode(entry.id()).map_err(|source| Error::format(&path, source))?;
        atomic::replace(files, &path, keepstone_storage::Durability::Durable, &bytes)?;
        let mut state = self.state();
        if let Some(before) = before.filter(|before| *before != number) {
            // The highest counts, so one that stays is no harm.
            let old = self.path_of(&Name::Note(stem, before).to_string());
            drop(files.remove(&old));
        }
        state.listing.refresh(files, &self.dir, &self.player, Look::Skip)?;
        state.unindexed += 1;
        Ok(())
    }

    /// Gives the note of a save to the next revision of it, which is about to be written. It is durable when this returns.
    ///
    /// A note that can't be read is an error: it may say that the save is locked.
    pub(crate) fn carry_note(
        &self,
        options: &SaveOptions,
        old: &SaveEntry,
    ) -> Result<Option<(u16, Note)>, Error> {
        let Some(number) = old.note_number() else { return Ok(None) };
        let path = self.path_of(&Name::Note(old.stem(), number).to_string());
        let mut bytes = Vec::new();
        keepstone_storage::read(&*options.files, &path, NOTE_LEN_MAX, &mut bytes)?;
        let note = Note::decode(&bytes, old.id()).map_err(|source| Error::format(&path, source))?;
        // A crash may have left one of this revision: it is replaced, since none has another number.
        let path = self.path_of(&Name::Note(old.stem().next_revision()?, 0).to_string());
        atomic::replace(&*options.files, &path, keepstone_storage::Durability::Durable, &bytes)?;
        Ok(Some((0, note)))
    }

    /// Gives a file of this directory another name, durably.
    pub(crate) fn move_file(&self, options: &SaveOptions, from: &str, to: &Name) -> Result<PathBuf, Error> {
        let path = self.path_of(&to.to_string());
        let mut state = self.state();
        let State { unsynced, doubted, .. } = &mut *state;
        // Before it is renamed: an answer that it was not may be wrong. A name that is gone is passed over.
        for names in [unsynced, doubted] {
            if names.contains(from) {
                names.insert(to.to_string());
            }
        }
        atomic::rename(&*options.files, &self.path_of(from), &path)?;
        state.listing.refresh(&*options.files, &self.dir, &self.player, Look::Skip)?;
        state.unindexed += 1;
        Ok(path)
    }

    /// Sets a damaged file aside. Its place is known afterwards, whether that went well or not.
    pub(crate) fn set_aside(&self, options: &SaveOptions, entry: &SaveEntry) -> (PathBuf, bool) {
        match self.move_file(options, entry.file_name(), &Name::Damaged(entry.stem())) {
            Ok(path) => (path, true),
            Err(_) => (self.path_of(entry.file_name()), false),
        }
    }
}

impl State {
    /// The number of a save that is begun.
    pub(crate) fn take_sequence(&mut self) -> Result<u64, Error> {
        let sequence = self.next_sequence;
        if sequence > SEQUENCE_MAX {
            let what = "the player has a save with the highest number there is; export it, delete and purge it, and open the saves anew";
            return Err(Error::Misuse { what });
        }
        self.next_sequence = sequence.saturating_add(1);
        Ok(sequence)
    }

    /// The saves of a slot and kind that are not kept any longer, the newest first: beyond `keep` good ones that are on the disk and not locked.
    pub(crate) fn beyond(&self, slot: Option<u8>, kind: SaveKind, keep: u32) -> Vec<SaveEntry> {
        let good = self.listing.of_slot(slot).filter(|entry| entry.is_good() && entry.kind() == Some(kind));
        let unlocked = good.filter(|entry| !entry.is_locked());
        let mut kept = 0;
        // What may go in a power cut takes nobody's place.
        let is_kept = |entry: &&SaveEntry| {
            let stays = kept < keep;
            kept += u32::from(self.is_certain(entry));
            stays
        };
        unlocked.skip_while(is_kept).cloned().collect()
    }

    /// Whether a save is known to be on the disk.
    fn is_certain(&self, entry: &SaveEntry) -> bool {
        !self.unsynced.contains(entry.file_name()) && !self.doubted.contains(entry.file_name())
    }

    /// A save whose sync has failed, and that no later save of its slot makes up for.
    pub(crate) fn in_doubt(&self) -> Option<&str> {
        let is_last = |name: &&String| {
            let Name::Save(stem) = Name::of_bytes(name.as_bytes()) else { return false };
            let mut later = self.listing.of_slot(stem.slot).filter(|entry| entry.is_good());
            later
                .find(|entry| self.is_certain(entry) || entry.file_name() == **name)
                .is_some_and(|entry| entry.file_name() == **name)
        };
        self.doubted.iter().find(is_last).map(String::as_str)
    }

    /// Whether another file has the save too: another revision of it.
    fn has_other(&self, entry: &SaveEntry) -> bool {
        self.listing.get(entry.id()).is_some_and(|other| other.file_name() != entry.file_name())
    }

    /// Lets go of files whose saves are not kept, and returns the ids.
    pub(crate) fn retire(
        &mut self,
        files: &dyn Files,
        spares: &Spares,
        dir: &Path,
        entries: &[SaveEntry],
    ) -> Result<Vec<SaveId>, Error> {
        let mut ids = Vec::with_capacity(entries.len());
        for entry in entries {
            match spares.retire(&dir.join(entry.file_name())) {
                Ok(()) => {}
                Err(err) if root::is_not_found(&err) => {}
                Err(err) => return Err(err.into()),
            }
            if let Some(number) = self.listing.note_number(entry.id()).filter(|_| !self.has_other(entry)) {
                // One that stays belongs to nothing and is not looked at.
                drop(files.remove(&dir.join(Name::Note(entry.stem(), number).to_string())));
            }
            self.listing.remove(entry.file_name());
            self.unindexed += 1;
            ids.push(entry.id());
        }
        Ok(ids)
    }
}

/// Whether a save has a file of its own, whatever has become of it.
fn has_file(files: &dyn Files, dir: &Path, stem: Stem) -> Result<bool, Error> {
    for name in [Name::Save(stem), Name::Deleted(stem), Name::Damaged(stem)] {
        match files.metadata(&dir.join(name.to_string())) {
            Ok(_) => return Ok(true),
            Err(err) if root::is_not_found(&err) => {}
            Err(err) => return Err(err.into()),
        }
    }
    Ok(false)
}
