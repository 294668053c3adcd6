use std::path::PathBuf;

use keepstone_storage::Durability;

use crate::{entry::SaveEntry, id::SaveId};

/// Receipt of a save.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Saved {
    /// What a list shows of it.
    pub save: SaveEntry,
    /// What has been waited for.
    pub durability: Durability,
    /// Whether it went to a file that was ready. The first save of a player does not, nor do saves that come faster than files are made ready.
    pub recycled: bool,
    /// Saves of the slot that went because of it, the newest first.
    pub rotated_out: Vec<SaveId>,
    /// What the player's saves take now, if there is a quota.
    pub quota: Option<Quota>,
    /// How often it was tried again.
    pub retries: u32,
}

impl Saved {
    /// The id of the save.
    pub fn id(&self) -> SaveId {
        self.save.id()
    }
}

/// What the saves of a player take, and may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// Bytes of the saves that are not deleted.
    pub used: u64,
    /// Bytes allowed.
    pub allowed: u64,
}

impl Quota {
    /// Whether a tenth or less is left: time to tell the player.
    pub fn is_nearly_full(&self) -> bool {
        self.allowed.saturating_sub(self.used) <= self.allowed / 10
    }
}

/// What was loaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded<T> {
    /// The payload.
    pub value: T,
    /// The save that it was in.
    pub save: SaveEntry,
    /// Later saves that were damaged, if this isn't the latest.
    pub recovered: Option<Recovered>,
    /// The version that was migrated, if the save was older than the program.
    pub migrated_from: Option<u32>,
}

/// Why an earlier save than the latest was loaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovered {
    /// The saves that are damaged, the newest first.
    pub lost: Vec<Lost>,
}

impl Recovered {
    /// Why the latest save could not be loaded.
    pub fn reason(&self) -> &str {
        self.lost.first().map_or("", |lost| lost.reason.as_str())
    }
}

/// A save that is damaged.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Lost {
    /// What a list shows of it.
    pub save: SaveEntry,
    /// Where its file is: it was set aside, unless that failed or the saves are open for reading only.
    pub path: PathBuf,
    /// Whether it was set aside: lists no longer take it for a save that can be loaded.
    pub set_aside: bool,
    /// What is wrong with it.
    pub reason: String,
}
