use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    form::{Body, Form},
    id::{CheckpointId, ContentId, Sequence},
    trigger::Trigger,
};

/// Texts under names: what a program says about a session or a checkpoint.
pub type Fields = BTreeMap<String, String>;

/// What is known of a checkpoint without its state.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Its identity, in this store and in those it is copied to.
    pub id: CheckpointId,
    /// Its place in the order of this store.
    pub sequence: Sequence,
    /// The session that it belongs to.
    pub session: Arc<str>,
    /// The branch that it was made on.
    pub branch: Arc<str>,
    /// The checkpoint whose state it goes on from, in the same store; none for a first one. It may have been pruned.
    pub parent: Option<Sequence>,
    /// When it was made, in nanoseconds UTC since 1970, if anybody told.
    pub time: Option<i64>,
    /// Why it was made.
    pub trigger: Trigger,
    /// What its maker says about it.
    pub message: Arc<str>,
    /// Its tags, in the order of their bytes, each once.
    pub tags: Vec<Arc<str>>,
    /// What else is said about it.
    pub annotations: Fields,
    /// Whether no prune may take it.
    pub locked: bool,
    /// What the payload says of itself: tick and state hash of a world.
    pub facts: Facts,
    /// What the bytes of the state are.
    pub layout: StateLayout,
    /// Bytes of the state.
    pub len: u64,
    /// What the state is known by.
    pub content: ContentId,
    pub(crate) body: Body,
    /// The numbers behind the names.
    pub(crate) session_number: u32,
    pub(crate) branch_number: u32,
}

/// What the bytes of a state are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StateLayout {
    /// The program's own.
    #[default]
    Bytes,
    /// A serde value behind its shape.
    Value,
    /// The sections of a container behind a table: worlds, and payloads of the program's own making.
    Sections,
}

impl fmt::Display for StateLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Value => "value",
            Self::Sections => "sections",
        })
    }
}

/// What the payload of a checkpoint says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Facts {
    /// How far a simulation got.
    pub tick: Option<u64>,
    /// The hash of a world's state, which is compared after a restore.
    pub state_hash: Option<u64>,
}

impl Checkpoint {
    /// Bytes that its state takes in the store.
    pub fn stored_bytes(&self) -> u64 {
        self.body.place.len()
    }

    /// Whether its state is kept whole; else it is a difference to another one.
    pub fn is_keyframe(&self) -> bool {
        matches!(self.body.form, Form::Full(_))
    }

    /// The checkpoint whose state its own is a difference to.
    pub fn base(&self) -> Option<Sequence> {
        self.body.form.base()
    }
}
