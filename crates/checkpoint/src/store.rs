mod automatic;
mod batch;
mod chain;
mod commit;
mod edit;
mod exchange;
mod heads;
mod live;
mod open;
mod prune;
mod query;
mod reader;
mod rebase;
mod repair;
mod restore;
mod rewrite;
mod salvage;
mod seal;
mod session;
mod sweep;
#[cfg(test)]
mod tests;
mod upkeep;
mod validate;
mod walk;

use std::{
    path::Path,
    ptr::addr_eq,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, atomic::AtomicU64},
};

pub use batch::BatchItem;
pub use commit::{Committed, Draft};
pub use prune::{Progress, Pruned, Stage};
pub use query::Query;
pub use reader::CheckpointReader;
pub use repair::{MovedHead, Recovered, Repaired};
pub use salvage::{LostCommits, ObjectFault};
pub use seal::Stats;
pub(crate) use session::MAIN;
pub use session::{Session, SessionInfo};
pub use sweep::Swept;
pub use upkeep::{BackgroundError, Chore};
pub use validate::{Finding, Validate, Validated, Validation};

use keepstone_storage::Durability;

use crate::{
    Error,
    backend::Backend,
    events::{Events, Feed, Health, Hold},
    journal::Journal,
    options::StoreOptions,
    planted::{self, Plant},
};
use live::Live;
use open::Ground;

/// Checkpoints of any number of sessions, in memory, in a directory or on a [`Backend`].
///
/// It is a handle: clones are the same store, and threads share it. One handle, or the clones of one, writes; any number of processes read with
/// [`CheckpointReader`].
///
/// A checkpoint that was made is seen by all threads from the moment that it has its sequence; it is durable when the call that made it returns, if that asked for it.
#[derive(Clone)]
pub struct CheckpointStore {
    pub(crate) shared: Arc<Shared>,
    keeper: Arc<seal::Keeper>,
}

/// What the handles of a store share.
pub(crate) struct Shared {
    pub(crate) options: StoreOptions,
    pub(crate) ground: Ground,
    /// The order of everything that happens.
    live: Mutex<Live>,
    /// Held by who moves states to packs, prunes or sweeps.
    moving: Mutex<()>,
    /// How many exports go by what the store was. Counted up while `live` is held.
    exports: AtomicU64,
    buffers: heads::Buffers,
    shapes: keepstone_store::Shapes,
    upkeep: upkeep::Upkeep,
    pub(crate) feed: Arc<Feed>,
}

/// Nobody else moves states to packs, prunes or sweeps.
struct Moving<'s> {
    _moving: MutexGuard<'s, ()>,
    /// Ends last.
    _hold: Hold,
}

impl CheckpointStore {
    /// Makes a store that ends with its last handle.
    pub fn in_memory() -> Self {
        Self::in_memory_with(StoreOptions::default())
    }

    /// The same with options.
    pub fn in_memory_with(options: StoreOptions) -> Self {
        let (ground, live) = open::in_memory();
        Self::new(options, ground, live)
    }

