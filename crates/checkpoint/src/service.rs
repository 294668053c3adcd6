//! Checkpoints for a program that serves them to others.

#[cfg(feature = "async")]
mod asynchronous;
mod command;
mod handle;
mod info;
mod metrics;
mod reply;
mod request;
#[cfg(feature = "async")]
mod room;
mod sessions;

use std::{fmt, ops::ControlFlow, path::Path, sync::Arc};

#[cfg(feature = "async")]
pub use asynchronous::AsyncCheckpointService;
pub use command::Command;
pub use info::{CheckpointInfo, PlanInfo, StateData};
pub use metrics::Metrics;
pub use reply::Reply;
pub use request::{Line, Request};

use keepstone_store::{FromPayload, Payload};

use crate::{
    Checkpoint, CheckpointId, CheckpointStore, Committed, Error, Events, Fields, Health, Move, Plan, Policy,
    Pruned, Query, Session, SessionInfo, State, Stats, Swept, events::Counter,
};
use metrics::Requests;
use sessions::Sessions;

/// A store of checkpoints behind one handle: sessions by name, counters, health, events, and [`handle`](Self::handle), which takes each request as plain data.
///
/// Clones are the same service, and threads share it. What goes past it, through [`store`](Self::store), is counted and told as well; only the numbers of requests are those of the service.
///
/// ```
/// use keepstone_checkpoint::{CheckpointService, CheckpointStore, Event, Fields, Request};
///
/// let service = CheckpointService::new(CheckpointStore::in_memory());
/// let events = service.subscribe(100);
/// service.create_session("main", Fields::new())?;
/// let made = service.checkpoint("main", &1_u32)?;
/// service.checkpoint(Request::new("main").message("the second").tag("safe"), &2_u32)?;
///
/// assert_eq!(service.list_by_session("main")?.len(), 2);
/// assert_eq!(service.restore::<u32>("main", &made)?, 1);
/// let metrics = service.metrics();
/// assert_eq!((metrics.checkpoints, metrics.restores), (2, 1));
/// assert!(service.health().is_ready());
/// drop(service);
/// let created = events.filter(|event| matches!(event, Event::Created { .. }));
/// assert_eq!(created.count(), 2);
/// # Ok::<(), keepstone_checkpoint::Error>(())
/// ```
#[derive(Clone)]
pub struct CheckpointService {
    store: CheckpointStore,
    desk: Arc<Desk>,
}

/// What the handles of a service share beside the store.
#[derive(Default)]
struct Desk {
    requests: Requests,
    sessions: Sessions,
}

/// The service.
impl CheckpointService {
    /// Serves a store.
    pub fn new(store: CheckpointStore) -> Self {
        Self { store, desk: Arc::default() }
    }

    /// Opens the store in a directory, which is made if it is missing, and serves it.
    ///
    /// # Errors
    /// As [`CheckpointStore::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        CheckpointStore::open(dir).map(Self::new)
    }

    /// The store.
    pub fn store(&self) -> &CheckpointStore {
        &self.store
    }

    /// What has happened since the store was opened, and what was asked of this service. It takes no lock.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.store.shared.feed.pulse, &self.desk.requests)
    }

    /// How the store is. It takes no lock, and answers at once whatever the disk does.
    pub fn health(&self) -> Health {
        self.store.health()
    }

    /// Listens to what happens to the store from now on, as [`CheckpointStore::subscribe`] does.
    pub fn subscribe(&self, capacity: usize) -> Events {
        self.store.subscribe(capacity)
    }

    /// Makes everything durable that was committed so far.
    ///
    /// # Errors
    /// As a commit.
    pub fn flush(&self) -> Result<(), Error> {
        self.counted(&self.desk.requests.others, self.store.flush())
    }

    /// Ends the service in order, as [`CheckpointStore::close`] does. Other clones stay usable, and another opening has to wait until they are dropped.
    ///
    /// # Errors
    /// As [`CheckpointStore::close`].
    pub fn close(self) -> Result<(), Error> {
        let Self { store, desk } = self;
        desk.sessions.forget();
        drop(desk);
        store.close()
    }

    fn counted<T>(&self, counter: &Counter, done: Result<T, Error>) -> Result<T, Error> {
        match &done {
            Ok(_) => counter.add(1),
            Err(_) => self.desk.requests.failed.add(1),
        }
        done
    }

    /// A session on one of its branches.
    fn on(&self, line: Line<'_>) -> Result<Arc<Session>, Error> {
        let session = self.desk.sessions.find(&self.store, line.session)?;
        match line.branch {
            None => Ok(session),
            Some(branch) => session.on(branch).map(Arc::new),
        }
    }
}

/// Sessions.
impl CheckpointService {
    /// Begins a session, with a branch `main`. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::Taken`] if there is one of that name, [`Error::Length`], else as a commit.
    pub fn create_session(&self, name: &str, metadata: Fields) -> Result<Session, Error> {
        self.counted(&self.desk.requests.others, self.store.begin_session(name, metadata))
    }

