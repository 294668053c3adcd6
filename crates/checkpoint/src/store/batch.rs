use std::{collections::BTreeMap, sync::Arc};

use keepstone_storage::Durability;
use keepstone_store::Payload;

use super::{
    CheckpointStore, Session, Shared, chain,
    commit::{Committed, Note, Ready, capture_into},
    heads::{Chain, Head, HeadState, LockedHead, Turn},
};
use crate::{
    Error,
    checkpoint::{Checkpoint, Fields},
    form::Form,
    id::{ContentId, Sequence},
    journal::Journal,
    op::{NewCheckpoint, Op},
    state::Captured,
};

/// One of several checkpoints that are made together.
pub struct BatchItem<'b> {
    session: &'b Session,
    payload: &'b dyn Payload,
    note: Note,
}

impl<'b> BatchItem<'b> {
    /// A checkpoint of a payload on the branch of a session.
    pub fn new(session: &'b Session, payload: &'b dyn Payload) -> Self {
        Self { session, payload, note: Note::default() }
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

    /// Says other things about it.
    pub fn annotations(mut self, annotations: Fields) -> Self {
        self.note.annotations = annotations;
        self
    }

    /// Says when it is made, in nanoseconds UTC since 1970, instead of the store's clock.
    pub fn at(mut self, time: i64) -> Self {
        self.note.time = Some(time);
        self
    }
}

/// A checkpoint of a batch that stands on the one before it on its branch: its sequence is known when all are committed. These numbers lie above every sequence.
const PLACEHOLDERS_FROM: u64 = 1 << 63;

/// A state of a batch that is encoded.
struct Encoded {
    branch: u32,
    new: NewCheckpoint,
    chain: Chain,
    state: Arc<Vec<u8>>,
}

impl CheckpointStore {
    /// Makes several checkpoints with one sync: after a crash all of them are there, or none. Those of one branch go on from each other in the order of the items. All items have to be of sessions
    /// of this store.
    ///
    /// # Errors
    /// As [`Draft::commit`](crate::Draft::commit); then none was made.
    pub fn checkpoint_batch(
        &self,
        items: Vec<BatchItem<'_>>,
        durability: Durability,
    ) -> Result<Vec<Committed>, Error> {
        let count = items.len() as u64;
        let done = self.make_batch(items, durability);
        self.shared.feed.counted(done.as_deref(), count);
        done
    }

    fn make_batch(&self, items: Vec<BatchItem<'_>>, durability: Durability) -> Result<Vec<Committed>, Error> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let shared = &*self.shared;
        if items.iter().any(|item| !Arc::ptr_eq(&item.session.store.shared, &self.shared)) {
            return Err(Error::Misuse {
                what: "a batch has a session of another store; make a batch for each",
            });
        }
        let mut ready = Vec::with_capacity(items.len());
        for item in items {
            let BatchItem { session, payload, mut note } = item;
            note.check()?;
            note.time = note.time.or_else(|| shared.options.now());
            let prepared = payload.prepare_with(&shared.shapes).map_err(|source| {
                let what = format!("session {:?}", session.name());
                Error::Payload { what, source: Box::new(source) }
            })?;
            let mut state = Vec::new();
            let captured = capture_into(&mut state, prepared, shared.options.state_bytes_max)?;
            ready.push((session, note, captured, ContentId::of(&state), Arc::new(state)));
        }
        let branches: BTreeMap<u32, &Session> =
            ready.iter().map(|(session, ..)| (session.branch, *session)).collect();
        let (made, number, journal) = loop {
            let turns = branches.keys().map(|branch| shared.turn(*branch)).collect::<Result<Vec<_>, _>>()?;
            // In ascending order, as everybody does who has several.
            let mut heads: Vec<_> = turns.iter().map(Turn::lock).collect();
            let Some(started) = shared.start(&branches, &turns, &mut heads)? else { continue };
            let encoded = encode(shared, started, &ready)?;
            if let Some(done) = shared.finish(&turns, &mut heads, encoded)? {
                break done;
            }
        };
        shared.waited(&journal, number, durability)?;
        shared.keep_last(&ready, &made);
        self.keep_up();
        Ok(made.into_iter().map(|checkpoint| Committed { checkpoint, durability }).collect())
    }
}

/// What is wanted: a session, what is said, what the payload says of itself, its content and its bytes.
type Item<'s> = (&'s Session, Note, Captured, ContentId, Arc<Vec<u8>>);

