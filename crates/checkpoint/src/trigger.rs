use std::sync::Arc;

/// Why a checkpoint was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Trigger {
    /// Somebody asked for it.
    #[default]
    Manual,
    /// The program found a reason, which this names: "before a tool call".
    Automatic(Arc<str>),
    /// It was time.
    Scheduled,
}