    /// A session by its name: for what the service has no call for.
    ///
    /// # Errors
    /// [`Error::NoSession`]; as a commit, if an earlier one has failed.
    pub fn session<'l>(&self, line: impl Into<Line<'l>>) -> Result<Session, Error> {
        self.on(line.into()).map(Arc::unwrap_or_clone)
    }

    /// The sessions that have not ended, in the order in which they began.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        self.counted(&self.desk.requests.lists, self.store.sessions())
    }

    /// Ends a session, as [`CheckpointStore::end_session`] does.
    ///
    /// # Errors
    /// As that.
    pub fn end_session(&self, name: &str) -> Result<(), Error> {
        self.counted(&self.desk.requests.others, self.store.end_session(name))
    }

    /// Gives a session another name.
    ///
    /// # Errors
    /// As [`CheckpointStore::rename_session`].
    pub fn rename_session(&self, name: &str, to: &str) -> Result<(), Error> {
        self.counted(&self.desk.requests.others, self.store.rename_session(name, to))
    }

    /// Begins a branch of a session at one of its checkpoints. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoSession`], else as [`Session::fork`].
    pub fn fork(&self, session: &str, name: &str, from: impl Into<CheckpointId>) -> Result<Session, Error> {
        let forked = self.on(session.into()).and_then(|session| session.fork(name, from));
        self.counted(&self.desk.requests.others, forked)
    }

    /// Ends a branch of a session: its name is free, its checkpoints stay until they are pruned.
    ///
    /// # Errors
    /// [`Error::NoSession`], else as [`Session::end_branch`].
    pub fn end_branch(&self, session: &str, name: &str) -> Result<(), Error> {
        let ended = self.on(session.into()).and_then(|session| session.end_branch(name));
        self.counted(&self.desk.requests.others, ended)
    }
}

/// Checkpoints.
impl CheckpointService {
    /// Makes a checkpoint of a payload: `"main"` as the request is one on the branch `main` of that session, of which nothing else is said.
    ///
    /// What has survived when it returns is what [`Draft::commit`](crate::Draft::commit) says.
    ///
    /// # Errors
    /// [`Error::NoSession`], else as that.
    pub fn checkpoint<P: Payload + ?Sized>(
        &self,
        request: impl Into<Request>,
        payload: &P,
    ) -> Result<Committed, Error> {
        let request = request.into();
        let made = self.on(request.line()).and_then(|session| request.draft(&session, payload).commit());
        if made.is_err() {
            self.desk.requests.failed.add(1);
        }
        made
    }

    /// Lists checkpoints. No state is read, whatever is asked for.
    ///
    /// # Errors
    /// As [`CheckpointStore::list`].
    pub fn list(&self, query: &Query) -> Result<Vec<Arc<Checkpoint>>, Error> {
        self.counted(&self.desk.requests.lists, self.store.list(query))
    }

    /// All checkpoints of a session, the oldest first.
    ///
    /// # Errors
    /// As [`CheckpointStore::list`].
    pub fn list_by_session(&self, session: &str) -> Result<Vec<Arc<Checkpoint>>, Error> {
        self.list(&Query::new().session(session))
    }

    /// The newest of those that a query asks for.
    ///
    /// # Errors
    /// As [`CheckpointStore::list`].
    pub fn latest(&self, query: &Query) -> Result<Option<Arc<Checkpoint>>, Error> {
        self.counted(&self.desk.requests.lists, self.store.latest(query))
    }

    /// What is known of a checkpoint without its state.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`].
    pub fn describe(&self, id: impl Into<CheckpointId>) -> Result<Arc<Checkpoint>, Error> {
        self.counted(&self.desk.requests.lists, self.store.checkpoint(id))
    }

    /// Makes the payload of a checkpoint again. No head moves.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`].
    pub fn get<T: FromPayload>(&self, id: impl Into<CheckpointId>) -> Result<T, Error> {
        self.counted(&self.desk.requests.gets, self.store.get(id))
    }

    /// The state of a checkpoint as bytes. No head moves.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`].
    pub fn state(&self, id: impl Into<CheckpointId>) -> Result<State, Error> {
        self.counted(&self.desk.requests.gets, self.store.state(id))
    }

