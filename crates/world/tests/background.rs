//! Saves and loads on another thread.

use std::{
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
};

use bevy_ecs::prelude::*;
use keepstone_bevy::Registry;
use keepstone_storage::{Files, MemFiles};
use keepstone_testkit::{Fault, FaultFiles, SimFiles, Until, crash_sweep};
use keepstone_world::{
    Codec, Error, Kind, LoadMode, LoadOptions, SaveOptions, Saver, Ticket, Worker, WorkerOptions, WorldFiles,
    save_worlds,
};

use crate::support::{PATH, Score, load, number, save, world};

fn to(files: &Arc<dyn Files>) -> SaveOptions<'static, Registry> {
    SaveOptions::default().files(files.clone()).codec(Codec::None)
}

fn from(files: &Arc<dyn Files>) -> LoadOptions<'static, Registry> {
    LoadOptions::default().files(files.clone())
}

fn memory() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

/// A saver that does nothing until the sender is dropped.
fn held(queue_max: usize) -> (Saver, Sender<()>) {
    let worker = Worker::spawn(&WorkerOptions::default().queue_max(queue_max)).unwrap();
    let (release, released) = channel::<()>();
    let (begin, running) = channel();
    drop(worker.submit(move || {
        begin.send(()).unwrap();
        released.recv().ok();
        Ok(())
    }));
    running.recv().unwrap();
    (Saver::with_worker(worker), release)
}

#[test]
fn what_is_saved_is_the_world_of_the_moment_of_the_call() {
    let files = memory();
    let (saver, release) = held(4);
    let mut changing = world(1);
    let ticket = saver.save_with(&changing, PATH, &to(&files)).unwrap();
    for mut score in changing.query::<&mut Score>().iter_mut(&mut changing) {
        score.0 = 1000;
    }
    drop(changing);
    drop(release);
    let report = ticket.wait().unwrap();
    assert_eq!((report.encoded.entities, report.durability.is_some()), (2, true));
    assert_eq!(load(files).unwrap(), Some(1));
}

#[test]
fn a_background_save_writes_the_bytes_of_a_plain_one() {
    let files = memory();
    let saver = Saver::new().unwrap();
    let bytes = |path: &str| {
        let mut bytes = Vec::new();
        keepstone_storage::read(&*files, path.as_ref(), u64::MAX, &mut bytes).unwrap();
        bytes
    };
    // The third uses the memory of the first again, with less in it.
    for (path, count) in [("a", 900), ("b", 1000), ("c", 10)] {
        let mut large = world(count);
        large.spawn_batch((0..count).map(Score));
        large.save_with("plain", &to(&files)).unwrap();
        saver.save_with(&large, path, &to(&files)).unwrap().wait().unwrap();
        assert!(bytes("plain") == bytes(path), "{path}");
    }
}

#[test]
fn two_saves_and_a_load_go_on_at_once() {
    let files = memory();
    save(&world(1), files.clone()).unwrap();
    let (saver, release) = held(4);
    let first = saver.save_with(&world(2), "first.keep", &to(&files)).unwrap();
    let reading = saver.load_with::<_, World>(PATH, &from(&files)).unwrap();
    let second = saver.save_with(&world(3), "second.keep", &to(&files)).unwrap();
    let written = saver.load_with::<_, World>("second.keep", &from(&files)).unwrap();
    assert!(!first.is_done() && !second.is_done() && !reading.is_done());
    drop(release);
    let mut target = World::new();
    let report = reading.wait().unwrap().spawn_into(&mut target).unwrap();
    assert_eq!((number(&mut target), report.spawned.entities.len()), (Some(1), 2));
    second.wait().unwrap();
    first.wait().unwrap();
    let written = written.wait().unwrap();
    let mut target = World::new();
    let options = from(&files);
    written.spawn_into_with(&mut target, LoadMode::Merge, &options).unwrap();
    assert_eq!(number(&mut target), Some(3), "a load sees the saves before it");
    written.spawn_into(&mut target).unwrap();
    assert_eq!(target.query::<&Score>().iter(&target).count(), 4, "a document can be placed twice");
}

