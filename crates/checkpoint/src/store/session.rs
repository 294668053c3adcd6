use std::sync::{Arc, MutexGuard};

use keepstone_storage::Durability;
use keepstone_store::{FromPayload, Payload};

use super::{CheckpointStore, Shared, commit::Draft, live::Live, restore::decoded};
use crate::{
    Error,
    catalog::{Catalog, SessionState},
    checkpoint::{Checkpoint, Fields},
    id::{CheckpointId, Sequence},
    limits::{check_annotation, check_name},
    op::{Cause, Move, Op},
    state::State,
};

/// The branch that a session has from the beginning.
pub(crate) const MAIN: &str = "main";

/// A branch of a session of a store: what checkpoints are made on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) store: CheckpointStore,
    pub(super) number: u32,
    pub(super) branch: u32,
    name: Arc<str>,
    branch_name: Arc<str>,
}

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its name.
    pub name: Arc<str>,
    /// When it began, in nanoseconds UTC since 1970, if anybody told.
    pub time: Option<i64>,
    /// What is said about it.
    pub metadata: Fields,
    /// How many checkpoints it has.
    pub checkpoints: usize,
    /// Its branches, by name, and their heads.
    pub branches: Vec<(Arc<str>, Option<Sequence>)>,
}

impl CheckpointStore {
    /// A session by its name, on its branch `main`; it begins if there is none.
    ///
    /// # Errors
    /// [`Error::Length`] if the name doesn't have 1 to 255 bytes, else as a commit.
    pub fn session(&self, name: &str) -> Result<Session, Error> {
        let found = match self.find_session(name) {
            // An import that a crash has cut short may leave a session without a branch.
            Err(Error::NoBranch { .. }) => {
                self.shared.change(|catalog| {
                    let session = catalog.session_named(name).ok_or_else(|| no_session(name))?;
                    let has_one =
                        catalog.session(session).is_some_and(|session| !session.branches.is_empty());
                    let main = Op::Branch { session, name: MAIN.into(), head: None };
                    Ok(if has_one { Vec::new() } else { vec![main] })
                })?;
                self.find_session(name)?
            }
            found => found?,
        };
        match found {
            Some(session) => Ok(session),
            None => match self.begin_session(name, Fields::new()) {
                // Another thread was faster.
                Err(Error::Taken { .. }) => self.find_session(name)?.ok_or_else(|| no_session(name)),
                begun => begun,
            },
        }
    }

    /// Begins a session, with a branch `main`. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::Taken`] if there is one of that name, [`Error::Length`], else as a commit.
    pub fn begin_session(&self, name: &str, metadata: Fields) -> Result<Session, Error> {
        check_name("name of a session", name)?;
        metadata.iter().try_for_each(|(key, value)| check_annotation(key, value))?;
        let time = self.shared.options.now();
        self.shared.change(|catalog| {
            if catalog.session_named(name).is_some() {
                return Err(Error::Taken { what: "session", name: name.to_owned() });
            }
            let session =
                catalog.next_session().ok_or(Error::Misuse { what: "there are too many sessions" })?;
            let begun = Op::Session { name: name.into(), time, metadata };
            Ok(vec![begun, Op::Branch { session, name: MAIN.into(), head: None }])
        })?;
        self.shared.feed.pulse.sessions.add(1);
        self.find_session(name)?.ok_or_else(|| no_session(name))
    }

    /// A session by its name, on its branch `main`, if there is one.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn find_session(&self, name: &str) -> Result<Option<Session>, Error> {
        let live = self.shared.live()?;
        let Some(number) = live.catalog.session_named(name) else { return Ok(None) };
        let Some(session) = live.catalog.session(number) else { return Ok(None) };
        let main = session.branches.get_key_value(MAIN);
        // One whose `main` has ended goes on on the oldest branch that it has.
        let branch = main.or_else(|| session.branches.iter().min_by_key(|(_, number)| **number));
        let Some((branch_name, branch)) = branch else { return Err(no_branch(name, MAIN)) };
        let (branch, branch_name, name) = (*branch, Arc::clone(branch_name), Arc::clone(&session.name));
        self.shared.settle(live)?;
        Ok(Some(Session { store: self.clone(), number, branch, name, branch_name }))
    }

    /// The sessions that have not ended, in the order in which they began.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        Ok(infos(&self.shared.live()?.catalog))
    }

    /// Ends a session: its branches, its checkpoints and its name are gone. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoSession`]; [`Error::Misuse`] if a checkpoint is locked, or a checkpoint of another session stands on one of its own; else as a commit.
    pub fn end_session(&self, name: &str) -> Result<(), Error> {
        let _moving = self.shared.moving();
        self.shared.change(|catalog| {
            let session = catalog.session_named(name).ok_or_else(|| no_session(name))?;
            let is_locked =
                |session: &SessionState| session.checkpoints.iter().any(|checkpoint| checkpoint.locked);
            if catalog.session(session).is_some_and(is_locked) {
                return Err(Error::Misuse { what: "a checkpoint of the session is locked; unlock it first" });
            }
            Ok(vec![Op::EndSession { session }])
        })
    }

    /// Gives a session another name. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoSession`], [`Error::Taken`], [`Error::Length`], else as a commit.
    pub fn rename_session(&self, name: &str, to: &str) -> Result<(), Error> {
        check_name("name of a session", to)?;
        self.shared.change(|catalog| {
            let session = catalog.session_named(name).ok_or_else(|| no_session(name))?;
            if catalog.session_named(to).is_some_and(|other| other != session) {
                return Err(Error::Taken { what: "session", name: to.to_owned() });
            }
            Ok(vec![Op::Rename { session, name: to.into() }])
        })
    }

    /// Moves of heads that can be taken back, the oldest first.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn moves(&self) -> Result<Vec<Move>, Error> {
        Ok(self.shared.live()?.catalog.moves().to_vec())
    }
}

