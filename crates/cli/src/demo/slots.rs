//! Saves in slots: a world and a value, rotation, a process that is killed while it saves, damage and what is loaded in its place.

use std::path::{Path, PathBuf};

use keepstone::{
    WorldFiles as _,
    slots::{EntryState, Keep, SaveId, SaveManager, SaveOptions, SaveReader, SaveRequest},
    storage::{self, Durability, OsFiles, atomic},
    world::WorldSlots as _,
};
use serde::{Deserialize, Serialize};

use super::ecs::Ecs;
use super::killed;
use super::report::Check;
use super::world;
use crate::error::Error;
use crate::slot::now;
use crate::text::{count, plural};

const PLAYER: &str = "alice";
const WORLD_SLOT: u8 = 0;
const STATE_SLOT: u8 = 1;
const KILLED_SLOT: u8 = 2;
/// More entities show nothing more.
const ENTITIES_MAX: u32 = 10_000;
/// How many saves of a kind a slot keeps here.
const KEPT: u32 = 2;
/// Automatic slots, and saves to them.
const AUTO: [u8; 3] = [10, 11, 12];
const AUTO_SAVES: u32 = 10;
/// Saves that are acknowledged before their process is killed, and the most that it makes if nobody kills it.
const ACKED: usize = 20;
const SAVES_MAX: u32 = 100_000;

/// What a program keeps beside its world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    chapter: u32,
    name: String,
    inventory: Vec<(String, u32)>,
    seen: Vec<u8>,
}

impl State {
    fn new(chapter: u32) -> Self {
        let inventory = (0..40).map(|item| (format!("item {item}"), chapter.wrapping_mul(item))).collect();
        // Long enough that a kill comes while it is being written, and nothing that a codec makes short.
        let byte =
            |at: u32| (at.wrapping_mul(0x9e37_79b9) ^ chapter.wrapping_mul(0x85eb_ca6b)).to_be_bytes()[0];
        let seen = (0..1 << 16).map(|at| byte(at).wrapping_add(byte(at >> 3)));
        Self { chapter, name: "Alice".to_owned(), inventory, seen: seen.collect() }
    }
}

fn options() -> SaveOptions {
    let options =
        SaveOptions::default().schema("demo.State", 1).application("keepstone demo", "1").clock(now);
    let mut layout = options.layout.clone();
    layout.auto = AUTO.to_vec();
    options.layout(layout).keep(Keep::all(KEPT))
}

/// Shows all of it in a directory that goes with it.
pub(super) fn check<M, W: Ecs<M>>(entities: u32, dir: &Path) -> Result<Vec<Check>, Error> {
    let root = Root(dir.join("demo-saves"));
    let mut checks = vec![check_world::<M, W>(entities, &root.0.join("worlds"))?];
    let path = root.0.join("states");
    let manager = SaveManager::open(&path, options())?;
    checks.push(check_state(&manager)?);
    checks.push(check_rotation(&manager)?);
    drop(manager);
    checks.push(check_kill(&path)?);
    let manager = SaveManager::open(&path, options())?;
    checks.push(check_damage(&manager)?);
    checks.push(check_list(&path)?);
    Ok(checks)
}

/// Saves over and over, and says of each save when it is durable: what the demonstration has another process do, until it is killed.
pub(super) fn save_on(root: &Path) -> Result<(), Error> {
    let manager = SaveManager::open(root, options().keep(Keep::all(u32::MAX)))?;
    for chapter in 1..SAVES_MAX {
        let saved = manager.save(PLAYER, KILLED_SLOT, &State::new(chapter))?;
        killed::acknowledge(saved.id())?;
    }
    Ok(())
}

/// Saves a world to a slot and loads it.
fn check_world<M, W: Ecs<M>>(entities: u32, root: &Path) -> Result<Check, Error> {
    let manager = SaveManager::open(root, SaveOptions::default().clock(now))?;
    let world = W::build(world::rows(entities.min(ENTITIES_MAX)));
    let saved = world.save_to_slot(&manager, PLAYER, WORLD_SLOT)?;
    let mut loaded = W::build(std::iter::empty());
    let found = loaded.load_from_slot(&manager, PLAYER, WORLD_SLOT)?;
    let is_same = found.save.id() == saved.saved.id() && world.hash()? == loaded.hash()?;
    let detail =
        format!("{}, {} bytes", plural(saved.captured.entities, "entity"), count(found.save.bytes()));
    Ok(Check::new("slot of a world loaded, same hash", is_same, detail))
}

/// Saves a value to a slot, with what a list shows of it.
fn check_state(manager: &SaveManager) -> Result<Check, Error> {
    let state = State::new(1);
    let request = SaveRequest::new().name("The bridge").place("Bridge").tick(1200);
    let saved = manager.save_with(PLAYER, STATE_SLOT, &state, &request)?;
    let loaded = manager.load_latest::<State>(PLAYER, STATE_SLOT)?;
    let is_same = loaded.value == state
        && loaded.save.id() == saved.id()
        && loaded.save.name() == Some("The bridge")
        && loaded.save.place() == Some("Bridge");
    let detail = format!("{} in slot {STATE_SLOT}, {} bytes", PLAYER, count(loaded.save.bytes()));
    Ok(Check::new("slot of a value loaded, equal", is_same, detail))
}

