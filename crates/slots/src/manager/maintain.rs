use std::{
    ffi::OsString,
    sync::{Arc, OnceLock, PoisonError},
};

use keepstone_storage::{Durability, atomic};
use keepstone_store::{Worker, WorkerOptions};

use super::{SaveManager, Shared, folder::Folder};
use crate::{Error, entry::SaveEntry, stem::Name};

/// Changes that may be missing in an index before it is written anew, beside a sixteenth of the saves.
const UNINDEXED_MAX: usize = 8;
/// Saves of a player that nobody waited for, before they are synced so that they can rotate others out.
const UNSYNCED_MAX: usize = 8;

impl SaveManager {
    /// Does what is otherwise done in the background, for all players whose saves are open: makes files ready, writes indexes, removes deleted saves whose time is over.
    ///
    /// Nothing depends on it but speed and space.
    ///
    /// # Errors
    /// The first thing that failed; the rest was done.
    pub fn maintain(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for folder in self.shared.open_folders() {
            let done = self.shared.maintain(&folder, true);
            result = result.and(done);
        }
        result
    }

    /// Waits until the background has nothing more to do, saves included. For measurements and for orderly ends; dropping the manager does as much.
    pub fn settle(&self) {
        if let Some(saver) = self.saver.get() {
            drop(saver.submit(|| Ok(())).wait());
        }
        self.keeper.settle();
    }

    /// Has the thread of the manager look after a player's directory, soon.
    pub(crate) fn keep_up(&self, player: &str) {
        self.keeper.look_after(&self.shared, player);
    }
}

/// The thread that does what can wait.
#[derive(Clone, Default)]
pub(super) struct Keeper(Arc<OnceLock<Worker<Error>>>);

impl Keeper {
    /// Looks after a player's directory, soon.
    pub(super) fn look_after(&self, shared: &Arc<Shared>, player: &str) {
        if !shared.options.background {
            return;
        }
        let worker = if let Some(worker) = self.0.get() {
            worker
        } else {
            let options = WorkerOptions::default().name("keepstone-slots").queue_max(usize::MAX);
            // Without a thread saves take longer, and are as safe.
            let Ok(worker) = Worker::spawn(&options) else { return };
            self.0.get_or_init(|| worker)
        };
        let Ok(Some(folder)) = shared.folder_if_there(player) else { return };
        let shared = Arc::clone(shared);
        let job = move || shared.maintain(&folder, false);
        drop(worker.try_submit_latest(OsString::from(player), job));
        // What failed is tried again the next time.
        drop(worker.take_errors());
    }

    /// Waits until nothing is left to do.
    fn settle(&self) {
        if let Some(worker) = self.0.get() {
            drop(worker.submit(|| Ok(())).wait());
        }
    }

    /// Ends the thread.
    fn finish(&mut self) {
        if let Some(worker) = Arc::get_mut(&mut self.0).and_then(OnceLock::take) {
            drop(worker.finish());
        }
    }
}

impl Shared {
    /// Makes files ready; writes the index if much is missing in it, or at any change if that is asked for.
    pub(crate) fn maintain(&self, folder: &Folder, at_any_change: bool) -> Result<(), Error> {
        self.tidy(folder, at_any_change)?;
        // The next save compares the directory with what is known now, which is quick as long as nobody else changes it.
        folder.refreshed_for_save(self).map(drop)
    }

    fn tidy(&self, folder: &Folder, at_any_change: bool) -> Result<(), Error> {
        let (len, unsynced) = {
            let state = folder.state();
            (state.spare_len, state.unsynced.len())
        };
        if unsynced > UNSYNCED_MAX {
            self.sync_saves(folder)?;
        }
        folder.spares.recycle(self.options.spares)?;
        if len > 0 {
            folder.spares.make_ready(self.options.spares, len)?;
        }
        if let Some(now) = self.options.now() {
            self.purge(folder, now, false)?;
        }
        let index = {
            let mut state = folder.state();
            let allowed = if at_any_change { 0 } else { UNINDEXED_MAX + state.listing.len() / 16 };
            if state.unindexed <= allowed {
                return Ok(());
            }
            state.unindexed = 0;
            state.listing.encode_index()?
        };
        let path = folder.path_of(&Name::Index.to_string());
        atomic::replace(&*self.options.files, &path, Durability::Buffered, &index)?;
        Ok(())
    }

    /// Lets go of deleted saves whose time is over, or of which no time is known.
    pub(super) fn purge(&self, folder: &Folder, now: i64, undated: bool) -> Result<usize, Error> {
        let grace = i64::try_from(self.options.grace.as_nanos()).unwrap_or(i64::MAX);
        let is_over = |entry: &SaveEntry| {
            !entry.is_locked()
                && entry.deleted_at().map_or(undated, |deleted_at| now.saturating_sub(deleted_at) >= grace)
        };
        let over: Vec<SaveEntry> = folder.state().listing.deleted().into_iter().filter(is_over).collect();
        let mut count = 0;
        for entry in over {
            let turn = folder.turn(entry.slot());
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let mut state = folder.state();
            count += state.retire(&*self.options.files, &folder.spares, &folder.dir, &[entry])?.len();
        }
        Ok(count)
    }
}

impl Drop for SaveManager {
    fn drop(&mut self) {
        if let Some(saver) = self.saver.take() {
            drop(saver.finish());
        }
        self.keeper.finish();
        if self.shared.options.background {
            // What fails here costs the next opening a few reads.
            drop(self.maintain());
        }
    }
}
