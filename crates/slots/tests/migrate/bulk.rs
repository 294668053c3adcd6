//! All saves, one after the other.

use std::{ops::ControlFlow, time::Duration};

use keepstone_slots::{
    Bytes, Durability, Error, Mod, Progress, SaveEntry, SaveId, SaveKind, SaveManager, SaveRequest, Step,
};
use keepstone_storage::{Files, MemFiles};

use super::{PNG, V1, V2, V3, files, migrations, open, options, saved_files};
use crate::support::path_of;

/// What of a progress is compared.
fn counts(progress: Progress) -> (usize, usize, usize, usize) {
    (progress.done, progress.failed, progress.skipped, progress.total)
}

/// Everything that a list shows but what a migration changes.
fn shown(entry: &SaveEntry) -> String {
    let head = (entry.id(), entry.sequence(), entry.slot(), entry.kind(), entry.created_at(), entry.tick());
    let texts =
        (entry.player(), entry.name(), entry.comment(), entry.place(), entry.is_locked(), entry.ancestors());
    let game = (
        entry.application(),
        entry.game_version(),
        entry.play_time(),
        entry.customs(),
        entry.thumbnail_len(),
    );
    format!("{head:?} {texts:?} {game:?} {:?}", entry.mods())
}

#[test]
fn a_migrated_save_shows_all_that_it_showed_before() {
    let files = files();
    let options = |version, game| options(&files, version).application("game", game).thumbnail_max(100);
    let old = SaveManager::open("saves", options(1, "1.0")).unwrap();
    old.save("ada", 3, &V1 { gold: 1 }).unwrap();
    let request = SaveRequest::new()
        .name("the bridge")
        .kind(SaveKind::Checkpoint)
        .created_at(1_234_567)
        .tick(99)
        .play_time(Duration::from_secs(3599))
        .place("the north")
        .mods(vec![Mod { name: "more bridges".into(), version: "2".into() }])
        .custom("difficulty", "hard")
        .state_hash(0xABCD)
        .thumbnail(PNG);
    let id = old.save_with("ada", 3, &V1 { gold: 7 }, &request).unwrap().id();
    old.lock(id).unwrap();
    old.rename(id, "the bridge at night").unwrap();
    old.comment(id, "before the troll").unwrap();
    let before = old.list("ada").unwrap();
    drop(old);

    // What a new save may not have any more an old one keeps.
    let manager = SaveManager::open("saves", options(3, "3.0").thumbnail_max(1)).unwrap();
    let (migrations, ran) = migrations();
    let mut bulk = manager.migrate(&migrations).unwrap();
    let Some(Step::Migrated { save, from: 1, .. }) = bulk.step() else { panic!("not migrated") };
    assert_eq!((save.id(), shown(&save)), (id, shown(&before[0])), "the newest comes first");
    assert!(matches!(bulk.step(), Some(Step::Migrated { .. })) && bulk.step().is_none());
    assert_eq!((counts(bulk.progress()), ran.counts()), ((2, 0, 0, 2), [2, 2]));
    let check = |manager: &SaveManager| {
        let after = manager.list("ada").unwrap();
        let texts = |entries: &[SaveEntry]| entries.iter().map(shown).collect::<Vec<_>>();
        assert_eq!(texts(&after), texts(&before));
        assert!(after.iter().all(|save| save.schema().is_some_and(|schema| schema.version == 3)));
        assert!(after.iter().all(|save| save.revision() == 1));
        assert!(after[0].is_locked() && after[0].state_hash().is_none());
        assert_eq!(manager.thumbnail(&after[0]).unwrap().as_deref(), Some(PNG));
        let loaded = manager.load::<V3>(id).unwrap();
        assert_eq!((loaded.value, loaded.migrated_from), (V3::of(7), None));
        assert!(matches!(manager.delete(id), Err(Error::Locked { .. })));
        assert_eq!(saved_files(&files).len(), 3, "two saves and a note");
    };
    check(&manager);
    drop(manager);
    check(&open(&files, 3));
}

