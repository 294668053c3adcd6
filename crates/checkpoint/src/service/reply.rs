use crate::{
    CheckpointInfo, Health, Metrics, PlanInfo, Pruned, Sequence, SessionInfo, StateData, Stats, Swept,
};

/// What a [`CheckpointService`](crate::CheckpointService) answers a [`Command`](crate::Command), as plain data.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reply {
    /// It is done: sessions that begin, end or are renamed, branches, tags, annotations, messages, locks, `Seal`, `Flush`.
    Done,
    /// To `Sessions`.
    Sessions(Vec<SessionInfo>),
    /// To `Checkpoint`: what was made. To `Describe`.
    Checkpoint(CheckpointInfo),
    /// To `List` and `ListBySession`.
    Checkpoints(Vec<CheckpointInfo>),
    /// To `Latest`.
    Latest(Option<CheckpointInfo>),
    /// To `Get` and `Restore`.
    State(StateData),
    /// To `Undo`: the move that was taken back.
    Undone {
        /// The head before it, which it is again.
        from: Option<Sequence>,
        /// The head until now.
        to: Option<Sequence>,
    },
    /// To `Plan`.
    Plan(PlanInfo),
    /// To `Prune` and `Compact`.
    Pruned(Pruned),
    /// To `Sweep`.
    Swept(Swept),
    /// To `Stats`.
    Stats(Stats),
    /// To `Metrics`.
    Metrics(Metrics),
    /// To `Health`.
    Health(Health),
}
