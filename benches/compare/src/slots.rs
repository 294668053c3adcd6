//! Save slots beside databases: a bundle saved durable, the three newest saves kept, and the newest loaded. What goes into a database is
//! the bundle through postcard and LZ4, as aw-save has it in its files.

use std::{path::Path, rc::Rc, time::Instant};

use anyhow::{Result, ensure};
use keepstone_benches::{
    Case, Plan, Scratch, Watch,
    bundle::{Blob, Data, SaveBundle},
};
use keepstone_slots::{SaveManager, SaveOptions};

use crate::databases::{Database, Kind};

const PLAYER: &str = "player-12345";
const SLOT: u8 = 1;
/// Saves that stay.
const KEPT: u64 = 3;
/// Until every file that rotates is there.
const SAVES_BEFORE: u32 = 8;

type Bundle = SaveBundle<Blob>;

/// The cases.
pub(crate) fn plans() -> Vec<Plan> {
    let sizes = [("100 KB", 100 * 1024), ("1 MB", 1024 * 1024)];
    let mut plans =
        Vec::from(sizes.map(|(size, len)| Plan::new("slot save, beside databases", size, len, saved)));
    let name = "slot save, not waiting, beside databases";
    plans.extend(sizes.map(|(size, len)| Plan::new(name, size, len, saved_at_once)));
    plans.extend(sizes.map(|(size, len)| Plan::new("slot load, beside databases", size, len, loaded)));
    plans
}

fn bundle(plan: &Plan) -> Result<Bundle> {
    Ok(SaveBundle::new(Blob(Data::Mixed.bytes(usize::try_from(plan.amount)?))))
}

fn manager(scratch: &Scratch, bundle: &Bundle) -> Result<SaveManager> {
    let manager = SaveManager::open(scratch.path().join("ours"), SaveOptions::default())?;
    for _ in 0..SAVES_BEFORE {
        manager.save(PLAYER, SLOT, bundle)?;
        manager.settle();
    }
    Ok(manager)
}

/// Each save once the manager has done what it does in idle time.
fn saved(plan: &Plan, dir: &Path) -> Result<Case> {
    beside_databases(plan, dir, |manager, bundle, watch| {
        watch.spent(|| {
            let begin = Instant::now();
            manager.save(PLAYER, SLOT, bundle)?;
            let took = begin.elapsed();
            manager.settle();
            Ok(took)
        })
    })
}

/// Saves right behind each other, so that the next waits for what is otherwise done in idle time.
fn saved_at_once(plan: &Plan, dir: &Path) -> Result<Case> {
    beside_databases(plan, dir, |manager, bundle, watch| {
        watch.together(|| Ok(manager.save(PLAYER, SLOT, bundle)?))?;
        // The other sides do not pay for it.
        manager.settle();
        Ok(())
    })
}

fn beside_databases(
    plan: &Plan,
    dir: &Path,
    save: fn(&SaveManager, &Bundle, &mut Watch) -> Result<()>,
) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slot-rivals")?);
    let bundle = Rc::new(bundle(plan)?);
    let manager = manager(&scratch, &bundle)?;
    let mut case = plan.case();
    for kind in Kind::ALL {
        let mut saves = Saves::open(kind, &scratch)?;
        let bundle = Rc::clone(&bundle);
        case = case.rival(kind.told(), move |watch| watch.together(|| saves.save(&bundle)));
    }
    Ok(case.ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        save(&manager, &bundle, watch)
    }))
}

fn loaded(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slot-rivals")?);
    let bundle = bundle(plan)?;
    let manager = manager(&scratch, &bundle)?;
    ensure!(manager.load_latest::<Bundle>(PLAYER, SLOT)?.value == bundle, "we load another bundle");
    let mut case = plan.case();
    for kind in Kind::ALL {
        let mut saves = Saves::open(kind, &scratch)?;
        for _ in 0..KEPT {
            saves.save(&bundle)?;
        }
        ensure!(saves.load()? == bundle, "{} loads another bundle", kind.name());
        case = case.rival(kind.told(), move |watch| watch.each(|| saves.load()));
    }
    Ok(case.ours(move |watch| {
        let _ = scratch.path();
        watch.each(|| Ok(manager.load_latest::<Bundle>(PLAYER, SLOT)?))
    }))
}

/// Saves in a database.
struct Saves {
    database: Box<dyn Database>,
    next: u64,
}

impl Saves {
    fn open(kind: Kind, scratch: &Scratch) -> Result<Self> {
        let database = kind.open(&scratch.path().join(kind.name()))?;
        Ok(Self { database, next: 0 })
    }

    fn save(&mut self, bundle: &Bundle) -> Result<()> {
        let bytes = lz4_flex::compress_prepend_size(&postcard::to_allocvec(bundle)?);
        self.next += 1;
        self.database.put(self.next, &bytes, self.next.checked_sub(KEPT))
    }

    fn load(&self) -> Result<Bundle> {
        let (_, bytes) = self.database.last()?;
        Ok(postcard::from_bytes(&lz4_flex::decompress_size_prepended(&bytes)?)?)
    }
}