#[test]
fn the_calls_of_a_world_take_a_saver() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("game.json");
    let saver = Saver::new().unwrap();
    world(9).save_json(&path).unwrap();
    let mut target = World::new();
    World::load_in_background(&path, &saver).unwrap().wait().unwrap().spawn_into(&mut target).unwrap();
    assert_eq!(number(&mut target), Some(9));
    let codec = if Codec::default().is_built() { Ok(()) } else { Err(Kind::Misuse) };
    let ticket: Ticket<_> = target.save_in_background(&path, &saver).unwrap();
    assert_eq!(ticket.wait().map(drop).map_err(|error| error.kind()), codec);
}

#[test]
fn a_later_save_of_a_path_never_ends_up_older() {
    let files = memory();
    for queue_max in [1, 3] {
        let worker = Worker::spawn(&WorkerOptions::default().queue_max(queue_max)).unwrap();
        let saver = Saver::with_worker(worker);
        let (tickets, waiting) = channel::<(u64, Ticket<_>)>();
        thread::scope(|scope| {
            let files = &files;
            scope.spawn(move || {
                for (at, ticket) in waiting {
                    match ticket.wait() {
                        Ok(_) => {
                            let found = load(files.clone()).unwrap().unwrap();
                            assert!(found >= at, "{found} after {at}");
                        }
                        Err(error) => assert!(error.is_superseded(), "{error}"),
                    }
                }
            });
            for at in 1..=100 {
                let ticket = saver.save_with(&world(at), PATH, &to(files)).unwrap();
                tickets.send((at, ticket)).unwrap();
            }
            drop(tickets);
        });
        assert!(saver.finish().is_empty());
        assert_eq!(load(files.clone()).unwrap(), Some(100));
    }
}

#[test]
fn a_save_that_has_not_begun_gives_its_place_to_the_next_of_its_path() {
    let (one, other) = (memory(), memory());
    let (saver, release) = held(2);
    let old = saver.save_with(&world(1), PATH, &to(&one)).unwrap();
    let elsewhere = saver.save_with(&world(2), PATH, &to(&other)).unwrap();
    // The queue is full, but for this path there is a place.
    let new = saver.try_save_with(&world(3), PATH, &to(&one)).unwrap();
    let error = saver.try_save_with(&world(4), "new.keep", &to(&one)).unwrap_err();
    assert_eq!(error.kind(), Kind::Busy, "{error}");
    assert!(old.wait().unwrap_err().is_superseded());
    drop(release);
    elsewhere.wait().unwrap();
    new.wait().unwrap();
    assert_eq!((load(one).unwrap(), load(other).unwrap()), (Some(3), Some(2)), "the same path on two disks");
    assert!(saver.finish().is_empty());
}

#[test]
fn saves_of_one_path_with_default_files_wait_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auto.keep");
    let (saver, release) = held(4);
    let options = || SaveOptions::default().codec(Codec::None);
    let old = saver.save_with(&world(1), &path, &options()).unwrap();
    let new = saver.save_with(&world(2), &path, &options()).unwrap();
    drop(release);
    assert!(old.wait().unwrap_err().is_superseded());
    new.wait().unwrap();
    assert_eq!(number(&mut World::load(&path).unwrap()), Some(2));
}

#[test]
fn a_save_in_parts_is_not_done_in_one_piece() {
    let files = memory();
    let options = to(&files).in_parts();
    let saver = Saver::new().unwrap();
    let (game, captured) = (world(1), world(1).capture_owned().unwrap());
    let refused = [
        saver.save_with(&game, PATH, &options).map(drop),
        saver.try_save_with(&game, PATH, &options).map(drop),
        save_worlds(&[("a", &game), ("b", &game)], PATH, &options).map(drop),
        captured.save_with(PATH, &options).map(drop),
        captured.save_to_with(&mut Vec::new(), &options).map(drop),
    ];
    for result in refused {
        assert!(matches!(result, Err(Error::NotInParts { .. })), "{result:?}");
    }
}

