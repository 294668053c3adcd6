use std::path::Path;

use keepstone_slots::{Bytes, EntryState, Error, Kind, SaveReader};

use crate::support::{ROOT, bytes, content, damage, files, latest, open, path_of, put, text};

#[test]
fn a_damaged_newest_save_is_set_aside_and_the_one_before_it_is_loaded() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    let second = manager.save("ann", 0, &bytes("two")).unwrap();
    let path = path_of(&second.save);
    // In the payload, behind page and head.
    let len = content(&files, &path).len();
    let at = content(&files, &path).windows(3).position(|window| window == b"two").unwrap_or(len - 1);
    damage(&files, &path, at);
    let bytes_before = content(&files, &path);
    let loaded = manager.load_latest::<Bytes<'static>>("ann", 0).unwrap();
    assert_eq!(text(loaded.value), "one");
    let recovered = loaded.recovered.unwrap();
    assert_eq!(recovered.lost.len(), 1);
    let lost = &recovered.lost[0];
    assert!(lost.save.id() == second.id() && lost.set_aside, "{lost:?}");
    assert!(recovered.reason().contains("checksum"), "{}", recovered.reason());
    assert_eq!(content(&files, &lost.path), bytes_before, "it is kept as it was");
    // It is told once, listed as what it is, and the slot goes on.
    let aside = manager.list_damaged("ann").unwrap();
    assert!(aside.len() == 1 && aside[0].id() == second.id() && aside[0].is_set_aside());
    assert!(manager.load_latest::<Bytes<'static>>("ann", 0).unwrap().recovered.is_none());
    manager.save("ann", 0, &bytes("three")).unwrap();
    drop(manager);
    assert_eq!(latest(&open(&files), "ann", 0), "three");
}

#[test]
fn every_byte_of_a_save_that_changes_is_noticed_or_means_nothing() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    let second = manager.save("ann", 0, &bytes("two")).unwrap();
    drop(manager);
    let path = path_of(&second.save);
    let whole = content(&files, &path);
    let container = usize::try_from(second.save.bytes()).unwrap();
    let reader = SaveReader::open_with(ROOT, files.clone(), None).unwrap();
    let mut fell_back = 0;
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x04;
        put(&files, &path, &changed);
        let loaded = reader.load_latest::<Bytes<'static>>("ann", 0);
        match loaded {
            Ok(loaded) if loaded.recovered.is_some() => {
                assert_eq!(text(loaded.value), "one", "{at}");
                fell_back += 1;
            }
            Ok(loaded) => {
                assert_eq!(text(loaded.value), "two", "{at}");
                assert!(at >= 4096 + container, "byte {at} changed and was not noticed");
            }
            // A version that is not known is no damage.
            Err(err) => assert_eq!(err.kind(), Kind::Newer, "{at}: {err}"),
        }
    }
    assert!(fell_back > container, "{fell_back}");
}

#[test]
fn a_save_that_was_cut_off_anywhere_falls_back() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    let second = manager.save("ann", 0, &bytes("two")).unwrap();
    drop(manager);
    let path = path_of(&second.save);
    let whole = content(&files, &path);
    let reader = SaveReader::open_with(ROOT, files.clone(), None).unwrap();
    for len in 0..4096 + usize::try_from(second.save.bytes()).unwrap() {
        put(&files, &path, &whole[..len]);
        let loaded = reader.load_latest::<Bytes<'static>>("ann", 0).unwrap();
        assert_eq!(text(loaded.value), "one", "{len}");
        assert_eq!(loaded.recovered.unwrap().lost[0].save.id(), second.id());
    }
}

#[test]
fn where_all_saves_are_damaged_none_is_set_aside() {
    let files = files();
    let manager = open(&files);
    let saves: Vec<_> =
        ["one", "two"].iter().map(|text| manager.save("ann", 0, &bytes(text)).unwrap().save).collect();
    for save in &saves {
        damage(&files, &path_of(save), 4096 + usize::try_from(save.bytes()).unwrap() - 1);
    }
    for _ in 0..2 {
        let err = manager.load_latest::<Bytes<'static>>("ann", 0).unwrap_err();
        assert!(matches!(&err, Error::Damaged { path, .. } if *path == path_of(&saves[1])), "{err}");
        assert_eq!(err.kind(), Kind::Damaged);
    }
    assert_eq!(manager.list("ann").unwrap().len(), 2);
}

#[test]
fn a_save_under_the_name_of_another_is_damaged() {
    let files = files();
    let manager = open(&files);
    let first = manager.save("ann", 0, &bytes("one")).unwrap().save;
    let second = manager.save("ann", 0, &bytes("two")).unwrap().save;
    put(&files, &path_of(&second), &content(&files, &path_of(&first)));
    let loaded = manager.load_latest::<Bytes<'static>>("ann", 0).unwrap();
    assert_eq!((text(loaded.value).as_str(), loaded.save.id()), ("one", first.id()));
    assert_eq!(loaded.recovered.unwrap().lost[0].save.id(), second.id());
}

#[test]
fn a_list_marks_a_save_whose_head_is_damaged() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    let second = manager.save("ann", 1, &bytes("two")).unwrap().save;
    drop(manager);
    damage(&files, &path_of(&second), 4096 + 70);
    // The index still tells what was there; without it the head is read.
    files
        .remove(&Path::new(ROOT).join(path_of(&second).parent().unwrap().file_name().unwrap()).join("index"))
        .ok();
    let listed = open(&files).list("ann").unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].id(), second.id());
    assert!(matches!(listed[0].state(), EntryState::Damaged { .. }), "{:?}", listed[0].state());
    assert_eq!(listed[0].slot(), Some(1), "its name says so");
}

#[test]
fn verify_reads_everything_and_touches_nothing() {
    let files = files();
    let manager = open(&files);
    let good = manager.save("ann", 0, &bytes("one")).unwrap().save;
    let bad = manager.save("ann", 1, &bytes("two")).unwrap().save;
    let gone = manager.save("bob", 1, &bytes("three")).unwrap().save;
    manager.delete(gone.id()).unwrap();
    damage(&files, &path_of(&bad), 4096 + usize::try_from(bad.bytes()).unwrap() - 1);
    let report = manager.verify(None).unwrap();
    assert_eq!((report.good, report.damaged.len()), (2, 1));
    assert_eq!(report.bytes, good.bytes() + gone.bytes());
    assert_eq!(report.damaged[0].save.id(), bad.id());
    assert!(!report.damaged[0].set_aside);
    assert_eq!(manager.verify(Some("bob")).unwrap().good, 1);
    assert_eq!(manager.list("ann").unwrap().len(), 2);
}
