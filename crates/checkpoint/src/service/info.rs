use std::sync::Arc;

use crate::{
    Checkpoint, CheckpointId, ContentId, Facts, Fields, Plan, Sequence, State, StateLayout, Trigger,
};

/// What is known of a checkpoint, as plain data: see [`Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Its identity.
    pub id: CheckpointId,
    /// Its place in the order of the store.
    pub sequence: Sequence,
    /// The session.
    pub session: String,
    /// The branch that it was made on.
    pub branch: String,
    /// The checkpoint that it goes on from. It may have been pruned.
    pub parent: Option<Sequence>,
    /// When it was made, in nanoseconds UTC since 1970.
    pub time: Option<i64>,
    /// Why it was made.
    pub trigger: Trigger,
    /// What its maker says about it.
    pub message: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What else is said about it.
    pub annotations: Fields,
    /// Whether no prune may take it.
    pub locked: bool,
    /// What the payload says of itself.
    pub facts: Facts,
    /// What the bytes of the state are.
    pub layout: StateLayout,
    /// Bytes of the state.
    pub len: u64,
    /// What the state is known by.
    pub content: ContentId,
    /// Bytes that the state takes in the store.
    pub stored_bytes: u64,
    /// The checkpoint whose state its own is a difference to; none: it is kept whole.
    pub base: Option<Sequence>,
}

impl From<&Checkpoint> for CheckpointInfo {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            id: checkpoint.id,
            sequence: checkpoint.sequence,
            session: checkpoint.session.to_string(),
            branch: checkpoint.branch.to_string(),
            parent: checkpoint.parent,
            time: checkpoint.time,
            trigger: checkpoint.trigger.clone(),
            message: checkpoint.message.to_string(),
            tags: checkpoint.tags.iter().map(ToString::to_string).collect(),
            annotations: checkpoint.annotations.clone(),
            locked: checkpoint.locked,
            facts: checkpoint.facts,
            layout: checkpoint.layout,
            len: checkpoint.len,
            content: checkpoint.content,
            stored_bytes: checkpoint.stored_bytes(),
            base: checkpoint.base(),
        }
    }
}

impl From<&Arc<Checkpoint>> for CheckpointInfo {
    fn from(checkpoint: &Arc<Checkpoint>) -> Self {
        Self::from(&**checkpoint)
    }
}

/// A state as plain data: see [`State`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StateData {
    /// What the bytes are.
    pub layout: StateLayout,
    /// What the payload says of itself.
    pub facts: Facts,
    /// The bytes.
    #[cfg_attr(feature = "serde", serde(with = "crate::serial::bytes"))]
    pub bytes: Vec<u8>,
}

impl StateData {
    /// A state of bytes of the program's own.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }
}

impl From<State> for StateData {
    fn from(state: State) -> Self {
        let (layout, facts) = (state.layout(), state.facts());
        Self { layout, facts, bytes: state.into_bytes() }
    }
}

impl From<StateData> for State {
    fn from(data: StateData) -> Self {
        Self::new(Arc::new(data.bytes), data.layout, data.facts)
    }
}

/// What a prune would do, as plain data: see [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlanInfo {
    /// What goes, by sequence.
    pub gone: Vec<CheckpointId>,
    /// What stays, by sequence, and why, each in a few words.
    pub kept: Vec<(CheckpointId, Vec<String>)>,
    /// How many of those that stay have to be written anew first.
    pub rebased: u64,
    /// Steps of undo that end.
    pub ended_undo: u64,
    /// Bytes that all states take now.
    pub bytes_before: u64,
    /// Bytes that they take afterwards, estimated.
    pub bytes_after: u64,
}

impl From<&Plan> for PlanInfo {
    fn from(plan: &Plan) -> Self {
        let kept = plan.kept().iter().map(|kept| {
            let reasons = kept.reasons.iter().map(ToString::to_string).collect();
            (kept.checkpoint.id, reasons)
        });
        Self {
            gone: plan.gone().iter().map(|gone| gone.id).collect(),
            kept: kept.collect(),
            rebased: plan.rebased().count() as u64,
            ended_undo: plan.ended_undo().len() as u64,
            bytes_before: plan.bytes_before(),
            bytes_after: plan.bytes_after(),
        }
    }
}
