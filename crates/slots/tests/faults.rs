//! Any call to the file system may fail, once or from then on.

use std::sync::Arc;

use keepstone_slots::{Bytes, Kind, SaveId, SaveManager, SaveReader, SaveRequest};
use keepstone_storage::{Files, MemFiles};
use keepstone_testkit::{Fault, FaultFiles, Until, fault_sweep};

use crate::support::{ROOT, bytes, quiet, text};

const PLAYER: &str = "ann";

/// A root with two saves in slot 0 and one in slot 1, and a spare.
fn prepared() -> Arc<dyn Files> {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let manager = SaveManager::open(ROOT, quiet(&files)).unwrap();
    for (slot, text) in [(0, "1"), (0, "2"), (1, "other")] {
        manager.save(PLAYER, slot, &bytes(text)).unwrap();
    }
    manager.maintain().unwrap();
    drop(manager);
    files
}

/// What a run was told.
struct Told {
    /// The last save of slot 0 that was acknowledged, and the last that was tried.
    acknowledged: u64,
    tried: u64,
    /// The save of slot 1, once its deletion was acknowledged and not taken back.
    deleted: Option<SaveId>,
    failed: u64,
}

/// Saves over and over with keep 2, edits, tidies up.
fn work(files: &FaultFiles) -> Told {
    let mut told = Told { acknowledged: 2, tried: 2, deleted: None, failed: 0 };
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let options = quiet(&files).keep(keepstone_slots::Keep::all(2));
    let Ok(manager) = SaveManager::open(ROOT, options) else {
        told.failed += 1;
        return told;
    };
    for tag in 3..7 {
        told.tried = tag;
        match manager.save(PLAYER, 0, &bytes(&tag.to_string())) {
            Ok(_) => told.acknowledged = tag,
            Err(_) => told.failed += 1,
        }
        told.failed += u64::from(manager.maintain().is_err());
    }
    match manager.latest(PLAYER, 1) {
        Ok(Some(save)) => {
            told.failed += u64::from(manager.rename(save.id(), "name").is_err());
            match manager.delete(save.id()) {
                Ok(()) => told.deleted = Some(save.id()),
                Err(_) => told.failed += 1,
            }
        }
        Ok(None) => {}
        Err(_) => told.failed += 1,
    }
    told
}

fn check(files: &Arc<dyn Files>, told: &Told) -> Result<(), String> {
    let failed = |what: &str, err: &dyn std::fmt::Display| format!("{what}: {err}");
    // As it is, without a writer; and once the cause is gone.
    let reader =
        SaveReader::open_with(ROOT, Arc::clone(files), None).map_err(|err| failed("reader", &err))?;
    let loaded = reader.load_latest::<Bytes<'static>>(PLAYER, 0).map_err(|err| failed("load", &err))?;
    let read: u64 = text(loaded.value).parse().unwrap();
    let manager = SaveManager::open(ROOT, quiet(files)).map_err(|err| failed("open", &err))?;
    let loaded = manager.load_latest::<Bytes<'static>>(PLAYER, 0).map_err(|err| failed("load", &err))?;
    if let Some(recovered) = loaded.recovered {
        return Err(format!("recovered: {}", recovered.reason()));
    }
    let found: u64 = text(loaded.value).parse().unwrap();
    if found != read || found < told.acknowledged || found > told.tried {
        return Err(format!("{} was acknowledged, {read} is read, {found} is loaded", told.acknowledged));
    }
    let slot = manager.load_latest::<Bytes<'static>>(PLAYER, 1);
    match (told.deleted, slot) {
        (Some(id), Err(err)) if err.kind() == Kind::NotFound => {
            manager.undelete(id).map_err(|err| failed("undelete", &err))?;
        }
        (None, Ok(loaded)) if text(loaded.value.clone()) == "other" => {}
        // A deletion that failed may have been done.
        (None, Err(err)) if err.kind() == Kind::NotFound => {
            let deleted = manager.list_deleted(PLAYER).map_err(|err| failed("list", &err))?;
            if deleted.len() != 1 {
                return Err("the save of slot 1 is lost".to_owned());
            }
        }
        (_, other) => return Err(format!("slot 1: {other:?}")),
    }
    for tag in 100..103 {
        manager.save(PLAYER, 0, &bytes(&tag.to_string())).map_err(|err| failed("next save", &err))?;
        manager.maintain().map_err(|err| failed("maintain", &err))?;
        let loaded = manager.load_latest::<Bytes<'static>>(PLAYER, 0).map_err(|err| failed("load", &err))?;
        if text(loaded.value) != tag.to_string() {
            return Err("the next save is not the latest".to_owned());
        }
    }
    let dir = std::path::Path::new(ROOT).join(keepstone_slots::Player::new(PLAYER).unwrap().dir_name());
    let left = files.list(&dir).map_err(|err| failed("list", &err))?;
    // Three saves in slot 0 and what was there more, one in slot 1, a note or two, index, spares, a temporary of each replacement that failed.
    if left.len() > 14 { Err(format!("files pile up: {left:?}")) } else { Ok(()) }
}

#[test]
fn any_call_may_fail_and_the_saves_before_load_and_the_next_succeeds() {
    let swept = fault_sweep(&Fault::ERRORS, prepared, work, |files, told, case| {
        if case.until == Until::Once && told.failed > 2 {
            return Err(format!("one fault cost {} calls", told.failed));
        }
        check(files, &told)
    });
    let swept = swept.unwrap_or_else(|err| panic!("{err}"));
    println!("{swept:?}");
    assert!(swept.calls > 100, "{swept:?}");
}

#[test]
fn short_and_interrupted_calls_change_nothing() {
    let faults = [Fault::Short, Fault::Interrupted];
    let swept = fault_sweep(&faults, prepared, work, |files, told, _| {
        if told.failed > 0 || told.acknowledged != 6 || told.deleted.is_none() {
            return Err(format!("{} calls failed", told.failed));
        }
        check(files, &told)
    });
    println!("{:?}", swept.unwrap_or_else(|err| panic!("{err}")));
}

#[test]
fn a_full_disk_leaves_the_saves_and_says_how_much_was_to_be_written() {
    let mut said = 0;
    for at in 0..40 {
        let files = prepared();
        let full: Arc<dyn Files> =
            Arc::new(FaultFiles::over(Arc::clone(&files), at, Fault::NoSpace, Until::Forever));
        let Ok(manager) = SaveManager::open(ROOT, quiet(&full)) else { continue };
        let payload = Bytes::from(vec![7; 100_000]);
        let request = SaveRequest::new().compression(keepstone_slots::Compression::NONE);
        let Err(err) = manager.save_with(PLAYER, 0, &payload, &request) else { continue };
        drop(manager);
        if err.kind() == Kind::NoSpace {
            let shown = with_causes(&err);
            said += u32::from(shown.contains("bytes"));
        }
        let reader = SaveReader::open_with(ROOT, files, None).unwrap();
        let found = reader.load_latest::<Bytes<'static>>(PLAYER, 0).unwrap().value;
        // Where not even the file of the new save could be removed, it is found whole.
        assert!(*found.0 == *b"2" || found == payload, "{at}: {} bytes", found.0.len());
    }
    assert!(said > 0, "no error says how much");
}

fn with_causes(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