/// What is known of all sessions.
pub(super) fn infos(catalog: &Catalog) -> Vec<SessionInfo> {
    let infos = catalog.sessions().map(|(_, session)| {
        let head = |number: &u32| catalog.branch(*number).and_then(|branch| branch.head);
        let branches = session.branches.iter().map(|(name, number)| (Arc::clone(name), head(number)));
        let mut branches: Vec<_> = branches.collect();
        branches.sort_unstable();
        SessionInfo {
            name: Arc::clone(&session.name),
            time: session.time,
            metadata: session.metadata.clone(),
            checkpoints: session.checkpoints.len(),
            branches,
        }
    });
    infos.collect()
}

impl Session {
    /// Its name, as it was when this handle was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The branch that checkpoints are made on, as it was called when this handle was made.
    pub fn branch_name(&self) -> &str {
        &self.branch_name
    }

    /// The store.
    pub fn store(&self) -> &CheckpointStore {
        &self.store
    }

    /// Begins a checkpoint of a payload.
    pub fn checkpoint<'s, P: Payload + ?Sized>(&'s self, payload: &'s P) -> Draft<'s, P> {
        Draft::new(self, payload)
    }

    /// The checkpoint that the next one goes on from.
    ///
    /// # Errors
    /// [`Error::NoBranch`] if the branch has ended; as a commit, if an earlier one has failed.
    pub fn head(&self) -> Result<Option<Arc<Checkpoint>>, Error> {
        let live = self.store.shared.live()?;
        let branch = live.catalog.branch(self.branch).ok_or_else(|| self.ended())?;
        Ok(branch.head.and_then(|head| live.catalog.get(head)).map(Arc::clone))
    }

    /// The payload of the head; none without one.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`].
    pub fn latest<T: FromPayload>(&self) -> Result<Option<T>, Error> {
        let Some(head) = self.head()? else { return Ok(None) };
        decoded(head.id, &self.store.shared.state(&head)?).map(Some)
    }

    /// Makes the payload of a checkpoint of this session again, and makes it the head of the branch: the next checkpoint goes on from it. Nothing is lost: those that were made after it
    /// stay, and [`Session::undo`] moves the head back. If it is the head already, nothing moves, and an undo takes back the move before: perhaps the checkpoint itself.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`]; [`Error::NoCheckpoint`] too for one of another session. The head is where it was then.
    pub fn restore<T: FromPayload>(&self, id: impl Into<CheckpointId>) -> Result<T, Error> {
        let id = id.into();
        let checkpoint = self.find(id)?;
        let payload = decoded(id, &self.store.shared.state(&checkpoint)?)?;
        self.reset(id)?;
        Ok(payload)
    }

    /// The same with the state as bytes, for those who don't know the payload's type, or look at the state before they make something of it.
    ///
    /// # Errors
    /// As [`Session::restore`], but for those of a payload.
    pub fn restore_state(&self, id: impl Into<CheckpointId>) -> Result<State, Error> {
        let id = id.into();
        let checkpoint = self.find(id)?;
        let state = self.store.shared.state(&checkpoint)?;
        self.reset(id)?;
        Ok(state)
    }

    /// Makes a checkpoint of this session the head of the branch, as [`Session::restore`] does, without its payload. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], also for one of another session; else as a commit.
    pub fn reset(&self, id: impl Into<CheckpointId>) -> Result<(), Error> {
        let (id, time) = (id.into(), self.store.shared.options.now());
        self.store.shared.move_turn(self, |catalog| {
            let branch = catalog.branch(self.branch).ok_or_else(|| self.ended())?;
            // Its sequence may be that of another one by now, if it was lost before it was durable.
            let to = Some(self.own(catalog, id)?.sequence);
            if branch.head == to {
                return Ok(Vec::new());
            }
            Ok(vec![Op::Head { branch: self.branch, to, cause: Cause::Restore, time }])
        })
    }

    /// What is known of a checkpoint of this session.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], also for one of another session.
    pub fn find(&self, id: impl Into<CheckpointId>) -> Result<Arc<Checkpoint>, Error> {
        self.own(&self.store.shared.live()?.catalog, id.into()).map(Arc::clone)
    }

