use std::{io, sync::atomic::AtomicBool};

use keepstone_bevy::LoadGame;
use keepstone_slots::AutosavePolicy;
use keepstone_storage::Op;
use keepstone_testkit::tap::{Call, Tap, Tapped, Verdict};

use super::*;

/// A disk that is full as long as it is said to be.
#[derive(Debug, Clone, Default)]
struct Full(Arc<AtomicBool>);

impl Tap for Full {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if self.0.load(Ordering::Relaxed) && call.op == Op::Write {
            return Verdict::Fail(io::ErrorKind::StorageFull.into());
        }
        Verdict::Run
    }
}

fn full() -> (Full, Arc<dyn Files>) {
    let full = Full::default();
    let files = Tapped::new(memory(), full.clone());
    (full, Arc::new(files))
}

#[test]
fn a_full_disk_fails_the_save_and_the_next_one_goes_well() {
    let (full, files) = full();
    let (mut app, heard) = app(on(&files));
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    app.add_observer(move |failed: On<SaveFailed>| seen.lock().unwrap().push((failed.slot, failed.kind())));
    app.world_mut().spawn(Score(1));
    frame(&mut app, SaveGame::slot(0));
    full.0.store(true, Ordering::Relaxed);
    frame(&mut app, SaveGame::slot(0));
    assert_eq!(heard.take(), ["started", "saved", "started", "failed"]);
    assert_eq!(*kinds.lock().unwrap(), [(Some(0), keepstone_world::Kind::NoSpace)]);
    app.world_mut().spawn(Score(2));
    frame(&mut app, LoadGame::slot(0));
    assert_eq!(scores(&mut app), [1], "the save before is whole");
    full.0.store(false, Ordering::Relaxed);
    frame(&mut app, SaveGame::slot(0));
    assert_eq!(heard.take(), ["loaded", "started", "saved"]);
}

#[test]
fn a_failed_automatic_save_is_tried_again_once_its_throttle_is_over() {
    let (full, files) = full();
    let (seconds, timer) = timer();
    let policy = AutosavePolicy::every(Duration::from_mins(1)).throttle(Duration::from_secs(5));
    let (mut app, heard) = app(on(&files).autosave(policy).with_timer(timer));
    full.0.store(true, Ordering::Relaxed);
    for at in [60, 61, 64, 65, 66] {
        seconds.store(at, Ordering::Relaxed);
        if at == 65 {
            full.0.store(false, Ordering::Relaxed);
        }
        app.update();
        wait_for_saves(app.world_mut());
    }
    assert_eq!(heard.take(), ["started", "failed", "started", "saved"]);
}

#[test]
fn saves_that_another_program_has_open_are_told_of_and_tried_again() {
    let files = memory();
    let (first, _) = app(on(&files));
    let (mut second, heard) = app(on(&files));
    second.update();
    assert_eq!(heard.take(), ["unavailable"]);
    let error = second.world().resource::<Saves>().error().map(keepstone_world::Error::kind);
    assert_eq!(error, Some(keepstone_world::Kind::Busy));
    frame(&mut second, SaveGame::slot(0));
    frame(&mut second, LoadGame::slot(0));
    assert_eq!(heard.take(), ["failed", "not loaded"]);
    assert!(list(&second).is_empty());
    drop(first);
    frame(&mut second, SaveGame::slot(0));
    assert_eq!(heard.take(), ["started", "saved"]);
    assert!(second.world().resource::<Saves>().error().is_none());
}

#[test]
fn an_observer_that_removes_the_saves_stops_them() {
    let (mut app, heard) = app(on(&memory()));
    app.add_observer(|_: On<SaveStarted>, mut commands: Commands| commands.remove_resource::<Saves>());
    frame(&mut app, SaveGame::slot(0));
    app.update();
    assert_eq!(heard.take(), ["started"]);
}
