use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keepstone_store::FromPayload;

use super::{
    open::Ground,
    query::Query,
    restore::{decoded, links, put_together},
    seal::Stats,
    session::no_session,
};
use crate::{
    Error,
    backend::Backend,
    catalog::Catalog,
    checkpoint::Checkpoint,
    diff::{DiffOptions, Difference},
    id::CheckpointId,
    manifest,
    op::Move,
    options::StoreOptions,
    retention::{Plan, Policy},
    state::State,
};

/// How often a state is looked for anew because its writer has moved it meanwhile.
const TRIES_MAX: u32 = 4;

/// Checkpoints that are read and not written: of a store that is open elsewhere, or that nobody has open. No lock is taken and no byte changed.
///
/// It is the store as it was when it was opened, or last [refreshed](Self::refresh). If a writer has it open, or was killed, checkpoints are seen that a power cut may still take.
#[derive(Debug)]
pub struct CheckpointReader {
    ground: Ground,
    options: StoreOptions,
    known: Mutex<Arc<Catalog>>,
}

impl CheckpointReader {
    /// Opens the store in a directory for reading.
    ///
    /// # Errors
    /// [`Error::NoStore`] if there is none; else as [`CheckpointStore::open`](crate::CheckpointStore::open), but never `Busy`.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, StoreOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`CheckpointReader::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Self, Error> {
        Self::of(Ground::to_read(dir.as_ref(), &options), options)
    }

    /// Opens the store on a backend for reading.
    ///
    /// # Errors
    /// As [`CheckpointReader::open`], and [`Error::Backend`].
    pub fn on(backend: Arc<dyn Backend>, options: StoreOptions) -> Result<Self, Error> {
        Self::of(Ground::Backend(backend), options)
    }

    fn of(ground: Ground, options: StoreOptions) -> Result<Self, Error> {
        let known = ground.read()?;
        Ok(Self::of_known(ground, options, known))
    }

    pub(super) fn of_known(ground: Ground, options: StoreOptions, known: Catalog) -> Self {
        Self { ground, options, known: Mutex::new(Arc::new(known)) }
    }

    /// Looks at what its writer has done meanwhile.
    ///
    /// # Errors
    /// As [`CheckpointReader::open`]; then it is what it was.
    pub fn refresh(&self) -> Result<(), Error> {
        let known = Arc::new(self.ground.read()?);
        *self.known() = known;
        Ok(())
    }

    /// Lists checkpoints. No state is read.
    ///
    /// # Errors
    /// [`Error::NoSession`].
    pub fn list(&self, query: &Query) -> Result<Vec<Arc<Checkpoint>>, Error> {
        query.of(&self.now())
    }

    /// What is known of a checkpoint without its state.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`].
    pub fn checkpoint(&self, id: impl Into<CheckpointId>) -> Result<Arc<Checkpoint>, Error> {
        let id = id.into();
        self.now().find(id).map(Arc::clone).ok_or(Error::NoCheckpoint { id })
    }

    /// The sessions that have not ended, in the order in which they began.
    pub fn sessions(&self) -> Vec<crate::SessionInfo> {
        super::session::infos(&self.now())
    }

    /// The moves of the heads of a session that can be taken back, the oldest first, each behind the name of its branch. Branches that have ended have theirs too.
    ///
    /// # Errors
    /// [`Error::NoSession`].
    pub fn moves(&self, session: &str) -> Result<Vec<(Arc<str>, Move)>, Error> {
        let known = self.now();
        let number = known.session_named(session).ok_or_else(|| no_session(session))?;
        let of = |found: &Move| Some((Arc::clone(known.branch_name_of(number, found.branch)?), *found));
        Ok(known.moves().iter().filter_map(of).collect())
    }

    /// What the store consists of: its checkpoints as they are known here, its packs as the newest manifest names them.
    ///
    /// # Errors
    /// As [`CheckpointReader::open`], but for [`Error::NoStore`].
    pub fn stats(&self) -> Result<Stats, Error> {
        let mut stats = Stats::default();
        stats.count(self.now().all());
        if let Some(newest) = manifest::newest(self.ground.backend())? {
            stats.manifest = newest.number;
            stats.packs_of(&newest.packs, &newest.retired);
        }
        Ok(stats)
    }

    /// Finds what a policy would let go, as [`CheckpointStore::plan`](crate::CheckpointStore::plan) does. Nothing happens to the store.
    ///
    /// # Errors
    /// [`Error::NoSession`] if the policy is for a session that is not there.
    pub fn plan(&self, policy: &Policy, now: Option<i64>) -> Result<Plan, Error> {
        let known = self.now();
        if let Some(name) = policy.sessions().find(|name| known.session_named(name).is_none()) {
            return Err(no_session(name));
        }
        Ok(Plan::new(policy, &known, now.or_else(|| self.options.now()), self.options.grace))
    }

    /// Makes the payload of a checkpoint again.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`](crate::CheckpointStore::get).
    pub fn get<T: FromPayload>(&self, id: impl Into<CheckpointId>) -> Result<T, Error> {
        let id = id.into();
        decoded(id, &self.state(id)?)
    }

    /// The state of a checkpoint as bytes.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`](crate::CheckpointStore::get).
    pub fn state(&self, id: impl Into<CheckpointId>) -> Result<State, Error> {
        let id = id.into();
        let mut tries = 0;
        loop {
            let checkpoint = self.checkpoint(id)?;
            let links = links(&self.now(), checkpoint.sequence)?;
            tries += 1;
            match put_together(self.ground.backend(), &links, self.options.state_bytes_max) {
                Err(Error::MissingPack { .. }) if tries < TRIES_MAX => self.refresh()?,
                put => {
                    let (bytes, _) = put?;
                    return Ok(State::new(Arc::new(bytes), checkpoint.layout, checkpoint.facts));
                }
            }
        }
    }

    /// Finds what makes the state of one checkpoint of that of another.
    ///
    /// # Errors
    /// As [`CheckpointStore::diff`](crate::CheckpointStore::diff).
    pub fn diff(
        &self,
        before: impl Into<CheckpointId>,
        after: impl Into<CheckpointId>,
    ) -> Result<Difference, Error> {
        self.diff_with(before, after, &DiffOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`CheckpointStore::diff`](crate::CheckpointStore::diff).
    pub fn diff_with(
        &self,
        before: impl Into<CheckpointId>,
        after: impl Into<CheckpointId>,
        options: &DiffOptions,
    ) -> Result<Difference, Error> {
        let (before, after) = (self.checkpoint(before)?, self.checkpoint(after)?);
        if let Some(known) = Difference::known(&before, &after) {
            return Ok(known);
        }
        Ok(self.state(&before)?.diff(&self.state(&after)?, options))
    }

    fn known(&self) -> MutexGuard<'_, Arc<Catalog>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether its writer has moved or pruned anything meanwhile.
    pub(super) fn has_moved_on(&self) -> bool {
        // What can't be read is what the validation has found.
        let Ok(known) = self.ground.read().map(Arc::new) else { return false };
        let mut before = self.known();
        let same = |one: &Arc<Checkpoint>, other: &Arc<Checkpoint>| {
            one.id == other.id && one.body.place == other.body.place
        };
        let has_moved = before.all().len() != known.all().len()
            || before.all().iter().zip(known.all()).any(|(one, other)| !same(one, other));
        *before = known;
        has_moved
    }

    pub(super) fn ground(&self) -> &Ground {
        &self.ground
    }

    pub(super) fn options(&self) -> &StoreOptions {
        &self.options
    }

    pub(super) fn now(&self) -> Arc<Catalog> {
        Arc::clone(&self.known())
    }
}