    /// Opens the store in a directory, which is made if it is missing, for writing.
    ///
    /// When it returns, all that is in it is durable. What a crash has left half done is as if it had not been begun.
    ///
    /// # Errors
    /// [`Error::Storage`] of the kind `Busy` if another handle or process has it open for writing, of the kind `Newer` if a newer version wrote it; [`Error::Damaged`] and [`Error::Format`] where
    /// bytes are not what was written.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, StoreOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`CheckpointStore::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Self, Error> {
        let (ground, live) = open::in_dir(dir.as_ref(), &options)?;
        Ok(Self::new(options, ground, live))
    }

    /// Opens the store on a backend for writing.
    ///
    /// Nothing keeps a second writer away but that each commit takes a number which must be free: the one that comes too late is told [`Error::Superseded`].
    ///
    /// # Errors
    /// As [`CheckpointStore::open`], and [`Error::Backend`].
    pub fn on(backend: Arc<dyn Backend>, options: StoreOptions) -> Result<Self, Error> {
        let (ground, live) = open::on(backend)?;
        Ok(Self::new(options, ground, live))
    }

    fn new(options: StoreOptions, ground: Ground, live: Live) -> Self {
        let feed = Arc::clone(&live.feed);
        feed.pulse.next_is(live.catalog.next_sequence());
        let shared = Shared {
            options,
            ground,
            live: Mutex::new(live),
            moving: Mutex::default(),
            exports: AtomicU64::new(0),
            buffers: heads::Buffers::default(),
            shapes: keepstone_store::Shapes::default(),
            upkeep: upkeep::Upkeep::default(),
            feed,
        };
        Self { shared: Arc::new(shared), keeper: Arc::default() }
    }

    /// How it was opened.
    pub fn options(&self) -> &StoreOptions {
        &self.shared.options
    }

    /// Listens to what happens to the store from now on, whoever does it. At most so many events wait to be taken, at least 1; of more, the oldest are dropped, and
    /// [`Event::Missed`](crate::Event::Missed) says how many. Nobody waits for a listener.
    pub fn subscribe(&self, capacity: usize) -> Events {
        self.shared.feed.subscribe(capacity)
    }

    /// How the store is. It takes no lock, and answers at once whatever the disk does.
    pub fn health(&self) -> Health {
        self.shared.feed.pulse.health()
    }

    /// Makes everything durable that was committed so far.
    ///
    /// # Errors
    /// As a commit.
    pub fn flush(&self) -> Result<(), Error> {
        let (journal, number) = {
            let live = self.shared.live()?;
            (Arc::clone(&live.journal), live.journal.end())
        };
        match number.checked_sub(1) {
            Some(last) => self.shared.waited(&journal, last, Durability::Durable),
            None => Ok(()),
        }
    }

    /// Ends the store in order: everything is durable, the journal is moved to packs, and the next opening has nothing to read but a manifest. Retention that runs is stopped, and has then done nothing.
    ///
    /// Other clones of the handle stay usable, and each [`Session`] holds one: another opening has to wait until all are dropped.
    ///
    /// # Errors
    /// As a commit; what was durable is. [`Error::Unfinished`] if all that was done, but retention or a sweep failed the last time that the store did it by itself.
    pub fn close(self) -> Result<(), Error> {
        self.flush()?;
        self.keeper.finish();
        if self.shared.ground.is_durable() {
            self.seal()?;
            let live = self.shared.live()?;
            // Unless another clone has gone on meanwhile.
            if live.unsealed == 0 {
                live.journal.shrink()?;
            }
        }
        self.shared.upkeep.finish()
    }
}

impl Shared {
    /// What is known, read again first if a commit has failed.
    ///
    /// # Errors
    /// Why it can't be read again.
    fn live(&self) -> Result<MutexGuard<'_, Live>, Error> {
        let mut live = self.known();
        while live.failed.is_some() {
            self.ground.reload(&mut live)?;
            self.feed.settle(&live.catalog, &*live.journal, self.ground.is_locked());
            drop(live);
            self.feed.tell();
            live = self.known();
        }
        Ok(live)
    }

    /// Waits until nobody else moves states to packs, prunes or sweeps.
    fn moving(&self) -> Moving<'_> {
        let hold = Hold::begin();
        Moving { _moving: self.moving.lock().unwrap_or_else(PoisonError::into_inner), _hold: hold }
    }

    /// The same at once; none if somebody does.
    fn try_moving(&self) -> Option<Moving<'_>> {
        let hold = Hold::begin();
        let moving = match self.moving.try_lock() {
            Ok(moving) => moving,
            Err(TryLockError::Poisoned(moving)) => moving.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Moving { _moving: moving, _hold: hold })
    }

    /// What is known, as it is.
    fn known(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a commit, and takes note if it failed on its way to the disk: what is known may be more than what is there.
    pub(crate) fn waited(
        &self,
        journal: &Arc<dyn Journal>,
        number: u64,
        durability: Durability,
    ) -> Result<(), Error> {
        if planted::is(Plant::EarlyEvent) {
            self.feed.arrived(journal, number, Durability::Durable);
        }
        let waited = journal.wait(number, durability);
        match &waited {
            Ok(()) => self.feed.arrived(journal, number, durability),
            Err(err) => {
                let mut live = self.known();
                // Of a journal that was left behind nobody needs to know: the store has been read again since.
                if addr_eq(Arc::as_ptr(&live.journal), Arc::as_ptr(journal)) {
                    live.fail(err);
                }
                drop(live);
                self.feed.tell();
            }
        }
        waited
    }

    /// Takes note of what failed after it may have happened.
    pub(crate) fn noted<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if let Err(err) = &done {
            self.known().fail(err);
            self.feed.tell();
        }
        done
    }
}

impl std::fmt::Debug for CheckpointStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointStore")
            .field("ground", &self.shared.ground)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}
