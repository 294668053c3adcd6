//! Worlds in save slots.

use std::{path::Path, sync::Arc};

use bevy_ecs::prelude::*;
use keepstone_bevy::Registry;
use keepstone_slots::{Bytes, Compression, SaveManager, SaveRequest};
use keepstone_storage::{Files, MemFiles};
use keepstone_testkit::{Fault, SimFiles, Until, crash_sweep};
use keepstone_world::{
    Error, Kind, LoadMode, LoadOptions, MigrationChain, SaveOptions, SlotSaver, WorldFiles, WorldMeta,
    WorldSlots,
};

use crate::support::{Score, Title, number, world};

fn memory() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

fn manager(files: &Arc<dyn Files>) -> SaveManager {
    let options = keepstone_slots::SaveOptions::default().files(Arc::clone(files)).background(false);
    SaveManager::open("saves", options).unwrap()
}

fn loaded(manager: &SaveManager, slot: u8) -> Option<u64> {
    let mut world = World::new();
    world.load_from_slot(manager, "ann", slot).unwrap();
    number(&mut world)
}

fn hashed() -> SaveOptions<'static, Registry> {
    SaveOptions::default().state_hash(true)
}

/// Flips the last bit that is not zero of a file.
fn damage(files: &dyn Files, path: &Path) {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, path, u64::MAX, &mut bytes).unwrap();
    let at = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    files.open_rw(path).unwrap().write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
}

fn path_of(manager: &SaveManager, file_name: &str) -> std::path::PathBuf {
    let player = keepstone_slots::Player::new("ann").unwrap();
    manager.dir().join(player.dir_name()).join(file_name)
}

#[test]
fn a_world_comes_back_from_its_slot_with_what_was_said_about_it() {
    let files = memory();
    let manager = manager(&files);
    let mut meta = WorldMeta::default();
    (meta.name, meta.tick, meta.world_version) = (Some("bridge".into()), Some(90), Some(4));
    meta.application = Some("game".into());
    meta.custom.insert("mood".into(), b"grim".to_vec());
    let options = hashed().meta(meta.clone());
    let saved = world(7).save_to_slot_with(&manager, "ann", 3, &options, &SaveRequest::default()).unwrap();
    assert_eq!((saved.captured.entities, saved.captured.values), (2, 3));
    let entry = &saved.saved.save;
    assert_eq!((entry.name(), entry.tick(), entry.application()), (Some("bridge"), Some(90), Some("game")));
    assert_eq!(entry.state_hash(), Some(WorldSlots::state_hash(&world(7), &options).unwrap()));

    let mut back = World::new();
    let loaded = back.load_from_slot(&manager, "ann", 3).unwrap();
    assert_eq!(number(&mut back), Some(7));
    assert_eq!((loaded.tick(), loaded.save.id()), (Some(90), saved.saved.id()));
    assert_eq!(loaded.report.meta, meta);
    back.check_state(&loaded, &hashed()).unwrap();
}

#[test]
fn a_request_has_the_last_word_about_a_save() {
    let files = memory();
    let manager = manager(&files);
    let mut meta = WorldMeta::default();
    (meta.name, meta.tick) = (Some("of the world".into()), Some(1));
    meta.custom.insert("a".into(), vec![1]);
    let request = SaveRequest::default().name("of the request").tick(2).custom("a", vec![2]);
    let options = SaveOptions::default().meta(meta);
    let saved = world(1).save_to_slot_with(&manager, "ann", 0, &options, &request).unwrap();
    let entry = saved.saved.save;
    assert_eq!((entry.name(), entry.tick()), (Some("of the request"), Some(2)));
    assert_eq!(entry.custom("a"), Some(vec![2]));
}

#[test]
fn the_save_before_is_loaded_in_the_place_of_a_damaged_one() {
    let files = memory();
    let manager = manager(&files);
    world(1).save_to_slot(&manager, "ann", 0).unwrap();
    let second = world(2).save_to_slot(&manager, "ann", 0).unwrap().saved;
    damage(&*files, &path_of(&manager, second.save.file_name()));
    let mut back = World::new();
    let found = back.load_from_slot(&manager, "ann", 0).unwrap();
    assert_eq!(number(&mut back), Some(1));
    assert_eq!(found.recovered.unwrap().lost[0].save.id(), second.id());
}