/// Saves automatically more often than is kept.
fn check_rotation(manager: &SaveManager) -> Result<Check, Error> {
    let mut last = None;
    for chapter in 1..=AUTO_SAVES {
        let saved = manager.autosave(PLAYER, &State::new(chapter), &SaveRequest::new())?;
        last = Some((saved.id(), saved.save.slot().unwrap_or_default()));
    }
    let saves = manager.list(PLAYER)?;
    let in_slots = AUTO.map(|slot| saves.iter().filter(|save| save.slot() == Some(slot)).count());
    let is_newest = match last {
        Some((id, slot)) => {
            let loaded = manager.load_latest::<State>(PLAYER, slot)?;
            loaded.save.id() == id && loaded.value.chapter == AUTO_SAVES
        }
        None => false,
    };
    let expected = usize::try_from(KEPT).unwrap_or_default();
    let detail = format!("{AUTO_SAVES} saves, {KEPT} stay in each of {} slots", AUTO.len());
    Ok(Check::new("autosaves rotate", is_newest && in_slots.iter().all(|kept| *kept == expected), detail))
}

/// Kills a process that saves, and looks for every save that it has acknowledged.
fn check_kill(root: &Path) -> Result<Check, Error> {
    const NAME: &str = "killed while saving, no save lost";
    let acked: Vec<SaveId> = match killed::acknowledged("--saver", root, ACKED) {
        Ok(acked) => acked,
        Err(error) => return Ok(Check::new(NAME, false, format!("no process could be started: {error}"))),
    };
    let manager = SaveManager::open(root, options().keep(Keep::all(u32::MAX)))?;
    let saves = manager.list(PLAYER)?;
    let mut of_slot = saves.iter().filter(|save| save.slot() == Some(KILLED_SLOT));
    let missing = acked.iter().filter(|id| !saves.iter().any(|save| save.id() == **id)).count();
    let loaded = manager.load_latest::<State>(PLAYER, KILLED_SLOT)?;
    let report = manager.verify(Some(PLAYER))?;
    let is_latest = of_slot.next().is_some_and(|latest| latest.id() == loaded.save.id());
    let is_whole = loaded.value == State::new(loaded.value.chapter) && report.damaged.is_empty();
    let detail = format!(
        "{} acknowledged, {missing} missing, {} bytes verified",
        plural(acked.len() as u64, "save"),
        count(report.bytes)
    );
    let is_good = missing == 0 && acked.len() >= ACKED && is_latest && is_whole && loaded.recovered.is_none();
    Ok(Check::new(NAME, is_good, detail))
}

/// Damages the newest save of a slot: the one before it is loaded, and it is said what was lost.
fn check_damage(manager: &SaveManager) -> Result<Check, Error> {
    let newest = manager.save(PLAYER, STATE_SLOT, &State::new(2))?.save;
    manager.settle();
    let player = keepstone::slots::Player::new(PLAYER)?;
    let path = manager.dir().join(player.dir_name()).join(newest.file_name());
    flip_bit(&path, newest.bytes() / 2)?;
    let loaded = manager.load_latest::<State>(PLAYER, STATE_SLOT)?;
    let lost = loaded.recovered.as_ref().map(|recovered| recovered.lost.as_slice()).unwrap_or_default();
    let is_said =
        matches!(lost, [lost] if lost.save.id() == newest.id() && lost.set_aside && !lost.reason.is_empty());
    let is_good = is_said && loaded.value == State::new(1) && loaded.save.id() != newest.id();
    let detail = match lost.first() {
        Some(lost) => lost.reason.clone(),
        None => "the damage was not found".to_owned(),
    };
    Ok(Check::new("newest save damaged, the one before loaded", is_good, detail))
}

fn flip_bit(path: &Path, at: u64) -> Result<(), Error> {
    let mut bytes = Vec::new();
    storage::read(&OsFiles, path, u64::from(u32::MAX), &mut bytes)?;
    // Behind the commit page.
    let at = usize::try_from(at).unwrap_or_default().saturating_add(4096);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    atomic::replace(&OsFiles, path, Durability::Buffered, &bytes)?;
    Ok(())
}

/// Lists the saves as a load screen does, beside the program that has them open.
fn check_list(root: &Path) -> Result<Check, Error> {
    let saves = SaveReader::open(root)?.list(PLAYER)?;
    let is_ordered = saves.iter().map(keepstone::slots::SaveEntry::sequence).is_sorted_by(|a, b| a > b);
    let good = saves.iter().filter(|save| *save.state() == EntryState::Good);
    let is_dated = good.clone().all(|save| save.created_at().is_some() && save.kind().is_some());
    let slots: std::collections::BTreeSet<_> =
        saves.iter().filter_map(keepstone::slots::SaveEntry::slot).collect();
    let expected = [STATE_SLOT, KILLED_SLOT].into_iter().chain(AUTO);
    let is_good = is_ordered && is_dated && slots.into_iter().eq(expected);
    let detail = format!("{} of {PLAYER}, the newest first", plural(good.count() as u64, "save"));
    Ok(Check::new("saves listed while they are open", is_good, detail))
}

/// A directory that is removed with all that is in it.
pub(super) struct Root(pub(super) PathBuf);

impl Drop for Root {
    #[expect(
        clippy::disallowed_methods,
        reason = "Files has no removal of a directory, and this one is nobody else's"
    )]
    fn drop(&mut self) {
        // What can't be removed stays among the demonstration's files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
