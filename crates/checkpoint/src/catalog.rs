//! What all operations so far have made: everything about a store but the states.

mod apply;
mod branches;
mod rebuild;
mod savepoint;
mod sessions;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

pub(crate) use apply::Broken;
pub(crate) use branches::BranchState;
pub(crate) use savepoint::Savepoint;
pub(crate) use sessions::SessionState;

use crate::{
    checkpoint::Checkpoint,
    id::{CheckpointId, Prefix, Sequence},
    op::Move,
};

/// Everything about a store but the states.
#[derive(Debug, Default, Clone)]
pub(crate) struct Catalog {
    /// All checkpoints, by sequence.
    all: Vec<Arc<Checkpoint>>,
    /// Those whose ids don't have their sequence in them.
    imported: HashMap<CheckpointId, Sequence>,
    /// By number; those that have ended keep theirs.
    sessions: Vec<SessionState>,
    session_names: HashMap<Arc<str>, u32>,
    branches: Vec<BranchState>,
    /// Moves of heads, the oldest first.
    moves: Vec<Move>,
    /// Above the number of every move there was.
    next_move: u64,
    /// Above every sequence that was given out.
    next_sequence: Sequence,
    /// The first half of the ids that are given out.
    prefix: Option<Prefix>,
    /// The highest time of a checkpoint there was.
    last_time: Option<i64>,
}

impl Default for Sequence {
    fn default() -> Self {
        Self(1)
    }
}

/// Looking things up.
impl Catalog {
    /// All checkpoints, by sequence.
    pub(crate) fn all(&self) -> &[Arc<Checkpoint>] {
        &self.all
    }

    /// A checkpoint by its place in the order.
    pub(crate) fn get(&self, sequence: Sequence) -> Option<&Arc<Checkpoint>> {
        self.all.get(place_of(&self.all, sequence).ok()?)
    }

    /// A checkpoint by its id.
    pub(crate) fn find(&self, id: CheckpointId) -> Option<&Arc<Checkpoint>> {
        let native = self.get(id.sequence());
        native.filter(|found| found.id == id).or_else(|| self.get(*self.imported.get(&id)?))
    }

    /// The sequence that the next checkpoint gets.
    pub(crate) fn next_sequence(&self) -> Sequence {
        self.next_sequence
    }

    /// Moves of heads, the oldest first.
    pub(crate) fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// Forgets moves of heads that `keep` answers false to.
    pub(crate) fn forget_moves(&mut self, keep: impl Fn(&Move) -> bool) {
        self.moves.retain(keep);
    }
}

/// Where a sequence stands, or would, in a list that is in their order. Mostly that is the end, or as far from it as there are sequences between.
fn place_of(list: &[Arc<Checkpoint>], sequence: Sequence) -> Result<usize, usize> {
    let Some(end) = list.last() else { return Err(0) };
    if end.sequence < sequence {
        return Err(list.len());
    }
    let back = usize::try_from(end.sequence.0 - sequence.0).ok();
    let guess = back.and_then(|back| (list.len() - 1).checked_sub(back));
    if let Some(guess) = guess
        && list.get(guess).is_some_and(|found| found.sequence == sequence)
    {
        return Ok(guess);
    }
    list.binary_search_by_key(&sequence, |checkpoint| checkpoint.sequence)
}
