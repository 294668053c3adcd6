//! Save slots, beside what aw-save does, and beside what anybody would have to do.

mod handed;
mod listed;
mod loaded;
mod named;
mod saved;
mod threads;

use std::{path::Path, rc::Rc};

use anyhow::Result;
use keepstone_slots::{SaveManager, SaveOptions};

use crate::{
    Scratch,
    aw_save::AwSave,
    bundle::{Blob, Data, SaveBundle},
    case::Plan,
    named::PLAYER,
};

/// As aw-save counts them.
const KB: u32 = 1024;
/// Saves that a slot keeps unless told otherwise, and that are kept beside them.
const KEPT: usize = 3;
const SLOT: u8 = 0;

/// A manager, and behind it the directory that goes with it.
struct Root {
    manager: SaveManager,
    scratch: Rc<Scratch>,
}

impl Root {
    fn open(scratch: &Rc<Scratch>, name: &str, options: SaveOptions) -> Result<Self> {
        let manager = SaveManager::open(scratch.path().join(name), options)?;
        Ok(Self { manager, scratch: Rc::clone(scratch) })
    }

    // A method, so that closures take the whole.
    fn manager(&self) -> &SaveManager {
        &self.manager
    }

    fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}

/// The same directory for aw-save, and what is saved there.
struct Theirs {
    saves: AwSave,
    bundle: SaveBundle<Vec<u8>>,
    _scratch: Rc<Scratch>,
}

impl Theirs {
    fn new(scratch: &Rc<Scratch>, len: u32) -> Result<Self> {
        let bundle = SaveBundle::new(Data::Mixed.bytes(usize::try_from(len)?));
        let saves = AwSave::new(scratch.path().join("aw-save").join(PLAYER));
        Ok(Self { saves, bundle, _scratch: Rc::clone(scratch) })
    }

    /// Saves, and returns how long the file is.
    fn save(&mut self) -> Result<u64> {
        self.saves.save(SLOT, &mut self.bundle)
    }

    /// Saves until as many are there as are kept.
    fn fill(&mut self) -> Result<()> {
        (0..KEPT).try_for_each(|_| self.save().map(drop))?;
        self.saves.keep(KEPT)
    }
}

/// The save that a program makes whose world has as many bytes as the plan says.
fn bundle(plan: &Plan) -> Result<SaveBundle<Blob>> {
    Ok(SaveBundle::new(Blob(Data::Mixed.bytes(usize::try_from(plan.amount)?))))
}

/// The cases, in the order of the table.
pub(super) fn plans() -> Vec<Plan> {
    let sizes = [("10 KB", 10 * KB), ("100 KB", 100 * KB), ("1 MB", 1024 * KB), ("5 MB", 5 * 1024 * KB)];
    let mut plans = Vec::new();
    plans.extend(sizes.map(|(size, len)| Plan::new("slot save durable", size, len, saved::manual)));
    plans.extend(sizes.map(|(size, len)| Plan::new("slot save durable, bytes", size, len, saved::bytes)));
    plans.push(Plan::new("slot save durable, listed", "1 MB", 1024 * KB, saved::manual_listed));
    let name = "slot save durable, not waiting";
    plans.extend(sizes.map(|(size, len)| Plan::new(name, size, len, saved::manual_at_once)));
    plans.push(Plan::new("slot save durable, bytes, not waiting", "1 MB", 1024 * KB, saved::bytes_at_once));
    plans.extend(sizes.map(|(size, len)| Plan::new("slot autosave durable", size, len, saved::auto)));
    let name = "slot autosave durable, bytes";
    plans.extend(sizes.map(|(size, len)| Plan::new(name, size, len, saved::auto_bytes)));
    plans.extend(sizes.map(|(size, len)| Plan::new("slot load", size, len, loaded::latest)));
    plans.extend(sizes.map(|(size, len)| Plan::new("slot load, bytes", size, len, loaded::bytes)));
    plans.push(Plan::new("slot list", "100 saves", 100, listed::of_player));
    plans.push(Plan::new("slot list, fresh", "100 saves", 100, listed::fresh));
    plans.push(Plan::new("slot list", "10k saves", 10_000, listed::in_root));
    plans.push(Plan::new("slot list, fresh", "10k saves", 10_000, listed::in_root_fresh));
    plans.push(Plan::new("slot handed over", "1 MB", 1024 * KB, handed::copied));
    plans.push(Plan::new("slot handed over, owned", "1 MB", 1024 * KB, handed::owned));
    plans.push(Plan::new("slot 8 threads", "8 x 100 of 10 KB", 10 * KB, threads::at_once));
    plans.push(Plan::new("slot load screen", "16 slots, 64 KB pictures", 16, listed::screen));
    for named in crate::named::NAMED {
        plans.push(Plan::new(named.name, "0x42", 0, named::repeated_data));
        plans.push(Plan::new(named.name, "mixed", 0, named::mixed_data));
    }
    plans.push(Plan::new("migration_v1_to_v2", "mixed 1 MB", 1024 * KB, named::migrated));
    plans.push(Plan::new("queue_send", "mixed 10 KB", 10 * KB, named::sent));
    plans.push(Plan::new("upload_1mb", "mixed", 1024 * KB, named::uploaded));
    plans.push(Plan::new("profile_save", "mixed 100 KB", 100 * KB, named::profile));
    plans.push(Plan::new("world_1000_entities", "mixed 1k", 1000, named::world));
    plans
}
