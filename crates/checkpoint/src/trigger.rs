use std::sync::Arc;

/// Why a checkpoint was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Trigger {
    /// Somebody asked for it.
    #[default]
    Manual,
    /// The program found a reason, which this names: "before a tool call".
    Automatic(Arc<str>),
    /// It was time.
    Scheduled,
}
