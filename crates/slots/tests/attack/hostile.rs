use std::path::Path;

use keepstone_slots::{Bytes, EntryState, Player, SaveId, SaveManager, SaveReader};
use keepstone_storage::{Files, Op};

use super::Refusal;
use crate::support::{ROOT, bytes, content, files, latest, open, path_of, put};

fn dir_of(player: &str) -> std::path::PathBuf {
    Path::new(ROOT).join(Player::new(player).unwrap().dir_name())
}

#[test]
fn a_file_with_an_absurd_number_does_not_end_all_saving() {
    let files = files();
    let manager = open(&files);
    let first = manager.save("ann", 0, &bytes("one")).unwrap();
    for ending in ["save", "damaged"] {
        let name = format!("s000-8000000000000000-0000-{}.{ending}", "7".repeat(32));
        put(&files, &dir_of("ann").join(name), b"no save");
    }
    let saved = manager.save("ann", 0, &bytes("two")).unwrap();
    assert_eq!(saved.save.sequence(), first.save.sequence() + 1);
    drop(manager);
    let manager = open(&files);
    let loaded = manager.load_latest::<Bytes<'static>>("ann", 0).unwrap();
    assert_eq!(loaded.save.id(), saved.id());
    assert_eq!(loaded.recovered.unwrap().lost.len(), 1);
    manager.save("ann", 0, &bytes("three")).unwrap();
    assert_eq!(latest(&manager, "ann", 0), "three");
}

#[test]
fn a_player_whose_directory_is_broken_does_not_hide_the_saves_of_others() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("zoe", 0, &bytes("one")).unwrap();
    drop(manager);
    put(&files, &dir_of("ann"), b"no directory");
    let manager = open(&files);
    assert!(manager.find(saved.id()).unwrap().is_some());
    manager.delete(saved.id()).unwrap();
    assert!(manager.purge(0).is_err(), "it says what it could not look at");
    assert!(manager.list_deleted("zoe").unwrap().is_empty(), "and did the rest");
    assert!(manager.find("7".repeat(32).parse::<SaveId>().unwrap()).is_err(), "it may be there");
}

#[test]
fn saves_in_the_directory_of_another_player_are_damaged_in_a_list_too() {
    let files = files();
    let manager = open(&files);
    let of_ann = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.save("bob", 0, &bytes("two")).unwrap();
    manager.maintain().unwrap();
    drop(manager);
    for name in [of_ann.save.file_name(), "index"] {
        put(&files, &dir_of("cid").join(name), &content(&files, &dir_of("ann").join(name)));
    }
    let manager = open(&files);
    let listed = manager.list("cid").unwrap();
    assert!(matches!(listed[0].state(), EntryState::Damaged { .. }), "{listed:?}");
    assert_eq!(listed[0].player(), "cid");
}

#[test]
fn a_verification_goes_on_behind_a_file_that_can_not_be_read() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    manager.save("ann", 1, &bytes("two")).unwrap();
    drop(manager);
    let tapped = Refusal::over(&files, Op::Open, ".save", true);
    let failing: std::sync::Arc<dyn Files> = std::sync::Arc::new(tapped.clone());
    let manager = open(&failing);
    manager.list("ann").unwrap();
    tapped.tap().set(true);
    let report = manager.verify(None).unwrap();
    assert_eq!((report.good, report.unreadable.len()), (1, 1), "{report:?}");
}

#[cfg(unix)]
#[test]
fn pipes_under_all_names_keep_nobody_waiting() {
    let root = tempfile::tempdir().unwrap();
    let manager = SaveManager::open(root.path(), keepstone_slots::SaveOptions::default()).unwrap();
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.delete(manager.save("ann", 1, &bytes("gone")).unwrap().id()).unwrap();
    drop(manager);
    let dir = root.path().join(Player::new("ann").unwrap().dir_name());
    let stem = saved.save.file_name().replace(".save", "");
    let other = format!("s000-0000000000000009-0000-{}", "7".repeat(32));
    let spares = (0..6).flat_map(|n| [format!("{n}.spare"), format!("{n}.old")]);
    let names = [
        format!("{stem}-0000.note"),
        format!("{other}.save"),
        format!("{other}.deleted"),
        "index".to_owned(),
    ];
    for name in names.into_iter().chain(spares) {
        keepstone_storage::OsFiles.remove(&dir.join(&name)).ok();
        let made = std::process::Command::new("mkfifo").arg(dir.join(&name)).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: no mkfifo");
            return;
        }
    }
    let reader = SaveReader::open(root.path()).unwrap();
    assert_eq!(reader.list("ann").unwrap().len(), 2);
    let manager = SaveManager::open(root.path(), keepstone_slots::SaveOptions::default()).unwrap();
    assert_eq!(manager.load_latest::<Bytes<'static>>("ann", 0).unwrap().save.id(), saved.id());
    for _ in 0..5 {
        manager.save("ann", 0, &bytes("next")).unwrap();
        manager.settle();
    }
    assert_eq!(latest(&manager, "ann", 0), "next");
}

#[test]
fn a_root_that_is_damaged_says_what_to_do() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    drop(manager);
    crate::support::damage(&files, &Path::new(ROOT).join("ROOT"), 20);
    let err = SaveManager::open(ROOT, crate::support::quiet(&files)).unwrap_err();
    println!("{err}");
    files.remove(&Path::new(ROOT).join("ROOT")).unwrap();
    let manager = open(&files);
    assert_eq!(manager.load_latest::<Bytes<'static>>("ann", 0).unwrap().save.id(), saved.id());
    assert!(path_of(&saved.save).ends_with(saved.save.file_name()));
}
