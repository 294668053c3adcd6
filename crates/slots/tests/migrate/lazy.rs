//! Saves that are migrated as they are loaded.

use keepstone_slots::{Bytes, Error, Kind, Migrations, SaveOptions};

use super::{TYPE, V1, V2, V3, files, migrations, misfit, open, saved_files};

#[test]
fn exactly_the_steps_that_are_needed_run_and_each_once() {
    let files = files();
    open(&files, 1).save("ada", 0, &V1 { gold: 7 }).unwrap();
    open(&files, 2).save("ada", 1, &V2 { copper: 5 }).unwrap();
    open(&files, 3).save("ada", 2, &V3::of(1)).unwrap();
    let before = saved_files(&files);
    let manager = open(&files, 3);
    let expected = [
        (Some(1), V3::of(7), [1, 1]),
        (Some(2), V3 { purse: V2 { copper: 5 }, lives: 3 }, [0, 1]),
        (None, V3::of(1), [0, 0]),
    ];
    for (slot, expected) in (0..).zip(expected) {
        let (migrations, ran) = migrations();
        let loaded = manager.load_latest_migrated("ada", slot, &migrations).unwrap();
        assert_eq!((loaded.migrated_from, loaded.value, ran.counts()), expected);
        let again = manager.load_migrated(loaded.save.id(), &migrations.clone()).unwrap();
        assert_eq!(again.migrated_from, loaded.migrated_from, "the file is as it was");
    }
    assert_eq!(saved_files(&files), before);
}

#[test]
fn a_missing_step_is_named_with_the_versions() {
    let files = files();
    open(&files, 1).save("ada", 0, &V1 { gold: 7 }).unwrap();
    let manager = open(&files, 3);
    let none = Migrations::<V3>::new(TYPE, 3);
    let gap = none.clone().step(2, |purse: V2| V3 { purse, lives: 1 });
    let unfinished = none.clone().step(1, |old: V1| V2 { copper: old.gold.into() });
    for migrations in [none, gap, unfinished] {
        let err = manager.load_latest_migrated("ada", 0, &migrations).unwrap_err();
        assert!(
            matches!(&err, Error::NoMigration { name, found: 1, wanted: 3, .. } if name == TYPE),
            "{err}"
        );
    }
    // Without migrations as well.
    let err = manager.load_latest::<V3>("ada", 0).unwrap_err();
    assert!(matches!(err, Error::NoMigration { found: 1, wanted: 3, .. }), "{err}");
}

#[test]
fn a_save_of_another_type_is_not_migrated() {
    let files = files();
    let other = SaveOptions::default().files(files.clone()).schema("other.game", 1).background(false);
    keepstone_slots::SaveManager::open("saves", other).unwrap().save("ada", 0, &V1 { gold: 7 }).unwrap();
    let (migrations, ran) = migrations();
    let manager = open(&files, 3);
    let err = manager.load_latest_migrated("ada", 0, &migrations).unwrap_err();
    let is_expected =
        matches!(&err, Error::OtherType { found, wanted, .. } if found == "other.game" && wanted == TYPE);
    assert!(is_expected, "{err}");
    assert_eq!((manager.migrate(&migrations).unwrap().progress().total, ran.counts()), (0, [0, 0]));
}

#[test]
fn an_old_build_refuses_a_newer_save_and_leaves_it_as_it_is() {
    let files = files();
    open(&files, 1).save("ada", 0, &V1 { gold: 7 }).unwrap();
    open(&files, 2).save("ada", 0, &V2 { copper: 5 }).unwrap();
    let before = saved_files(&files);
    let manager = open(&files, 1);
    let old = Migrations::<V1>::new(TYPE, 1);
    let refused = [
        manager.load_latest::<V1>("ada", 0).map(drop),
        manager.load_latest_migrated("ada", 0, &old).map(drop),
        manager.load::<V1>(manager.latest("ada", 0).unwrap().unwrap().id()).map(drop),
    ];
    for refused in refused {
        // The older save that it could read is no stand-in for the newer.
        let err = refused.unwrap_err();
        assert!(matches!(&err, Error::Newer { name, found: 2, known: 1, .. } if name == TYPE), "{err}");
        assert_eq!(err.kind(), Kind::Newer);
    }
    let mut bulk = manager.migrate(&old).unwrap();
    assert!(bulk.step().is_none());
    manager.maintain().unwrap();
    drop(manager);
    assert_eq!(saved_files(&files), before);
}

