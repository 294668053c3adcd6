use std::sync::Arc;

use super::{BranchState, Catalog, SessionState, place_of};
use crate::{
    checkpoint::{Checkpoint, Fields},
    form::{Body, Place},
    id::{CheckpointId, Sequence},
    limits::TAGS_MAX,
    op::{Cause, Move, NewCheckpoint, Op, Parent},
};

/// The highest number of a move of a head, so that counting on needs no check.
const MOVE_MAX: u64 = 1 << 62;

/// Why an operation can't have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(pub(crate) &'static str);

impl Catalog {
    /// Lets an operation happen. One that can't have changes nothing.
    ///
    /// # Errors
    /// [`Broken`], for operations that no sound journal has.
    pub(crate) fn apply(&mut self, op: Op) -> Result<(), Broken> {
        match op {
            Op::Writer(prefix) => self.prefix = Some(prefix),
            Op::Skip { next } => {
                if next < self.next_sequence || next > Sequence::MAX {
                    return Err(Broken("sequences go back"));
                }
                self.next_sequence = next;
            }
            Op::Session { name, time, metadata } => self.begin_session(name, time, metadata)?,
            Op::Rename { session, name } => self.rename_session(session, &name)?,
            Op::Describe { session, key, value } => {
                let session = self.session_mut(session).ok_or(NO_SESSION)?;
                match value {
                    Some(value) => drop(session.metadata.insert(key, value)),
                    None => drop(session.metadata.remove(&key)),
                }
            }
            Op::EndSession { session } => self.end_session(session)?,
            Op::Branch { session, name, head } => self.begin_branch(session, name, head)?,
            Op::RenameBranch { branch, name } => self.rename_branch(branch, &name)?,
            Op::EndBranch { branch } => self.end_branch(branch)?,
            Op::EndedBranch { session, name } => {
                self.next_branch().ok_or(TOO_MANY_BRANCHES)?;
                self.sessions.get(index(session)).ok_or(NO_SESSION)?;
                self.branches.push(BranchState { session, name, head: None, ended: true });
            }
            Op::Checkpoint(new) => drop(self.checkpoint(*new)?),
            Op::Head { branch, to, cause, time } => {
                self.known_head(branch, to)?;
                self.move_head(branch, to, cause, time)?;
            }
            Op::HeadIs { branch, to } => {
                self.known_head(branch, to)?;
                self.branch_mut(branch).ok_or(NO_BRANCH)?.head = to;
            }
            Op::Moved(moved) => {
                let is_next = (self.next_move()..MOVE_MAX).contains(&moved.number);
                if !is_next || self.branch_name(moved.branch).is_none() {
                    return Err(Broken("a move of a head is out of order, or of a branch that there is not"));
                }
                self.next_move = moved.number.saturating_add(1);
                self.moves.push(moved);
            }
            Op::Counters { next_move, last_time } => {
                if !(self.next_move()..=MOVE_MAX).contains(&next_move) {
                    return Err(Broken("numbers of moves go back, or too far"));
                }
                self.next_move = next_move;
                self.last_time = self.last_time.max(last_time);
            }
            Op::Tags { of, add, remove } => self.change_tags(of, add, &remove)?,
            Op::Annotate { of, key, value } => self.change(of, |checkpoint| match value {
                Some(value) => drop(checkpoint.annotations.insert(key, value)),
                None => drop(checkpoint.annotations.remove(&key)),
            })?,
            Op::Message { of, text } => self.change(of, |checkpoint| checkpoint.message = text)?,
            Op::Lock { of, locked } => self.change(of, |checkpoint| checkpoint.locked = locked)?,
            Op::Prune { gone } => self.prune(&gone)?,
            Op::Rebase { of, form, bytes } => {
                self.rehouse(of, Body { form, place: Place::Journal(bytes) })?;
            }
        }
        Ok(())
    }

