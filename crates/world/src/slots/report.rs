use std::time::Duration;

use keepstone_ecs_persist::{LeftOut, WorldDoc};
use keepstone_slots::{Error as SlotsError, Recovered, SaveEntry, Saved, Ticket};
use keepstone_store::Unclaimed;

use crate::{captured::Left, report::LoadReport};

/// What of a world goes to a slot, and what it took to find out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaptureReport {
    /// Entities in the save.
    pub entities: u64,
    /// Components (columns) in the save, resources included.
    pub components: u64,
    /// Component values in the save.
    pub values: u64,
    /// Component values that were left out, and why.
    pub left_out: Vec<LeftOut>,
    /// Entities that were left out.
    pub entities_left_out: u64,
    /// References to entities that no longer exist, written as *none*.
    pub dangling: u64,
    /// Time on the world itself: nobody may change it meanwhile.
    pub time: Duration,
}

impl CaptureReport {
    pub(super) fn of(doc: &WorldDoc<'_>, left: Left, time: Duration) -> Self {
        Self {
            entities: doc.entity_count().into(),
            components: doc.columns.len() as u64,
            values: doc.value_count(),
            left_out: left.values,
            entities_left_out: left.entities,
            dangling: left.dangling,
            time,
        }
    }

    /// What an application misses after a load: values whose component is not registered.
    pub fn lost(&self) -> impl Iterator<Item = &LeftOut> {
        self.left_out.iter().filter(|left| left.reason.is_loss())
    }
}

/// What was saved to a slot.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SlotSaved {
    /// The receipt: the save as a list shows it, what it rotated out, what was waited for.
    pub saved: Saved,
    /// What of the world is in it.
    pub captured: CaptureReport,
}

/// What was handed over to be saved in the background.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the ticket says how the save went"]
pub struct SlotHanded {
    /// How it goes: it can be asked, waited for, awaited, or taken back before it has begun.
    pub ticket: Ticket<Saved, SlotsError>,
    /// What of the world will be in the save.
    pub captured: CaptureReport,
    /// Errors of earlier saves in the background whose tickets nobody has asked.
    pub earlier: Unclaimed<SlotsError>,
}

/// What was loaded from a slot.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SlotLoaded<E> {
    /// The entities, what could not be placed, the migration. [`LoadReport::meta`] is what the save says of the world.
    pub report: LoadReport<E>,
    /// The save that it was in.
    pub save: SaveEntry,
    /// Later saves that were damaged, if this isn't the latest.
    pub recovered: Option<Recovered>,
}

impl<E> SlotLoaded<E> {
    /// The tick of the simulation at which the world was captured, for the simulation to go on from.
    pub fn tick(&self) -> Option<u64> {
        self.report.meta.tick
    }
}
