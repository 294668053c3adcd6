use std::{path::PathBuf, sync::Arc};

use keepstone_format::{Error as FormatError, Kind};
use keepstone_storage::Error as StorageError;
use keepstone_store::{Error as StoreError, PayloadError};

use crate::{
    backend::BackendError,
    delta,
    id::{CheckpointId, Sequence},
    store::Chore,
};

/// Why a checkpoint was not made, found or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory can't be read or written.
    #[error(transparent)]
    Storage(Box<StorageError>),
    /// What the store stands on has refused.
    #[error(transparent)]
    Backend(Box<BackendError>),
    /// The bytes of an object: a manifest, a pack, a commit.
    #[error("{object}: {source}")]
    Format {
        /// Its name.
        object: String,
        /// What is wrong with it.
        source: Box<FormatError>,
    },
    /// An object says what can't be.
    #[error("{object}: {what}; restore what it depends on from a backup, or repair the store")]
    Damaged {
        /// Its name.
        object: String,
        /// What is wrong.
        what: String,
    },
    /// The state of a checkpoint can't be put together.
    #[error("checkpoint {id}: {what}; the others are not touched by it")]
    State {
        /// The checkpoint.
        id: CheckpointId,
        /// What is wrong.
        what: String,
    },
    /// A state is a difference to one that is not there.
    #[error(
        "checkpoint {id} is a difference to checkpoint number {base}, which is not there; import that one first"
    )]
    MissingBase {
        /// The checkpoint.
        id: CheckpointId,
        /// The sequence of the other.
        base: Sequence,
    },
    /// A difference can't be decoded or doesn't fit its base.
    #[error("checkpoint {id}: {source}")]
    Delta {
        /// The checkpoint.
        id: CheckpointId,
        /// What is wrong with it.
        source: Box<delta::Error>,
    },
    /// A difference is longer than one may be.
    #[error("a state can't be kept as a difference: {source}")]
    Unencodable {
        /// Why.
        source: Box<delta::Error>,
    },
    /// A pack that a state is in is gone.
    #[error("checkpoint {id}: {object}: it is not there; put this object back from a backup")]
    MissingPack {
        /// The checkpoint.
        id: CheckpointId,
        /// The name of the pack.
        object: String,
    },
    /// The payload can't be encoded, or not be made again from what a checkpoint holds.
    #[error("payload of {what}: {source}")]
    Payload {
        /// Which checkpoint.
        what: String,
        /// Why.
        source: Box<PayloadError>,
    },
    /// What works in the background.
    #[error(transparent)]
    Background(#[from] StoreError),
    /// A store that is closed did not do all that it does by itself.
    #[error("the store is closed, and all in it is durable, but {chore} failed: {source}")]
    Unfinished {
        /// What it was.
        chore: Chore,
        /// Why.
        source: Arc<Error>,
    },
    /// Text that is not the id of a checkpoint.
    #[error("{text:?} is not the id of a checkpoint: that has 32 hexadecimal digits")]
    NotAnId {
        /// The text, or its beginning.
        text: String,
    },
    /// A directory holds no checkpoints.
    #[error("{}: there are no checkpoints; give the directory that a program keeps them in", path.display())]
    NoStore {
        /// The directory.
        path: PathBuf,
    },
    /// Nothing of a damaged store can be put together.
    #[error(
        "nothing is left of the store that could be repaired: the states of {lost} checkpoints are lost; put it back from a backup"
    )]
    NothingLeft {
        /// Checkpoints that are known of it.
        lost: u64,
    },
    /// There is no such checkpoint.
    #[error("there is no checkpoint {id}; list those that there are")]
    NoCheckpoint {
        /// The id.
        id: CheckpointId,
    },
    /// There is no such session.
    #[error("there is no session {name:?}; list those that there are, or begin it")]
    NoSession {
        /// Its name.
        name: String,
    },
    /// There is no such branch.
    #[error("session {session:?} has no branch {name:?}; list those that there are, or fork it")]
    NoBranch {
        /// The session.
        session: String,
        /// The branch.
        name: String,
    },
    /// A branch has no checkpoint yet.
    #[error("branch {branch:?} of session {session:?} has no checkpoint")]
    Empty {
        /// The session.
        session: String,
        /// The branch.
        branch: String,
    },
    /// A name is taken.
    #[error("there is a {what} {name:?}: go on with it, or choose another name")]
    Taken {
        /// What has it.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something in a request is longer than it may be, or empty.
    #[error("{what} has {needs} bytes, 1 to {allowed} are allowed")]
    Length {
        /// What.
        what: &'static str,
        /// Its bytes.
        needs: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// A checkpoint has, or would have, more tags than one may have.
    #[error("a checkpoint with {needs} tags; {allowed} are allowed")]
    Tags {
        /// How many.
        needs: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// Another writer has gone on with the store meanwhile.
    #[error("{object}: another writer has made it; open the store again")]
    Superseded {
        /// The object that it has made.
        object: String,
    },
    /// A branch has moved on since the caller looked.
    #[error("branch {branch:?} of session {session:?} has moved on; look at its head again")]
    Moved {
        /// The session.
        session: String,
        /// The branch.
        branch: String,
    },
    /// A write has failed, and what the store knows is not what is on the disk; the next call reads it again.
    #[error("an earlier commit failed while this one waited: {what}; try again")]
    Poisoned {
        /// Why that one failed.
        what: String,
    },
    /// The state that was restored isn't the one that was checkpointed.
    #[error(
        "checkpoint {id}: hash of the restored state is {found:016x}, that of the one that was kept {expected:016x}; the types or the program have changed"
    )]
    StateHash {
        /// The checkpoint.
        id: CheckpointId,
        /// The hash in the store.
        expected: u64,
        /// The hash of what was restored.
        found: u64,
    },
    /// The request can't be served.
    #[error("{what}")]
    Misuse {
        /// Why, and what to do.
        what: &'static str,
    },
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Storage(source) => source.kind(),
            Self::Backend(source) => source.kind(),
            Self::Format { source, .. } => source.kind(),
            Self::Payload { source, .. } => source.kind(),
            Self::Background(source) => source.kind(),
            Self::Unfinished { source, .. } => source.kind(),
            Self::MissingPack { .. }
            | Self::NothingLeft { .. }
            | Self::Damaged { .. }
            | Self::State { .. }
            | Self::Delta { .. }
            | Self::StateHash { .. } => Kind::Damaged,
            Self::MissingBase { .. }
            | Self::NoStore { .. }
            | Self::NoCheckpoint { .. }
            | Self::NoSession { .. }
            | Self::NoBranch { .. }
            | Self::Empty { .. } => Kind::NotFound,
            Self::Superseded { .. } => Kind::Busy,
            Self::Poisoned { .. } => Kind::Poisoned,
            Self::Length { .. } | Self::Tags { .. } | Self::Unencodable { .. } => Kind::Limit,
            Self::NotAnId { .. } | Self::Taken { .. } | Self::Moved { .. } | Self::Misuse { .. } => {
                Kind::Misuse
            }
        }
    }

    /// An error of a container that is an object.
    pub(crate) fn format(object: &str, source: FormatError) -> Self {
        Self::Format { object: object.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn damaged(object: &str, what: impl Into<String>) -> Self {
        Self::Damaged { object: object.to_owned(), what: what.into() }
    }

    pub(crate) fn state(id: CheckpointId, what: impl Into<String>) -> Self {
        Self::State { id, what: what.into() }
    }
}

impl From<StorageError> for Error {
    fn from(source: StorageError) -> Self {
        Self::Storage(Box::new(source))
    }
}

impl From<BackendError> for Error {
    fn from(source: BackendError) -> Self {
        Self::Backend(Box::new(source))
    }
}