    /// Takes in a checkpoint, and answers what is known of it.
    pub(crate) fn checkpoint(&mut self, new: NewCheckpoint) -> Result<Arc<Checkpoint>, Broken> {
        let sequence = self.next_sequence;
        if sequence >= Sequence::MAX {
            return Err(Broken("there are no sequences left"));
        }
        let branch = self.branches.get(index(new.branch)).ok_or(NO_BRANCH)?;
        let session =
            self.sessions.get(index(branch.session)).filter(|session| !session.ended).ok_or(NO_SESSION)?;
        if new.body.form.base().is_some_and(|base| self.get(base).is_none()) {
            return Err(NO_BASE);
        }
        let id = match (new.id, self.prefix) {
            (Some(id), _) => id,
            (None, Some(prefix)) => CheckpointId::new(prefix, sequence),
            (None, None) => return Err(Broken("a checkpoint comes before the writer that made it")),
        };
        if self.find(id).is_some() {
            return Err(Broken("two checkpoints have one id"));
        }
        let parent = match new.parent {
            Parent::Head if branch.ended => return Err(NO_BRANCH),
            Parent::Head => branch.head,
            Parent::Known(parent) => parent,
        };
        if parent.is_some_and(|parent| parent >= sequence) {
            return Err(Broken("a checkpoint goes on from a later one"));
        }
        let checkpoint = Arc::new(Checkpoint {
            id,
            sequence,
            session: Arc::clone(&session.name),
            branch: Arc::clone(&branch.name),
            parent,
            time: new.time,
            trigger: new.trigger,
            message: new.message,
            tags: new.tags,
            annotations: new.annotations,
            locked: new.locked,
            facts: new.facts,
            layout: new.layout,
            len: new.len,
            content: new.content,
            body: new.body,
            session_number: branch.session,
            branch_number: new.branch,
        });
        if id.sequence() != sequence {
            self.imported.insert(id, sequence);
        }
        self.next_sequence = sequence.next();
        self.last_time = self.last_time.max(new.time);
        if let Some(session) = self.session_mut(checkpoint.session_number) {
            session.insert(Arc::clone(&checkpoint));
        }
        self.all.push(Arc::clone(&checkpoint));
        if new.parent == Parent::Head {
            self.move_head(new.branch, Some(sequence), Cause::Checkpoint, new.time)?;
        }
        Ok(checkpoint)
    }

    fn begin_session(&mut self, name: Arc<str>, time: Option<i64>, metadata: Fields) -> Result<(), Broken> {
        let number = self.next_session().ok_or(Broken("there are too many sessions"))?;
        if name.is_empty() {
            self.sessions.push(SessionState::ended());
            return Ok(());
        }
        if self.session_names.contains_key(&name) {
            return Err(Broken("two sessions have one name"));
        }
        self.session_names.insert(Arc::clone(&name), number);
        self.sessions.push(SessionState { name, time, metadata, ..SessionState::default() });
        Ok(())
    }

    fn rename_session(&mut self, number: u32, name: &Arc<str>) -> Result<(), Broken> {
        if name.is_empty() {
            return Err(NO_NAME);
        }
        if self.session_names.get(name).is_some_and(|other| *other != number) {
            return Err(Broken("two sessions have one name"));
        }
        let session = self.session_mut(number).ok_or(NO_SESSION)?;
        let before = std::mem::replace(&mut session.name, Arc::clone(name));
        let checkpoints = session.checkpoints.clone();
        self.session_names.remove(&before);
        self.session_names.insert(Arc::clone(name), number);
        for checkpoint in checkpoints {
            self.change(checkpoint.sequence, |checkpoint| checkpoint.session = Arc::clone(name))?;
        }
        Ok(())
    }

    fn end_session(&mut self, number: u32) -> Result<(), Broken> {
        let session = self.session(number).ok_or(NO_SESSION)?;
        let gone: Vec<Sequence> = session.checkpoints.iter().map(|checkpoint| checkpoint.sequence).collect();
        self.none_stands_on(&gone)?;
        let branches: Vec<u32> = session.branches.values().copied().collect();
        for branch in branches {
            if let Some(branch) = self.branch_mut(branch) {
                (branch.head, branch.ended) = (None, true);
            }
        }
        self.remove(&gone);
        // It keeps its number and nothing else, as one that is read from a manifest does.
        if let Some(session) = self.session_mut(number) {
            let ended = std::mem::replace(session, SessionState::ended());
            self.session_names.remove(&ended.name);
        }
        Ok(())
    }