#[test]
fn a_state_that_is_not_the_saved_one_is_told_before_the_world_changes() {
    let files = memory();
    let manager = manager(&files);
    // What a program would say whose encoder had lost something on the way.
    let lie = SaveRequest::default().state_hash(99);
    let options = SaveOptions::default();
    let id = world(1).save_to_slot_with(&manager, "ann", 0, &options, &lie).unwrap().saved.id();
    let mut other = world(5);
    for mode in [LoadMode::Merge, LoadMode::Restore] {
        let error = other.load_from_slot_with(&manager, "ann", 0, mode, &LoadOptions::default()).unwrap_err();
        let Error::Slots(error) = error else { panic!("{error}") };
        assert!(
            matches!(*error, keepstone_slots::Error::StateHash { id: of, expected: 99, .. } if of == id),
            "{error}"
        );
    }
    assert_eq!(number(&mut other), Some(5), "the world is as it was");
}

#[test]
fn a_world_that_took_a_value_otherwise_is_told_by_its_hash() {
    let files = memory();
    let manager = manager(&files);
    world(1).save_to_slot_with(&manager, "ann", 0, &hashed(), &SaveRequest::default()).unwrap();
    let mut back = World::new();
    let found = back.load_from_slot(&manager, "ann", 0).unwrap();
    back.check_state(&found, &hashed()).unwrap();
    back.query::<&mut Score>().iter_mut(&mut back).for_each(|mut score| score.0 += 1);
    let error = back.check_state(&found, &hashed()).unwrap_err();
    assert!(
        matches!(&error, Error::Slots(error) if matches!(**error, keepstone_slots::Error::StateHash { .. }))
    );
}

#[test]
fn a_restore_from_a_slot_takes_the_world_back() {
    let files = memory();
    let manager = manager(&files);
    let mut game = world(1);
    game.save_to_slot(&manager, "ann", 0).unwrap();
    game.spawn(Score(1000));
    game.query::<&mut Title>().iter_mut(&mut game).for_each(|mut title| title.0.push('!'));
    let restored = game.restore_from_slot(&manager, "ann", 0).unwrap();
    assert!(restored.report.restored.is_some());
    assert_eq!(number(&mut game), Some(1));
}

#[test]
fn one_save_is_loaded_by_its_id() {
    let files = memory();
    let manager = manager(&files);
    let first = world(1).save_to_slot(&manager, "ann", 0).unwrap().saved;
    world(2).save_to_slot(&manager, "ann", 0).unwrap();
    assert_eq!(loaded(&manager, 0), Some(2));
    let mut back = World::new();
    back.load_save_with(&manager, first.id(), LoadMode::Merge, &LoadOptions::default()).unwrap();
    assert_eq!(number(&mut back), Some(1));
}

#[test]
fn migrations_bring_a_save_to_the_present_version() {
    let files = memory();
    let manager = manager(&files);
    let mut meta = WorldMeta::default();
    meta.world_version = Some(1);
    let options = hashed().meta(meta);
    world(1).save_to_slot_with(&manager, "ann", 0, &options, &SaveRequest::default()).unwrap();
    let chain = MigrationChain::new().step(1, 2, "no titles", |doc| {
        doc.remove_component("test.title");
        Ok(())
    });
    let mut back = World::new();
    let load = LoadOptions::default().migrations(&chain);
    let found = back.load_from_slot_with(&manager, "ann", 0, LoadMode::Merge, &load).unwrap();
    assert_eq!(found.report.meta.world_version, Some(2));
    assert_eq!(back.query::<&Score>().iter(&back).count(), 2);
    assert_eq!(back.query::<&Title>().iter(&back).count(), 0);
}

