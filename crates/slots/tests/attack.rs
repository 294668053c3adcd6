//! What goes wrong at the worst moment: each test is a way in which a save, a lock or an answer was lost.

mod crash;
mod hostile;
mod rude;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use keepstone_slots::{
    BatchItem, Bytes, Durability, Error, ImportMode, Keep, Overwrite, SaveManager, SaveReader, SaveRequest,
};
use keepstone_storage::{Files, Op, atomic};
use keepstone_testkit::tap::{Call, Tap, Tapped, Verdict};

use crate::support::{Clock, ROOT, bytes, files, latest, open, path_of, quiet, text};

/// Lets calls of one sort on files of one sort fail, while it is switched on.
#[derive(Debug)]
pub(super) struct Refusal {
    op: Op,
    ending: &'static str,
    is_on: AtomicBool,
    once: bool,
}

impl Refusal {
    fn over(files: &Arc<dyn Files>, op: Op, ending: &'static str, once: bool) -> Tapped<Self> {
        let is_on = AtomicBool::new(false);
        Tapped::new(Arc::clone(files), Self { op, ending, is_on, once })
    }

    fn set(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }
}

impl Tap for Refusal {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let meets = call.op == self.op && call.path.to_string_lossy().ends_with(self.ending);
        if meets && self.is_on.load(Ordering::SeqCst) {
            self.set(!self.once);
            return Verdict::Fail(std::io::Error::from_raw_os_error(if cfg!(windows) { 1117 } else { 5 }));
        }
        Verdict::Run
    }
}

fn buffered() -> SaveRequest {
    SaveRequest::new().durability(Durability::Buffered)
}

#[test]
fn renaming_a_save_whose_note_can_not_be_read_now_does_not_unlock_it() {
    // The note that says that a save is locked could not be opened for lack of descriptors. A rename took it for an empty one and replaced it:
    // the lock was gone, and with it, some saves later, the save.
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.lock(saved.id()).unwrap();
    manager.comment(saved.id(), "keep this").unwrap();
    drop(manager);
    let tapped = Refusal::over(&files, Op::Open, ".note", false);
    let refusing: Arc<dyn Files> = Arc::new(tapped.clone());
    let manager = open(&refusing);
    tapped.tap().set(true);
    assert!(manager.rename(saved.id(), "new name").is_err());
    assert!(manager.unlock(saved.id()).is_err());
    tapped.tap().set(false);
    let listed = manager.list("ann").unwrap();
    assert!(listed[0].is_locked() && listed[0].comment() == Some("keep this"), "{listed:?}");
    manager.rename(saved.id(), "new name").unwrap();
    let listed = manager.list("ann").unwrap();
    assert!(listed[0].is_locked() && listed[0].name() == Some("new name"), "{listed:?}");
}

#[test]
fn renaming_a_save_whose_note_is_damaged_leaves_it_locked() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.lock(saved.id()).unwrap();
    drop(manager);
    let note = path_of(&saved.save).to_string_lossy().replace(".save", "-0000.note");
    crate::support::damage(&files, Path::new(&note), 70);
    let manager = open(&files);
    manager.rename(saved.id(), "new name").unwrap();
    let listed = manager.list("ann").unwrap();
    assert!(listed[0].is_locked() && !listed[0].is_note_damaged(), "{listed:?}");
    manager.unlock(saved.id()).unwrap();
    assert!(!manager.list("ann").unwrap()[0].is_locked());
}

#[test]
fn a_flush_that_failed_is_not_a_success_the_second_time() {
    // A second sync of the same file answers success although the system has thrown the bytes away after the first.
    let files = files();
    let tapped = Refusal::over(&files, Op::SyncAll, ".save", true);
    let failing: Arc<dyn Files> = Arc::new(tapped.clone());
    let manager = open(&failing);
    manager.save("ann", 0, &bytes("one")).unwrap();
    manager.save_with("ann", 0, &bytes("two"), &buffered()).unwrap();
    tapped.tap().set(true);
    assert!(manager.flush().is_err());
    let again = manager.flush().unwrap_err();
    assert_eq!(again.kind(), keepstone_slots::Kind::Poisoned, "{again}");
    // A later save of the slot that is on the disk makes up for it.
    manager.save("ann", 1, &bytes("other")).unwrap();
    manager.flush().unwrap_err();
    manager.save("ann", 0, &bytes("three")).unwrap();
    manager.flush().unwrap();
}