/// Where the branches of a batch stand while it is encoded.
type Standing = BTreeMap<u32, (Head, Option<ContentId>)>;

fn encode(shared: &Shared, mut standing: Standing, ready: &[Item<'_>]) -> Result<Vec<Encoded>, Error> {
    let mut encoded = Vec::with_capacity(ready.len());
    for (place, (session, note, captured, content, state)) in (PLACEHOLDERS_FROM..).zip(ready) {
        let Some((head, before)) = standing.get_mut(&session.branch) else { return Err(session.ended()) };
        let (body, chain) = chain::body(head, state, *before == Some(*content), &shared.options)?;
        let ready = Ready { captured: *captured, content: *content, len: state.len() as u64, body };
        let new = note.clone().into_new(session.branch, ready);
        *head = Head { at: Some(Sequence(place)), state: Some(Arc::clone(state)), chain };
        *before = Some(*content);
        encoded.push(Encoded { branch: session.branch, new, chain, state: Arc::clone(state) });
    }
    Ok(encoded)
}

impl Shared {
    /// Where branches stand whose heads are locked; none if the store was read again meanwhile.
    fn start(
        &self,
        branches: &BTreeMap<u32, &Session>,
        turns: &[Turn],
        heads: &mut [LockedHead<'_>],
    ) -> Result<Option<Standing>, Error> {
        let mut standing = Standing::new();
        for ((turn, head), session) in turns.iter().zip(heads).zip(branches.values()) {
            let (at, content) = {
                let live = self.live()?;
                if !turn.is_of(&live) {
                    return Ok(None);
                }
                let at = live.catalog.branch(turn.branch).ok_or_else(|| session.ended())?.head;
                (at, at.and_then(|at| live.catalog.get(at)).map(|checkpoint| checkpoint.content))
            };
            head.follow(self, at)?;
            let copy = Head { at: head.at, state: head.state.clone(), chain: head.chain };
            standing.insert(turn.branch, (copy, content));
        }
        Ok(Some(standing))
    }

    /// Keeps the states that branches have gone on to, once nobody has their heads locked: some may have to go.
    fn keep_last(&self, ready: &[Item<'_>], made: &[Arc<Checkpoint>]) {
        let mut live = self.known();
        let mut last = BTreeMap::new();
        for ((session, .., state), checkpoint) in ready.iter().zip(made) {
            let of = checkpoint.sequence;
            // The store may have been read again, and the sequence be that of another one.
            if live.catalog.get(of).is_some_and(|known| known.id == checkpoint.id) {
                last.insert(session.branch, HeadState { of, bytes: Arc::clone(state) });
            }
        }
        live.heads.keep(last, self.options.cache_bytes_max);
    }

    /// Commits what is encoded; none if the store was read again meanwhile.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn finish(
        &self,
        turns: &[Turn],
        heads: &mut [LockedHead<'_>],
        mut encoded: Vec<Encoded>,
    ) -> Result<Option<(Vec<Arc<Checkpoint>>, u64, Arc<dyn Journal>)>, Error> {
        let mut live = self.live()?;
        if turns.iter().any(|turn| !turn.is_of(&live)) {
            return Ok(None);
        }
        let first = live.catalog.next_sequence();
        let known = |base: Sequence| match base.0.checked_sub(PLACEHOLDERS_FROM) {
            Some(place) => Sequence(first.0.saturating_add(place)),
            None => base,
        };
        for item in &mut encoded {
            item.new.body.form = match item.new.body.form {
                Form::Delta(base) => Form::Delta(known(base)),
                Form::Same(base) => Form::Same(known(base)),
                form @ Form::Full(_) => form,
            };
        }
        let ops = encoded.iter().map(|item| Op::Checkpoint(Box::new(item.new.clone()))).collect();
        let number = live.commit(ops)?;
        let all = live.catalog.all();
        let made = all.get(all.len().saturating_sub(encoded.len())..).unwrap_or_default().to_vec();
        let journal = Arc::clone(&live.journal);
        drop(live);
        for (item, checkpoint) in encoded.into_iter().zip(&made) {
            let place = turns.iter().position(|turn| turn.branch == item.branch);
            if let Some(head) = place.and_then(|place| heads.get_mut(place)) {
                **head = Head { at: Some(checkpoint.sequence), state: Some(item.state), chain: item.chain };
            }
        }
        Ok(Some((made, number, journal)))
    }
}
