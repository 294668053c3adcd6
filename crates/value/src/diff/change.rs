use crate::{diff::path::Path, value::Value};

/// A place where two values differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The way there.
    pub path: Path,
    /// What happened.
    pub what: What,
}

/// What happened at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The second value alone has something there.
    Added(Value<'static>),
    /// The first value alone has something there.
    Removed(Value<'static>),
    /// Each has something else there.
    Changed {
        /// What the first value has.
        from: Value<'static>,
        /// What the second value has.
        to: Value<'static>,
    },
}

impl Change {
    /// What the first value has there.
    pub fn before(&self) -> Option<&Value<'static>> {
        match &self.what {
            What::Removed(value) | What::Changed { from: value, .. } => Some(value),
            What::Added(_) => None,
        }
    }

    /// What the second value has there.
    pub fn after(&self) -> Option<&Value<'static>> {
        match &self.what {
            What::Added(value) | What::Changed { to: value, .. } => Some(value),
            What::Removed(_) => None,
        }
    }
}