    fn begin_branch(&mut self, number: u32, name: Arc<str>, head: Option<Sequence>) -> Result<(), Broken> {
        let branch = self.next_branch().ok_or(TOO_MANY_BRANCHES)?;
        if name.is_empty() {
            return Err(NO_NAME);
        }
        if head.is_some_and(|head| self.get(head).is_none_or(|head| head.session_number != number)) {
            return Err(NO_HEAD);
        }
        let session = self.session_mut(number).ok_or(NO_SESSION)?;
        if session.branches.contains_key(&name) {
            return Err(Broken("two branches of a session have one name"));
        }
        session.branches.insert(Arc::clone(&name), branch);
        self.branches.push(BranchState { session: number, name, head: None, ended: false });
        if head.is_some() { self.move_head(branch, head, Cause::Fork, None) } else { Ok(()) }
    }

    fn rename_branch(&mut self, number: u32, name: &Arc<str>) -> Result<(), Broken> {
        if name.is_empty() {
            return Err(NO_NAME);
        }
        let branch = self.branch(number).ok_or(NO_BRANCH)?;
        let (session, before) = (branch.session, Arc::clone(&branch.name));
        let session = self.session_mut(session).ok_or(NO_SESSION)?;
        if session.branches.get(name).is_some_and(|other| *other != number) {
            return Err(Broken("two branches of a session have one name"));
        }
        session.branches.remove(&before);
        session.branches.insert(Arc::clone(name), number);
        let of_it = session.checkpoints.iter().filter(|checkpoint| checkpoint.branch_number == number);
        let changed: Vec<Sequence> = of_it.map(|checkpoint| checkpoint.sequence).collect();
        if let Some(branch) = self.branch_mut(number) {
            branch.name = Arc::clone(name);
        }
        for sequence in changed {
            self.change(sequence, |checkpoint| checkpoint.branch = Arc::clone(name))?;
        }
        Ok(())
    }

    fn end_branch(&mut self, number: u32) -> Result<(), Broken> {
        let branch = self.branch_mut(number).ok_or(NO_BRANCH)?;
        (branch.head, branch.ended) = (None, true);
        let (session, name) = (branch.session, Arc::clone(&branch.name));
        if let Some(session) = self.session_mut(session) {
            session.branches.remove(&name);
        }
        Ok(())
    }

    /// Sees that a checkpoint can be the head of a branch.
    fn known_head(&self, branch: u32, to: Option<Sequence>) -> Result<(), Broken> {
        let branch = self.branch(branch).ok_or(NO_BRANCH)?;
        let Some(to) = to else { return Ok(()) };
        let head = self.get(to).ok_or(NO_HEAD)?;
        if head.session_number == branch.session { Ok(()) } else { Err(NO_HEAD) }
    }

    fn move_head(
        &mut self,
        branch: u32,
        to: Option<Sequence>,
        cause: Cause,
        time: Option<i64>,
    ) -> Result<(), Broken> {
        let number = self.next_move();
        let state = self.branch_mut(branch).ok_or(NO_BRANCH)?;
        let from = std::mem::replace(&mut state.head, to);
        self.moves.push(Move { number, branch, time, from, to, cause });
        self.next_move = number.saturating_add(1);
        Ok(())
    }

    pub(super) fn next_move(&self) -> u64 {
        self.next_move.max(1)
    }

    /// Puts something else in the place of what is known of a checkpoint.
    fn change(&mut self, of: Sequence, change: impl FnOnce(&mut Checkpoint)) -> Result<(), Broken> {
        let place = place_of(&self.all, of).map_err(|_| NO_CHECKPOINT)?;
        let known = self.all.get_mut(place).ok_or(NO_CHECKPOINT)?;
        let mut changed = Checkpoint::clone(known);
        change(&mut changed);
        let changed = Arc::new(changed);
        *known = Arc::clone(&changed);
        if let Some(session) = self.session_mut(changed.session_number) {
            session.replace(changed);
        }
        Ok(())
    }

