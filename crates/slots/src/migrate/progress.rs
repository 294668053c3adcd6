use crate::{Error, entry::SaveEntry, id::SaveId, player::Player};

/// How far a migration of all saves has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Saves that were written anew.
    pub done: usize,
    /// Saves that could not be, and players whose saves could not be listed. They stay as they are.
    pub failed: usize,
    /// Saves that needed it no longer when their turn came.
    pub skipped: usize,
    /// Outdated saves that were found when it began, and those players.
    pub total: usize,
    /// Bytes of the saves that were written.
    pub bytes: u64,
}

impl Progress {
    /// How many are left.
    pub fn left(&self) -> usize {
        self.total.saturating_sub(self.done + self.failed + self.skipped)
    }

    /// Whether none is left.
    pub fn is_complete(&self) -> bool {
        self.left() == 0
    }

    /// How much is done, from 0 to 1: for a bar.
    pub fn fraction(&self) -> f32 {
        if self.total == 0 {
            return 1.0;
        }
        // In thousandths, which have an exact float.
        let thousandths = (self.total - self.left()) * 1000 / self.total;
        u16::try_from(thousandths).map_or(1.0, |thousandths| f32::from(thousandths) / 1000.0)
    }

    pub(super) fn count(&mut self, step: &Step) {
        match step {
            Step::Migrated { save, .. } => {
                self.done += 1;
                self.bytes += save.bytes();
            }
            Step::Skipped { .. } => self.skipped += 1,
            Step::Failed { .. } => self.failed += 1,
        }
    }
}

/// What became of one save.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// It is of the current version now.
    Migrated {
        /// The save, as a list shows it from now on.
        save: SaveEntry,
        /// The version that it had.
        from: u32,
    },
    /// It is gone, deleted or up to date since this began.
    Skipped {
        /// Which.
        id: SaveId,
    },
    /// It could not be migrated, and stays as it was.
    Failed {
        /// Whose it is.
        player: Player,
        /// Which; none if the saves of the player could not be listed.
        save: Option<SaveEntry>,
        /// Why.
        error: Error,
    },
}
