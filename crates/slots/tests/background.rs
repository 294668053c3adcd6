use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
};

use keepstone_slots::{
    BatchItem, Bytes, Error, Kind, Payload, PayloadError, SaveEntry, SaveManager, SaveOptions, SaveReader,
    SaveRequest,
};
use keepstone_storage::Files;
use keepstone_store::Prepared;
use keepstone_testkit::{Fault, FaultFiles, SimFiles, Until};

use crate::support::{ROOT, bytes, files, latest, quiet};

/// A payload that is not ready before it is told to be.
struct Gated(Arc<(Mutex<bool>, Condvar)>);

impl Gated {
    fn new() -> (Self, impl Fn()) {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let opened = Arc::clone(&gate);
        let open = move || {
            *opened.0.lock().unwrap() = true;
            opened.1.notify_all();
        };
        (Self(gate), open)
    }
}

impl Payload for Gated {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
        Ok(Prepared::bytes(b"gated"))
    }
}

fn manager(files: &Arc<dyn Files>) -> SaveManager {
    SaveManager::open(ROOT, SaveOptions::default().files(Arc::clone(files)).queue_max(2)).unwrap()
}

fn owned(text: &str) -> Bytes<'static> {
    Bytes::from(text.as_bytes().to_vec())
}

#[test]
fn a_save_in_the_background_is_told_on_its_ticket() {
    let manager = manager(&files());
    let handed = manager.save_in_background("ann", 0, owned("one"), SaveRequest::new()).unwrap();
    let saved = handed.ticket.wait().unwrap();
    assert_eq!(latest(&manager, "ann", 0), "one");
    assert_eq!(manager.list("ann").unwrap()[0].id(), saved.id());
    let handed = manager.save_bytes_in_background("ann", 0, b"two", SaveRequest::new()).unwrap();
    drop(handed.ticket);
    manager.flush().unwrap();
    assert_eq!(latest(&manager, "ann", 0), "two");
}

#[test]
fn a_later_save_of_a_slot_takes_the_place_of_one_that_waits() {
    let manager = manager(&files());
    let (gated, open) = Gated::new();
    let first = manager.save_in_background("ann", 0, gated, SaveRequest::new()).unwrap().ticket;
    // Runs, so that what comes now has to wait.
    while manager.queued() > 0 {
        thread::yield_now();
    }
    let second = manager.save_in_background("ann", 1, owned("old"), SaveRequest::new()).unwrap().ticket;
    let third = manager.save_in_background("ann", 1, owned("new"), SaveRequest::new()).unwrap().ticket;
    let fourth = manager.save_in_background("ann", 2, owned("other"), SaveRequest::new()).unwrap().ticket;
    let full = manager.try_save_in_background("ann", 3, owned("x"), SaveRequest::new()).unwrap_err();
    assert_eq!(full.kind(), Kind::Busy, "{full}");
    assert!(fourth.cancel().is_ok());
    open();
    assert!(second.wait().unwrap_err().is_superseded());
    third.wait().unwrap();
    first.wait().unwrap();
    assert_eq!((latest(&manager, "ann", 0), latest(&manager, "ann", 1)), ("gated".into(), "new".into()));
    assert_eq!(manager.list("ann").unwrap().len(), 2, "one was cancelled, one refused");
}

#[test]
fn an_error_in_the_background_is_told_to_the_next_who_saves() {
    let manager = manager(&files());
    let request = SaveRequest::new().thumbnail(*b"no picture");
    drop(manager.save_in_background("ann", 0, owned("one"), request).unwrap());
    manager.flush().unwrap();
    let handed = manager.save_in_background("ann", 0, owned("two"), SaveRequest::new()).unwrap();
    assert_eq!(handed.earlier.errors.len(), 1);
    assert_eq!(handed.earlier.errors[0].kind(), Kind::Misuse);
    handed.ticket.wait().unwrap();
    assert!(manager.take_errors().is_empty());
}

#[test]
fn an_automatic_save_that_is_on_its_way_has_taken_its_slot() {
    let manager = manager(&files());
    let (gated, open) = Gated::new();
    let slot = manager.auto_slot("ann").unwrap();
    let first = manager.save_in_background("ann", slot, gated, SaveRequest::new()).unwrap().ticket;
    let second_slot = manager.auto_slot("ann").unwrap();
    let second =
        manager.save_in_background("ann", second_slot, owned("x"), SaveRequest::new()).unwrap().ticket;
    assert_eq!((slot, second_slot, manager.auto_slot("ann").unwrap()), (10, 11, 12));
    open();
    first.wait().unwrap();
    second.wait().unwrap();
    assert_eq!(manager.auto_slot("ann").unwrap(), 12);
    assert!(second_slot != slot && manager.list("ann").unwrap().len() == 2);
}

