//! Power cuts and kills at each step of what a manager does.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keepstone_slots::{Bytes, Error, Keep, Kind, SaveId, SaveManager, SaveRequest};
use keepstone_storage::Files;
use keepstone_testkit::{Failure, Random, SimFiles, Sweep, Swept, effort, histories};

use crate::support::{ROOT, bytes, quiet, text};

const PLAYER: &str = "ann";
/// The slot that is saved to after a crash.
const AFTER: u8 = 9;
/// Acknowledgements: how many acts are done, and behind a thousand each, how many saves after a crash.
const RECOVERY: u64 = 1000;

/// What a history does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Save(u8),
    Auto,
    /// Deletes the latest save of a slot.
    Delete(u8),
    /// Brings the save back that was deleted last.
    Undelete,
    /// Removes deleted saves for good.
    Purge,
    /// Locks the oldest save of a slot.
    Lock(u8),
    /// Names the latest save of a slot.
    Rename(u8),
    /// Copies the latest save of a slot to another.
    Copy(u8, u8),
    /// Saves to two slots at once.
    Batch,
    /// What is otherwise done in the background.
    Maintain,
    /// The manager ends, and another opens what is there.
    Reopen,
}

const ALL: [Act; 13] = [
    Act::Save(0),
    Act::Save(1),
    Act::Auto,
    Act::Delete(0),
    Act::Undelete,
    Act::Purge,
    Act::Lock(0),
    Act::Rename(0),
    Act::Copy(0, 1),
    Act::Batch,
    Act::Maintain,
    Act::Reopen,
    Act::Save(0),
];

/// What a manager shows of one save.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    slot: Option<u8>,
    sequence: u64,
    content: String,
    locked: bool,
    name: Option<String>,
}

/// What a manager shows of a player.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct View {
    saves: BTreeMap<SaveId, Shown>,
    deleted: BTreeSet<SaveId>,
    latest: BTreeMap<u8, SaveId>,
}

fn open(disk: &SimFiles, keep: u32) -> Result<SaveManager, Error> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    SaveManager::open(ROOT, quiet(&files).keep(Keep::all(keep)))
}

fn view(manager: &SaveManager) -> Result<View, String> {
    let failed = |err: Error| format!("{err}");
    let mut view = View::default();
    for save in manager.list(PLAYER).map_err(failed)? {
        if save.slot() == Some(AFTER) {
            continue;
        }
        if !save.is_good() {
            return Err(format!("{:?} is listed after an ordinary crash", save.state()));
        }
        let loaded = manager.load::<Bytes<'static>>(save.id()).map_err(failed)?;
        let shown = Shown {
            slot: save.slot(),
            sequence: save.sequence(),
            content: text(loaded.value),
            locked: save.is_locked(),
            name: save.name().map(str::to_owned),
        };
        if view.saves.insert(save.id(), shown).is_some() {
            return Err(format!("save {} is listed twice", save.id()));
        }
    }
    for slot in 0..16 {
        if slot == AFTER {
            continue;
        }
        match manager.load_latest::<Bytes<'static>>(PLAYER, slot) {
            Ok(loaded) => {
                if let Some(recovered) = loaded.recovered {
                    return Err(format!(
                        "slot {slot} recovered after an ordinary crash: {}",
                        recovered.reason()
                    ));
                }
                view.latest.insert(slot, loaded.save.id());
            }
            Err(err) if err.kind() == Kind::NotFound => {}
            Err(err) => return Err(format!("slot {slot}: {err}")),
        }
    }
    view.deleted =
        manager.list_deleted(PLAYER).map_err(failed)?.iter().map(keepstone_slots::SaveEntry::id).collect();
    Ok(view)
}

