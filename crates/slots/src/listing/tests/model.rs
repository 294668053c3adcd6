//! Random histories of a directory, against a list of what was done.

use std::collections::BTreeMap;

use keepstone_testkit::Random;

use super::*;

/// What should be in the directory.
#[derive(Default)]
struct Model {
    /// By name: whether the file is whole, and its length.
    files: BTreeMap<Name, (bool, u64)>,
    /// None: damaged.
    notes: BTreeMap<(Stem, u16), Option<Note>>,
    /// The number of the next note: no name stands for two notes.
    next_note: BTreeMap<Stem, u16>,
    /// The highest sequence so far.
    highest: u64,
}

/// What is told of a save.
type Row = (String, bool, Option<String>, bool, Option<u16>);

fn row(entry: &SaveEntry) -> Row {
    let is_usable = !matches!(entry.state(), EntryState::Damaged { .. });
    let name = entry.name().map(str::to_owned);
    (entry.file_name().to_owned(), is_usable, name, entry.is_locked(), entry.note_number())
}

impl Model {
    fn note_of(&self, stem: Stem) -> Option<(u16, &Option<Note>)> {
        self.notes.range((stem, 0)..=(stem, u16::MAX)).next_back().map(|((_, number), note)| (*number, note))
    }

    /// The saves of a kind of names, newest first, of each the highest revision.
    fn rows(&self, is_of: fn(&Name) -> bool) -> Vec<Row> {
        let mut named: Vec<(&Name, bool)> = self
            .files
            .iter()
            .filter(|(name, _)| is_of(name))
            .map(|(name, (whole, _))| (name, *whole))
            .collect();
        named.sort_by_key(|(name, _)| Reverse(name.stem().unwrap()));
        let mut seen = HashSet::new();
        named.retain(|(name, _)| seen.insert(name.stem().unwrap().id));
        let row = |(name, whole): (&Name, bool)| {
            let note = self.note_of(name.stem().unwrap());
            let is_locked = note.is_some_and(|(_, note)| note.as_ref().is_none_or(|note| note.locked));
            let shown = note.and_then(|(_, note)| note.as_ref()?.name.clone());
            (name.to_string(), whole, shown, is_locked, note.map(|(number, _)| number))
        };
        named.into_iter().map(row).collect()
    }

    fn check(&self, listing: &Listing, seed: u64) {
        let rows = |entries: Vec<SaveEntry>| entries.iter().map(row).collect::<Vec<_>>();
        assert_eq!(
            rows(listing.newest_first()),
            self.rows(|name| matches!(name, Name::Save(_))),
            "seed {seed}"
        );
        assert_eq!(
            rows(listing.deleted()),
            self.rows(|name| matches!(name, Name::Deleted(_))),
            "seed {seed}"
        );
        assert_eq!(
            rows(listing.damaged()),
            self.rows(|name| matches!(name, Name::Damaged(_))),
            "seed {seed}"
        );
        let good = self.files.iter().filter(|(name, (whole, _))| matches!(name, Name::Save(_)) && *whole);
        let lengths: Vec<u64> = good.map(|(_, (_, len))| *len).collect();
        assert_eq!(listing.bytes(), lengths.iter().sum::<u64>(), "seed {seed}");
        assert_eq!(listing.longest(), lengths.into_iter().max().unwrap_or(0), "seed {seed}");
        let there = self.files.keys().filter_map(Name::stem).chain(self.notes.keys().map(|(stem, _)| *stem));
        let least = there.map(|stem| stem.sequence).max().unwrap_or(0);
        assert!((least..=self.highest).contains(&listing.highest_sequence()), "seed {seed}");
        for name in self.files.keys() {
            let stem = name.stem().unwrap();
            let highest = |is_save| {
                let same = self.files.keys().filter(|name| matches!(name, Name::Save(_)) == is_save);
                same.filter_map(Name::stem)
                    .filter(|other| other.id == stem.id)
                    .map(|stem| stem.revision)
                    .max()
            };
            let found = listing.get(stem.id).unwrap();
            if let Some(revision) = highest(true) {
                assert_eq!((found.revision(), found.stem().id), (revision, stem.id), "seed {seed}");
            }
        }
    }
}

/// Does one thing to the directory.
fn step(disk: &Disk, model: &mut Model, random: &mut Random) {
    let some: Option<Name> =
        (!model.files.is_empty()).then(|| *model.files.keys().nth(random.index(model.files.len())).unwrap());
    match (random.below(10), some) {
        (0..=2, _) | (_, None) => {
            model.highest += 1 + random.below(3);
            let slot = u8::try_from(random.below(4)).ok().filter(|slot| *slot > 0);
            let stem = stem_of(slot, model.highest);
            let len = disk.save(stem);
            model.files.insert(Name::Save(stem), (true, len));
        }
        (3, Some(name)) => {
            disk.remove(&name);
            model.files.remove(&name);
        }
        (4, Some(name)) => {
            let stem = name.stem().unwrap();
            let to = [Name::Save(stem), Name::Deleted(stem), Name::Damaged(stem)][random.index(3)];
            if !model.files.contains_key(&to) {
                disk.rename(&name, &to);
                let file = model.files.remove(&name).unwrap();
                model.files.insert(to, file);
            }
        }
        (5, Some(Name::Save(stem))) => {
            let stem = Stem { revision: stem.revision + 1, ..stem };
            model.files.entry(Name::Save(stem)).or_insert_with(|| (true, disk.save(stem)));
        }
        (6, Some(_)) => {
            model.highest += 1;
            let name = Name::Save(stem_of(Some(1), model.highest));
            disk.overwrite(&name, b"torn");
            model.files.insert(name, (false, 0));
        }
        (7..=8, Some(name)) => {
            let stem = name.stem().unwrap();
            let next = model.next_note.entry(stem).or_default();
            let number = *next;
            *next += 1;
            let locked = random.one_in(2);
            let note = (!random.one_in(4)).then(|| Note {
                name: Some(format!("n{}", random.below(9))),
                locked,
                ..Note::default()
            });
            match &note {
                Some(note) => disk.write_note(stem, number, note),
                None => disk.overwrite(&Name::Note(stem, number), b"torn"),
            }
            model.notes.insert((stem, number), note);
        }
        (_, Some(_)) => {
            let Some((stem, number)) = model.notes.keys().next().copied() else { return };
            disk.remove(&Name::Note(stem, number));
            model.notes.remove(&(stem, number));
        }
    }
}

#[test]
fn a_listing_is_what_was_done_however_it_was_read() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let (disk, mut model) = (Disk::new(), Model::default());
        let mut kept = disk.read();
        for _ in 0..40 {
            for _ in 0..random.below(3) {
                step(&disk, &mut model, &mut random);
            }
            if random.one_in(6) {
                // What is no save's is not looked at.
                atomic_junk(&disk, random.below(5));
            }
            disk.refresh(&mut kept);
            assert!(!disk.refresh(&mut kept), "seed {seed}");
            model.check(&kept, seed);
            let read = disk.read();
            model.check(&read, seed);
            assert_eq!(read.encode_index().unwrap(), kept.encode_index().unwrap(), "seed {seed}");
            if random.one_in(3) {
                disk.overwrite(&Name::Index, &kept.encode_index().unwrap());
                let read = disk.read();
                assert!(!read.was_index_stale(), "seed {seed}");
                model.check(&read, seed);
            }
        }
    }
}

fn atomic_junk(disk: &Disk, number: u64) {
    let path = disk.dir.join(format!("junk{number}.save"));
    let options = Durability::Buffered;
    atomic::replace(&disk.files, &path, options, b"junk").unwrap();
}
