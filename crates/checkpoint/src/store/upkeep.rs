//! What a store does beside what it is asked for, and what came of it.

use std::{
    collections::BTreeMap,
    fmt,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keepstone_store::Error as StoreError;

use super::{
    CheckpointStore, Shared,
    prune::{Watch, is_stale},
};
use crate::{
    Error,
    events::Work,
    retention::{Plan, Retention},
};

/// How often a plan is made anew because the store has changed since.
const TRIES_MAX: u32 = 4;

/// Something that a store does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Chore {
    /// States move from the journal to a pack.
    Seal,
    /// Checkpoints go as the policy of the options says.
    Retention,
    /// Packs go that nothing refers to any more.
    Sweep,
}

/// What a store did by itself and could not do. Nothing that was durable is touched by it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BackgroundError {
    /// What it was.
    pub chore: Chore,
    /// Why.
    pub error: Arc<Error>,
    /// How many such errors, of any chore, there were since the opening, this one included.
    pub count: u64,
    /// Whether the same chore has been done since.
    pub is_over: bool,
}

/// What is known of the chores of a store.
#[derive(Debug, Default)]
pub(super) struct Upkeep(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// When the policy was last looked at; none: not since the opening.
    looked: Option<Looked>,
    /// Whether the last sweep has done all that there was to do: not since the opening, for a crash may have left packs.
    has_swept: bool,
    /// The last error of each chore.
    failed: BTreeMap<Chore, BackgroundError>,
    errors: u64,
    pruned: u64,
}

/// When a policy was looked at.
#[derive(Debug, Clone, Copy)]
struct Looked {
    /// The sequence of the next checkpoint.
    next: u64,
    time: Option<i64>,
}

impl CheckpointStore {
    /// The last error of what the store did by itself since it was opened: with retention, when moving states to packs, when sweeping. None of them is lost: [`Stats::background_errors`](crate::Stats::background_errors)
    /// counts them, and each is tried again later.
    pub fn last_background_error(&self) -> Option<BackgroundError> {
        self.shared.upkeep.last(|_| true)
    }

    /// Applies the policy of the options if it is time, now or soon.
    pub(super) fn keep_small(&self) {
        let shared = &self.shared;
        let Some(retention) = &shared.options.retention else { return };
        let Some(before) = shared.look(retention) else { return };
        if shared.options.background {
            let shared = Arc::clone(shared);
            let keep = move |stops: &AtomicBool| {
                {
                    let _moving = shared.moving();
                    shared.keep(stops);
                }
                shared.feed.tell();
            };
            if self.keeper.submit("keep", keep) {
                return;
            }
        }
        // Whoever has it may be a prune that this thread has been told of.
        let Some(moving) = self.shared.try_moving() else {
            return self.shared.upkeep.known().looked = before;
        };
        self.shared.keep(&AtomicBool::new(false));
        drop(moving);
        self.shared.feed.tell();
    }
}

impl Shared {
    /// Whether it is time to look at a policy, which counts as having looked; then it answers when that was before.
    #[expect(clippy::option_option, reason = "it may be time for the first time")]
    fn look(&self, retention: &Retention) -> Option<Option<Looked>> {
        let (next, time) = (self.known().catalog.next_sequence().0, self.options.now());
        let mut known = self.upkeep.known();
        if let Some(looked) = &mut known.looked {
            // What was lost before it was durable has left its number to another.
            looked.next = looked.next.min(next);
            // A clock that went back makes nothing wait for longer.
            looked.time = looked.time.zip(time).map(|(looked, time)| looked.min(time)).or(time);
            let elapsed =
                looked.time.zip(time).map(|(looked, time)| Duration::from_nanos(time.abs_diff(looked)));
            let is_over = retention.every.zip(elapsed).is_some_and(|(every, elapsed)| elapsed >= every);
            if next - looked.next < retention.checkpoints && !is_over {
                return None;
            }
        }
        Some(known.looked.replace(Looked { next, time }))
    }

    /// Lets go what the policy of the options lets go, and sweeps. Whoever calls holds `moving`, and has what comes of it told once it doesn't any more.
    fn keep(&self, stops: &AtomicBool) {
        let Some(retention) = &self.options.retention else { return };
        self.chore(Chore::Retention, || self.retain(retention, stops));
        if stops.load(Ordering::Relaxed) {
            return;
        }
        // Without a clock nobody knows when the grace ends, unless there is none.
        let now = self.options.now().or_else(|| (self.options.grace <= 0).then_some(0));
        // Not both locks at once: others take them the other way round.
        let has_swept = self.upkeep.known().has_swept;
        let is_due = !has_swept || {
            let live = self.known();
            !live.retired.is_empty() || live.has_waste()
        };
        let Some(now) = now.filter(|_| is_due) else { return };
        self.chore(Chore::Sweep, || {
            let swept = self.sweep_moving(now);
            self.upkeep.known().has_swept = swept.is_ok();
            swept.map(drop)
        });
    }

