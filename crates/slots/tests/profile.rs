//! What a player has whatever slot is loaded.

use std::{path::Path, sync::Arc};

use keepstone_slots::{Error, Keep, Kind, SaveEntry, SaveKind, SaveManager, SaveOptions, SaveRequest};
use keepstone_storage::Files;
use keepstone_testkit::{SimFiles, Sweep, effort};
use serde::{Deserialize, Serialize};

use crate::support::{content, files, path_of, quiet};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Profile {
    volume: u8,
    unlocked: Vec<String>,
}

fn profile(volume: u8) -> Profile {
    Profile { volume, unlocked: vec!["night".to_owned(); usize::from(volume)] }
}

fn options(files: &Arc<dyn Files>) -> SaveOptions {
    quiet(files).schema("test.game", 7).profile_schema("test.profile", 2)
}

fn open(files: &Arc<dyn Files>) -> SaveManager {
    SaveManager::open("saves", options(files)).unwrap()
}

/// Turns one bit of a file over.
fn flip(files: &Arc<dyn Files>, path: &Path, at: u64) {
    let file = files.open_rw(path).unwrap();
    let mut byte = [0];
    file.read_full_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn a_profile_comes_back_and_is_no_save_of_a_slot() {
    let files = files();
    let manager = open(&files);
    assert!(
        matches!(manager.load_profile::<Profile>("ada"), Err(Error::NoProfile { player }) if player == "ada")
    );
    manager.save("ada", 0, &1_u8).unwrap();
    assert!(matches!(manager.load_profile::<Profile>("ada"), Err(Error::NoProfile { .. })));
    manager.save_profile("ada", &profile(1)).unwrap();
    let request = SaveRequest::new().kind(SaveKind::Quick).name("Ada").custom("lang", "en");
    let saved = manager.save_profile_with("ada", &profile(3), &request).unwrap();
    assert_eq!(
        (saved.save.kind(), saved.save.slot(), saved.save.name()),
        (Some(SaveKind::Profile), None, Some("Ada"))
    );
    assert!(saved.save.file_name().starts_with("profile-"));
    manager.save_profile("bob", &profile(9)).unwrap();
    let check = |manager: &SaveManager| {
        let loaded = manager.load_profile::<Profile>("ada").unwrap();
        assert_eq!(
            (loaded.value, loaded.save.id(), loaded.save.custom("lang")),
            (profile(3), saved.id(), Some(b"en".to_vec()))
        );
        assert_eq!(manager.load_latest::<u8>("ada", 0).unwrap().value, 1);
        assert_eq!(manager.list_profiles("bob").unwrap().len(), 1);
        assert!(manager.list_profiles("cid").unwrap().is_empty());
    };
    check(&manager);
    drop(manager);
    check(&open(&files));
}

#[test]
fn profiles_have_a_type_and_version_of_their_own() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save_profile("ada", &profile(1)).unwrap();
    let schema = saved.save.schema().unwrap();
    assert_eq!((schema.name.as_str(), schema.version), ("test.profile", 2));
    drop(manager);
    let before = content(&files, &path_of(&saved.save));
    let older = SaveManager::open("saves", quiet(&files).profile_schema("test.profile", 1)).unwrap();
    let err = older.load_profile::<Profile>("ada").unwrap_err();
    assert!(matches!(&err, Error::Newer { found: 2, known: 1, .. }), "{err}");
    drop(older);
    let other = SaveManager::open("saves", quiet(&files).profile_schema("test.settings", 2)).unwrap();
    assert!(matches!(other.load_profile::<Profile>("ada"), Err(Error::OtherType { .. })));
    drop(other);
    assert_eq!(content(&files, &path_of(&saved.save)), before);
    assert_eq!(open(&files).load_profile::<Profile>("ada").unwrap().value, profile(1));
}

