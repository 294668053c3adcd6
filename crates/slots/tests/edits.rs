use std::{path::Path, time::Duration};

use keepstone_slots::{Bytes, Compression, Error, ImportMode, Kind, SaveManager, SaveRequest};

use crate::support::{Clock, ROOT, bytes, content, files, latest, open, path_of, put, quiet, text};

const DAY: i64 = 24 * 3600 * 1_000_000_000;

#[test]
fn a_deleted_save_comes_back_within_the_grace_and_not_after() {
    let files = files();
    let clock = Clock::default();
    let options = || clock.on(quiet(&files)).grace(Duration::from_hours(3 * 24));
    let manager = SaveManager::open(ROOT, options()).unwrap();
    clock.set(DAY);
    let first = manager.save("ann", 0, &bytes("one")).unwrap();
    let second = manager.save("ann", 0, &bytes("two")).unwrap();
    manager.delete(second.id()).unwrap();
    assert_eq!(latest(&manager, "ann", 0), "one");
    assert_eq!(manager.list("ann").unwrap().len(), 1);
    assert!(matches!(manager.delete(second.id()), Err(Error::NoSave { .. })));
    let deleted = manager.list_deleted("ann").unwrap();
    assert_eq!((deleted.len(), deleted[0].id(), deleted[0].deleted_at()), (1, second.id(), Some(DAY)));
    manager.maintain().unwrap();
    drop(manager);
    let manager = SaveManager::open(ROOT, options()).unwrap();
    manager.undelete(second.id()).unwrap();
    assert_eq!(latest(&manager, "ann", 0), "two", "with its place in the order");
    manager.delete(second.id()).unwrap();
    clock.set(4 * DAY - 1);
    manager.maintain().unwrap();
    assert_eq!(manager.list_deleted("ann").unwrap().len(), 1);
    clock.set(4 * DAY);
    manager.maintain().unwrap();
    assert_eq!(manager.list_deleted("ann").unwrap().len(), 0);
    assert!(matches!(manager.undelete(second.id()), Err(Error::NoSave { .. })));
    assert_eq!(manager.list("ann").unwrap()[0].id(), first.id());
}

#[test]
fn without_a_clock_deleted_saves_stay_until_they_are_purged() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.delete(saved.id()).unwrap();
    manager.maintain().unwrap();
    assert_eq!(manager.list_deleted("ann").unwrap().len(), 1);
    assert_eq!(manager.purge(0).unwrap(), 1);
    assert_eq!(manager.list_deleted("ann").unwrap().len(), 0);
}

#[test]
fn deleting_a_slot_leaves_what_is_locked() {
    let manager = open(&files());
    let first = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.lock(first.id()).unwrap();
    manager.save("ann", 0, &bytes("two")).unwrap();
    manager.save("ann", 1, &bytes("other")).unwrap();
    assert_eq!(manager.delete_slot("ann", 0).unwrap(), 1);
    assert_eq!(latest(&manager, "ann", 0), "one");
    assert_eq!(latest(&manager, "ann", 1), "other");
}

#[test]
fn a_copy_has_everything_but_the_identity_of_its_original() {
    let files = files();
    let manager = open(&files);
    let request = SaveRequest::new().name("Castle").tick(9).thumbnail(*b"\x89PNG\r\n\x1a\nx").created_at(5);
    let original = manager.save_with("ann", 0, &bytes("one"), &request).unwrap();
    let there = manager.save("ann", 1, &bytes("other")).unwrap();
    let copy = manager.copy(original.id(), 1).unwrap().save;
    assert_eq!(latest(&manager, "ann", 1), "one");
    assert_ne!(copy.id(), original.id());
    assert_eq!((copy.name(), copy.tick(), copy.created_at()), (Some("Castle"), Some(9), Some(5)));
    assert_eq!(manager.thumbnail(&copy).unwrap().as_deref(), Some(&b"\x89PNG\r\n\x1a\nx"[..]));
    assert_eq!(
        copy.ancestors().as_flattened(),
        &there.id().as_bytes()[..8],
        "it follows what was in the slot"
    );
    let other = manager.copy_to_player(original.id(), "bob", 4).unwrap().save;
    assert_eq!((other.player(), other.slot()), ("bob", Some(4)));
    assert_eq!(latest(&manager, "bob", 4), "one");
}