    fn retain(&self, retention: &Retention, stops: &AtomicBool) -> Result<(), Error> {
        let (now, grace) = (self.options.now(), self.options.grace);
        let mut stop = |_| {
            if stops.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        for _ in 0..TRIES_MAX {
            let catalog = self.live()?.catalog.clone();
            let plan = Plan::new(&retention.policy, &catalog, now, grace);
            drop(catalog);
            if plan.is_empty() || stops.load(Ordering::Relaxed) {
                break;
            }
            match self.prune_moving(&plan, &mut Watch::told(&mut stop)) {
                Ok(pruned) => {
                    self.upkeep.known().pruned += pruned.checkpoints;
                    break;
                }
                // Somebody has tagged or forked what was to go: the rest goes by another plan.
                Err(err) if is_stale(&err) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }

    /// Does something that nobody has asked for, and takes note of what comes of it.
    pub(super) fn chore(&self, chore: Chore, work: impl FnOnce() -> Result<(), Error>) {
        let mut panicked = Panicked { shared: self, chore, has_returned: false };
        let done = work();
        panicked.has_returned = true;
        // Of the others whoever does them takes note for those who listen.
        if chore == Chore::Sweep {
            match &done {
                Ok(()) => self.feed.pulse.went_well(Work::Sweep),
                Err(err) => self.feed.failed(Work::Sweep, err),
            }
        }
        match done {
            Ok(()) => self.upkeep.done(chore),
            Err(err) => self.upkeep.failed(chore, err),
        }
    }
}

/// Takes note if what is done panics.
struct Panicked<'s> {
    shared: &'s Shared,
    chore: Chore,
    has_returned: bool,
}

impl Drop for Panicked<'_> {
    fn drop(&mut self) {
        if !self.has_returned {
            let message = "what it said stands in the output of the program".to_owned();
            let error = StoreError::Panicked { message }.into();
            self.shared.feed.failed(self.chore.work(), &error);
            self.shared.feed.tell();
            self.shared.upkeep.failed(self.chore, error);
        }
    }
}

impl Chore {
    /// What those who listen know it as.
    fn work(self) -> Work {
        match self {
            Self::Seal => Work::Seal,
            Self::Retention => Work::Retention,
            Self::Sweep => Work::Sweep,
        }
    }
}

impl Upkeep {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self, chore: Chore) {
        if let Some(failed) = self.known().failed.get_mut(&chore) {
            failed.is_over = true;
        }
    }

    fn failed(&self, chore: Chore, error: Error) {
        let mut known = self.known();
        known.errors += 1;
        let failed = BackgroundError { chore, error: Arc::new(error), count: known.errors, is_over: false };
        known.failed.insert(chore, failed);
    }

    /// The last of the errors that are looked for.
    fn last(&self, is_wanted: impl Fn(&BackgroundError) -> bool) -> Option<BackgroundError> {
        let known = self.known();
        known.failed.values().filter(|failed| is_wanted(failed)).max_by_key(|failed| failed.count).cloned()
    }

    /// Errors so far, and checkpoints that retention let go.
    pub(super) fn counts(&self) -> (u64, u64) {
        let known = self.known();
        (known.errors, known.pruned)
    }

    /// What was not done, and has not been since, of what nobody does when the store ends.
    ///
    /// # Errors
    /// [`Error::Unfinished`].
    pub(super) fn finish(&self) -> Result<(), Error> {
        match self.last(|failed| !failed.is_over && failed.chore != Chore::Seal) {
            Some(BackgroundError { chore, error, .. }) => Err(Error::Unfinished { chore, source: error }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seal => "moving states to a pack",
            Self::Retention => "letting checkpoints go",
            Self::Sweep => "removing packs",
        })
    }
}

impl fmt::Display for BackgroundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.chore, self.error)
    }
}

#[cfg(test)]
mod tests {
    use keepstone_store::Bytes;

    use super::*;
    use crate::{Policy, StoreOptions};

    #[test]
    fn retention_that_is_to_stop_changes_nothing_and_one_that_panics_is_told() {
        let retention = Retention::new(Policy::keep_recent(1)).after_checkpoints(u64::MAX);
        let options = StoreOptions::new().background(false).retention(retention);
        let store = CheckpointStore::in_memory_with(options);
        let session = store.session("main").unwrap();
        for number in 0..5_u8 {
            session.checkpoint(&Bytes::from(vec![number])).commit().unwrap();
        }
        store.shared.keep(&AtomicBool::new(true));
        assert_eq!(store.len().unwrap(), 5);
        let shared = Arc::clone(&store.shared);
        let panics = move || shared.chore(Chore::Retention, || panic!("in a backend"));
        assert!(std::thread::spawn(panics).join().is_err());
        let failed = store.last_background_error().unwrap();
        assert!(!failed.is_over && failed.to_string().contains("panicked"), "{failed}");
        store.shared.keep(&AtomicBool::new(false));
        assert_eq!(store.len().unwrap(), 1);
        assert!(store.last_background_error().unwrap().is_over);
        store.close().unwrap();
    }
}