/// Runs a history and returns what is seen before it and after each act.
fn run(disk: &SimFiles, acts: &[Act], keep: u32) -> Vec<View> {
    let mut manager = open(disk, keep).unwrap();
    let mut views = vec![view(&manager).unwrap()];
    let mut last_deleted = None;
    for (n, act) in acts.iter().enumerate() {
        let payload = format!("act {n}: {}", "x".repeat(600));
        let latest = |manager: &SaveManager, slot| manager.latest(PLAYER, slot).unwrap();
        match *act {
            Act::Save(slot) => drop(manager.save(PLAYER, slot, &bytes(&payload)).unwrap()),
            Act::Auto => drop(manager.autosave(PLAYER, &bytes(&payload), &SaveRequest::new()).unwrap()),
            Act::Delete(slot) => {
                if let Some(save) = latest(&manager, slot).filter(|save| !save.is_locked()) {
                    manager.delete(save.id()).unwrap();
                    last_deleted = Some(save.id());
                }
            }
            Act::Undelete => {
                if let Some(id) = last_deleted.take() {
                    match manager.undelete(id) {
                        Ok(()) | Err(Error::NoSave { .. }) => {}
                        Err(err) => panic!("{err}"),
                    }
                }
            }
            Act::Purge => drop(manager.purge(0).unwrap()),
            Act::Lock(slot) => {
                if let Some(save) =
                    manager.list(PLAYER).unwrap().iter().rfind(|save| save.slot() == Some(slot))
                {
                    manager.lock(save.id()).unwrap();
                }
            }
            Act::Rename(slot) => {
                if let Some(save) = latest(&manager, slot) {
                    manager.rename(save.id(), &format!("name {n}")).unwrap();
                }
            }
            Act::Copy(from, to) => {
                if let Some(save) = latest(&manager, from) {
                    manager.copy(save.id(), to).unwrap();
                }
            }
            Act::Batch => {
                let request = SaveRequest::new();
                let payload = bytes(&payload);
                let item = |slot| keepstone_slots::BatchItem {
                    player: PLAYER,
                    slot,
                    payload: &payload,
                    request: &request,
                };
                manager.save_batch(&[item(0), item(1)]).into_iter().for_each(|saved| drop(saved.unwrap()));
            }
            Act::Maintain => manager.maintain().unwrap(),
            Act::Reopen => {
                drop(manager);
                manager = open(disk, keep).unwrap();
            }
        }
        views.push(view(&manager).unwrap());
        disk.acknowledge_as(u64::try_from(n).unwrap() + 1);
    }
    views
}

/// Whether what is seen after a crash is what was there before the act in flight, or after it; and which.
fn matches(found: &View, before: &View, after: &View, act: Option<&Act>) -> Result<bool, String> {
    let mut is_after = false;
    for slot in 0..16 {
        let (found, before, after) =
            (found.latest.get(&slot), before.latest.get(&slot), after.latest.get(&slot));
        if found == after {
            is_after |= before != after;
        } else if found != before {
            return Err(format!("slot {slot}: {found:?} is the latest, {before:?} or {after:?} has to be"));
        }
    }
    for (id, shown) in &before.saves {
        let Some(later) = after.saves.get(id) else { continue };
        match found.saves.get(id) {
            Some(found) if found == shown || found == later => {}
            found => return Err(format!("{id} is {found:?}, was {shown:?}, becomes {later:?}")),
        }
    }
    for id in before.deleted.intersection(&after.deleted) {
        if !found.deleted.contains(id) {
            return Err(format!("{id} was deleted and can't be brought back"));
        }
    }
    for id in after.deleted.difference(&before.deleted).chain(before.deleted.difference(&after.deleted)) {
        let kept = found.deleted.contains(id) || found.saves.contains_key(id);
        if !kept && act != Some(&Act::Purge) {
            return Err(format!("{id} is lost in {act:?}"));
        }
    }
    Ok(is_after)
}

/// The number of acts that are done, as far as can be seen.
fn seen(manager: &SaveManager, acknowledged: u64, views: &[View], acts: &[Act]) -> Result<u64, String> {
    let done = usize::try_from(acknowledged % RECOVERY).unwrap();
    let found = view(manager)?;
    let after = views.get(done + 1).unwrap_or(&views[done]);
    // Once something is saved after a crash, what was in flight is decided.
    let is_after = matches(&found, &views[done], after, acts.get(done))?;
    // Of a batch one save may be there and the other not, for good.
    let is_after = is_after && acts.get(done) != Some(&Act::Batch);
    Ok(acknowledged % RECOVERY + u64::from(is_after))
}

