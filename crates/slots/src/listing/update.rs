use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::{OsStr, OsString},
    path::Path,
};

use keepstone_storage::Files;

use super::{
    Fingerprint, Listing, Look,
    look::{Seen, look_at_note, look_at_save, look_at_spare},
    place::Place,
};
use crate::{
    Error,
    entry::{EntryState, SaveEntry},
    index::{self, INDEX_LEN_MAX, Index},
    player::Player,
    root::is_not_found,
    stem::{Name, Stem},
};

pub(super) fn read(files: &dyn Files, dir: &Path, player: &Player, look: Look) -> Result<Listing, Error> {
    // Read first: what is missing in an index that is older than the names is looked at.
    let index = read_index(files, dir);
    // Somebody may have copied the directory of another player.
    let is_ours = |index: &Index| index.entries.first().is_none_or(|entry| entry.player() == player.as_str());
    let index = index.filter(is_ours);
    let mut names = Names::read(files, dir, look)?;
    if index.as_ref().is_none_or(|index| index.fingerprint != names.saved) {
        names.count_strictly();
    }
    let mut listing = Listing::default();
    let Some(Index { entries, fingerprint, has_others }) = index else {
        let is_empty = names.saved == Fingerprint::default();
        listing.update(&Update { files, dir, player }, &names);
        listing.was_index_stale = !is_empty;
        return Ok(listing);
    };
    let indexed = entries.len();
    listing.fill(entries);
    if fingerprint == names.saved && !has_others {
        listing.fingerprint = fingerprint;
        listing.look_into(&Update { files, dir, player }, &names);
        return Ok(listing);
    }
    listing.update(&Update { files, dir, player }, &names);
    listing.was_index_stale = !listing.is_as_indexed(fingerprint, indexed);
    Ok(listing)
}

pub(super) fn refresh(
    listing: &mut Listing,
    files: &dyn Files,
    dir: &Path,
    player: &Player,
    look: Look,
) -> Result<bool, Error> {
    if listing.refused.is_empty() && listing.stamp.is_some_and(|known| files.has_stamp(dir, known)) {
        return Ok(false);
    }
    // Before the names: a change between the two makes it another.
    let stamp = files.stamp(dir);
    let mut names = Names::read(files, dir, look)?;
    if names.all != listing.fingerprint {
        names.count_strictly();
    }
    let is_same = names.all == listing.fingerprint && listing.refused.is_empty();
    if !is_same {
        listing.update(&Update { files, dir, player }, &names);
    }
    // A file that went between the names and the look at it has no entry, and its going is a change.
    listing.stamp = stamp;
    Ok(!is_same)
}

/// The index, if it is there and keeps all rules. What is wrong with it is no error: the files are the truth.
fn read_index(files: &dyn Files, dir: &Path) -> Option<Index> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, &dir.join(Name::Index.to_string()), INDEX_LEN_MAX, &mut bytes).ok()?;
    index::decode(bytes)
}

/// The names in a directory.
struct Names {
    listed: Vec<OsString>,
    look: Look,
    /// Of those of saves and notes.
    saved: Fingerprint,
    /// Of these and of the spares that are looked at.
    all: Fingerprint,
    spares: Vec<u32>,
}

impl Names {
    /// Reads the names, and counts those as names of saves that end like one: where that makes the set that is known, each is one, and none had to be taken apart.
    fn read(files: &dyn Files, dir: &Path, look: Look) -> Result<Self, Error> {
        let listed = match files.list(dir) {
            Ok(listed) => listed,
            Err(err) if is_not_found(&err) => Vec::new(),
            Err(err) => return Err(err.into()),
        };
        let fingerprint = Fingerprint::default();
        let mut names = Self { listed, look, saved: fingerprint, all: fingerprint, spares: Vec::new() };
        names.count(|name| Name::ends_like_a_save(name.as_encoded_bytes()));
        Ok(names)
    }

    /// Counts only what is the name of a save or note.
    fn count_strictly(&mut self) {
        self.count(|name| Name::parse(name).stem().is_some());
    }

    fn count(&mut self, is_saved: impl Fn(&OsStr) -> bool) {
        (self.saved, self.spares) = (Fingerprint::default(), Vec::new());
        let mut looked = Vec::new();
        for file_name in &self.listed {
            if is_saved(file_name) {
                self.saved.add(file_name.as_encoded_bytes());
            } else if let (Look::Spares, Name::Spare(number)) = (self.look, Name::parse(file_name)) {
                looked.push(file_name);
                self.spares.push(number);
            }
        }
        self.all = self.saved;
        for file_name in looked {
            self.all.add(file_name.as_encoded_bytes());
        }
        self.spares.sort_unstable();
    }

    /// The names of saves and notes, sorted.
    fn parsed(&self) -> Vec<Name> {
        let names = self.listed.iter().map(|file_name| Name::parse(file_name));
        let mut names: Vec<Name> = names.filter(|name| name.stem().is_some()).collect();
        names.sort_unstable();
        names
    }
}

/// Where files are looked at.
struct Update<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    player: &'a Player,
}

impl Update<'_> {
    fn look_at_save(&self, name: &Name, stem: Stem) -> Seen<SaveEntry> {
        look_at_save(self.files, &self.dir.join(name.to_string()), stem, self.player)
    }
}

