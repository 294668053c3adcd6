use crate::{Error, id::SaveId};

/// How the copies of a slot stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Both have the same save.
    Same,
    /// The one here follows the one there.
    Ahead,
    /// The one there follows the one here.
    Behind,
    /// Neither follows the other.
    Forked,
    /// There is none there.
    OnlyHere,
    /// There is none here.
    OnlyThere,
}

/// What was done about a slot.
#[derive(Debug)]
#[non_exhaustive]
pub enum SlotAction {
    /// Nothing: there was nothing to do, the direction forbids it, or the player has deleted here what is there.
    Nothing,
    /// The save from here is there.
    Uploaded,
    /// The save from there is here.
    Downloaded,
    /// Both saves of a fork are here.
    KeptBoth {
        /// The slot that the second went to; none: it is a locked backup of the profile.
        other_slot: Option<u8>,
    },
    /// It failed; the saves here are as they were, and the next synchronization tries again.
    Failed(Error),
}

/// What became of a slot.
#[derive(Debug)]
#[non_exhaustive]
pub struct SlotOutcome {
    /// The slot; none: the profile.
    pub slot: Option<u8>,
    /// How the copies stood, as far as they were known.
    pub relation: Relation,
    /// What was done.
    pub action: SlotAction,
}

impl SlotOutcome {
    /// What failed, if it did.
    pub fn error(&self) -> Option<&Error> {
        match &self.action {
            SlotAction::Failed(err) => Some(err),
            _ => None,
        }
    }
}

/// A remote file that is not the save that its name tells of. It is neither taken nor deleted.
#[derive(Debug)]
#[non_exhaustive]
pub struct DamagedRemote {
    /// Its name.
    pub name: String,
    /// The save that it should be.
    pub id: SaveId,
    /// The slot of that; none: the profile.
    pub slot: Option<u8>,
    /// What is wrong with it.
    pub error: Error,
}

/// Requests of one sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// How many, those that failed included.
    pub count: u64,
    /// Bytes of the files, those of puts that failed included.
    pub bytes: u64,
}

/// What went over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Files that were put.
    pub put: Requests,
    /// Files that were fetched.
    pub get: Requests,
    /// Listings; bytes are those of the names.
    pub list: Requests,
    /// Files that were deleted; no bytes.
    pub delete: Requests,
}

impl Traffic {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.put.count + self.get.count + self.list.count + self.delete.count
    }
}

/// What a synchronization did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SyncReport {
    /// The slots that have a save on either side; one with several forks stands here several times.
    pub slots: Vec<SlotOutcome>,
    /// Remote files that are damaged.
    pub damaged: Vec<DamagedRemote>,
    /// Remote files that were deleted because they are superseded.
    pub pruned: Vec<String>,
    /// What failed beside the slots: hints that could not be written, superseded files that could not be deleted. No save depends on it.
    pub errors: Vec<Error>,
    /// What went over the line.
    pub traffic: Traffic,
}

impl SyncReport {
    /// Whether nothing failed and nothing is damaged.
    pub fn is_clean(&self) -> bool {
        let has_failed = self.slots.iter().any(|slot| slot.error().is_some());
        !has_failed && self.damaged.is_empty() && self.errors.is_empty()
    }

    /// The forks that were found: a player may want to hear of them.
    pub fn forks(&self) -> impl Iterator<Item = &SlotOutcome> {
        self.slots.iter().filter(|slot| slot.relation == Relation::Forked)
    }
}
