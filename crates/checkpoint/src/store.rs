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
mod restore;
mod rewrite;
mod seal;
mod session;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    ptr::addr_eq,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use batch::BatchItem;
pub use commit::{Committed, Draft};
pub use prune::{Progress, Pruned, Stage};
pub use query::Query;
pub use reader::CheckpointReader;
pub use seal::Stats;
pub(crate) use session::MAIN;
pub use session::{Session, SessionInfo};
pub use sweep::Swept;

use keepstone_storage::Durability;

use crate::{Error, backend::Backend, journal::Journal, options::StoreOptions};
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
    buffers: heads::Buffers,
    shapes: keepstone_store::Shapes,
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
        let shared = Shared {
            options,
            ground,
            live: Mutex::new(live),
            moving: Mutex::default(),
            buffers: heads::Buffers::default(),
            shapes: keepstone_store::Shapes::default(),
        };
        Self { shared: Arc::new(shared), keeper: Arc::default() }
    }

    /// How it was opened.
    pub fn options(&self) -> &StoreOptions {
        &self.shared.options
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

    /// Ends the store in order: everything is durable, the journal is moved to packs, and the next opening has nothing to read but a manifest.
    ///
    /// Other clones of the handle stay usable, and each [`Session`] holds one: another opening has to wait until all are dropped.
    ///
    /// # Errors
    /// As a commit; what was durable is.
    pub fn close(self) -> Result<(), Error> {
        self.flush()?;
        self.keeper.finish();
        if !self.shared.ground.is_durable() {
            return Ok(());
        }
        self.seal()?;
        let live = self.shared.live()?;
        // Unless another clone has gone on meanwhile.
        if live.unsealed == 0 { live.journal.shrink() } else { Ok(()) }
    }
}

impl Shared {
    /// What is known, read again first if a commit has failed.
    ///
    /// # Errors
    /// Why it can't be read again.
    fn live(&self) -> Result<MutexGuard<'_, Live>, Error> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.failed.is_some() {
            self.ground.reload(&mut live)?;
        }
        Ok(live)
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
        journal.wait(number, durability).inspect_err(|err| {
            let mut live = self.known();
            // Of a journal that was left behind nobody needs to know: the store has been read again since.
            if addr_eq(Arc::as_ptr(&live.journal), Arc::as_ptr(journal)) {
                live.failed = Some(err.to_string());
            }
        })
    }

    /// Takes note of what failed after it may have happened.
    pub(crate) fn noted<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if let Err(err) = &done {
            self.known().failed = Some(err.to_string());
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
