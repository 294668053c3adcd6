use std::fmt;

/// Whether a delta that doesn't apply is of the chain that it was applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// It has the same base: deltas between are missing, or it was applied already.
    Same,
    /// It has another base.
    Other,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "the same chain",
            Self::Other => "another chain",
        })
    }
}
