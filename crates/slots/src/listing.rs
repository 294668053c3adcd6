mod fingerprint;
mod look;
mod place;
mod update;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
};

use keepstone_storage::{Files, Stamp};

pub(crate) use fingerprint::Fingerprint;

use crate::{
    Error,
    entry::SaveEntry,
    id::SaveId,
    index,
    player::Player,
    stem::{Name, Stem},
};
use place::Place;

/// More saves than there will ever be.
const PLAUSIBLE_MAX: u64 = 1 << 62;

/// Whether saves are looked for in spares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Yes: for readers.
    Spares,
    /// No: the writer has taken over what was in them.
    Skip,
}

/// What the directory of a player holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Those that are neither deleted nor set aside, whatever their state.
    saves: BTreeMap<Place, SaveEntry>,
    deleted: BTreeMap<Place, SaveEntry>,
    set_aside: BTreeMap<Place, SaveEntry>,
    /// Notes that say nothing: there is a later one, or no save.
    idle_notes: BTreeSet<(Stem, u16)>,
    /// Spares that were looked at, and the save that is in one.
    spares: BTreeMap<u32, Option<Place>>,
    /// What the system refused to read, which is looked at again.
    refused: BTreeSet<Name>,
    /// Of the names of all that is known.
    fingerprint: Fingerprint,
    /// That of the directory when it had these names, if nothing was put in or taken out since.
    stamp: Option<Stamp>,
    highest_sequence: u64,
    /// Container lengths of good saves. The sum of hostile ones has more than 64 bits.
    bytes: u128,
    was_index_stale: bool,
}

/// What is on the disk.
impl Listing {
    /// Reads a directory: its names, the index, and the files that the index doesn't know. A directory that is missing is empty.
    ///
    /// Another process may write to it at the same time: what comes or goes meanwhile is there or is not.
    ///
    /// # Errors
    /// If the names can't be read.
    pub(crate) fn read(files: &dyn Files, dir: &Path, player: &Player, look: Look) -> Result<Self, Error> {
        update::read(files, dir, player, look)
    }

    /// Compares with the names in the directory, and looks at the files that came; answers whether anything was different. What a spare
    /// holds is looked at again only when names are different. The names are not read if the stamp of the directory says that they are the same.
    ///
    /// # Errors
    /// If the names can't be read; then all is as it was.
    pub(crate) fn refresh(
        &mut self,
        files: &dyn Files,
        dir: &Path,
        player: &Player,
        look: Look,
    ) -> Result<bool, Error> {
        update::refresh(self, files, dir, player, look)
    }

    /// Whether the index that was read was missing, damaged, or not that of the directory.
    pub(crate) fn was_index_stale(&self) -> bool {
        self.was_index_stale
    }

    /// Encodes the index of what is known.
    pub(crate) fn encode_index(&self) -> Result<Vec<u8>, Error> {
        let all = self.maps().into_iter().flat_map(BTreeMap::values);
        let named =
            all.filter(|entry| !matches!(Name::of_bytes(entry.file_name().as_bytes()), Name::Spare(_)));
        let mut entries: Vec<&SaveEntry> = named.collect();
        entries.sort_by_key(|entry| entry.file_name());
        index::encode(&entries).map_err(|source| Error::format(Path::new("index"), source))
    }
}

/// What a writer has changed itself.
impl Listing {
    /// Puts in a save whose file, and whose note if it has one, are in the directory, in the place of one with the same file name.
    pub(crate) fn insert(&mut self, entry: SaveEntry) {
        self.stamp = None;
        drop(self.remove(entry.file_name()));
        let name = Name::of_bytes(entry.file_name().as_bytes());
        let (place, sequence) = (Place::of(&entry.stem()), entry.sequence());
        match name {
            Name::Save(_) => {
                // The same save in a spare, whose writer was killed while it copied it.
                if let Some(other) = self.saves.get(&place).map(|other| other.file_name().to_owned()) {
                    self.remove(&other);
                }
            }
            Name::Spare(number) => {
                self.spares.insert(number, Some(place));
            }
            _ => {}
        }
        // A note that was there before its save.
        if let Some(number) = entry.note_number()
            && self.idle_notes.remove(&(entry.stem(), number))
        {
            self.fingerprint.take(Name::Note(entry.stem(), number).to_string().as_bytes());
        }
        self.count_names(&entry, Fingerprint::add);
        if entry.is_good() {
            self.bytes += u128::from(entry.bytes());
        }
        let is_usable = !entry.metadata().0.is_empty();
        if let Some(map) = self.map_of(&name) {
            map.insert(place, entry);
        }
        self.count_sequence(sequence, is_usable);
    }

    /// Takes out the save with a file name, and its note.
    pub(crate) fn remove(&mut self, file_name: &str) -> Option<SaveEntry> {
        self.stamp = None;
        let name = Name::of_bytes(file_name.as_bytes());
        let place = match name {
            Name::Spare(number) => self.spares.remove(&number).flatten()?,
            _ => Place::of(&name.stem()?),
        };
        let map = self.map_of(&name)?;
        if map.get(&place)?.file_name() != file_name {
            return None;
        }
        let entry = map.remove(&place)?;
        self.count_names(&entry, Fingerprint::take);
        if entry.is_good() {
            self.bytes -= u128::from(entry.bytes());
        }
        Some(entry)
    }