fn check(disk: &SimFiles, acknowledged: u64, views: &[View], acts: &[Act], keep: u32) -> Result<(), String> {
    let manager = open(disk, keep).map_err(|err| format!("open: {err}"))?;
    seen(&manager, acknowledged, views, acts)?;
    let recoveries = acknowledged / RECOVERY;
    match manager.load_latest::<Bytes<'static>>(PLAYER, AFTER) {
        Ok(loaded) => {
            let tag: u64 = text(loaded.value).parse().unwrap();
            if tag < recoveries || loaded.recovered.is_some() {
                return Err(format!("save {recoveries} was acknowledged after a crash, {tag} is loaded"));
            }
        }
        Err(err) if err.kind() == Kind::NotFound && recoveries == 0 => {}
        Err(err) => return Err(format!("after a crash: {err}")),
    }
    manager.maintain().map_err(|err| format!("maintain: {err}"))?;
    manager.save(PLAYER, 8, &bytes("next")).map_err(|err| format!("next save: {err}"))?;
    match manager.load_latest::<Bytes<'static>>(PLAYER, 8) {
        Ok(loaded) if text(loaded.value.clone()) == "next" => Ok(()),
        other => Err(format!("after the next save: {other:?}")),
    }
}

/// What goes on after a crash: opens what is there, saves, tidies up.
fn recover(disk: &SimFiles, views: &[View], acts: &[Act], keep: u32) -> Result<(), String> {
    let acknowledged = disk.acknowledged();
    let manager = open(disk, keep).map_err(|err| format!("open: {err}"))?;
    let done = seen(&manager, acknowledged, views, acts)?;
    // What has been handed out may be built on.
    disk.acknowledge_as(acknowledged / RECOVERY * RECOVERY + done);
    let tag = acknowledged / RECOVERY + 1;
    manager.save(PLAYER, AFTER, &bytes(&tag.to_string())).map_err(|err| format!("save: {err}"))?;
    disk.acknowledge_as(tag * RECOVERY + done);
    manager.maintain().map_err(|err| format!("maintain: {err}"))
}

/// Sweeps a history.
pub(crate) fn sweep(sweep: Sweep<'_>, acts: &[Act], keep: u32) -> Result<Swept, Failure> {
    let views = RefCell::new(Vec::new());
    sweep
        .run(|disk| *views.borrow_mut() = run(disk, acts, keep))
        .recover(|disk| recover(disk, &views.borrow(), acts, keep))
        .check(|disk, acknowledged| check(disk, acknowledged, &views.borrow(), acts, keep))
}

pub(crate) fn begin(states: u64) -> Sweep<'static> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(states * scale)
        .recoveries_max_per_point(2 * scale)
        .states_again_max_per_point(4 * scale)
}

fn swept(acts: &[Act], states: u64) -> Swept {
    sweep(begin(states), acts, 2).unwrap_or_else(|failure| panic!("{acts:?}: {failure}"))
}

#[test]
fn a_crash_while_saves_rotate_loses_nothing_acknowledged() {
    let save = Act::Save(0);
    let all = swept(&[save, Act::Maintain, save, save, save, Act::Maintain, save, Act::Maintain, save], 24);
    println!("{all}");
    assert!(all.states_checked > 500 && all.recoveries > 100, "{all}");
}

#[test]
fn a_crash_while_saves_are_edited_loses_nothing() {
    let save = Act::Save(0);
    let edits =
        [save, save, Act::Lock(0), Act::Rename(0), Act::Delete(0), Act::Undelete, Act::Delete(0), save];
    let all = swept(&edits, 16);
    println!("{all}");
    let others =
        [save, Act::Copy(0, 1), Act::Batch, Act::Delete(0), Act::Purge, Act::Maintain, Act::Reopen, save];
    let all = swept(&others, 16);
    println!("{all}");
}

#[test]
fn random_histories_lose_nothing_acknowledged() {
    let all = histories(8, |seed| {
        let mut random = Random::new(seed);
        let acts: Vec<Act> = (0..5 + random.index(5)).map(|_| ALL[random.index(ALL.len())]).collect();
        let keep = 1 + u32::try_from(random.index(3)).unwrap();
        sweep(begin(4).recoveries_max_per_point(1).seed(seed), &acts, keep)
            .inspect_err(|_| println!("seed {seed}: keep {keep}, {acts:?}"))
    });
    println!("{}", all.unwrap_or_else(|failure| panic!("{failure}")));
}