#[test]
fn what_is_done_is_not_done_again_by_whoever_goes_on() {
    let files = files();
    let old = open(&files, 1);
    for player in ["ada", "bob"] {
        for slot in 0..3 {
            old.save(player, slot, &V1 { gold: u32::from(slot) }).unwrap();
        }
    }
    old.save("ada", 4, &V1 { gold: 13 }).unwrap();
    drop(old);
    open(&files, 2).save("ada", 5, &V2 { copper: 1 }).unwrap();

    let (migrations, ran) = migrations();
    let mut totals = Vec::new();
    for stop_after in [2, 3, 100] {
        let manager = open(&files, 3);
        let mut bulk = manager.migrate(&migrations).unwrap();
        totals.push(bulk.progress().total);
        let mut left = stop_after;
        bulk.run(|progress| {
            assert!(progress.total > progress.left());
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    // Of the first two one failed, which is there again.
    assert_eq!(totals, [8, 7, 5]);
    let counted = ran.counts();
    assert_eq!(counted, [6 + 3, 7], "seven good ones once, the bad one at each try");
    let manager = open(&files, 3);
    for player in ["ada", "bob"] {
        for slot in 0..3 {
            assert_eq!(manager.load_latest::<V3>(player, slot).unwrap().value, V3::of(u32::from(slot)));
        }
    }
}

#[test]
fn a_save_that_fails_stays_and_the_others_go_on() {
    let files = files();
    let old = open(&files, 1);
    old.save("ada", 0, &V1 { gold: 1 }).unwrap();
    let bad = old.save("ada", 1, &V1 { gold: 13 }).unwrap().id();
    let broken = old.save("ada", 2, &Bytes::from(vec![1])).unwrap().id();
    drop(old);
    let manager = open(&files, 3);
    let (migrations, _) = migrations();
    let mut bulk = manager.migrate(&migrations).unwrap();
    let mut failed = Vec::new();
    while let Some(step) = bulk.step() {
        if let Step::Failed { player, save, error, .. } = step {
            failed.push((player.as_str().to_owned(), save.unwrap().id(), error));
        }
    }
    assert!(
        matches!(&failed[..], [
        (_, first, Error::Payload { .. }),
        (player, second, Error::Step { from: 1, id, .. }),
    ] if *first == broken && *second == bad && *id == bad && player == "ada"),
        "{failed:?}"
    );
    assert_eq!(counts(bulk.progress()), (1, 2, 0, 3));
    assert!(bulk.progress().is_complete() && bulk.progress().bytes > 0);
    assert_eq!(manager.load_latest::<V3>("ada", 0).unwrap().value, V3::of(1));
    drop(manager);
    assert_eq!(open(&files, 1).load_latest::<V1>("ada", 1).unwrap().value, V1 { gold: 13 });
}

#[test]
fn what_changes_meanwhile_is_kept_or_skipped() {
    let files = files();
    let old = open(&files, 1);
    let ids: Vec<SaveId> =
        (0..4).map(|slot| old.save("ada", slot, &V1 { gold: slot.into() }).unwrap().id()).collect();
    drop(old);
    let manager = open(&files, 3);
    let (migrations, ran) = migrations();
    let mut bulk = manager.migrate(&migrations).unwrap();
    let mut other = manager.migrate(&migrations).unwrap();
    other.step();
    manager.delete(ids[2]).unwrap();
    manager.rename(ids[1], "renamed").unwrap();
    manager.lock(ids[0]).unwrap();
    let progress = bulk.run(|_| ControlFlow::Continue(()));
    assert_eq!((counts(progress), ran.counts()), ((2, 0, 2, 4), [3, 3]));
    let after = manager.list("ada").unwrap();
    let found: Vec<_> = after.iter().map(|save| (save.id(), save.name(), save.is_locked())).collect();
    assert_eq!(found, [(ids[3], None, false), (ids[1], Some("renamed"), false), (ids[0], None, true)]);
    manager.undelete(ids[2]).unwrap();
    assert_eq!(manager.load_migrated(ids[2], &migrations).unwrap().value, V3::of(2));
}

#[test]
fn a_damaged_save_is_passed_over_and_its_earlier_one_migrated() {
    let disk = MemFiles::new();
    let files: std::sync::Arc<dyn Files> = std::sync::Arc::new(disk);
    let old = open(&files, 1);
    let good = old.save("ada", 0, &V1 { gold: 1 }).unwrap().id();
    let bad = old.save("ada", 0, &V1 { gold: 2 }).unwrap();
    let path = old.dir().join(
        files
            .list(old.dir())
            .unwrap()
            .into_iter()
            .find(|name| name.to_string_lossy().starts_with("p-"))
            .unwrap(),
    );
    drop(old);
    let file = files.open_rw(&path.join(bad.save.file_name())).unwrap();
    // In the payload: the head is good.
    let at = 4096 + bad.save.bytes() / 2;
    let mut byte = [0];
    file.read_full_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    drop(file);
    let manager = open(&files, 3);
    let (migrations, _) = migrations();
    let progress = manager.migrate(&migrations).unwrap().run(|_| ControlFlow::Continue(()));
    assert_eq!((progress.done, progress.failed), (1, 1));
    let loaded = manager.load_latest_migrated("ada", 0, &migrations).unwrap();
    assert_eq!((loaded.save.id(), loaded.value), (good, V3::of(1)));
    assert_eq!(loaded.recovered.unwrap().lost[0].save.id(), bad.id());
}

#[test]
fn profiles_are_migrated_by_their_own_type() {
    let files = files();
    let of = |slots, profiles| options(&files, slots).profile_schema("test.profile", profiles);
    let old = SaveManager::open("saves", of(1, 1)).unwrap();
    old.save("ada", 0, &V1 { gold: 1 }).unwrap();
    old.save_profile("ada", &V1 { gold: 2 }).unwrap();
    drop(old);
    let manager = SaveManager::open("saves", of(3, 2)).unwrap();
    let profiles = keepstone_slots::Migrations::<V2>::new("test.profile", 2)
        .step(1, |old: V1| V2 { copper: old.gold.into() });
    let loaded = manager.load_profile_migrated("ada", &profiles).unwrap();
    assert_eq!((loaded.value, loaded.migrated_from), (V2 { copper: 2 }, Some(1)));
    assert!(matches!(manager.load_profile::<V2>("ada"), Err(Error::NoMigration { found: 1, wanted: 2, .. })));
    let progress = manager.migrate(&profiles).unwrap().run(|_| ControlFlow::Continue(()));
    assert_eq!(counts(progress), (1, 0, 0, 1));
    let progress = manager.migrate(&migrations().0).unwrap().run(|_| ControlFlow::Continue(()));
    assert_eq!(counts(progress), (1, 0, 0, 1));
    assert_eq!(manager.load_profile::<V2>("ada").unwrap().value, V2 { copper: 2 });
    assert_eq!(manager.load_latest::<V3>("ada", 0).unwrap().value, V3::of(1));
}

#[test]
fn a_full_quota_is_no_obstacle_as_the_old_file_goes() {
    let files = files();
    let used = {
        let old = SaveManager::open("saves", options(&files, 1).quota(1 << 20)).unwrap();
        old.save("ada", 0, &V1 { gold: 1 }).unwrap();
        old.save("ada", 1, &V1 { gold: 2 }).unwrap().quota.unwrap().used
    };
    // Room for what a migrated save is longer by, and not for a third save.
    let manager = SaveManager::open("saves", options(&files, 3).quota(used + 200)).unwrap();
    let progress = manager.migrate(&migrations().0).unwrap().run(|_| ControlFlow::Continue(()));
    assert_eq!(counts(progress), (2, 0, 0, 2));
    assert!(matches!(manager.save("ada", 2, &V3::of(1)), Err(Error::Quota { .. })));
}

#[test]
fn the_files_of_old_revisions_take_the_next_saves() {
    let files = files();
    let old = open(&files, 1);
    for slot in 0..3 {
        old.save("ada", slot, &V1 { gold: 1 }).unwrap();
    }
    drop(old);
    let manager = open(&files, 3);
    let (migrations, _) = migrations();
    let mut bulk = manager.migrate(&migrations).unwrap();
    while bulk.step().is_some() {
        manager.maintain().unwrap();
    }
    let saved =
        manager.save_with("ada", 5, &V3::of(1), &SaveRequest::new().durability(Durability::Durable)).unwrap();
    assert!(saved.recycled);
    let dirs: Vec<_> = files.list("saves".as_ref()).unwrap();
    let dir = dirs.iter().find(|name| name.to_string_lossy().starts_with("p-")).unwrap();
    let names = files.list(&std::path::Path::new("saves").join(dir)).unwrap();
    let left = names.iter().filter(|name| !name.to_string_lossy().ends_with(".save")).count();
    assert!(left <= 2, "an index, and at most a spare: {names:?}");
}

#[test]
fn a_save_whose_note_is_damaged_waits_until_that_is_written_anew() {
    let files = files();
    let old = open(&files, 1);
    let id = old.save("ada", 0, &V1 { gold: 1 }).unwrap().id();
    old.lock(id).unwrap();
    let dir = path_of(&old.latest("ada", 0).unwrap().unwrap()).parent().unwrap().to_owned();
    drop(old);
    let names = files.list(&dir).unwrap();
    let note = names.iter().find(|name| name.to_string_lossy().ends_with(".note")).unwrap();
    files.open_rw(&dir.join(note)).unwrap().write_all_at(&[0xFF; 4], 40).unwrap();
    // The index still knows what it said.
    files.remove(&dir.join("index")).ok();

    let manager = open(&files, 3);
    let (migrations, _) = migrations();
    let mut bulk = manager.migrate(&migrations).unwrap();
    let Some(Step::Failed { error, .. }) = bulk.step() else { panic!("a lock is lost") };
    assert!(matches!(&error, Error::Format { path, .. } if path.ends_with(note)), "{error}");
    let entry = manager.latest("ada", 0).unwrap().unwrap();
    assert!(entry.is_note_damaged() && entry.is_locked() && entry.revision() == 0);
    manager.lock(id).unwrap();
    let progress = manager.migrate(&migrations).unwrap().run(|_| ControlFlow::Continue(()));
    assert_eq!(counts(progress), (1, 0, 0, 1));
    assert!(manager.latest("ada", 0).unwrap().unwrap().is_locked());
}

#[test]
fn progress_tells_how_much_is_left() {
    let files = files();
    let old = open(&files, 1);
    for slot in 0..4 {
        old.save("ada", slot, &V1 { gold: 1 }).unwrap();
    }
    drop(old);
    let manager = open(&files, 3);
    let (migrations, _) = migrations();
    let mut seen = Vec::new();
    let mut bulk = manager.migrate(&migrations).unwrap();
    assert_eq!((bulk.progress().left(), bulk.progress().fraction()), (4, 0.0));
    let progress = bulk.run(|progress| {
        seen.push((progress.left(), progress.fraction()));
        ControlFlow::Continue(())
    });
    assert_eq!(seen, [(3, 0.25), (2, 0.5), (1, 0.75), (0, 1.0)]);
    let written: u64 = manager.list("ada").unwrap().iter().map(SaveEntry::bytes).sum();
    assert_eq!(progress.bytes, written);
    assert!(manager.migrate(&migrations).unwrap().progress().fraction() > 0.999);
}
