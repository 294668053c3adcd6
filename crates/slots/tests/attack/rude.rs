//! Payloads and threads of programs that don't behave.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use keepstone_slots::{
    BackgroundMigration, Bytes, Handed, Loaded, Payload, PayloadError, Prepared, SaveEntry, SaveManager,
    SaveReader, SaveRequest, Saved,
};
use keepstone_storage::{Files, Op};
use keepstone_testkit::tap::{Call, Tap, Tapped, Verdict};

use crate::support::{ROOT, bytes, files, latest, open, quiet};

struct Panics {
    in_prepare: bool,
    behind: usize,
}

impl Payload for Panics {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        assert!(!self.in_prepare, "as planned");
        Ok(Prepared::new(10, |writer| {
            writer.coded_from(keepstone_format::SectionId::BYTES, 0, &[&vec![3; self.behind]])?;
            panic!("as planned")
        }))
    }
}

#[test]
fn a_payload_that_panics_leaves_everything_usable() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    manager.maintain().unwrap();
    for (in_prepare, behind) in [(true, 0), (false, 0), (false, 3_000_000)] {
        let panics = Panics { in_prepare, behind };
        let request = SaveRequest::new();
        assert!(catch_unwind(AssertUnwindSafe(|| manager.save("ann", 0, &panics))).is_err());
        let item = keepstone_slots::BatchItem { player: "ann", slot: 0, payload: &panics, request: &request };
        assert!(catch_unwind(AssertUnwindSafe(|| manager.save_batch(&[item]))).is_err());
        let handed = manager.save_in_background("ann", 0, Panics { in_prepare, behind }, SaveRequest::new());
        assert!(handed.unwrap().ticket.wait().is_err());
        assert_eq!(manager.list("ann").unwrap().len(), 1);
        assert_eq!(latest(&manager, "ann", 0), "one");
    }
    let saved = manager.save("ann", 0, &bytes("two")).unwrap();
    manager.lock(saved.id()).unwrap();
    drop(manager);
    assert_eq!(latest(&open(&files), "ann", 0), "two");
}

/// Says of itself what only the manager may say.
struct Liar;

impl Payload for Liar {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        use keepstone_format::tag;
        let mut head = keepstone_format::Metadata::new();
        head.set(tag::SEQUENCE, &99_u64.to_le_bytes()).set(tag::SLOT, &[7]).set(tag::PLAYER, b"bob");
        head.set(tag::SAVE_ID, &[1; 16]).set(tag::SAVE_KIND, &[2]).set_tick(5);
        Ok(Prepared::bytes(b"liar").head(head))
    }
}

#[test]
fn a_payload_does_not_choose_which_save_it_is() {
    // The save was written under a name that its head denied, and was damaged for ever.
    let manager = open(&files());
    let saved = manager.save("ann", 0, &Liar).unwrap();
    assert_eq!((saved.save.slot(), saved.save.player(), saved.save.tick()), (Some(0), "ann", Some(5)));
    assert_eq!(latest(&manager, "ann", 0), "liar");
}

/// Holds the listing of one directory until it is told to go on.
#[derive(Debug)]
struct Held {
    ending: String,
    gate: Arc<(Mutex<(bool, bool)>, Condvar)>,
}

impl Tap for Held {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op == Op::List && call.path.to_string_lossy().ends_with(&self.ending) {
            let mut state = self.gate.0.lock().unwrap();
            state.0 = true;
            self.gate.1.notify_all();
            drop(self.gate.1.wait_while(state, |(_, go_on)| !*go_on).unwrap());
        }
        Verdict::Run
    }
}

#[test]
fn opening_the_saves_of_one_player_keeps_no_other_waiting() {
    // One lock was held while the directory of a player was opened, which takes as long as there are files in it.
    let gate = Arc::new((Mutex::new((false, false)), Condvar::new()));
    let ending = keepstone_slots::Player::new("slow").unwrap().dir_name();
    let held: Arc<dyn Files> = Arc::new(Tapped::new(files(), Held { ending, gate: Arc::clone(&gate) }));
    let manager = SaveManager::open(ROOT, quiet(&held)).unwrap();
    manager.save("ann", 0, &bytes("one")).unwrap();
    thread::scope(|scope| {
        let slow = scope.spawn(|| manager.save("slow", 0, &bytes("slow")).unwrap());
        let state = gate.0.lock().unwrap();
        drop(gate.1.wait_while(state, |(is_there, _)| !*is_there).unwrap());
        let (told, done) = std::sync::mpsc::channel();
        let manager = &manager;
        scope.spawn(move || {
            manager.save("ann", 0, &bytes("two")).unwrap();
            manager.save("bob", 0, &bytes("two")).unwrap();
            manager.flush().unwrap();
            manager.maintain().unwrap();
            told.send(()).unwrap();
        });
        let in_time = done.recv_timeout(std::time::Duration::from_secs(20));
        gate.0.lock().unwrap().1 = true;
        gate.1.notify_all();
        slow.join().unwrap();
        in_time.expect("others had to wait");
    });
    assert_eq!(latest(&manager, "slow", 0), "slow");
}

#[test]
fn threads_that_do_everything_at_once_lose_nothing_and_end() {
    let files = files();
    let manager =
        SaveManager::open(ROOT, keepstone_slots::SaveOptions::default().files(files.clone())).unwrap();
    let last: Vec<u64> = thread::scope(|scope| {
        let manager = &manager;
        let reader = SaveReader::open_with(ROOT, files.clone(), None).unwrap();
        let savers: Vec<_> = (0..4_u8)
            .map(|slot| {
                scope.spawn(move || {
                    let mut last = 0;
                    for n in 0..60_u32 {
                        let saved = manager.save("ann", slot, &bytes(&n.to_string())).unwrap();
                        last = saved.save.sequence();
                        match n % 6 {
                            0 => manager.lock(saved.id()).unwrap(),
                            1 => manager.delete(saved.id()).unwrap(),
                            2 => drop(manager.copy(saved.id(), slot + 100).unwrap()),
                            3 => manager.rename(saved.id(), "name").unwrap(),
                            4 => drop(manager.purge(0).unwrap()),
                            _ => manager.flush().unwrap(),
                        }
                    }
                    last
                })
            })
            .collect();
        for _ in 0..100 {
            for slot in 0..4 {
                match reader.load_latest::<Bytes<'static>>("ann", slot) {
                    Ok(loaded) => assert!(loaded.recovered.is_none(), "{:?}", loaded.recovered),
                    Err(err) => assert_eq!(err.kind(), keepstone_slots::Kind::NotFound, "{err}"),
                }
            }
        }
        savers.into_iter().map(|saver| saver.join().unwrap()).collect()
    });
    for (slot, last) in (0..).zip(last) {
        assert_eq!(manager.latest("ann", slot).unwrap().unwrap().sequence(), last);
        let locked = manager.list("ann").unwrap();
        let locked = locked.iter().filter(|save| save.slot() == Some(slot) && save.is_locked()).count();
        assert_eq!(locked, 10);
    }
    assert!(manager.verify(None).unwrap().damaged.is_empty());
}

#[test]
fn what_is_shared_between_threads_can_be() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<SaveManager>();
    shared::<SaveReader>();
    shared::<SaveEntry>();
    shared::<Saved>();
    shared::<Loaded<Vec<u8>>>();
    shared::<keepstone_slots::Error>();
    sent::<Handed>();
    sent::<BackgroundMigration>();
}
