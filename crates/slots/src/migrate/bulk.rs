use std::{fmt, ops::ControlFlow, sync::Arc};

use keepstone_store::{FromPayload, Payload};

use super::{
    BackgroundMigration, Migrations, Progress, Step,
    work::{Taken, Work},
};
use crate::{Error, manager::SaveManager};

impl SaveManager {
    /// Brings the saves of all players to the current version, one at each [`BulkMigration::step`]: the files too, which
    /// [`load_latest_migrated`](Self::load_latest_migrated) leaves as they are.
    ///
    /// Saves of slots and profiles are taken that are of the type of `migrations` and of an earlier version; those that are damaged or deleted are left alone. No payload is read
    /// here, and nothing is written.
    ///
    /// # Errors
    /// What [`Migrations::check`] finds; when the directory can't be read.
    pub fn migrate<T>(&self, migrations: &Migrations<T>) -> Result<BulkMigration<'_, T>, Error>
    where
        T: Payload + FromPayload + 'static,
    {
        let work = Work::new(self.shared(), migrations.clone())?;
        Ok(BulkMigration { manager: self, work })
    }

    /// As [`SaveManager::migrate`], on a thread of its own while the program goes on.
    ///
    /// # Errors
    /// As there; [`Error::Background`] if the system gives no thread.
    pub fn migrate_in_background<T>(&self, migrations: &Migrations<T>) -> Result<BackgroundMigration, Error>
    where
        T: Payload + FromPayload + 'static,
    {
        let work = Work::new(self.shared(), migrations.clone())?;
        BackgroundMigration::start(Arc::clone(self.shared()), work)
    }
}

/// A migration of all saves, done step by step when there is time.
///
/// Each save is written anew with its id, its place in the order, its time, name, thumbnail and everything else that a list shows, locked ones too; only its
/// state hash goes, which was that of the old state, unless the payload gives a new one. When a step returns, the new file is on the disk, and only then the old one is let go of. A crash leaves each
/// save of either version and whole.
///
/// To pause, call [`step`](Self::step) later; to give up, drop it. Begun anew, in another process too, it goes on with the saves that are left.
pub struct BulkMigration<'m, T> {
    manager: &'m SaveManager,
    work: Work<T>,
}

impl<T: Payload + FromPayload + 'static> BulkMigration<'_, T> {
    /// Migrates one save, those of a player from the newest on; none when no save is left. A save that fails is passed over.
    pub fn step(&mut self) -> Option<Step> {
        let Taken { player, step } = self.work.step(self.manager.shared())?;
        if matches!(step, Step::Migrated { .. }) {
            self.manager.keep_up(player.as_str());
        }
        Some(step)
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.work.progress
    }

    /// Migrates save after save until none is left, or `report`, which is called after each, says to stop. It can go on later.
    pub fn run(&mut self, mut report: impl FnMut(&Progress) -> ControlFlow<()>) -> Progress {
        while self.step().is_some() {
            if report(&self.work.progress).is_break() {
                break;
            }
        }
        self.work.progress
    }
}

impl<T> fmt::Debug for BulkMigration<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkMigration").field("progress", &self.work.progress).finish_non_exhaustive()
    }
}