#[test]
fn a_deleted_save_that_can_not_be_read_comes_back_as_well() {
    // Of a save whose head is damaged, or that a newer program wrote, the answer was Ok and nothing was done; the next purge took it.
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    drop(manager);
    crate::support::damage(&files, &path_of(&saved.save), 4096 + 70);
    let manager = open(&files);
    manager.delete(saved.id()).unwrap();
    assert!(manager.list("ann").unwrap().is_empty());
    assert!(matches!(manager.delete(saved.id()), Err(Error::NoSave { .. })));
    manager.undelete(saved.id()).unwrap();
    assert_eq!(manager.list("ann").unwrap().len(), 1);
    assert_eq!(manager.list_deleted("ann").unwrap().len(), 0);
}

#[test]
fn a_purge_leaves_deleted_saves_that_are_or_may_be_locked() {
    // A deleted save whose note could not be read has no known time of deletion: a purge took it within its time.
    let files = files();
    let clock = Clock::default();
    let options = |files: &Arc<dyn Files>| clock.on(quiet(files));
    let manager = SaveManager::open(ROOT, options(&files)).unwrap();
    let saved = manager.save("ann", 0, &bytes("one")).unwrap();
    manager.delete(saved.id()).unwrap();
    drop(manager);
    let tapped = Refusal::over(&files, Op::Open, ".note", false);
    tapped.tap().set(true);
    let refusing: Arc<dyn Files> = Arc::new(tapped.clone());
    let manager = SaveManager::open(ROOT, options(&refusing)).unwrap();
    assert_eq!(manager.purge(1).unwrap(), 0, "its time is not over");
    tapped.tap().set(false);
    manager.lock(saved.id()).unwrap();
    assert_eq!(manager.purge(i64::MAX).unwrap(), 0, "it is locked");
    manager.undelete(saved.id()).unwrap();
    assert_eq!(latest(&manager, "ann", 0), "one");
    manager.unlock(saved.id()).unwrap();
    manager.delete(saved.id()).unwrap();
    assert_eq!(manager.purge(i64::MAX).unwrap(), 1);
}

#[test]
fn a_deleted_save_does_not_come_back_from_the_spare_that_it_was_found_in() {
    // A save was left in its spare, since it could not be renamed. The next opening copied it and could not remove the spare, which went unnoticed;
    // then the save was deleted, and the opening after that found it in the spare, as the latest.
    let files = files();
    let tapped = Refusal::over(&files, Op::Rename, ".spare", true);
    let failing: Arc<dyn Files> = Arc::new(tapped.clone());
    let manager = open(&failing);
    manager.save("ann", 0, &bytes("one")).unwrap();
    tapped.tap().set(true);
    assert!(manager.save("ann", 0, &bytes("two")).is_err());
    drop((manager, failing));
    let tapped = Refusal::over(&files, Op::Remove, ".spare", true);
    tapped.tap().set(true);
    let failing: Arc<dyn Files> = Arc::new(tapped.clone());
    let manager = open(&failing);
    // That may fail, and then goes well.
    drop(manager.list("ann"));
    let two = manager.list("ann").unwrap()[0].clone();
    manager.delete(two.id()).unwrap();
    drop(manager);
    assert_eq!(latest(&open(&files), "ann", 0), "one");
}