#[test]
fn dropping_the_manager_waits_for_what_it_accepted() {
    let files = files();
    let manager_of_ann = manager(&files);
    for slot in 0..5 {
        drop(manager_of_ann.save_in_background("ann", slot, owned("x"), SaveRequest::new()).unwrap());
    }
    drop(manager_of_ann);
    let manager = SaveManager::open(ROOT, quiet(&files)).unwrap();
    assert_eq!(manager.list("ann").unwrap().len(), 5);
}

#[test]
fn eight_threads_that_save_for_eight_players_lose_nothing() {
    let files = files();
    let saver = manager(&files);
    thread::scope(|scope| {
        for player in 0..8 {
            let saver = &saver;
            scope.spawn(move || {
                for n in 0..100_u8 {
                    let player = format!("player {player}");
                    saver.save(&player, n, &bytes(&n.to_string())).unwrap();
                    assert_eq!(latest(saver, &player, n), n.to_string());
                }
            });
        }
    });
    drop(saver);
    let manager = SaveManager::open(ROOT, quiet(&files)).unwrap();
    for player in manager.players().unwrap() {
        assert_eq!(manager.list(player.as_str()).unwrap().len(), 100);
    }
    assert_eq!(manager.verify(None).unwrap().good, 800);
}

#[test]
fn threads_that_save_to_one_slot_do_so_one_after_the_other() {
    let files = files();
    let saver = manager(&files);
    thread::scope(|scope| {
        for thread in 0..4 {
            let saver = &saver;
            scope.spawn(move || {
                let mut last = 0;
                for n in 0..50 {
                    let receipt = saver.save("ann", 0, &bytes(&format!("{thread} {n}"))).unwrap();
                    assert!(receipt.save.sequence() > last);
                    last = receipt.save.sequence();
                    // Nothing older than what this thread has just saved is loaded.
                    let loaded = saver.load_latest::<Bytes<'static>>("ann", 0).unwrap();
                    assert!(loaded.save.sequence() >= last && loaded.recovered.is_none());
                }
            });
        }
    });
    let sequences: Vec<u64> = saver.list("ann").unwrap().iter().map(SaveEntry::sequence).collect();
    assert_eq!(sequences, [200, 199, 198]);
}

#[test]
fn a_batch_saves_each_item_or_says_why_not() {
    let files = files();
    let manager = SaveManager::open(ROOT, quiet(&files)).unwrap();
    let (good, bad) = (SaveRequest::new(), SaveRequest::new().thumbnail(*b"no picture"));
    let (one, two) = (bytes("one"), bytes("two"));
    let long = "x".repeat(200);
    let item = |player, slot, payload, request| BatchItem { player, slot, payload, request };
    let results = manager.save_batch(&[
        item("ann", 0, &one, &good),
        item("bob", 0, &one, &bad),
        item(&long, 0, &one, &good),
        item("cid", 3, &one, &good),
        item("ann", 0, &two, &good),
    ]);
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true, true]);
    assert!(matches!(results[2], Err(Error::PlayerName { len: 200 })));
    assert_eq!(latest(&manager, "ann", 0), "two", "the last of a slot is its latest");
    assert_eq!(manager.list("ann").unwrap().len(), 2);
    assert_eq!(latest(&manager, "cid", 3), "one");
    assert_eq!(manager.list("bob").unwrap().len(), 0);
}

#[test]
fn what_passes_is_tried_again_as_often_as_asked() {
    let disk = SimFiles::empty();
    let all: Arc<dyn Files> = Arc::new(disk.clone());
    SaveManager::open(ROOT, quiet(&all)).unwrap().save("ann", 0, &bytes("one")).unwrap();
    let mut tried_again = 0;
    for at in 0..60 {
        let faulty: FaultFiles = disk.faults(at, Fault::Io, Until::Once);
        let files: Arc<dyn Files> = Arc::new(faulty);
        let Ok(manager) = SaveManager::open(ROOT, quiet(&files)) else { continue };
        let request = SaveRequest::new().retries(2);
        let Ok(saved) = manager.save_with("ann", 0, &bytes("two"), &request) else { continue };
        tried_again += saved.retries;
        drop(manager);
        let reader = SaveReader::open_with(ROOT, Arc::clone(&all), None).unwrap();
        let loaded = reader.load_latest::<Bytes<'static>>("ann", 0).unwrap();
        assert_eq!((&*loaded.value.0, loaded.save.id()), (&b"two"[..], saved.id()));
    }
    assert!(tried_again >= 4, "{tried_again}");
}