#[test]
fn profiles_rotate_apart_from_slots() {
    let files = files();
    let manager =
        SaveManager::open("saves", options(&files).keep(Keep { profile: 2, ..Keep::default() })).unwrap();
    let slot = manager.save("ada", 0, &1_u8).unwrap();
    let ids: Vec<_> =
        (0..5).map(|volume| manager.save_profile("ada", &profile(volume)).unwrap().id()).collect();
    let kept: Vec<_> = manager.list_profiles("ada").unwrap().iter().map(SaveEntry::id).collect();
    assert_eq!(kept, [ids[4], ids[3]]);
    assert!(manager.find(slot.id()).unwrap().is_some());
}

#[test]
fn a_damaged_profile_falls_back_is_set_aside_and_reported() {
    let files = files();
    let manager = open(&files);
    let good = manager.save_profile("ada", &profile(1)).unwrap();
    let bad = manager.save_profile("ada", &profile(2)).unwrap();
    flip(&files, &path_of(&bad.save), 4096 + bad.save.bytes() / 2);
    let loaded = manager.load_profile::<Profile>("ada").unwrap();
    assert_eq!((loaded.value, loaded.save.id()), (profile(1), good.id()));
    let recovered = loaded.recovered.unwrap();
    let lost = &recovered.lost[0];
    assert!(lost.save.id() == bad.id() && lost.set_aside && !recovered.reason().is_empty());
    assert!(files.metadata(&lost.path).is_ok() && lost.path.extension().is_some_and(|ext| ext == "damaged"));
    assert!(manager.load_profile::<Profile>("ada").unwrap().recovered.is_none());
}

#[test]
fn profiles_that_are_all_damaged_are_an_error_and_stay() {
    let files = files();
    let manager = open(&files);
    let saved: Vec<_> =
        (0..2).map(|volume| manager.save_profile("ada", &profile(volume)).unwrap().save).collect();
    for save in &saved {
        flip(&files, &path_of(save), 4096 + save.bytes() / 2);
    }
    let before: Vec<_> = saved.iter().map(|save| content(&files, &path_of(save))).collect();
    for _ in 0..2 {
        let err = manager.load_profile::<Profile>("ada").unwrap_err();
        assert!(matches!(&err, Error::Damaged { path, .. } if *path == path_of(&saved[1])), "{err}");
        assert_eq!(err.kind(), Kind::Damaged);
    }
    let after: Vec<_> = saved.iter().map(|save| content(&files, &path_of(save))).collect();
    assert_eq!(after, before);
}

/// The volume of the profile that is loaded, 0 without one.
fn volume(files: &Arc<dyn Files>) -> Result<u64, String> {
    let manager = SaveManager::open("saves", options(files)).map_err(|err| format!("open: {err}"))?;
    match manager.load_profile::<Profile>("ada") {
        Ok(loaded) if loaded.recovered.is_some() => Err(format!("{:?}", loaded.recovered)),
        Ok(loaded) if loaded.value == profile(loaded.value.volume) => Ok(loaded.value.volume.into()),
        Ok(loaded) => Err(format!("{:?}", loaded.value)),
        Err(Error::NoProfile { .. }) => Ok(0),
        Err(err) => Err(err.to_string()),
    }
}

#[test]
fn a_crash_leaves_the_profile_that_was_saved_last() {
    let run = |disk: &SimFiles| {
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let manager = open(&files);
        for volume in 1..6 {
            manager.save_profile("ada", &profile(volume)).unwrap();
            disk.acknowledge_as(volume.into());
            manager.maintain().unwrap();
        }
    };
    let swept = Sweep::new().depth(1).states_max_per_point(128 * effort::scale()).run(run).check(
        |disk, acknowledged| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            match volume(&files)? {
                found if found < acknowledged => Err(format!("{acknowledged} was saved, {found} is loaded")),
                _ => Ok(()),
            }
        },
    );
    let swept = swept.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(swept.states_checked > 500, "{swept}");
}