    fn change_tags(&mut self, of: Sequence, add: Vec<Arc<str>>, remove: &[Arc<str>]) -> Result<(), Broken> {
        let mut tags = self.get(of).ok_or(NO_CHECKPOINT)?.tags.clone();
        tags.retain(|tag| !remove.contains(tag));
        tags.extend(add);
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > TAGS_MAX {
            return Err(Broken("a checkpoint has too many tags"));
        }
        self.change(of, |checkpoint| checkpoint.tags = tags)
    }

    /// Says where and how the states of checkpoints are kept from now on.
    pub(crate) fn rehouse(&mut self, of: Sequence, body: Body) -> Result<(), Broken> {
        if body.form.base().is_some_and(|base| base >= of || self.get(base).is_none()) {
            return Err(NO_BASE);
        }
        self.change(of, |checkpoint| checkpoint.body = body)
    }

    fn prune(&mut self, gone: &[Sequence]) -> Result<(), Broken> {
        if !gone.is_sorted_by(|left, right| left < right) {
            return Err(Broken("what is pruned is out of order"));
        }
        for sequence in gone {
            if self.get(*sequence).ok_or(NO_CHECKPOINT)?.locked {
                return Err(Broken("what is pruned is locked"));
            }
        }
        let is_gone = |sequence: Sequence| gone.binary_search(&sequence).is_ok();
        if self.branches.iter().any(|branch| branch.head.is_some_and(is_gone)) {
            return Err(Broken("the head of a branch is pruned"));
        }
        self.none_stands_on(gone)?;
        self.remove(gone);
        Ok(())
    }

    /// Sees that no state is a difference to those that go, which are in order, but theirs.
    fn none_stands_on(&self, gone: &[Sequence]) -> Result<(), Broken> {
        let mut going = InOrder(gone);
        let needs = |checkpoint: &Arc<Checkpoint>| {
            !going.has(checkpoint.sequence)
                && checkpoint.base().is_some_and(|base| gone.binary_search(&base).is_ok())
        };
        if self.all.iter().any(needs) {
            return Err(Broken("a state is gone that another one is a difference to"));
        }
        Ok(())
    }

    /// Takes checkpoints away that are lost, whose sequences are in order: locked ones too, and those that others go on from.
    pub(crate) fn lose(&mut self, gone: &[Sequence]) {
        self.remove(gone);
    }

    /// Takes checkpoints away, whose sequences are in order.
    fn remove(&mut self, gone: &[Sequence]) {
        let mut going = InOrder(gone);
        self.all.retain(|checkpoint| !going.has(checkpoint.sequence));
        self.imported.retain(|_, sequence| gone.binary_search(sequence).is_err());
        for session in &mut self.sessions {
            let mut going = InOrder(gone);
            session.checkpoints.retain(|checkpoint| !going.has(checkpoint.sequence));
        }
    }
}

/// Sequences in ascending order, which are asked for in ascending order.
struct InOrder<'g>(&'g [Sequence]);

impl InOrder<'_> {
    fn has(&mut self, sequence: Sequence) -> bool {
        while let Some((first, rest)) = self.0.split_first()
            && *first < sequence
        {
            self.0 = rest;
        }
        self.0.first() == Some(&sequence)
    }
}

const NO_SESSION: Broken = Broken("there is no such session");
const NO_BRANCH: Broken = Broken("there is no such branch");
const NO_CHECKPOINT: Broken = Broken("there is no such checkpoint");
const NO_NAME: Broken = Broken("a session or branch has no name");
const NO_BASE: Broken = Broken("a state is a difference to one that there is not, or that comes later");
const TOO_MANY_BRANCHES: Broken = Broken("there are too many branches");
const NO_HEAD: Broken = Broken("the head of a branch is no checkpoint of its session");

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