impl Listing {
    /// Takes over what an index says.
    fn fill(&mut self, entries: Vec<SaveEntry>) {
        let [mut saves, mut deleted, mut set_aside] = [const { Vec::new() }; 3];
        for entry in entries {
            self.highest_sequence = self.highest_sequence.max(entry.sequence());
            let place = Place::of(&entry.stem());
            match entry.state() {
                EntryState::Deleted => deleted.push((place, entry)),
                EntryState::SetAside => set_aside.push((place, entry)),
                _ => {
                    self.bytes += u128::from(entry.bytes());
                    saves.push((place, entry));
                }
            }
        }
        // They come in the order of their names, which is that of places: building a map of them takes no sort.
        [self.saves, self.deleted, self.set_aside] = [saves, deleted, set_aside].map(BTreeMap::from_iter);
    }

    /// Becomes what the directory holds: what is known and still there stays, what came is looked at.
    fn update(&mut self, at: &Update<'_>, names: &Names) {
        let parsed = names.parsed();
        let notes = latest_notes(&parsed);
        let known = std::mem::take(self);
        (self.highest_sequence, self.was_index_stale) = (known.highest_sequence, known.was_index_stale);
        let mut gone = HashSet::new();
        for name in &parsed {
            let Some(stem) = name.stem() else { continue };
            self.count_sequence(stem.sequence, false);
            if let Name::Note(..) = name {
                continue;
            }
            let entry = match known.find(name, &stem) {
                Some(entry) => entry.clone(),
                None => match at.look_at_save(name, stem) {
                    Seen::This(entry) => entry,
                    Seen::Refused(entry) => {
                        self.refused.insert(*name);
                        entry
                    }
                    Seen::Gone => continue,
                },
            };
            let number = notes.get(&stem).copied();
            let is_noted = entry.note_number() == number
                && number.is_none_or(|number| !known.refused.contains(&Name::Note(stem, number)));
            let entry = if is_noted { entry } else { self.noted(at, &entry, number, &mut gone) };
            self.insert(entry);
        }
        let idle = parsed.iter().filter(|name| !gone.contains(*name));
        self.keep_idle(idle);
        self.look_into(at, names);
    }

    /// The save with the note of a number, as it is in the file.
    fn noted(
        &mut self,
        at: &Update<'_>,
        entry: &SaveEntry,
        number: Option<u16>,
        gone: &mut HashSet<Name>,
    ) -> SaveEntry {
        let Some(number) = number else { return entry.with_note(None) };
        let (stem, name) = (entry.stem(), Name::Note(entry.stem(), number));
        match look_at_note(at.files, &at.dir.join(name.to_string()), stem) {
            Seen::This(Some(note)) => entry.with_note(Some((number, note))),
            Seen::This(None) => entry.with_damaged_note(number),
            Seen::Refused(_) => {
                self.refused.insert(name);
                entry.with_damaged_note(number)
            }
            Seen::Gone => {
                gone.insert(name);
                entry.with_note(None)
            }
        }
    }

    /// The save that a name stands for, unless it has to be looked at again.
    fn find(&self, name: &Name, stem: &Stem) -> Option<&SaveEntry> {
        let map = match name {
            Name::Save(_) => &self.saves,
            Name::Deleted(_) => &self.deleted,
            Name::Damaged(_) => &self.set_aside,
            _ => return None,
        };
        let entry = map.get(&Place::of(stem))?;
        let is_it = Name::of_bytes(entry.file_name().as_bytes()) == *name && !self.refused.contains(name);
        is_it.then_some(entry)
    }

    /// Of the names in the directory, remembers those of notes that no save has.
    fn keep_idle<'n>(&mut self, names: impl Iterator<Item = &'n Name>) {
        for name in names {
            let Name::Note(stem, number) = *name else { continue };
            let place = Place::of(&stem);
            let has_it = |entry: &SaveEntry| entry.note_number() == Some(number);
            if !self.maps().into_iter().filter_map(|map| map.get(&place)).any(has_it) {
                self.idle_notes.insert((stem, number));
                self.fingerprint.add(name.to_string().as_bytes());
            }
        }
    }

    /// Looks for saves in spares.
    fn look_into(&mut self, at: &Update<'_>, names: &Names) {
        for number in &names.spares {
            let file_name = Name::Spare(*number).to_string();
            let found = look_at_spare(at.files, &at.dir.join(&file_name));
            // What was copied to a file of its own is known already.
            let news = found.filter(|entry| !self.saves.contains_key(&Place::of(&entry.stem())));
            if let Some(entry) = news {
                self.insert(entry);
            } else {
                self.spares.insert(*number, None);
                self.fingerprint.add(file_name.as_bytes());
            }
        }
    }

    /// Whether an index with a fingerprint and so many usable saves would be written again as it is.
    fn is_as_indexed(&self, fingerprint: Fingerprint, usable: usize) -> bool {
        let mut now = Fingerprint::default();
        let mut usable_now = 0;
        for entry in self.maps().into_iter().flat_map(BTreeMap::values) {
            let file_name = entry.file_name();
            if let Name::Spare(_) = Name::of_bytes(file_name.as_bytes()) {
                continue;
            }
            now.add(file_name.as_bytes());
            if let Some(number) = entry.note_number() {
                now.add(Name::Note(entry.stem(), number).to_string().as_bytes());
            }
            let is_unusable = entry.is_note_damaged() || entry.metadata().0.is_empty();
            usable_now += usize::from(!is_unusable);
        }
        (now, usable_now) == (fingerprint, usable)
    }
}

/// Of the notes of each save the highest number.
fn latest_notes(parsed: &[Name]) -> HashMap<Stem, u16> {
    let notes = parsed.iter().filter_map(|name| match name {
        Name::Note(stem, number) => Some((*stem, *number)),
        _ => None,
    });
    // Sorted, so the highest comes last.
    notes.collect()
}
