use std::sync::Arc;

use keepstone_storage::Durability;
use keepstone_store::{Payload, Prepared};

use super::{Session, Shared, chain, heads::HeadState};
use crate::{
    Error,
    checkpoint::{Checkpoint, Fields},
    form::Body,
    id::{CheckpointId, ContentId},
    limits::check_note,
    op::{NewCheckpoint, Op, Parent},
    planted::{self, Plant},
    state::{Captured, capture},
    trigger::Trigger,
};

/// A checkpoint that is about to be made; [`commit`](Self::commit) makes it.
#[must_use = "nothing is made before `commit`"]
pub struct Draft<'s, P: ?Sized> {
    session: &'s Session,
    payload: &'s P,
    pub(super) note: Note,
    durability: Durability,
}

/// What is said about a checkpoint that is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Note {
    pub(super) message: Arc<str>,
    pub(super) tags: Vec<Arc<str>>,
    pub(super) annotations: Fields,
    pub(super) trigger: Trigger,
    pub(super) locked: bool,
    pub(super) time: Option<i64>,
}

/// Receipt of a checkpoint.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Committed {
    /// What was made.
    pub checkpoint: Arc<Checkpoint>,
    /// What has been waited for.
    pub durability: Durability,
}

impl Committed {
    /// The id of the checkpoint.
    pub fn id(&self) -> CheckpointId {
        self.checkpoint.id
    }
}

impl From<Committed> for CheckpointId {
    fn from(committed: Committed) -> Self {
        committed.id()
    }
}

impl From<&Committed> for CheckpointId {
    fn from(committed: &Committed) -> Self {
        committed.id()
    }
}

impl From<&Arc<Checkpoint>> for CheckpointId {
    fn from(checkpoint: &Arc<Checkpoint>) -> Self {
        checkpoint.id
    }
}

impl From<&Checkpoint> for CheckpointId {
    fn from(checkpoint: &Checkpoint) -> Self {
        checkpoint.id
    }
}

impl<'s, P: Payload + ?Sized> Draft<'s, P> {
    pub(super) fn new(session: &'s Session, payload: &'s P) -> Self {
        Self { session, payload, note: Note::default(), durability: Durability::Durable }
    }

    /// Says what the checkpoint is, in at most 64 KiB.
    pub fn message(mut self, message: impl Into<Arc<str>>) -> Self {
        self.note.message = message.into();
        self
    }

    /// Puts a tag of 1 to 255 bytes on it; at most 64.
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.note.tags.push(tag.into());
        self
    }

    /// Says something else about it, under a name of 1 to 255 bytes.
    pub fn annotate(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.note.annotations.insert(key.into(), value.into());
        self
    }

    /// Says why it is made; by hand unless told.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.note.trigger = trigger;
        self
    }

    /// Keeps it from every prune until it is unlocked.
    pub fn locked(mut self) -> Self {
        self.note.locked = true;
        self
    }

    /// Says when it is made, in nanoseconds UTC since 1970, instead of the store's clock.
    pub fn at(mut self, time: i64) -> Self {
        self.note.time = Some(time);
        self
    }

    /// Says what `commit` waits for: [`Durability::Durable`] unless told.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Makes the checkpoint, and the head of its branch of it.
    ///
    /// When it returns `Ok` the checkpoint is on the disk, unless [`Durability::Buffered`] was asked for: then it survives the death of the process, and a power cut may take it, but none before
    /// it. A crash half-way leaves all checkpoints before it, or this one as well, whole.
    ///
    /// # Errors
    /// [`Error::Payload`] if the payload can't be encoded, [`Error::Length`], [`Error::Tags`], [`Error::NoBranch`] if the branch has ended; [`Error::Storage`], of the kind `NoSpace` when the disk is full, and
    /// [`Error::Backend`]. After an error all earlier checkpoints are as they were, and this one is not there, unless a sync failed: then nobody knows before the store is read again, which the next
    /// call does.
    pub fn commit(self) -> Result<Committed, Error> {
        let feed = &self.session.store.shared.feed;
        let done = self.make();
        feed.counted(done.as_ref().map(std::slice::from_ref), 1);
        done
    }

    fn make(self) -> Result<Committed, Error> {
        let Self { session, payload, mut note, durability } = self;
        let shared = &*session.store.shared;
        note.check()?;
        note.time = note.time.or_else(|| shared.options.now());
        let prepared = payload.prepare_with(&shared.shapes).map_err(|source| {
            let what = format!("session {:?}", session.name());
            Error::Payload { what, source: Box::new(source) }
        })?;
        let Made { checkpoint, number, journal } = shared.make(session, prepared, note)?;
        let unsynced = planted::is(Plant::UnsyncedCommit);
        shared.waited(&journal, number, if unsynced { Durability::Buffered } else { durability })?;
        drop(journal);
        session.store.keep_up();
        Ok(Committed { checkpoint, durability })
    }
}

