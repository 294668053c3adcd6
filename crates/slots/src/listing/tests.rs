mod beside;
mod disk;
mod model;
mod stamped;

use keepstone_storage::{Durability, atomic};

use super::*;
use crate::{
    entry::{EntryState, tests::stem_of},
    note::Note,
};
use disk::Disk;

/// File names, in order.
fn names(entries: &[SaveEntry]) -> Vec<String> {
    entries.iter().map(|entry| entry.file_name().to_owned()).collect()
}

fn noted(name: &str) -> Note {
    Note { name: Some(name.into()), ..Note::default() }
}

#[test]
fn a_directory_that_is_missing_is_empty_and_its_index_is_not_stale() {
    let disk = Disk::new();
    let mut listing = Listing::read(&disk.files, Path::new("nowhere"), &disk.player, Look::Spares).unwrap();
    assert!(listing.newest_first().is_empty() && !listing.was_index_stale());
    assert_eq!((listing.highest_sequence(), listing.bytes(), listing.longest()), (0, 0, 0));
    assert!(!listing.refresh(&disk.files, Path::new("nowhere"), &disk.player, Look::Spares).unwrap());
}

#[test]
fn saves_are_listed_newest_first_whatever_their_slot() {
    let disk = Disk::new();
    let stems =
        [(None, 4), (Some(200), 9), (Some(0), 1), (Some(3), 7), (Some(3), 2)].map(|(s, n)| stem_of(s, n));
    let bytes: u64 = stems.iter().map(|stem| disk.save(*stem)).sum();
    let listing = disk.read();
    let sequences: Vec<u64> = listing.newest_first().iter().map(SaveEntry::sequence).collect();
    assert_eq!(sequences, [9, 7, 4, 2, 1]);
    let of_slot: Vec<u64> = listing.of_slot(Some(3)).map(SaveEntry::sequence).collect();
    assert_eq!(of_slot, [7, 2]);
    assert_eq!(listing.latest(None).map(|entry| entry.sequence()), Some(4));
    assert!(listing.latest(Some(1)).is_none());
    assert_eq!((listing.bytes(), listing.highest_sequence()), (bytes, 9));
    assert_eq!(listing.get(stems[1].id).map(SaveEntry::sequence), Some(9));
    assert!(listing.was_index_stale());
}

#[test]
fn of_revisions_the_highest_is_listed_and_found() {
    let disk = Disk::new();
    let first = stem_of(Some(3), 5);
    let stems = [first, Stem { revision: 2, ..first }, Stem { revision: 1, ..first }, stem_of(Some(3), 6)];
    for stem in stems {
        disk.save(stem);
    }
    let listing = disk.read();
    assert_eq!(names(&listing.newest_first()), [stems[3], stems[1]].map(|stem| Name::Save(stem).to_string()));
    assert_eq!(listing.of_slot(Some(3)).count(), 4);
    assert_eq!(listing.get(first.id).map(SaveEntry::revision), Some(2));
}

#[test]
fn other_saves_with_the_same_sequence_are_all_listed() {
    let disk = Disk::new();
    let (one, other) = (stem_of(Some(1), 5), Stem { id: SaveId::random(), ..stem_of(Some(2), 5) });
    disk.save(one);
    disk.save(other);
    assert_eq!(disk.read().newest_first().len(), 2);
}

#[test]
fn an_index_that_fits_is_believed_and_no_save_is_opened() {
    let disk = Disk::new();
    let stem = stem_of(Some(1), 1);
    disk.save(stem);
    disk.save(stem_of(None, 2));
    disk.write_note(stem, 3, &noted("Renamed"));
    disk.write_index();
    // What would be found if it were looked at.
    disk.overwrite(&Name::Save(stem), b"nothing");
    let listing = disk.read();
    assert!(!listing.was_index_stale());
    assert_eq!(listing.get(stem.id).unwrap().name(), Some("Renamed"));
    assert!(listing.newest_first().iter().all(SaveEntry::is_good));
    assert_eq!(listing.note_number(stem.id), Some(3));
    disk.remove(&Name::Index);
    assert!(!disk.read().get(stem.id).unwrap().is_good());
}

