//! All saves, on a thread of their own.

use std::sync::mpsc;

use keepstone_slots::{Error, Migrations, SaveManager, Step};

use super::{TYPE, V1, V2, V3, files, migrations, open, options};

/// Migrations of which each step waits for a word, after saying that it begins.
fn gated() -> (Migrations<V2>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (begun, begins) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let begun = std::sync::Mutex::new(begun);
    let migrations = Migrations::new(TYPE, 2).step(1, move |old: V1| {
        begun.lock().unwrap().send(()).unwrap();
        // Without anybody at the gate it is open.
        gate.lock().unwrap().recv().ok();
        V2 { copper: old.gold.into() }
    });
    (migrations, begins, go)
}

fn saved(count: u8) -> std::sync::Arc<dyn keepstone_storage::Files> {
    let files = files();
    let old = open(&files, 1);
    for slot in 0..count {
        old.save("ada", slot, &V1 { gold: 1 }).unwrap();
    }
    files
}

#[test]
fn all_saves_are_migrated_while_the_program_goes_on() {
    let files = saved(4);
    let manager = SaveManager::open("saves", options(&files, 3).background(true)).unwrap();
    let (migrations, ran) = migrations();
    let mut background = manager.migrate_in_background(&migrations).unwrap();
    manager.save("ada", 9, &V3::of(9)).unwrap();
    let progress = background.wait().unwrap();
    assert_eq!((progress.done, progress.failed, progress.total, ran.counts()), (4, 0, 4, [4, 4]));
    assert!(background.is_done() && background.take_failed().is_empty());
    assert_eq!(background.wait().unwrap(), progress, "it can be asked again");
    for slot in 0..4 {
        assert_eq!(manager.load_latest::<V3>("ada", slot).unwrap().value, V3::of(1));
    }
}

#[test]
fn a_pause_lets_the_save_at_hand_end_and_begins_no_other() {
    let files = saved(3);
    let manager = open(&files, 2);
    let (migrations, begins, go) = gated();
    let mut background = manager.migrate_in_background(&migrations).unwrap();
    begins.recv().unwrap();
    assert_eq!((background.progress().done, background.progress().total), (0, 3));
    background.pause();
    go.send(()).unwrap();
    while background.progress().done == 0 {
        std::thread::yield_now();
    }
    assert!(begins.try_recv().is_err() && !background.is_done());
    background.resume();
    begins.recv().unwrap();
    assert_eq!(background.progress().done, 1);
    drop(go);
    assert_eq!(background.wait().unwrap().done, 3);
}

#[test]
fn what_is_cancelled_ends_behind_the_save_at_hand() {
    let files = saved(3);
    let manager = open(&files, 2);
    let (migrations, begins, go) = gated();
    let mut background = manager.migrate_in_background(&migrations).unwrap();
    begins.recv().unwrap();
    background.cancel();
    background.resume();
    drop(go);
    let progress = background.wait().unwrap();
    assert_eq!((progress.done, progress.left()), (1, 2));
    assert!(begins.try_recv().is_err());
    drop(background);
    assert_eq!(manager.migrate(&migrations).unwrap().progress().total, 2);
}

#[test]
fn one_that_is_dropped_while_it_is_paused_ends() {
    let files = saved(2);
    let manager = open(&files, 2);
    let (migrations, begins, go) = gated();
    let background = manager.migrate_in_background(&migrations).unwrap();
    begins.recv().unwrap();
    background.pause();
    go.send(()).unwrap();
    drop(background);
    assert_eq!(manager.migrate(&migrations).unwrap().progress().total, 1);
    // The root is free once nothing of it is left.
    drop(manager);
    open(&files, 2);
}

#[test]
fn failures_are_handed_out_and_a_panic_is_an_error() {
    let files = saved(1);
    open(&files, 1).save("ada", 5, &V1 { gold: 13 }).unwrap();
    let manager = open(&files, 3);
    let mut background = manager.migrate_in_background(&migrations().0).unwrap();
    let progress = background.wait().unwrap();
    assert_eq!((progress.done, progress.failed), (1, 1));
    let failed = background.take_failed();
    assert!(matches!(&failed[..], [Step::Failed { error: Error::Step { from: 1, .. }, .. }]), "{failed:?}");
    assert!(background.take_failed().is_empty());

    let panics =
        Migrations::<V2>::new(TYPE, 3).step(1, |_: V1| -> V2 { panic!("no luck") }).step(2, |old: V2| old);
    let mut background = manager.migrate_in_background(&panics).unwrap();
    let err = background.wait().unwrap_err();
    assert!(matches!(&err, Error::Background(_)) && err.to_string().contains("no luck"), "{err}");
    drop(background);
    assert_eq!(manager.load_latest_migrated("ada", 0, &migrations().0).unwrap().value, V3::of(1));
    manager.save("ada", 0, &V3::of(2)).unwrap();
}