impl Note {
    /// Sees that nothing is longer than it may be, and brings tags in order.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        self.tags.sort_unstable();
        self.tags.dedup();
        check_note(&self.message, &self.tags, &self.annotations, &self.trigger)
    }
}

/// A checkpoint that has its place, and what it waits for.
pub(super) struct Made {
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) number: u64,
    pub(super) journal: Arc<dyn crate::journal::Journal>,
}

/// A state that is ready to be committed.
pub(super) struct Ready {
    pub(super) captured: Captured,
    pub(super) content: ContentId,
    pub(super) len: u64,
    pub(super) body: Body,
}

impl Shared {
    /// Makes a checkpoint, which then has its place in the order and in the journal.
    fn make(&self, session: &Session, prepared: Prepared<'_>, note: Note) -> Result<Made, Error> {
        let mut state = self.buffers.take();
        let captured = capture_into(&mut state, prepared, self.options.state_bytes_max)?;
        let content = ContentId::of(&state);
        loop {
            let turn = self.turn(session.branch)?;
            let mut head = turn.lock();
            let (at, before) = {
                let live = self.live()?;
                if !turn.is_of(&live) {
                    continue;
                }
                let at = live.catalog.branch(session.branch).ok_or_else(|| session.ended())?.head;
                let before = at.and_then(|at| live.catalog.get(at)).map(|checkpoint| checkpoint.content);
                (at, before)
            };
            head.follow(self, at)?;
            let (body, chain) = chain::body(&head, &state, before == Some(content), &self.options)?;
            let mut live = self.live()?;
            if !turn.is_of(&live) {
                continue;
            }
            if live.catalog.branch(session.branch).is_none() {
                return Err(session.ended());
            }
            let ready = Ready { captured, content, len: state.len() as u64, body };
            let op = Op::Checkpoint(Box::new(note.into_new(session.branch, ready)));
            let number = live.commit(vec![op])?;
            let made = live.catalog.all().last().map(Arc::clone);
            let checkpoint = made.ok_or(Error::Misuse { what: "a checkpoint that was made is there" })?;
            let (journal, state) = (Arc::clone(&live.journal), Arc::new(state));
            let kept = HeadState { of: checkpoint.sequence, bytes: Arc::clone(&state) };
            live.heads.keep([(session.branch, kept)], self.options.cache_bytes_max);
            drop(live);
            self.buffers.give(head.advance(checkpoint.sequence, state, chain));
            return Ok(Made { checkpoint, number, journal });
        }
    }
}

/// Puts the bytes of a payload in the place of those in `out`.
pub(super) fn capture_into(
    out: &mut Vec<u8>,
    prepared: Prepared<'_>,
    allowed: u64,
) -> Result<Captured, Error> {
    let captured = capture(prepared, out)
        .map_err(|source| Error::Payload { what: "a checkpoint".to_owned(), source: Box::new(source) })?;
    let needs = out.len() as u64;
    if needs > allowed {
        return Err(Error::Length { what: "a state", needs, allowed });
    }
    Ok(captured)
}

impl Note {
    pub(super) fn into_new(self, branch: u32, ready: Ready) -> NewCheckpoint {
        NewCheckpoint {
            id: None,
            branch,
            parent: Parent::Head,
            time: self.time,
            trigger: self.trigger,
            message: self.message,
            tags: self.tags,
            annotations: self.annotations,
            locked: self.locked,
            facts: ready.captured.facts,
            layout: ready.captured.layout,
            len: ready.len,
            content: ready.content,
            body: ready.body,
        }
    }
}
