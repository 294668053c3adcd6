use std::{collections::HashMap, sync::Arc};

use keepstone_storage::Durability;

use super::{
    super::{
        CheckpointStore, chain,
        commit::{Note, Ready},
        heads::Head,
    },
    states::{Kept, States},
};
use crate::{
    Error,
    catalog::Catalog,
    checkpoint::Checkpoint,
    exchange::{Imported, ImportedCheckpoint},
    form::{Body, Form, Place},
    id::{CheckpointId, ContentId, Sequence},
    op::{NewCheckpoint, Op, Parent},
    state::Captured,
};

/// Bytes of payloads in a commit, about.
const COMMIT_BYTES: u64 = 4 << 20;
/// Checkpoints in a commit.
const COMMIT_COUNT: usize = 1024;
/// The sequence of a checkpoint is known when it is committed. Until then it has a number from here on, above every sequence.
const PLACEHOLDERS_FROM: u64 = 1 << 63;

/// Takes checkpoints into a store.
pub(super) struct Importer<'s> {
    pub(super) store: &'s CheckpointStore,
    /// Checkpoints that are not committed yet.
    waiting: Vec<NewCheckpoint>,
    waiting_bytes: u64,
    waiting_ids: HashMap<CheckpointId, Sequence>,
    /// The sequences of those that are, by their placeholders.
    given: Vec<Sequence>,
    states: States,
    /// What branches are here, by the number of their session and their names in what is imported.
    pub(super) branches: HashMap<(u32, Arc<str>), u32>,
    /// Their heads when they were looked for, by the number of the branch.
    pub(super) heads: HashMap<u32, Option<Sequence>>,
    pub(super) report: Imported,
}

impl<'s> Importer<'s> {
    pub(super) fn new(store: &'s CheckpointStore) -> Self {
        Self {
            store,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_ids: HashMap::new(),
            given: Vec::new(),
            states: States::new(store.shared.options.cache_bytes_max),
            branches: HashMap::new(),
            heads: HashMap::new(),
            report: Imported::default(),
        }
    }

    /// Whether a checkpoint is there already, with this content if it is said; then it is counted as known.
    pub(super) fn has(&mut self, id: CheckpointId, content: Option<ContentId>) -> Result<bool, Error> {
        let is_waiting = self.waiting_ids.contains_key(&id);
        let known = self.store.shared.live()?.catalog.find(id).map(|known| known.content);
        if known.zip(content).is_some_and(|(known, content)| known != content) {
            return Err(Error::state(id, "the store has another state under this id"));
        }
        let has = is_waiting || known.is_some();
        self.report.known += u64::from(has);
        Ok(has)
    }

    /// The sequence of a checkpoint, or its placeholder.
    pub(super) fn look_up(&self, id: CheckpointId) -> Option<Sequence> {
        let waiting = self.waiting_ids.get(&id).copied();
        waiting.or_else(|| self.store.shared.known().catalog.find(id).map(|known| known.sequence))
    }

    /// The same, of a checkpoint that has to be there.
    pub(super) fn place(&self, id: CheckpointId) -> Result<Sequence, Error> {
        self.look_up(id).ok_or(Error::NoCheckpoint { id })
    }

    /// The place of a parent.
    pub(super) fn parent(&self, id: Option<CheckpointId>) -> Result<Option<(Sequence, CheckpointId)>, Error> {
        id.map(|id| Ok((self.place(id)?, id))).transpose()
    }

    /// What a checkpoint is known by, and what it goes on from.
    pub(super) fn id_and_parent(&self, sequence: Sequence) -> Option<(CheckpointId, Option<Sequence>)> {
        let sequence = self.known(sequence);
        if let Some(place) = sequence.0.checked_sub(PLACEHOLDERS_FROM) {
            let new = self.waiting.get(usize::try_from(place).ok()?.checked_sub(self.given.len())?)?;
            let Parent::Known(parent) = new.parent else { return None };
            return Some((new.id?, parent));
        }
        self.store.shared.known().catalog.get(sequence).map(|known| (known.id, known.parent))
    }

