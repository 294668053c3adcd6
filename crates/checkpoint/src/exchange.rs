//! Checkpoints on their way from one store to another, FORMAT.md section 14.7.

pub(crate) mod container;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod select;

use std::sync::Arc;

use crate::{
    Error,
    checkpoint::{Facts, Fields, StateLayout},
    id::CheckpointId,
    limits::{check_name, check_note},
    trigger::Trigger,
};

/// Which checkpoints leave the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Selection {
    /// All, with all sessions and branches.
    #[default]
    All,
    /// Those of a session, with its branches.
    Session(String),
    /// The head of a branch and those that it goes back to.
    Branch {
        /// The session.
        session: String,
        /// The branch.
        branch: String,
    },
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Exported {
    /// Checkpoints.
    pub checkpoints: u64,
    /// Sessions.
    pub sessions: u64,
    /// Branches that have not ended.
    pub branches: u64,
    /// Checkpoints whose states were written whole because what they stand on is not in the export.
    pub rebased: u64,
    /// Bytes that were written.
    pub bytes: u64,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Imported {
    /// Checkpoints that are new.
    pub imported: u64,
    /// Checkpoints that were there.
    pub known: u64,
    /// Sessions that were begun, by name.
    pub sessions: Vec<Arc<str>>,
    /// Branches that have another name here.
    pub renamed: Vec<Renamed>,
}

/// A branch that has another name here, because there is one of its name that has gone on in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renamed {
    /// The session.
    pub session: Arc<str>,
    /// Its name in the export.
    pub branch: Arc<str>,
    /// Its name here.
    pub to: Arc<str>,
}

/// A checkpoint that comes from anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportedCheckpoint {
    /// Its identity: a store that has it already passes it over.
    pub id: CheckpointId,
    /// The name of its session, which begins if there is none.
    pub session: Arc<str>,
    /// The name of the branch that it was made on; `main` unless set.
    pub branch: Arc<str>,
    /// The checkpoint that it goes on from: one that is in the store, or comes before it.
    pub parent: Option<CheckpointId>,
    /// When it was made, in nanoseconds UTC since 1970.
    pub time: Option<i64>,
    /// Why it was made.
    pub trigger: Trigger,
    /// What its maker says about it.
    pub message: Arc<str>,
    /// Its tags, in any order.
    pub tags: Vec<Arc<str>>,
    /// What else is said about it.
    pub annotations: Fields,
    /// Whether no prune may take it.
    pub locked: bool,
    /// What the payload says of itself.
    pub facts: Facts,
    /// What the bytes of the state are.
    pub layout: StateLayout,
    /// The bytes of the state.
    pub state: Vec<u8>,
}

impl ImportedCheckpoint {
    /// A checkpoint of a state of bytes, without anything that need not be said about it.
    pub fn new(id: CheckpointId, session: impl Into<Arc<str>>, state: Vec<u8>) -> Self {
        Self {
            id,
            session: session.into(),
            branch: crate::store::MAIN.into(),
            parent: None,
            time: None,
            trigger: Trigger::default(),
            message: Arc::default(),
            tags: Vec::new(),
            annotations: Fields::new(),
            locked: false,
            facts: Facts::default(),
            layout: StateLayout::default(),
            state,
        }
    }

    /// Sees that nothing of it is longer than it may be, but for its state, whose limit is an option of the store: what an import would find only when it comes to it.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Tags`].
    pub fn check(&self) -> Result<(), Error> {
        check_name("name of a session", &self.session)?;
        check_name("name of a branch", &self.branch)?;
        let mut tags: Vec<&str> = self.tags.iter().map(AsRef::as_ref).collect();
        tags.sort_unstable();
        tags.dedup();
        check_note(&self.message, &tags, &self.annotations, &self.trigger)
    }
}
