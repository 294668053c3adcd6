//! Saves on several machines.
mod crash;
mod forks;
mod hostile;
mod model;
mod planted;
mod relations;
mod sides;

use std::{collections::BTreeMap, sync::Arc};

use keepstone_format::Head;
use keepstone_slots::{
    Keep, SaveManager, SaveOptions, SaveRequest, Saved,
    sync::{CloudOptions, Relation, SimulatedCloud, SlotAction, SyncOptions, SyncReport},
};
use keepstone_storage::{Files, MemFiles};

use crate::support::{ROOT, bytes, latest, quiet};

pub(crate) const PLAYER: &str = "ann";

/// A machine with a root of its own.
pub(crate) struct Machine {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) manager: SaveManager,
}

pub(crate) fn options(files: &Arc<dyn Files>) -> SaveOptions {
    quiet(files).keep(Keep::all(2))
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemFiles::new()))
    }

    pub(crate) fn on(files: Arc<dyn Files>) -> Self {
        let manager = SaveManager::open(ROOT, options(&files)).unwrap();
        Self { files, manager }
    }

    /// The program ends, and begins anew.
    pub(crate) fn reopened(self) -> Self {
        let Self { files, manager } = self;
        drop(manager);
        Self::on(files)
    }

    /// Saves a text, which its head says too.
    pub(crate) fn save(&self, slot: u8, text: &str) -> Saved {
        self.save_at(slot, text, 0)
    }

    pub(crate) fn save_at(&self, slot: u8, text: &str, time: i64) -> Saved {
        let request = SaveRequest::new().custom("text", text.as_bytes()).created_at(time);
        self.manager.save_with(PLAYER, slot, &bytes(text), &request).unwrap()
    }

    pub(crate) fn sync(&self, cloud: &SimulatedCloud) -> SyncReport {
        self.sync_with(cloud, &SyncOptions::new())
    }

    pub(crate) fn sync_with(&self, cloud: &SimulatedCloud, options: &SyncOptions) -> SyncReport {
        self.manager.sync(PLAYER, cloud, options).unwrap()
    }

    pub(crate) fn latest(&self, slot: u8) -> String {
        latest(&self.manager, PLAYER, slot)
    }

    /// What the newest save of each slot is.
    pub(crate) fn view(&self) -> BTreeMap<u8, String> {
        let mut view = BTreeMap::new();
        for entry in self.manager.list(PLAYER).unwrap() {
            if let (Some(slot), Some(text)) = (entry.slot(), entry.custom("text")) {
                view.entry(slot).or_insert_with(|| String::from_utf8(text).unwrap());
            }
        }
        view
    }
}

pub(crate) fn cloud() -> SimulatedCloud {
    SimulatedCloud::new(CloudOptions::default())
}

/// Whether a name in the cloud is that of a save.
pub(crate) fn is_save(name: &str) -> bool {
    name.strip_suffix(".keep").is_some()
}

/// What the saves in the cloud are, by name.
pub(crate) fn in_cloud(cloud: &SimulatedCloud) -> BTreeMap<String, String> {
    let saves = cloud.files().into_iter().filter(|(name, _)| is_save(name));
    let texts = saves.filter_map(|(name, file)| {
        let head = Head::read(&file).ok()?;
        Some((name, String::from_utf8(head.metadata.custom("text")?.to_vec()).ok()?))
    });
    texts.collect()
}

/// What was done about a slot, which is in the report once.
#[track_caller]
pub(crate) fn outcome(report: &SyncReport, slot: Option<u8>) -> (Relation, &SlotAction) {
    let mut found = report.slots.iter().filter(|outcome| outcome.slot == slot);
    let outcome = found.next().unwrap_or_else(|| panic!("nothing about {slot:?}: {report:?}"));
    assert!(found.next().is_none(), "{report:?}");
    (outcome.relation, &outcome.action)
}

#[track_caller]
pub(crate) fn assert_clean(report: &SyncReport) {
    assert!(report.is_clean(), "{report:?}");
}

/// Synchronizes until nobody has anything to do.
#[track_caller]
pub(crate) fn settle(machines: &[Machine], cloud: &SimulatedCloud, options: &SyncOptions) {
    for _ in 0..8 {
        let mut puts = 0;
        for machine in machines {
            let report = machine.sync_with(cloud, options);
            assert_clean(&report);
            puts += report.traffic.put.count;
            puts +=
                report.slots.iter().filter(|slot| !matches!(slot.action, SlotAction::Nothing)).count() as u64;
        }
        if puts == 0 {
            return;
        }
    }
    panic!("they go on and on");
}
