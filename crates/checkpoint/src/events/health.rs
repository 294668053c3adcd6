use crate::Kind;

/// How a store is, as it was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Health {
    /// Whether it serves.
    pub status: Status,
    /// Whether the last attempt to move states from the journal to packs failed. They are safe where they are; the journal grows, and the next opening takes longer.
    pub sealing_fails: bool,
    /// Whether the last attempt to let checkpoints go failed. None is lost; the store grows.
    pub retention_fails: bool,
    /// Whether the last attempt to remove packs that nothing refers to failed, of those that the store made by itself. They take room, and nothing else.
    pub sweeping_fails: bool,
    /// Times that a commit failed on its way to the disk, since the store was opened. Calls that failed for the same reason at once are one.
    pub journal_failures: u64,
    /// Times that the store has read itself again since, and gone on.
    pub recoveries: u64,
    /// Times that moving states to packs failed.
    pub seal_failures: u64,
    /// Times that letting checkpoints go failed.
    pub retention_failures: u64,
    /// Times that removing packs failed.
    pub sweep_failures: u64,
    /// What kind of failure the last one was; none: nothing has failed.
    #[cfg_attr(feature = "serde", serde(with = "crate::serial::kind_option"))]
    pub last_failure: Option<Kind>,
}

/// Whether a store serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Status {
    /// All is well.
    Ready,
    /// Checkpoints are made and read; something that is done beside that has failed.
    Degraded,
    /// A commit has failed. What was acknowledged is safe; the next call reads the store again from the disk, and then it is ready or fails in the same way.
    Failed,
}

impl Health {
    /// Whether all is well.
    pub fn is_ready(&self) -> bool {
        self.status == Status::Ready
    }
}