    /// Begins a branch at a checkpoint of this session, and answers the session on it. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::NoCheckpoint`], [`Error::Length`], else as a commit.
    pub fn fork(&self, name: &str, from: impl Into<CheckpointId>) -> Result<Self, Error> {
        check_name("name of a branch", name)?;
        let from = from.into();
        self.store.shared.change(|catalog| {
            let session = catalog.session(self.number).ok_or_else(|| no_session(&self.name))?;
            if session.branches.contains_key(name) {
                return Err(Error::Taken { what: "branch", name: name.to_owned() });
            }
            let head = Some(self.own(catalog, from)?.sequence);
            Ok(vec![Op::Branch { session: self.number, name: name.into(), head }])
        })?;
        self.on(name)
    }

    /// The session on another of its branches.
    ///
    /// # Errors
    /// [`Error::NoBranch`], [`Error::NoSession`].
    pub fn on(&self, branch: &str) -> Result<Self, Error> {
        let live = self.store.shared.live()?;
        let session = live.catalog.session(self.number).ok_or_else(|| no_session(&self.name))?;
        let (branch_name, branch) =
            session.branches.get_key_value(branch).ok_or_else(|| no_branch(&self.name, branch))?;
        let (branch, branch_name, name) = (*branch, Arc::clone(branch_name), Arc::clone(&session.name));
        self.store.shared.settle(live)?;
        Ok(Self { store: self.store.clone(), number: self.number, branch, name, branch_name })
    }

    /// Ends a branch of this session: its name is free, its checkpoints stay until they are pruned. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoBranch`]; [`Error::Misuse`] for the last one of a session; else as a commit.
    pub fn end_branch(&self, name: &str) -> Result<(), Error> {
        self.store.shared.change(|catalog| {
            let session = catalog.session(self.number).ok_or_else(|| no_session(&self.name))?;
            let branch = *session.branches.get(name).ok_or_else(|| no_branch(&self.name, name))?;
            if session.branches.len() == 1 {
                return Err(Error::Misuse { what: "a session keeps its last branch; end the session" });
            }
            Ok(vec![Op::EndBranch { branch }])
        })
    }

    /// Takes the last move of this branch's head back that was not taken back yet, and answers it: a checkpoint that was made, a restore, or the beginning of a fork. Nothing is lost.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there is none, or the checkpoint that the head was has been pruned; else as a commit.
    pub fn undo(&self) -> Result<Move, Error> {
        let time = self.store.shared.options.now();
        let mut undone = None;
        self.store.shared.move_turn(self, |catalog| {
            let moves = catalog.moves().iter().rev().filter(|moved| moved.branch == self.branch);
            let mut taken_back = Vec::new();
            let mut found = None;
            for moved in moves {
                if let Cause::Undo(number) = moved.cause {
                    taken_back.push(number);
                } else if !taken_back.contains(&moved.number) {
                    found = Some(*moved);
                    break;
                }
            }
            let last = found.ok_or(NOTHING_TO_UNDO)?;
            if last.from.is_some_and(|from| catalog.get(from).is_none()) {
                return Err(Error::Misuse {
                    what: "the checkpoint that the head was has been pruned; restore another one",
                });
            }
            undone = Some(last);
            Ok(vec![Op::Head { branch: self.branch, to: last.from, cause: Cause::Undo(last.number), time }])
        })?;
        undone.ok_or(NOTHING_TO_UNDO)
    }

    /// A checkpoint of this session.
    fn own<'c>(&self, catalog: &'c Catalog, id: CheckpointId) -> Result<&'c Arc<Checkpoint>, Error> {
        let known = catalog.find(id).filter(|known| known.session_number == self.number);
        known.ok_or(Error::NoCheckpoint { id })
    }

    /// Why nothing can be done on a branch that has ended.
    pub(super) fn ended(&self) -> Error {
        no_branch(&self.name, &self.branch_name)
    }
}

impl Shared {
    /// Goes on once what is known of sessions and branches is durable: until then their numbers may come to be those of others.
    fn settle(&self, live: MutexGuard<'_, Live>) -> Result<(), Error> {
        let (begun, journal) = (live.begun, Arc::clone(&live.journal));
        drop(live);
        let Some(number) = begun else { return Ok(()) };
        self.waited(&journal, number, Durability::Durable)
    }

    /// Moves the head of a session's branch, while nobody else does.
    fn move_turn(
        &self,
        session: &Session,
        ops: impl FnOnce(&Catalog) -> Result<Vec<Op>, Error>,
    ) -> Result<(), Error> {
        // Whoever makes a checkpoint on the branch meanwhile is done first, or begins with the new head.
        let turn = self.turn(session.branch)?;
        let _head = turn.lock();
        self.change(ops)
    }
}

const NOTHING_TO_UNDO: Error = Error::Misuse { what: "no move of the branch's head is left to take back" };

pub(super) fn no_session(name: &str) -> Error {
    Error::NoSession { name: name.to_owned() }
}

fn no_branch(session: &str, name: &str) -> Error {
    Error::NoBranch { session: session.to_owned(), name: name.to_owned() }
}
