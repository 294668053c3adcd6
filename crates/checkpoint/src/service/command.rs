use crate::{CheckpointId, Fields, Policy, Query, Request, StateData};

/// A request to a [`CheckpointService`](crate::CheckpointService) as plain data, for any transport. Each is a method of the service, and does the same; [`Reply`](crate::Reply) says which answer it
/// gets.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Command {
    /// Begins a session.
    CreateSession {
        /// Its name.
        name: String,
        /// What is said about it.
        metadata: Fields,
    },
    /// Ends a session.
    EndSession {
        /// Its name.
        name: String,
    },
    /// Gives a session another name.
    RenameSession {
        /// Its name.
        name: String,
        /// The name from then on.
        to: String,
    },
    /// Lists sessions.
    Sessions,
    /// Begins a branch.
    Fork {
        /// The session.
        session: String,
        /// The name of the branch.
        name: String,
        /// The checkpoint that it goes on from.
        from: CheckpointId,
    },
    /// Ends a branch.
    EndBranch {
        /// The session.
        session: String,
        /// The branch.
        name: String,
    },
    /// Makes a checkpoint.
    Checkpoint {
        /// Where, and what is said about it.
        request: Request,
        /// The state.
        state: StateData,
    },
    /// Lists checkpoints.
    List {
        /// Which.
        query: Query,
    },
    /// Lists all checkpoints of a session.
    ListBySession {
        /// The session.
        session: String,
    },
    /// Asks for the newest checkpoint of those of a query.
    Latest {
        /// Which.
        query: Query,
    },
    /// Asks what is known of a checkpoint.
    Describe {
        /// Which.
        id: CheckpointId,
    },
    /// Asks for the state of a checkpoint.
    Get {
        /// Which.
        id: CheckpointId,
    },
    /// Asks for the state of a checkpoint, which becomes the head of a branch.
    Restore {
        /// The session.
        session: String,
        /// The branch; none: `main`.
        branch: Option<String>,
        /// The checkpoint.
        id: CheckpointId,
    },
    /// Takes the last move of a head back.
    Undo {
        /// The session.
        session: String,
        /// The branch; none: `main`.
        branch: Option<String>,
    },
    /// Puts tags on a checkpoint.
    Tag {
        /// The checkpoint.
        id: CheckpointId,
        /// The tags.
        tags: Vec<String>,
    },
    /// Takes tags off a checkpoint.
    Untag {
        /// The checkpoint.
        id: CheckpointId,
        /// The tags.
        tags: Vec<String>,
    },
    /// Says something about a checkpoint, or no longer.
    Annotate {
        /// The checkpoint.
        id: CheckpointId,
        /// The name.
        key: String,
        /// The text; none: no longer.
        value: Option<String>,
    },
    /// Gives a checkpoint another message.
    SetMessage {
        /// The checkpoint.
        id: CheckpointId,
        /// The message.
        message: String,
    },
    /// Locks a checkpoint, or unlocks it.
    Lock {
        /// The checkpoint.
        id: CheckpointId,
        /// Whether it is locked from then on.
        locked: bool,
    },
    /// Asks what a policy would let go.
    Plan {
        /// The policy.
        policy: Policy,
        /// The time in nanoseconds UTC since 1970; none: that of the store's clock.
        now: Option<i64>,
    },
    /// Lets go what a policy lets go.
    Prune {
        /// The policy.
        policy: Policy,
        /// The time in nanoseconds UTC since 1970; none: that of the store's clock.
        now: Option<i64>,
    },
    /// Lets go all but the newest.
    Compact {
        /// How many stay.
        count: u64,
    },
    /// Gives back space.
    Sweep {
        /// The time in nanoseconds UTC since 1970.
        now: i64,
    },
    /// Moves states from the journal to a pack.
    Seal,
    /// Makes everything durable.
    Flush,
    /// Asks what the store consists of.
    Stats,
    /// Asks what has been counted.
    Metrics,
    /// Asks how the store is.
    Health,
}
