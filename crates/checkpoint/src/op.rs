//! What happens to a store, FORMAT.md section 14.2.

mod context;
mod decode;
mod encode;
mod layout;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;

use crate::{
    checkpoint::{Checkpoint, Facts, Fields, StateLayout},
    form::{Body, Form, Place},
    id::{CheckpointId, ContentId, Prefix, Sequence},
    trigger::Trigger,
};

/// One thing that happens to a store. Sessions and branches are numbered from 0 in the order in which they are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// The store is opened for writing: checkpoints from here on have ids that begin with these bytes.
    Writer(Prefix),
    /// A session begins.
    Session { name: Arc<str>, time: Option<i64>, metadata: Fields },
    /// A branch of a session begins at a checkpoint, or empty.
    Branch { session: u32, name: Arc<str>, head: Option<Sequence> },
    /// A checkpoint is made, and becomes the head of its branch unless it says that it comes from elsewhere.
    Checkpoint(Box<NewCheckpoint>),
    /// The head of a branch moves.
    Head { branch: u32, to: Option<Sequence>, cause: Cause, time: Option<i64> },
    /// Tags are put on a checkpoint and taken off it.
    Tags { of: Sequence, add: Vec<Arc<str>>, remove: Vec<Arc<str>> },
    /// Something is said about a checkpoint, or no longer.
    Annotate { of: Sequence, key: String, value: Option<String> },
    /// A checkpoint has another message.
    Message { of: Sequence, text: Arc<str> },
    /// A checkpoint is locked, or no longer.
    Lock { of: Sequence, locked: bool },
    /// Checkpoints are gone.
    Prune { gone: Vec<Sequence> },
    /// Sequences below this one have been given out. Only in manifests.
    Skip { next: Sequence },
    /// A session has another name, or other metadata.
    Rename { session: u32, name: Arc<str> },
    /// Something is said about a session, or no longer.
    Describe { session: u32, key: String, value: Option<String> },
    /// A branch has another name.
    RenameBranch { branch: u32, name: Arc<str> },
    /// A branch ends: its name is free, its checkpoints stay.
    EndBranch { branch: u32 },
    /// A branch that has ended. In manifests, and in what comes from another store.
    EndedBranch { session: u32, name: Arc<str> },
    /// What was counted so far, also by what is gone: the number that the next move of a head gets, and the highest time of a
    /// checkpoint. Only in manifests.
    Counters { next_move: u64, last_time: Option<i64> },
    /// A move of a head that was made before. Only in manifests.
    Moved(Move),
    /// What the head of a branch is, without a move. Only in manifests.
    HeadIs { branch: u32, to: Option<Sequence> },
    /// A session ends, with its branches; what is left of its checkpoints is gone.
    EndSession { session: u32 },
    /// The state of a checkpoint is kept in another way, whose bytes are in the operation. Only in journals.
    Rebase { of: Sequence, form: Form, bytes: Arc<[u8]> },
}

impl Op {
    /// Bytes of a state that are in it.
    pub(crate) fn state_bytes(&self) -> u64 {
        match self {
            Self::Checkpoint(new) => match &new.body.place {
                Place::Journal(bytes) => bytes.len() as u64,
                Place::Pack(_) => 0,
            },
            Self::Rebase { bytes, .. } => bytes.len() as u64,
            _ => 0,
        }
    }
}

/// What a checkpoint is when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCheckpoint {
    /// The id that it brings from another store; none: the bytes of the writer and its sequence.
    pub(crate) id: Option<CheckpointId>,
    pub(crate) branch: u32,
    pub(crate) parent: Parent,
    pub(crate) time: Option<i64>,
    pub(crate) trigger: Trigger,
    pub(crate) message: Arc<str>,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) annotations: Fields,
    pub(crate) locked: bool,
    pub(crate) facts: Facts,
    pub(crate) layout: StateLayout,
    pub(crate) len: u64,
    pub(crate) content: ContentId,
    pub(crate) body: Body,
}

impl NewCheckpoint {
    /// What makes a checkpoint that there is already once more.
    pub(crate) fn again(
        checkpoint: &Checkpoint,
        id: Option<CheckpointId>,
        branch: u32,
        parent: Option<Sequence>,
        body: &Body,
    ) -> Self {
        Self {
            id,
            branch,
            parent: Parent::Known(parent),
            time: checkpoint.time,
            trigger: checkpoint.trigger.clone(),
            message: Arc::clone(&checkpoint.message),
            tags: checkpoint.tags.clone(),
            annotations: checkpoint.annotations.clone(),
            locked: checkpoint.locked,
            facts: checkpoint.facts,
            layout: checkpoint.layout,
            len: checkpoint.len,
            content: checkpoint.content,
            body: body.clone(),
        }
    }
}

/// Where a checkpoint goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// From the head of its branch, whose place it takes.
    Head,
    /// From this one, or from none, and no head moves: it was made before. In manifests and imports.
    Known(Option<Sequence>),
}

/// Why a head moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A checkpoint was made.
    Checkpoint,
    /// An earlier state was restored.
    Restore,
    /// The branch began.
    Fork,
    /// The move with this number was taken back.
    Undo(u64),
    /// The checkpoint that it was is gone.
    Prune,
}

/// A move of a head, in the log of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Its number: 1 for the first of a store, one more for each next.
    pub number: u64,
    /// The branch, by its number.
    pub(crate) branch: u32,
    /// When it was made, if anybody told: nanoseconds UTC since 1970.
    pub time: Option<i64>,
    /// The head before.
    pub from: Option<Sequence>,
    /// The head from then on.
    pub to: Option<Sequence>,
    /// Why.
    pub cause: Cause,
}
