use std::{error::Error as StdError, sync::Arc};

use bevy_ecs::{entity::Entity, event::Event};
use keepstone_format::Kind;
use keepstone_slots::{Recovered, SaveEntry, SaveKind, Saved};
use keepstone_world::{CaptureReport, Error, SlotLoaded};

/// A world was captured for a save, which is now written in the background. Nothing is durable yet.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct SaveStarted {
    /// The slot that it goes to.
    pub slot: u8,
    /// Why it is made.
    pub kind: SaveKind,
    /// What of the world will be in it, and what not.
    pub captured: CaptureReport,
}

impl SaveStarted {
    /// What a log says of it.
    pub fn report(&self) -> String {
        let CaptureReport { entities, values, .. } = &self.captured;
        let lost: u64 = self.captured.lost().map(|left| left.count).sum();
        let but = if lost > 0 { format!(", {lost} left out") } else { String::new() };
        format!("slot {}: saving {entities} entities with {values} values{but}", self.slot)
    }
}

/// A save is on the disk, unless its request said that it need not be.
///
/// A save whose place in the queue a later one of its slot has taken ends without an event of its own: that of the later one tells of both.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct SaveFinished {
    /// The receipt.
    pub saved: Saved,
}

impl SaveFinished {
    /// What a log says of it.
    pub fn report(&self) -> String {
        let save = &self.saved.save;
        let bytes = save.bytes();
        format!("{}: saved {bytes} bytes as {}", place(save.slot()), save.id())
    }
}

/// A save could not be made. All earlier saves are as they were.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct SaveFailed {
    /// The slot; none if it was to be chosen.
    pub slot: Option<u8>,
    /// Why.
    pub error: Arc<Error>,
}

impl SaveFailed {
    /// What the game should do, such as to tell the player that the disk is full.
    pub fn kind(&self) -> Kind {
        self.error.kind()
    }

    /// What a log says of it.
    pub fn report(&self) -> String {
        format!("{}: not saved: {}", place(self.slot), chain(&*self.error))
    }
}

/// The saves can't be opened: another program has them open, or the directory can't be written to. It is tried again at each save and load, which fail until then.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct SavesUnavailable {
    /// Why.
    pub error: Arc<Error>,
}

impl SavesUnavailable {
    /// What the game should do: `Busy` where another program has them open.
    pub fn kind(&self) -> Kind {
        self.error.kind()
    }

    /// What a log says of it.
    pub fn report(&self) -> String {
        format!("saves: not opened: {}", chain(&*self.error))
    }
}

/// The world is what a save held.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct LoadFinished {
    /// What was loaded, from which save, at which tick.
    pub loaded: SlotLoaded<Entity>,
}

impl LoadFinished {
    /// What a log says of it.
    pub fn report(&self) -> String {
        let (save, entities) = (&self.loaded.save, self.loaded.report.spawned.entities.len());
        format!("{}: loaded {entities} entities of {}", place(save.slot()), save.id())
    }
}

/// Nothing was loaded; the world is as it was.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct LoadFailed {
    /// The slot; none if a save was asked for by its id.
    pub slot: Option<u8>,
    /// Why.
    pub error: Arc<Error>,
}

impl LoadFailed {
    /// What the game should do.
    pub fn kind(&self) -> Kind {
        self.error.kind()
    }

    /// What a log says of it.
    pub fn report(&self) -> String {
        format!("{}: not loaded: {}", place(self.slot), chain(&*self.error))
    }
}

/// An earlier save was loaded in the place of damaged ones. [`LoadFinished`] comes after it.
#[derive(Event, Debug, Clone)]
#[non_exhaustive]
pub struct SaveRecovered {
    /// The save that was loaded.
    pub save: SaveEntry,
    /// What was lost.
    pub recovered: Recovered,
}

impl SaveRecovered {
    /// What a log says of it.
    pub fn report(&self) -> String {
        let (lost, why) = (self.recovered.lost.len(), self.recovered.reason());
        format!("{}: {lost} damaged, {} loaded instead: {why}", place(self.save.slot()), self.save.id())
    }
}

fn place(slot: Option<u8>) -> String {
    slot.map_or_else(|| "saves".to_owned(), |slot| format!("slot {slot}"))
}

/// An error and its causes, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
