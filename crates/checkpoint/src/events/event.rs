use std::sync::Arc;

use super::Failure;
use crate::{checkpoint::Checkpoint, id::CheckpointId};

/// Something that happened to a store, whoever did it.
///
/// What a call has changed is told once it has survived what the call waits for, in the order in which it happened. Checkpoints are told by rising sequences.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A session began.
    SessionBegun {
        /// Its name.
        session: Arc<str>,
    },
    /// A session ended, with its branches and checkpoints.
    SessionEnded {
        /// Its name.
        session: Arc<str>,
    },
    /// A session has another name.
    SessionRenamed {
        /// The name before.
        from: Arc<str>,
        /// The name from then on.
        to: Arc<str>,
    },
    /// A branch began.
    BranchBegun {
        /// The session.
        session: Arc<str>,
        /// The branch.
        branch: Arc<str>,
        /// The checkpoint that it goes on from, if any.
        head: Option<CheckpointId>,
    },
    /// A branch ended. Its checkpoints stay.
    BranchEnded {
        /// The session.
        session: Arc<str>,
        /// The branch.
        branch: Arc<str>,
    },
    /// A checkpoint was made, or came with an import.
    Created {
        /// The checkpoint.
        checkpoint: Arc<Checkpoint>,
    },
    /// The head of a branch was moved to an earlier checkpoint.
    Restored {
        /// The session.
        session: Arc<str>,
        /// The branch.
        branch: Arc<str>,
        /// The head from then on.
        to: Option<CheckpointId>,
    },
    /// A move of a head was taken back.
    Undone {
        /// The session.
        session: Arc<str>,
        /// The branch.
        branch: Arc<str>,
        /// The head from then on; none: the branch is empty again.
        to: Option<CheckpointId>,
    },
    /// Tags were put on a checkpoint or taken off it.
    Tagged {
        /// The checkpoint as it is from then on.
        checkpoint: Arc<Checkpoint>,
    },
    /// A checkpoint has another message, other annotations, or was locked or unlocked.
    Edited {
        /// The checkpoint as it is from then on.
        checkpoint: Arc<Checkpoint>,
    },
    /// Checkpoints were let go.
    #[doc(alias = "Compacted")]
    Pruned {
        /// Those that are gone, by sequence.
        checkpoints: Arc<[CheckpointId]>,
        /// How many of those that stay were written anew for it.
        rebased: u64,
    },
    /// States have moved from the journal to packs.
    Sealed {
        /// Bytes of the packs that were written.
        bytes: u64,
    },
    /// Something failed. [`Health`](crate::Health) says what it means for the store.
    Failed {
        /// What it was.
        work: Work,
        /// Why.
        failure: Failure,
    },
    /// After a failure the store has read again what is on the disk. What of the calls that failed was found there has been told before this.
    Recovered,
    /// So many events that belong here were dropped, because whoever listens was slower than the store.
    Missed(u64),
}

/// What a store does that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Work {
    /// A commit on its way to the disk.
    Commit,
    /// Moving states from the journal to packs.
    Seal,
    /// Letting checkpoints go.
    Retention,
    /// Removing packs that nothing refers to.
    Sweep,
}