    /// Sees that later saves have higher numbers. One that nothing but a name vouches for is not believed if it is so high that it would leave none.
    fn count_sequence(&mut self, sequence: u64, is_usable: bool) {
        if is_usable || sequence <= PLAUSIBLE_MAX {
            self.highest_sequence = self.highest_sequence.max(sequence);
        }
    }

    fn count_names(&mut self, entry: &SaveEntry, count: impl Fn(&mut Fingerprint, &[u8])) {
        count(&mut self.fingerprint, entry.file_name().as_bytes());
        if let Some(number) = entry.note_number() {
            count(&mut self.fingerprint, Name::Note(entry.stem(), number).to_string().as_bytes());
        }
    }

    fn map_of(&mut self, name: &Name) -> Option<&mut BTreeMap<Place, SaveEntry>> {
        match name {
            Name::Save(_) | Name::Spare(_) => Some(&mut self.saves),
            Name::Deleted(_) => Some(&mut self.deleted),
            Name::Damaged(_) => Some(&mut self.set_aside),
            Name::Note(..) | Name::Old(_) | Name::Index | Name::Other => None,
        }
    }

    fn maps(&self) -> [&BTreeMap<Place, SaveEntry>; 3] {
        [&self.saves, &self.deleted, &self.set_aside]
    }
}

/// What is known.
impl Listing {
    /// Finds a save: the highest revision, deleted or set aside only if there is no other.
    pub(crate) fn get(&self, id: SaveId) -> Option<&SaveEntry> {
        self.maps().into_iter().find_map(|map| {
            let found = map.values().filter(|entry| entry.id() == id);
            found.max_by_key(|entry| (entry.revision(), entry.sequence()))
        })
    }

    /// The saves of a slot, or those of the profile, the newest first: damaged ones and all revisions, neither deleted ones nor those that were set aside.
    pub(crate) fn of_slot(&self, slot: Option<u8>) -> impl Iterator<Item = &SaveEntry> {
        self.saves.range(Place::all_of(slot)).rev().map(|(_, entry)| entry)
    }

    /// The first of [`Listing::of_slot`].
    pub(crate) fn latest(&self, slot: Option<u8>) -> Option<SaveEntry> {
        self.of_slot(slot).next().cloned()
    }

    /// All saves that are neither deleted nor set aside, the newest first, of each the highest revision.
    pub(crate) fn newest_first(&self) -> Vec<SaveEntry> {
        newest_first(&self.saves)
    }

    /// Files with a save of which there is a later revision, and that one: what a migration could not let go of.
    pub(crate) fn earlier_revisions(&self) -> Vec<(SaveEntry, SaveEntry)> {
        let mut highest: BTreeMap<SaveId, &SaveEntry> = BTreeMap::new();
        for entry in self.saves.values().filter(|entry| entry.revision() > 0) {
            let known = highest.entry(entry.id()).or_insert(entry);
            if known.revision() < entry.revision() {
                *known = entry;
            }
        }
        if highest.is_empty() {
            return Vec::new();
        }
        let pairs = self.saves.values().filter_map(|entry| {
            let later = highest.get(&entry.id()).filter(|later| later.revision() > entry.revision())?;
            Some((entry.clone(), (*later).clone()))
        });
        pairs.collect()
    }

    /// The notes that say nothing: there is a later one, or no save.
    pub(crate) fn idle_notes(&self) -> Vec<Name> {
        self.idle_notes.iter().map(|(stem, number)| Name::Note(*stem, *number)).collect()
    }

    /// The saves that were deleted, the newest first.
    pub(crate) fn deleted(&self) -> Vec<SaveEntry> {
        newest_first(&self.deleted)
    }

    /// The saves that were set aside, the newest first.
    pub(crate) fn damaged(&self) -> Vec<SaveEntry> {
        newest_first(&self.set_aside)
    }

    /// The highest sequence that any file here ever had while this was known; 0 without any.
    pub(crate) fn highest_sequence(&self) -> u64 {
        self.highest_sequence
    }

    /// Bytes of the good saves, deleted ones and those that were set aside not counted.
    pub(crate) fn len(&self) -> usize {
        self.maps().iter().map(|map| map.len()).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or(u64::MAX)
    }

    /// Bytes of the longest good save.
    pub(crate) fn longest(&self) -> u64 {
        self.saves.values().filter(|entry| entry.is_good()).map(SaveEntry::bytes).max().unwrap_or(0)
    }

    /// The number of the note of the save that [`Listing::get`] finds.
    pub(crate) fn note_number(&self, id: SaveId) -> Option<u16> {
        self.get(id).and_then(SaveEntry::note_number)
    }
}

fn newest_first(map: &BTreeMap<Place, SaveEntry>) -> Vec<SaveEntry> {
    let mut all: Vec<(&Place, &SaveEntry)> = map.iter().rev().collect();
    // Made of a few runs that are in order, which this sort merges.
    all.sort_by_key(|(place, _)| Reverse(place.order));
    let mut entries = Vec::with_capacity(all.len());
    // Revisions of a save have one sequence, so they stand together.
    for revisions in all.chunk_by(|(left, _), (right, _)| left.order.0 == right.order.0) {
        if let [(_, entry)] = revisions {
            entries.push((*entry).clone());
            continue;
        }
        let mut seen = HashSet::new();
        let highest = revisions.iter().filter(|(place, _)| seen.insert(place.order.2));
        entries.extend(highest.map(|(_, entry)| (*entry).clone()));
    }
    entries
}

#[cfg(test)]
mod tests;