#[test]
fn only_what_an_index_does_not_know_is_looked_at() {
    let disk = Disk::new();
    let [kept, gone, came] = [1, 2, 3].map(|sequence| stem_of(Some(1), sequence));
    disk.save(kept);
    disk.save(gone);
    disk.write_index();
    disk.overwrite(&Name::Save(kept), b"nothing");
    disk.remove(&Name::Save(gone));
    disk.save(came);
    let listing = disk.read();
    assert!(listing.was_index_stale());
    assert_eq!(names(&listing.newest_first()), [came, kept].map(|stem| Name::Save(stem).to_string()));
    assert!(listing.get(kept.id).unwrap().is_good());
}

#[test]
fn a_name_that_only_ends_like_a_save_changes_nothing() {
    let disk = Disk::new();
    let stem = stem_of(Some(1), 1);
    disk.save(stem);
    disk.write_index();
    // What would be found if it were looked at.
    disk.overwrite(&Name::Save(stem), b"nothing");
    let mut known = disk.read();
    for name in ["copy of it.save", "s001.deleted", ".damaged", "x.note"] {
        atomic::replace(&disk.files, &disk.dir.join(name), Durability::Buffered, b"x").unwrap();
    }
    assert!(!disk.refresh(&mut known));
    for listing in [known, disk.read()] {
        assert!(!listing.was_index_stale());
        assert_eq!(names(&listing.newest_first()), [Name::Save(stem).to_string()]);
        assert!(listing.get(stem.id).unwrap().is_good());
    }
}

#[test]
fn an_index_of_any_kind_of_garbage_is_stale_and_no_error() {
    let disk = Disk::new();
    let stem = stem_of(Some(1), 1);
    disk.save(stem);
    for garbage in [&b""[..], b"x", &[0; 500]] {
        disk.overwrite(&Name::Index, garbage);
        let listing = disk.read();
        assert!(listing.was_index_stale() && listing.get(stem.id).unwrap().is_good());
    }
}

#[test]
fn what_an_index_says_is_damaged_is_looked_at_again() {
    let disk = Disk::new();
    let [torn, noted_stem] = [1, 2].map(|sequence| stem_of(Some(1), sequence));
    disk.overwrite(&Name::Save(torn), b"torn");
    disk.save(noted_stem);
    disk.overwrite(&Name::Note(noted_stem, 0), b"torn");
    disk.write_index();
    let listing = disk.read();
    assert!(!listing.was_index_stale(), "nothing would be written otherwise");
    assert!(
        matches!(listing.get(torn.id).unwrap().state(), EntryState::Damaged { reason } if reason.contains("commit page"))
    );
    assert!(listing.get(noted_stem.id).unwrap().is_locked());
    disk.save(torn);
    disk.write_note(noted_stem, 0, &noted("fine"));
    let listing = disk.read();
    assert!(listing.was_index_stale());
    assert!(listing.get(torn.id).unwrap().is_good() && !listing.get(noted_stem.id).unwrap().is_locked());
}

#[test]
fn damaged_saves_are_listed_by_what_their_names_say() {
    let disk = Disk::new();
    let [torn, zero, swapped, good] = [1, 2, 3, 4].map(|sequence| stem_of(Some(9), sequence));
    let len = disk.save(good);
    disk.overwrite(&Name::Save(torn), b"torn");
    disk.overwrite(&Name::Save(zero), &[0; 8192]);
    disk.copy(&Name::Save(good), &Name::Save(swapped));
    let listing = disk.read();
    let found = |stem: Stem| listing.get(stem.id).unwrap().clone();
    for stem in [torn, zero, swapped] {
        let entry = found(stem);
        assert!(matches!(entry.state(), EntryState::Damaged { .. }), "{entry:?}");
        assert_eq!((entry.slot(), entry.sequence(), entry.player()), (Some(9), stem.sequence, "ada"));
    }
    assert!(found(good).is_good());
    assert_eq!((listing.newest_first().len(), listing.bytes()), (4, len));
}