#[test]
fn what_a_slot_cannot_have_is_refused() {
    let files = memory();
    let manager = manager(&files);
    let refused = [
        SaveOptions::default().in_parts(),
        SaveOptions::default().read_back(true),
        SaveOptions::default().format(keepstone_ecs_persist::Json),
    ];
    for options in refused {
        let error = world(1)
            .save_to_slot_with(&manager, "ann", 0, &options, &SaveRequest::default())
            .map(drop)
            .unwrap_err();
        assert!(matches!(error, Error::NotInStore { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Misuse);
    }
    assert!(manager.list("ann").unwrap().is_empty());
}

#[test]
fn a_slot_with_something_else_is_told() {
    let files = memory();
    let manager = manager(&files);
    manager.save("ann", 0, &Bytes::from(vec![1, 2, 3])).unwrap();
    let error = World::new().load_from_slot(&manager, "ann", 0).map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse, "{error}");
    assert!(error.to_string().contains("a world"), "{error}");
    let error = World::new().load_from_slot(&manager, "ann", 1).map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
}

#[test]
fn an_exported_save_is_a_world_file() {
    let files = memory();
    let manager = manager(&files);
    let saved = world(3).save_to_slot(&manager, "ann", 0).unwrap().saved;
    let bytes = manager.export_to_bytes(saved.id(), Compression::FAST).unwrap();
    assert_eq!(number(&mut World::load_bytes(&bytes).unwrap()), Some(3));
}

#[test]
fn what_is_saved_in_the_background_is_the_world_of_the_moment_of_the_call() {
    let files = memory();
    let saver = SlotSaver::new(manager(&files));
    let mut game = world(1);
    let first = saver.save_with(&game, "ann", 0, &hashed(), &SaveRequest::default()).unwrap();
    game.query::<&mut Score>().iter_mut(&mut game).for_each(|mut score| score.0 = 1000);
    assert_eq!(first.captured.entities, 2);
    let receipt = first.ticket.wait().unwrap();
    assert_eq!(loaded(saver.manager(), 0), Some(1));
    assert!(receipt.save.state_hash().is_some());
    let second = world(2).save_to_slot_in_background(&saver, "ann", 0).unwrap();
    second.ticket.wait().unwrap();
    assert_eq!(loaded(saver.manager(), 0), Some(2));
}

#[test]
fn a_full_disk_is_on_the_ticket_and_the_next_save_goes_well() {
    let disk = SimFiles::empty();
    let plain: Arc<dyn Files> = Arc::new(disk.clone());
    {
        world(1).save_to_slot(&manager(&plain), "ann", 0).unwrap();
    }
    let faulty: Arc<dyn Files> = Arc::new(disk.faults(12, Fault::NoSpace, Until::Forever));
    let failing = SlotSaver::new(manager(&faulty));
    let error = loop {
        // Up to the twelfth call all goes well.
        match world(2).save_to_slot_in_background(&failing, "ann", 0).unwrap().ticket.wait() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::NoSpace, "{error}");
    drop(failing);
    let manager = manager(&plain);
    assert!(matches!(loaded(&manager, 0), Some(1 | 2)));
    world(3).save_to_slot(&manager, "ann", 0).unwrap();
    assert_eq!(loaded(&manager, 0), Some(3));
}

#[test]
fn a_crash_leaves_the_last_acknowledged_world_or_the_one_in_flight() {
    let open = |disk: &SimFiles| {
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        manager(&files)
    };
    let swept = crash_sweep(
        |disk| {
            world(1).save_to_slot(&open(disk), "ann", 0).unwrap();
        },
        |disk| {
            world(2).save_to_slot(&open(disk), "ann", 0).unwrap();
            disk.acknowledge();
        },
        |disk, acknowledged| match loaded(&open(disk), 0) {
            Some(2) => Ok(()),
            Some(1) if acknowledged == 0 => Ok(()),
            other => Err(format!("{acknowledged} acknowledged, found {other:?}")),
        },
    );
    assert!(swept.as_ref().is_ok_and(|swept| swept.states_checked > 8), "{swept:?}");
}

#[test]
fn hecs_worlds_go_to_the_same_slots() {
    let files = memory();
    let manager = manager(&files);
    let mut meta = WorldMeta::default();
    meta.tick = Some(5);
    let mut game = hecs::World::new();
    game.spawn((keepstone_ecs_persist::PersistId(1),));
    let options = SaveOptions::default().meta(meta).state_hash(true);
    game.save_to_slot_with(&manager, "ann", 0, &options, &SaveRequest::default()).unwrap();
    let mut back = hecs::World::new();
    let found = back.load_from_slot(&manager, "ann", 0).unwrap();
    let ids: Vec<u64> = back.query::<&keepstone_ecs_persist::PersistId>().iter().map(|id| id.0).collect();
    assert_eq!((ids, found.tick()), (vec![1], Some(5)));
}