#[test]
fn an_exported_save_is_taken_in_with_its_identity_or_as_a_new_one() {
    let files = files();
    let manager = open(&files);
    let request = SaveRequest::new().name("Castle").created_at(5);
    let saved = manager.save_with("ann", 0, &bytes("one"), &request).unwrap();
    manager.rename(saved.id(), "Ruins").unwrap();
    let out = Path::new("elsewhere/castle.keep");
    manager.export(saved.id(), out, Compression::SMALL).unwrap();
    let err = manager.import("ann", 1, out, ImportMode::Same).unwrap_err();
    assert_eq!(err.kind(), Kind::Misuse, "{err}");
    let new = manager.import("ann", 1, out, ImportMode::New).unwrap().save;
    assert_ne!(new.id(), saved.id());
    drop(manager);
    let other = SaveManager::open("other", quiet(&files)).unwrap();
    let same = other.import("bob", 2, out, ImportMode::Same).unwrap().save;
    assert_eq!((same.id(), same.player(), same.slot()), (saved.id(), "bob", Some(2)));
    assert_eq!((same.name(), same.created_at()), (Some("Ruins"), Some(5)));
    assert_eq!(text(other.load_latest::<Bytes<'static>>("bob", 2).unwrap().value), "one");
}

#[test]
fn what_is_damaged_or_no_save_is_not_taken_in() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    let whole = manager.export_to_bytes(saved.id(), Compression::FAST).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let err = manager.import_bytes("ann", Some(1), &changed, ImportMode::New).unwrap_err();
        assert!(matches!(err.kind(), Kind::Damaged | Kind::Newer | Kind::Misuse), "{at}: {err}");
        let cut = manager.import_bytes("ann", Some(1), &whole[..at], ImportMode::New).unwrap_err();
        assert_eq!(cut.kind(), Kind::Damaged, "{at}: {cut}");
    }
    let root = content(&files, &Path::new(ROOT).join("ROOT"));
    let err = manager.import_bytes("ann", Some(1), &root, ImportMode::New).unwrap_err();
    assert_eq!(err.kind(), Kind::Misuse, "{err}");
    assert_eq!(manager.list("ann").unwrap().len(), 1);
}

#[test]
fn a_file_that_was_copied_back_from_a_backup_is_there_again() {
    let files = files();
    let manager = open(&files);
    let first = manager.save("ann", 0, &bytes("one")).unwrap().save;
    let kept = content(&files, &path_of(&first));
    for text in ["two", "three", "four"] {
        manager.save("ann", 0, &bytes(text)).unwrap();
    }
    manager.maintain().unwrap();
    put(&files, &path_of(&first), &kept);
    let listed = manager.list("ann").unwrap();
    assert_eq!(listed.last().map(keepstone_slots::SaveEntry::id), Some(first.id()));
    assert_eq!(latest(&manager, "ann", 0), "four", "and older than what came after it");
    assert_eq!(text(manager.load::<Bytes<'static>>(first.id()).unwrap().value), "one");
}

#[test]
fn locks_names_and_comments_outlive_the_manager_and_an_index_that_is_gone() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap().save;
    manager.lock(saved.id()).unwrap();
    manager.rename(saved.id(), "Ruins").unwrap();
    manager.comment(saved.id(), "burnt").unwrap();
    manager.maintain().unwrap();
    drop(manager);
    for with_index in [true, false] {
        if !with_index {
            files.remove(&path_of(&saved).with_file_name("index")).unwrap();
        }
        let listed = open(&files).list("ann").unwrap().remove(0);
        assert!(listed.is_locked());
        assert_eq!((listed.name(), listed.comment()), (Some("Ruins"), Some("burnt")));
    }
}