#[test]
fn buffered_saves_do_not_pile_up_and_keep_to_the_quota() {
    // A buffered save rotates nothing out, and nothing else did: a game that saved so had a file for each save for ever, beyond its quota.
    let files = files();
    let quota = 40_000;
    let manager = SaveManager::open(ROOT, quiet(&files).quota(quota)).unwrap();
    for round in 0..10 {
        for n in 0..5 {
            let payload = Bytes::from(vec![7_u8.wrapping_mul(n); 100]);
            let saved = manager.save_with("ann", 0, &payload, &buffered()).unwrap();
            assert!(saved.quota.unwrap().used <= quota, "{saved:?}");
        }
        let done = if round % 2 == 0 { manager.flush() } else { manager.maintain() };
        done.unwrap();
        assert!(manager.list("ann").unwrap().len() <= 8, "{}", manager.list("ann").unwrap().len());
    }
    manager.flush().unwrap();
    assert_eq!(manager.list("ann").unwrap().len(), 3);
    let manager_of_few = SaveManager::open("few", quiet(&files).quota(2_000).keep(Keep::all(1))).unwrap();
    for _ in 0..20 {
        // Refused at some time, but never beyond it.
        if let Ok(saved) = manager_of_few.save_with("ann", 0, &Bytes::from(vec![7; 100]), &buffered()) {
            assert!(saved.quota.unwrap().used <= 2_000, "{saved:?}");
        }
    }
}

#[test]
fn one_id_is_one_save_whichever_player_imports_it() {
    // Bob took in what Ann had exported, with its id; deleting it deleted that of either.
    let manager = open(&files());
    let of_ann = manager.save("ann", 0, &bytes("one")).unwrap();
    let exported = manager.export_to_bytes(of_ann.id(), keepstone_slots::Compression::FAST).unwrap();
    let err = manager.import_bytes("bob", Some(0), &exported, ImportMode::Same).unwrap_err();
    assert!(matches!(err, Error::Misuse { .. }), "{err}");
    let of_bob = manager.import_bytes("bob", Some(0), &exported, ImportMode::New).unwrap();
    manager.delete(of_bob.id()).unwrap();
    assert_eq!(latest(&manager, "ann", 0), "one");
}

#[test]
fn of_two_saves_of_a_batch_to_one_slot_the_second_is_refused_if_it_asks_for_that() {
    let manager = open(&files());
    let request = SaveRequest::new().overwrite(Overwrite::Refuse);
    let (one, two) = (bytes("one"), bytes("two"));
    let item = |payload| BatchItem { player: "ann", slot: 0, payload, request: &request };
    let results = manager.save_batch(&[item(&one), item(&two)]);
    assert!(results[0].is_ok() && matches!(results[1], Err(Error::SlotTaken { .. })), "{results:?}");
    assert_eq!(latest(&manager, "ann", 0), "one");
}

/// Gives a spare the name of its save at the moment at which it is opened for the second time.
#[derive(Debug)]
struct NamedMeanwhile {
    files: Arc<dyn Files>,
    to: std::path::PathBuf,
    opened: std::sync::atomic::AtomicU32,
}

impl Tap for NamedMeanwhile {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let is_spare = call.path.extension().is_some_and(|extension| extension == "spare");
        if call.op == Op::Open && is_spare && self.opened.fetch_add(1, Ordering::SeqCst) == 1 {
            atomic::rename(&*self.files, call.path, &self.to).unwrap();
        }
        Verdict::Run
    }
}

#[test]
fn a_reader_loads_a_save_that_gets_its_name_meanwhile() {
    let files = files();
    let tapped = Refusal::over(&files, Op::Rename, ".spare", true);
    let failing: Arc<dyn Files> = Arc::new(tapped.clone());
    let manager = open(&failing);
    manager.save("ann", 0, &bytes("one")).unwrap();
    tapped.tap().set(true);
    assert!(manager.save("ann", 0, &bytes("two")).is_err());
    let reader = SaveReader::open_with(ROOT, Arc::clone(&files), None).unwrap();
    let save = reader.list("ann").unwrap()[0].clone();
    let name = format!("s000-{:016x}-0000-{}.save", save.sequence(), save.id());
    let to = path_of(&save).with_file_name(name);
    let tap = NamedMeanwhile { files: Arc::clone(&files), to, opened: 0.into() };
    let reader = SaveReader::open_with(ROOT, Arc::new(Tapped::new(files, tap)), None).unwrap();
    assert_eq!(text(reader.load::<Bytes<'static>>(save.id()).unwrap().value), "two");
}