    /// Makes the payload of a checkpoint of a session again, and makes it the head of the branch. Nothing is lost.
    ///
    /// # Errors
    /// [`Error::NoSession`], else as [`Session::restore`].
    pub fn restore<'l, T: FromPayload>(
        &self,
        line: impl Into<Line<'l>>,
        id: impl Into<CheckpointId>,
    ) -> Result<T, Error> {
        let restored = self.on(line.into()).and_then(|session| session.restore(id));
        self.counted(&self.desk.requests.restores, restored)
    }

    /// The same with the state as bytes.
    ///
    /// # Errors
    /// As [`CheckpointService::restore`].
    pub fn restore_state<'l>(
        &self,
        line: impl Into<Line<'l>>,
        id: impl Into<CheckpointId>,
    ) -> Result<State, Error> {
        let restored = self.on(line.into()).and_then(|session| {
            let checkpoint = session.find(id)?;
            let state = self.store.state(&checkpoint)?;
            session.reset(&checkpoint)?;
            Ok(state)
        });
        self.counted(&self.desk.requests.restores, restored)
    }

    /// Takes the last move of a branch's head back that was not taken back yet, and answers it.
    ///
    /// # Errors
    /// [`Error::NoSession`], else as [`Session::undo`].
    pub fn undo<'l>(&self, line: impl Into<Line<'l>>) -> Result<Move, Error> {
        let undone = self.on(line.into()).and_then(|session| session.undo());
        self.counted(&self.desk.requests.undos, undone)
    }

    /// Puts tags on a checkpoint.
    ///
    /// # Errors
    /// As [`CheckpointStore::tag`].
    pub fn tag(&self, id: impl Into<CheckpointId>, tags: &[&str]) -> Result<(), Error> {
        self.counted(&self.desk.requests.edits, self.store.tag(id, tags))
    }

    /// Takes tags off a checkpoint.
    ///
    /// # Errors
    /// As [`CheckpointStore::untag`].
    pub fn untag(&self, id: impl Into<CheckpointId>, tags: &[&str]) -> Result<(), Error> {
        self.counted(&self.desk.requests.edits, self.store.untag(id, tags))
    }

    /// Says something about a checkpoint under a name, or, with none, no longer.
    ///
    /// # Errors
    /// As [`CheckpointStore::annotate`].
    pub fn annotate(&self, id: impl Into<CheckpointId>, key: &str, value: Option<&str>) -> Result<(), Error> {
        self.counted(&self.desk.requests.edits, self.store.annotate(id, key, value))
    }

    /// Gives a checkpoint another message.
    ///
    /// # Errors
    /// As [`CheckpointStore::set_message`].
    pub fn set_message(&self, id: impl Into<CheckpointId>, message: &str) -> Result<(), Error> {
        self.counted(&self.desk.requests.edits, self.store.set_message(id, message))
    }

    /// Keeps a checkpoint from every prune, or no longer.
    ///
    /// # Errors
    /// As [`CheckpointStore::lock`].
    pub fn lock(&self, id: impl Into<CheckpointId>, locked: bool) -> Result<(), Error> {
        self.counted(&self.desk.requests.edits, self.store.lock(id, locked))
    }
}

/// What the store takes.
impl CheckpointService {
    /// Finds what a policy lets go; nothing happens to the store.
    ///
    /// # Errors
    /// As [`CheckpointStore::plan`].
    pub fn plan(&self, policy: &Policy, now: Option<i64>) -> Result<Plan, Error> {
        self.counted(&self.desk.requests.others, self.store.plan(policy, now))
    }

    /// Lets go what a policy lets go at a time in nanoseconds UTC since 1970, or at that of the store's clock.
    ///
    /// # Errors
    /// As [`CheckpointStore::apply`].
    pub fn prune(&self, policy: &Policy, now: Option<i64>) -> Result<Pruned, Error> {
        let going_on = &mut |_| ControlFlow::Continue(());
        let pruned = self.store.plan(policy, now).and_then(|plan| self.store.apply(&plan, going_on));
        self.counted(&self.desk.requests.prunes, pruned)
    }

    /// Lets go all but the newest so many of all sessions together, and what always stays; see [`CheckpointStore::compact`].
    ///
    /// # Errors
    /// As that.
    pub fn compact(&self, count: usize) -> Result<Pruned, Error> {
        self.counted(&self.desk.requests.prunes, self.store.compact(count))
    }

    /// Gives back the space of what was let go, once the grace is over; see [`CheckpointStore::sweep`].
    ///
    /// # Errors
    /// As that.
    pub fn sweep(&self, now: i64) -> Result<Swept, Error> {
        self.counted(&self.desk.requests.others, self.store.sweep(now))
    }

    /// Moves all states from the journal to a pack; see [`CheckpointStore::seal`].
    ///
    /// # Errors
    /// As that.
    pub fn seal(&self) -> Result<(), Error> {
        self.counted(&self.desk.requests.others, self.store.seal())
    }

    /// What the store consists of.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn stats(&self) -> Result<Stats, Error> {
        self.counted(&self.desk.requests.others, self.store.stats())
    }
}

impl From<CheckpointStore> for CheckpointService {
    fn from(store: CheckpointStore) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for CheckpointService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointService").field("store", &self.store).finish_non_exhaustive()
    }
}