    /// Takes a checkpoint of another store with the bytes that it has there. Its base has its place here, and its id.
    pub(super) fn take(
        &mut self,
        checkpoint: &Checkpoint,
        branch: u32,
        parent: Option<Sequence>,
        base: Option<(Sequence, CheckpointId)>,
        bytes: Vec<u8>,
    ) -> Result<Sequence, Error> {
        let under = base.map(|(sequence, id)| self.state(sequence, id)).transpose()?;
        let allowed = self.store.shared.options.state_bytes_max;
        let kept = Kept::of(checkpoint, &bytes, under.as_ref(), allowed)?;
        let form = match (checkpoint.body.form, base) {
            (Form::Delta(_), Some((base, _))) => Form::Delta(base),
            (Form::Same(_), Some((base, _))) => Form::Same(base),
            (form, _) => form,
        };
        let mut note = Note {
            message: Arc::clone(&checkpoint.message),
            tags: checkpoint.tags.clone(),
            annotations: checkpoint.annotations.clone(),
            trigger: checkpoint.trigger.clone(),
            locked: checkpoint.locked,
            time: checkpoint.time,
        };
        note.check()?;
        let ready = Ready {
            captured: Captured { layout: checkpoint.layout, facts: checkpoint.facts },
            content: checkpoint.content,
            len: checkpoint.len,
            body: Body { form, place: Place::Journal(bytes.into()) },
        };
        self.add(checkpoint.id, note.into_new(branch, ready), parent, kept)
    }

    /// Takes a checkpoint whose state is encoded here, against that of its parent.
    pub(super) fn encode(
        &mut self,
        checkpoint: ImportedCheckpoint,
        branch: u32,
        parent: Option<(Sequence, CheckpointId)>,
    ) -> Result<Sequence, Error> {
        let ImportedCheckpoint { id, state, layout, facts, .. } = checkpoint;
        let mut note = Note {
            message: checkpoint.message,
            tags: checkpoint.tags,
            annotations: checkpoint.annotations,
            trigger: checkpoint.trigger,
            locked: checkpoint.locked,
            time: checkpoint.time,
        };
        note.check()?;
        let options = &self.store.shared.options;
        let (needs, allowed) = (state.len() as u64, options.state_bytes_max);
        if needs > allowed {
            return Err(Error::Length { what: "a state", needs, allowed });
        }
        let mut head = Head::default();
        let mut is_same = false;
        if let Some((sequence, id)) = parent {
            let before = self.state(sequence, id)?;
            is_same = *before.state == state;
            head = Head { at: Some(sequence), state: Some(before.state), chain: before.chain };
        }
        let (body, chain) = chain::body(&head, &state, is_same, options)?;
        let (content, len) = (ContentId::of(&state), state.len() as u64);
        let ready = Ready { captured: Captured { layout, facts }, content, len, body };
        let kept = Kept { state: Arc::new(state), chain };
        self.add(id, note.into_new(branch, ready), parent.map(|(sequence, _)| sequence), kept)
    }

    fn add(
        &mut self,
        id: CheckpointId,
        new: NewCheckpoint,
        parent: Option<Sequence>,
        kept: Kept,
    ) -> Result<Sequence, Error> {
        if self.waiting.len() >= COMMIT_COUNT || self.waiting_bytes >= COMMIT_BYTES {
            self.flush()?;
        }
        let place = (self.given.len() + self.waiting.len()) as u64;
        let sequence = Sequence(PLACEHOLDERS_FROM.saturating_add(place));
        self.waiting_bytes = self.waiting_bytes.saturating_add(new.body.place.len());
        self.waiting.push(NewCheckpoint { id: Some(id), parent: Parent::Known(parent), ..new });
        self.waiting_ids.insert(id, sequence);
        self.states.put(id, kept);
        self.report.imported += 1;
        Ok(sequence)
    }