#[test]
fn a_save_of_a_newer_version_is_not_called_damaged() {
    let disk = Disk::new();
    let [page, container] = [1, 2].map(|sequence| stem_of(Some(9), sequence));
    let mut bytes = disk.bytes_of(page);
    bytes[4] = 2;
    let crc = keepstone_format::crc32(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    disk.overwrite(&Name::Save(page), &bytes);
    let mut bytes = disk.bytes_of(container);
    bytes[4096 + 8] = 2;
    let crc = keepstone_format::crc32(&bytes[4096..4096 + 60]);
    bytes[4096 + 60..4096 + 64].copy_from_slice(&crc.to_le_bytes());
    disk.overwrite(&Name::Save(container), &bytes);
    for entry in disk.read().newest_first() {
        assert!(matches!(entry.state(), EntryState::Unreadable { .. }), "{entry:?}");
    }
}

#[test]
fn the_highest_note_counts_and_one_of_another_save_is_damaged() {
    let disk = Disk::new();
    let [stem, other] = [1, 2].map(|sequence| stem_of(Some(1), sequence));
    disk.save(stem);
    disk.save(other);
    disk.write_note(stem, 2, &noted("two"));
    disk.write_note(stem, 10, &noted("ten"));
    disk.write_note(stem_of(Some(1), 77), 0, &noted("of nobody"));
    disk.copy(&Name::Note(stem, 2), &Name::Note(other, 0));
    let listing = disk.read();
    assert_eq!((listing.get(stem.id).unwrap().name(), listing.note_number(stem.id)), (Some("ten"), Some(10)));
    assert!(listing.get(other.id).unwrap().is_note_damaged());
    assert_eq!(listing.highest_sequence(), 77);
    // What says nothing makes no index stale.
    disk.write_index();
    assert!(!disk.read().was_index_stale());
}

#[test]
fn deleted_saves_and_those_set_aside_are_listed_apart() {
    let disk = Disk::new();
    let [kept, deleted, aside] = [1, 2, 3].map(|sequence| stem_of(Some(1), sequence));
    let len = disk.save(kept);
    disk.save(deleted);
    disk.save(aside);
    disk.rename(&Name::Save(deleted), &Name::Deleted(deleted));
    disk.rename(&Name::Save(aside), &Name::Damaged(aside));
    for _ in 0..2 {
        let listing = disk.read();
        assert_eq!(names(&listing.newest_first()), [Name::Save(kept).to_string()]);
        assert_eq!(names(&listing.deleted()), [Name::Deleted(deleted).to_string()]);
        assert_eq!(names(&listing.damaged()), [Name::Damaged(aside).to_string()]);
        assert_eq!(listing.get(deleted.id).map(SaveEntry::state), Some(&EntryState::Deleted));
        assert_eq!(listing.get(aside.id).map(SaveEntry::state), Some(&EntryState::SetAside));
        assert_eq!((listing.bytes(), listing.highest_sequence()), (len, 3));
        disk.write_index();
    }
    assert!(!disk.read().was_index_stale());
}

#[test]
fn what_a_writer_puts_in_itself_is_no_news() {
    let disk = Disk::new();
    let [first, second] = [1, 2].map(|sequence| stem_of(Some(1), sequence));
    disk.save(first);
    let mut listing = disk.read();
    disk.save(second);
    let entry = disk.read().get(second.id).unwrap().clone();
    listing.insert(entry.clone());
    assert!(!disk.refresh(&mut listing));
    disk.write_note(second, 1, &noted("n"));
    listing.insert(entry.with_note(Some((1, noted("n")))));
    assert!(!disk.refresh(&mut listing));
    assert_eq!(listing.get(second.id).unwrap().name(), Some("n"));
    disk.remove(&Name::Save(second));
    disk.remove(&Name::Note(second, 1));
    assert_eq!(listing.remove(&Name::Save(second).to_string()).map(|entry| entry.id()), Some(second.id));
    assert!(listing.remove(&Name::Save(second).to_string()).is_none());
    assert!(!disk.refresh(&mut listing));
    assert_eq!((listing.newest_first().len(), listing.highest_sequence()), (1, 2));
    assert_eq!(listing.bytes(), listing.longest());
}

#[test]
fn names_that_cannot_be_read_are_an_error_and_change_nothing() {
    let disk = Disk::new();
    disk.save(stem_of(Some(1), 1));
    let mut listing = disk.read();
    let file = disk.dir.join(Name::Save(stem_of(Some(1), 1)).to_string());
    let err = listing.refresh(&disk.files, &file, &disk.player, Look::Skip).unwrap_err();
    assert!(
        matches!(err, Error::Storage(ref source) if source.io_kind() == Some(std::io::ErrorKind::NotADirectory)),
        "{err}"
    );
    assert_eq!((listing.newest_first().len(), listing.highest_sequence()), (1, 1));
}
