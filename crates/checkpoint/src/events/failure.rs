use std::fmt;

use crate::{Error, Kind};

/// An error as plain data: what a service answers over a transport, and what an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Failure {
    /// What the caller should do.
    #[cfg_attr(feature = "serde", serde(with = "crate::serial::kind"))]
    pub kind: Kind,
    /// What is wrong, where, and the remedy if there is one.
    pub message: String,
}

impl Failure {
    /// Puts one together.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
