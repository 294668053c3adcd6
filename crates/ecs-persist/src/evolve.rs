//! Columns of earlier definitions: read by the names of their fields, or through the types that they once were.

mod fields;
mod from_rows;
mod since;
mod to_rows;

#[doc(hidden)]
pub use self::fields::zeroed;
pub(crate) use self::{fields::read_by_name, to_rows::to_rows};
pub use self::{
    fields::{AsEvolving, Evolve},
    since::AsSince,
};

/// A step that a column of an earlier definition takes when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnStep {
    /// The component as the earlier definition calls it.
    pub from: String,
    /// The version that the step begins at.
    pub from_version: u32,
    /// The component as the later definition calls it.
    pub into: String,
    /// The version that it leads to.
    pub into_version: u32,
}

impl std::fmt::Display for ColumnStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} -> ", self.from, self.from_version)?;
        if self.into != self.from {
            write!(f, "{} ", self.into)?;
        }
        write!(f, "{}", self.into_version)
    }
}
