/// How a file is read.
///
/// ```
/// use keepstone_compat::pecs::{DuplicateIds, ReadOptions};
///
/// let picky = ReadOptions::default().strict(true).duplicate_ids(DuplicateIds::Error);
/// assert!(picky.strict);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Whether a component type that an entity has twice is an error. Otherwise the first is kept and
    /// the others are counted in a warning.
    pub strict: bool,
    /// What becomes of entities with the same stable id.
    pub duplicate_ids: DuplicateIds,
}

/// What becomes of entities with the same stable id. PECS can write them and then refuses to load them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DuplicateIds {
    /// Each is an entity of its own, with a warning. Nothing is lost.
    #[default]
    Keep,
    /// The file is refused, as PECS does.
    Error,
}

impl ReadOptions {
    /// Chooses whether a component type that an entity has twice is an error.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Chooses what becomes of entities with the same stable id.
    pub fn duplicate_ids(mut self, policy: DuplicateIds) -> Self {
        self.duplicate_ids = policy;
        self
    }
}