#[test]
fn a_failed_step_names_save_and_version_and_is_no_reason_for_an_earlier_save() {
    let files = files();
    let old = open(&files, 1);
    old.save("ada", 0, &V1 { gold: 7 }).unwrap();
    let bad = old.save("ada", 0, &V1 { gold: 13 }).unwrap().id();
    drop(old);
    let err = open(&files, 3).load_latest_migrated("ada", 0, &migrations().0).unwrap_err();
    assert!(matches!(&err, Error::Step { id, from: 1, .. } if *id == bad), "{err}");
    assert!(err.to_string().ends_with("bad luck"), "{err}");
}

#[test]
fn a_save_that_is_not_what_its_version_says_is_an_error() {
    let files = files();
    open(&files, 1).save("ada", 0, &"no purse at all").unwrap();
    open(&files, 1).save("ada", 1, &Bytes::from(vec![1])).unwrap();
    let (migrations, ran) = migrations();
    for slot in [0, 1] {
        let err = open(&files, 3).load_latest_migrated("ada", slot, &migrations).unwrap_err();
        assert!(matches!(err, Error::Payload { .. }), "{err}");
        assert_eq!((err.kind(), ran.counts()), (Kind::Misuse, [0, 0]));
    }
}

#[test]
fn saves_without_a_version_are_of_the_one_that_is_said() {
    let files = files();
    let unversioned = SaveOptions::default().files(files.clone()).background(false);
    let manager = keepstone_slots::SaveManager::open("saves", unversioned).unwrap();
    manager.save("ada", 0, &V1 { gold: 7 }).unwrap();
    drop(manager);
    let manager = open(&files, 3);
    let (migrations, ran) = migrations();
    let err = manager.load_latest_migrated("ada", 0, &migrations).unwrap_err();
    assert!(matches!(err, Error::NoMigration { found: 0, wanted: 3, .. }), "{err}");
    let loaded = manager.load_latest_migrated("ada", 0, &migrations.clone().unversioned_is(1)).unwrap();
    assert_eq!((loaded.value, loaded.migrated_from, ran.counts()), (V3::of(7), Some(1), [1, 1]));
    let err = manager.load_latest_migrated("ada", 0, &migrations.unversioned_is(4)).unwrap_err();
    assert!(matches!(err, Error::StepVersion { from: 4, .. }), "{err}");
    drop(manager);
    let (migrations, _) = super::migrations();
    let progress = open(&files, 3)
        .migrate(&migrations.unversioned_is(1))
        .unwrap()
        .run(|_| std::ops::ControlFlow::Continue(()));
    assert_eq!((progress.done, progress.failed), (1, 0));
    let loaded = open(&files, 3).load_latest::<V3>("ada", 0).unwrap();
    assert_eq!(loaded.save.schema().map(|schema| schema.version), Some(3));
}

#[test]
fn steps_that_do_not_fit_are_refused_before_anything_is_read() {
    let chain = || Migrations::<V3>::new(TYPE, 3).step(1, |old: V1| V2 { copper: old.gold.into() });
    assert!(chain().step(2, |purse: V2| V3 { purse, lives: 0 }).check().is_ok());

    let err = misfit(&chain().step(2, |old: V1| V3::of(old.gold)));
    let is_named = matches!(&err, Error::StepType { version: 2, found, wanted, .. }
        if found.ends_with("V2") && wanted.ends_with("V1"));
    assert!(is_named, "{err}");
    let err = misfit(&chain().step(2, |old: V2| old));
    let is_named = matches!(&err, Error::StepType { version: 3, found, wanted, .. }
        if found.ends_with("V2") && wanted.ends_with("V3"));
    assert!(is_named, "{err}");
    let err = misfit(&chain().step(1, |old: V1| old));
    assert!(matches!(err, Error::StepVersion { from: 1, .. }), "{err}");
    let err = misfit(&chain().step(3, |old: V3| old));
    assert!(matches!(err, Error::StepVersion { from: 3, .. }), "{err}");
    let err = misfit(&chain().step(u32::MAX, |old: V3| old));
    assert!(matches!(err, Error::StepVersion { from: u32::MAX, .. }), "{err}");

    let files = files();
    let saved = open(&files, 3).save("ada", 0, &V3::of(1)).unwrap();
    let manager = open(&files, 3);
    let bad = chain().step(2, |old: V2| old);
    let errors = [
        manager.load_migrated(saved.id(), &bad).map(drop),
        manager.load_latest_migrated("ada", 0, &bad).map(drop),
        manager.migrate(&bad).map(drop),
        manager.migrate_in_background(&bad).map(drop),
    ];
    for err in errors {
        let err = err.unwrap_err();
        assert!(matches!(err, Error::StepType { version: 3, .. }), "{err}");
    }
}

#[test]
fn migrations_go_to_other_threads_whatever_their_type() {
    fn check<T: Send + Sync + Clone>() {}
    check::<Migrations<std::rc::Rc<V3>>>();
}
