//! The power is cut while all saves are migrated.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc};

use keepstone_slots::{SaveEntry, SaveId, SaveManager, SaveReader, SaveRequest, Schema, Step};
use keepstone_storage::Files;
use keepstone_testkit::{SimFiles, Sweep, effort};

use super::{PNG, TYPE, V1, V3, migrations, open, saved_files};

/// A save that is there before: its id, its gold and whether it is locked.
pub(super) type Known = Vec<(SaveId, u32, bool)>;

/// Three saves in two slots; of those in the first slot the older one is locked.
pub(super) fn set_up(files: &Arc<dyn Files>) -> Known {
    let manager = open(files, 1);
    let mut known = Vec::new();
    for (slot, gold) in [(0, 1), (0, 2), (1, 3)] {
        let request = SaveRequest::new().name(format!("gold {gold}")).thumbnail(PNG);
        let id = manager.save_with("ada", slot, &V1 { gold }, &request).unwrap().id();
        if gold == 1 {
            manager.lock(id).unwrap();
        }
        known.push((id, gold, gold == 1));
    }
    manager.maintain().unwrap();
    known
}

/// Whether each save is there once, of either version, as it was. Returns how many are migrated.
pub(super) fn check_all(manager: &SaveManager, known: &Known) -> Result<usize, String> {
    let listed = manager.list("ada").map_err(|err| format!("list: {err}"))?;
    let ids: BTreeSet<SaveId> = listed.iter().map(SaveEntry::id).collect();
    if listed.len() != known.len() || ids.len() != known.len() {
        return Err(format!("{} saves are listed, with {} ids: {listed:?}", listed.len(), ids.len()));
    }
    let mut migrated = 0;
    for (id, gold, is_locked) in known {
        let save =
            listed.iter().find(|save| save.id() == *id).ok_or_else(|| format!("gold {gold} is lost"))?;
        if save.is_locked() != *is_locked || save.name() != Some(&*format!("gold {gold}")) {
            return Err(format!("gold {gold} is not what it was: {save:?}"));
        }
        let loaded =
            manager.load_migrated(*id, &migrations().0).map_err(|err| format!("load {gold}: {err}"))?;
        if loaded.value != V3::of(*gold) || loaded.recovered.is_some() {
            return Err(format!("gold {gold} is {loaded:?}"));
        }
        let thumbnail = manager.thumbnail(save).map_err(|err| format!("thumbnail {gold}: {err}"))?;
        if thumbnail.as_deref() != Some(PNG) {
            return Err(format!("gold {gold} has lost its thumbnail"));
        }
        migrated += usize::from(loaded.migrated_from.is_none());
    }
    Ok(migrated)
}

/// Whether somebody who opens nothing for writing finds each save.
fn check_reader(files: &Arc<dyn Files>, known: &Known) -> Result<(), String> {
    let schema = Schema { name: TYPE.to_owned(), version: 3 };
    let reader = SaveReader::open_with("saves", Arc::clone(files), Some(schema));
    let reader = reader.map_err(|err| format!("reader: {err}"))?;
    let listed = reader.list("ada").map_err(|err| format!("reader: {err}"))?;
    let ids: BTreeSet<SaveId> = listed.iter().map(SaveEntry::id).collect();
    if listed.len() != known.len() || known.iter().any(|(id, ..)| !ids.contains(id)) {
        return Err(format!("a reader finds {listed:?}"));
    }
    for (slot, gold) in [(0, 2), (1, 3)] {
        let loaded = reader.load_latest_migrated("ada", slot, &migrations().0);
        let loaded = loaded.map_err(|err| format!("reader of slot {slot}: {err}"))?;
        if loaded.value != V3::of(gold) || loaded.recovered.is_some() {
            return Err(format!("a reader loads {loaded:?} from slot {slot}"));
        }
    }
    Ok(())
}

/// Goes on with what is left, and sees that each step runs as often as there are such saves.
pub(super) fn go_on(
    files: &Arc<dyn Files>,
    known: &Known,
    mut done: impl FnMut(usize),
) -> Result<(), String> {
    let manager =
        SaveManager::open("saves", super::options(files, 3)).map_err(|err| format!("open: {err}"))?;
    let (migrations, ran) = migrations();
    let mut bulk = manager.migrate(&migrations).map_err(|err| format!("migrate: {err}"))?;
    let left = bulk.progress().total;
    // What was found may be built on.
    let mut migrated = known.len().checked_sub(left).ok_or("more saves are outdated than there are")?;
    done(migrated);
    while let Some(step) = bulk.step() {
        let Step::Migrated { save, from: 1, .. } = step else { return Err(format!("{step:?}")) };
        if save.schema().map(|schema| schema.version) != Some(3) {
            return Err(format!("not of version 3: {save:?}"));
        }
        migrated += 1;
        done(migrated);
        manager.maintain().map_err(|err| format!("maintain: {err}"))?;
    }
    let ran = ran.counts();
    let expected = u32::try_from(left).unwrap();
    if ran != [expected, expected] {
        return Err(format!("steps ran {ran:?} times for {left} saves"));
    }
    if check_all(&manager, known)? != known.len() {
        return Err("a save is of the old version".to_owned());
    }
    drop(manager);
    let files = saved_files(files);
    // Three saves, and the note of the locked one.
    if files.len() == 4 {
        return Ok(());
    }
    Err(format!("{:?}", files.iter().map(|(name, _)| name).collect::<Vec<_>>()))
}

#[test]
fn a_crash_leaves_each_save_once_of_either_version_and_what_is_left_is_migrated() {
    let known: Rc<RefCell<Known>> = Rc::default();
    let scale = effort::scale();
    let swept = Sweep::new()
        .states_max_per_point(48 * scale)
        .recoveries_max_per_point(3 * scale)
        .states_again_max_per_point(12 * scale)
        .setup(|disk| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            *known.borrow_mut() = set_up(&files);
        })
        .run(|disk| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            go_on(&files, &known.borrow(), |migrated| acknowledge(disk, migrated)).unwrap();
        })
        .recover(|disk| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            go_on(&files, &known.borrow(), |migrated| acknowledge(disk, migrated))
        })
        .check(|disk, acknowledged| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let known = known.borrow();
            check_reader(&files, &known)?;
            let manager = SaveManager::open("saves", super::options(&files, 3))
                .map_err(|err| format!("open: {err}"))?;
            let migrated = check_all(&manager, &known)?;
            if (migrated as u64) < acknowledged {
                return Err(format!("{acknowledged} saves were migrated, {migrated} are"));
            }
            drop(manager);
            go_on(&files, &known, |_| {})
        });
    let swept = swept.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{swept}");
    assert!(swept.states_checked > 1000 && swept.recoveries > 50 && swept.kills > 20, "{swept}");
}

fn acknowledge(disk: &SimFiles, migrated: usize) {
    let migrated = migrated as u64;
    if migrated > disk.acknowledged() {
        disk.acknowledge_as(migrated);
    }
}
