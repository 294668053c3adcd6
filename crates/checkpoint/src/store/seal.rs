//! Moving what is in the journal to packs.

use std::{
    ffi::OsString,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use keepstone_store::{Worker, WorkerOptions};

use super::{CheckpointStore, Shared, prune::Watch, rewrite::Rewritten, upkeep::Chore};
use crate::{
    Error,
    checkpoint::Checkpoint,
    events::{Event, Work},
    form::Place,
    manifest::{PackInfo, Retired},
};

/// What a store consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Checkpoints.
    pub checkpoints: u64,
    /// Those whose states are kept whole.
    pub keyframes: u64,
    /// Bytes of all states, as they were checkpointed.
    pub state_bytes: u64,
    /// Bytes that they take, without what is said about them.
    pub stored_bytes: u64,
    /// Of these, bytes in the journal.
    pub journal_bytes: u64,
    /// Packs.
    pub packs: u64,
    /// Bytes of the packs.
    pub pack_bytes: u64,
    /// Packs that nothing refers to any more, and that wait for the grace to end.
    pub retired_packs: u64,
    /// Commits since it was opened.
    pub commits: u64,
    /// Times that commits were made durable since it was opened: syncs of the log, or objects that were put.
    pub groups: u64,
    /// The number of the newest manifest; 0: there is none yet.
    pub manifest: u64,
    /// Checkpoints that retention has let go by itself since it was opened.
    pub pruned: u64,
    /// Errors of what the store did by itself since it was opened; [`CheckpointStore::last_background_error`] has the last.
    pub background_errors: u64,
}

impl Stats {
    /// Counts checkpoints.
    pub(super) fn count(&mut self, checkpoints: &[Arc<Checkpoint>]) {
        self.checkpoints = checkpoints.len() as u64;
        for checkpoint in checkpoints {
            let stored = checkpoint.stored_bytes();
            let in_journal = if let Place::Journal(_) = checkpoint.body.place { stored } else { 0 };
            self.keyframes += u64::from(checkpoint.is_keyframe());
            self.state_bytes = self.state_bytes.saturating_add(checkpoint.len);
            self.stored_bytes = self.stored_bytes.saturating_add(stored);
            self.journal_bytes = self.journal_bytes.saturating_add(in_journal);
        }
    }

    /// Counts packs.
    pub(super) fn packs_of(&mut self, packs: &[PackInfo], retired: &[Retired]) {
        self.packs = packs.len() as u64;
        self.pack_bytes = packs.iter().fold(0, |bytes, pack| pack.len.saturating_add(bytes));
        self.retired_packs = retired.len() as u64;
    }
}

/// The thread that does what nobody has asked for.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    worker: OnceLock<Mutex<Option<Worker<Error>>>>,
    /// What can be stopped is to stop.
    stops: Arc<AtomicBool>,
}

impl Keeper {
    /// Does something soon, in the place of what has the same name and has not begun; false: there is no thread, and it was not done.
    pub(super) fn submit(&self, name: &str, work: impl FnOnce(&AtomicBool) + Send + 'static) -> bool {
        if self.stops.load(Ordering::Relaxed) {
            return false;
        }
        let spawn =
            || Mutex::new(Worker::spawn(&WorkerOptions::default().name("keepstone-checkpoints")).ok());
        let worker = self.worker.get_or_init(spawn).lock().unwrap_or_else(PoisonError::into_inner);
        let Some(worker) = &*worker else { return false };
        let stops = Arc::clone(&self.stops);
        let work = move || {
            work(&stops);
            Ok(())
        };
        // There are fewer names than places in the queue. What failed has been noted.
        drop(worker.try_submit_latest(OsString::from(name), work));
        drop(worker.take_errors());
        true
    }

    /// Ends the thread once it has nothing more to do but what can be left.
    pub(super) fn finish(&self) {
        self.stops.store(true, Ordering::Relaxed);
        let Some(worker) = self.worker.get() else { return };
        let worker = worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            drop(worker.finish());
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.finish();
    }
}

impl CheckpointStore {
    /// Moves all states from the journal to a pack, and cuts the journal. It is done in the background as the journal grows; nothing depends on it but the time that the next opening takes.
    ///
    /// # Errors
    /// [`Error::Storage`] or [`Error::Backend`]; then everything is where it was.
    pub fn seal(&self) -> Result<(), Error> {
        self.shared.seal()
    }

    /// Does what is due after a commit, now or soon: lets checkpoints go, and moves states to a pack if the journal has grown.
    pub(super) fn keep_up(&self) {
        self.keep_small();
        if !self.shared.is_full() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let seal = move |_: &AtomicBool| shared.chore(Chore::Seal, || shared.seal_if(Shared::is_full));
        let submitted = self.options().background && self.keeper.submit("seal", seal);
        // Whoever moves states makes room, and may be a prune that this thread has been told of.
        let is_moving = self.shared.try_moving().is_none();
        if !submitted && !is_moving {
            // What can't be moved now is moved later; the checkpoint is safe where it is.
            self.shared.chore(Chore::Seal, || self.shared.seal_if(Shared::is_full));
        }
    }

    /// What the store consists of.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn stats(&self) -> Result<Stats, Error> {
        let live = self.shared.live()?;
        let journal = live.journal.stats();
        let (background_errors, pruned) = self.shared.upkeep.counts();
        let mut stats = Stats {
            commits: journal.commits,
            groups: journal.groups,
            manifest: live.manifest,
            pruned,
            background_errors,
            ..Stats::default()
        };
        stats.count(live.catalog.all());
        stats.packs_of(&live.packs, &live.retired);
        Ok(stats)
    }
}

impl Shared {
    pub(super) fn seal(&self) -> Result<(), Error> {
        self.seal_if(|_| true)
    }

    /// Moves what is in the journal if that is still to be done once nobody else does, and tells it.
    fn seal_if(&self, is_due: impl FnOnce(&Self) -> bool) -> Result<(), Error> {
        let done = self.seal_quietly(is_due);
        self.feed.ended(Work::Seal, &done);
        if let Some(Rewritten { bytes, .. }) = done? {
            self.feed.pulse.seals.add(1);
            self.feed.happened(Event::Sealed { bytes });
        }
        Ok(())
    }

    fn seal_quietly(&self, is_due: impl FnOnce(&Self) -> bool) -> Result<Option<Rewritten>, Error> {
        if !self.ground.is_durable() {
            return Ok(None);
        }
        let _moving = self.moving();
        if self.live()?.unsealed == 0 || !is_due(self) {
            return Ok(None);
        }
        self.rewrite(&[], &mut Watch::nobody())
    }

    /// Whether the journal has grown so that it is to be moved.
    fn is_full(&self) -> bool {
        let live = self.known();
        let is_full = live.journal_bytes > live.journal_bytes_max(self.options.journal_bytes_max)
            || live.unsealed > live.unsealed_max();
        is_full && self.ground.is_durable()
    }
}