    /// The state of a checkpoint that is there, or waits.
    fn state(&mut self, sequence: Sequence, id: CheckpointId) -> Result<Kept, Error> {
        if let Some(kept) = self.states.get(id) {
            return Ok(kept);
        }
        if self.known(sequence).0 >= PLACEHOLDERS_FROM {
            self.flush()?;
        }
        let (state, chain) = self.store.shared.state_and_chain(self.known(sequence), Some(id))?;
        let kept = Kept { state, chain };
        self.states.put(id, kept.clone());
        Ok(kept)
    }

    /// The sequence behind a placeholder, once it is known.
    pub(super) fn known(&self, sequence: Sequence) -> Sequence {
        self.settled(sequence, None)
    }

    /// The same when the first that waits gets a sequence.
    fn settled(&self, sequence: Sequence, first: Option<Sequence>) -> Sequence {
        let Some(place) = sequence.0.checked_sub(PLACEHOLDERS_FROM) else { return sequence };
        let given = usize::try_from(place).ok().and_then(|place| self.given.get(place)).copied();
        let waiting =
            || Some(Sequence(first?.0.saturating_add(place.saturating_sub(self.given.len() as u64))));
        given.or_else(waiting).unwrap_or(sequence)
    }

    /// Commits what waits, and waits until it is durable.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let shared = &*self.store.shared;
        let waiting = std::mem::take(&mut self.waiting);
        let count = waiting.len();
        let (number, journal) = {
            // Nothing that a state stands on is pruned meanwhile.
            let _moving = shared.moving();
            let mut live = shared.live()?;
            let first = live.catalog.next_sequence();
            let settled = |sequence: Sequence| self.settled(sequence, Some(first));
            let mut ops = Vec::with_capacity(count);
            for mut new in waiting {
                if let Parent::Known(Some(parent)) = new.parent {
                    new.parent = Parent::Known(Some(settled(parent)));
                }
                new.body.form = match new.body.form {
                    Form::Delta(base) => Form::Delta(settled(base)),
                    Form::Same(base) => Form::Same(settled(base)),
                    form @ Form::Full(_) => form,
                };
                if new.body.form.base().is_some_and(|base| base < first && live.catalog.get(base).is_none()) {
                    return Err(Error::Misuse {
                        what: "a checkpoint was pruned that an imported one stands on; import again",
                    });
                }
                ops.push(Op::Checkpoint(Box::new(new)));
            }
            let number = live.commit(ops);
            if number.is_ok() {
                self.given.extend((first.0..).map(Sequence).take(count));
            }
            (number, Arc::clone(&live.journal))
        };
        // What failed is told once nobody is kept waiting by it.
        let number = number.inspect_err(|_| shared.feed.tell())?;
        self.waiting_ids.clear();
        self.waiting_bytes = 0;
        shared.waited(&journal, number, Durability::Durable)?;
        let is_due = shared.known().journal_bytes > shared.options.journal_bytes_max;
        // Not in the background: that may be slower than the import is.
        if is_due { shared.seal() } else { Ok(()) }
    }

    /// Commits operations that make no checkpoint, durably.
    pub(super) fn commit(&mut self, ops: Vec<Op>) -> Result<(), Error> {
        self.commit_of(|_| Ok(ops))
    }

    /// The same with operations that are made of what is known.
    pub(super) fn commit_of(
        &mut self,
        ops: impl FnOnce(&Catalog) -> Result<Vec<Op>, Error>,
    ) -> Result<(), Error> {
        let shared = &self.store.shared;
        let (number, journal) = {
            let mut live = shared.live()?;
            let ops = ops(&live.catalog)?;
            (live.commit(ops), Arc::clone(&live.journal))
        };
        let number = number.inspect_err(|_| shared.feed.tell())?;
        // Their numbers are gone on with, and must not come to be those of others.
        shared.waited(&journal, number, Durability::Durable)
    }

    /// Makes everything durable.
    pub(super) fn finish(mut self) -> Result<Imported, Error> {
        self.flush()?;
        self.complete()?;
        self.store.flush()?;
        self.store.keep_up();
        Ok(self.report)
    }
}