#[test]
fn dropping_a_saver_waits_for_what_it_accepted() {
    let files = memory();
    let saver = Saver::new().unwrap();
    for at in 0..5 {
        drop(saver.save_with(&world(at), format!("{at}.keep"), &to(&files)).unwrap());
    }
    drop(saver);
    for at in 0..5 {
        let (mut world, _) = World::load_with(format!("{at}.keep"), &from(&files)).unwrap();
        assert_eq!(number(&mut world), Some(at));
    }
}

#[test]
fn errors_are_on_the_ticket_and_kept_when_it_is_gone() {
    let disk = Arc::new(MemFiles::new());
    save(&world(1), disk.clone()).unwrap();
    let full: Arc<dyn Files> = Arc::new(FaultFiles::over(disk.clone(), 0, Fault::NoSpace, Until::Forever));
    let saver = Saver::new().unwrap();
    let error = saver.save_with(&world(2), PATH, &to(&full)).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace, "{error}");
    drop(saver.save_with(&world(3), PATH, &to(&full)).unwrap());
    let good: Arc<dyn Files> = disk.clone();
    saver.save_with(&world(4), PATH, &to(&good)).unwrap().wait().unwrap();
    let missing = saver.load_with::<_, World>("missing.keep", &from(&good)).unwrap().wait().unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
    let unclaimed = saver.finish();
    assert!(matches!(unclaimed.errors.as_slice(), [error] if error.kind() == Kind::NoSpace), "{unclaimed:?}");
    assert_eq!(load(disk).unwrap(), Some(4), "the next save works");
}

struct Panics;
impl keepstone_ecs_persist::WorldFormat for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }
    fn version(&self) -> u32 {
        1
    }
    fn detect(&self, _: &[u8]) -> bool {
        false
    }
    fn version_of(&self, _: &[u8]) -> Option<u32> {
        None
    }
    fn save(
        &self,
        _: &[&keepstone_ecs_persist::WorldDoc<'_>],
        _: &mut dyn std::io::Write,
        _: &keepstone_ecs_persist::WriteOptions,
    ) -> Result<(), keepstone_ecs_persist::Error> {
        panic!("in a format")
    }
    fn load(
        &self,
        _: &mut dyn std::io::Read,
        _: &keepstone_ecs_persist::ReadOptions<'_>,
    ) -> Result<keepstone_ecs_persist::WorldDoc<'static>, keepstone_ecs_persist::Error> {
        panic!("in a format")
    }
}

#[test]
fn a_format_that_panics_leaves_the_saver_and_the_file_usable() {
    let files = memory();
    let saver = Saver::new().unwrap();
    saver.save_with(&world(1), PATH, &to(&files)).unwrap().wait().unwrap();
    let error = saver.save_with(&world(2), PATH, &to(&files).format(Panics)).unwrap().wait().unwrap_err();
    assert!(matches!(error, Error::Background(_)) && error.to_string().contains("in a format"), "{error}");
    assert_eq!(load(files.clone()).unwrap(), Some(1));
    saver.save_with(&world(3), PATH, &to(&files)).unwrap().wait().unwrap();
    assert_eq!(load(files).unwrap(), Some(3));
}

#[test]
fn a_crash_during_a_background_save_leaves_the_acknowledged_world_or_the_one_in_flight() {
    let swept = crash_sweep(
        |disk: &SimFiles| {
            save(&world(1), Arc::new(disk.clone())).unwrap();
        },
        |disk| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let saver = Saver::new().unwrap();
            for at in [2, 3] {
                saver.save_with(&world(at), PATH, &to(&files)).unwrap().wait().unwrap();
                disk.acknowledge();
            }
        },
        |disk, acknowledged| {
            let found = load(Arc::new(disk.clone()));
            let acknowledged = u64::try_from(acknowledged).unwrap();
            match found {
                Ok(Some(at)) if at == acknowledged + 1 || (acknowledged < 2 && at == acknowledged + 2) => {
                    Ok(())
                }
                other => Err(format!("{acknowledged} acknowledged, found {other:?}")),
            }
        },
    )
    .unwrap();
    assert!(swept.states_checked > 16, "{swept:?}");
}
