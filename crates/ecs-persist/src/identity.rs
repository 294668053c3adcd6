use std::fmt;

use keepstone_format::plain::{Layout, Plain};
use serde::{Deserialize, Serialize};

/// What an entity is called across saves and processes: 64 bits that stay with it, whatever ids the ECS gives out.
///
/// The upper 20 bits name who handed it out (a process, a branch, a region), the lower 44 count; 0 is never handed out.
/// Adapters have it as a component under the name [`PersistId::COMPONENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersistId(pub u64);

impl PersistId {
    /// The name of the component in files: a plain u64.
    pub const COMPONENT: &'static str = "keepstone.PersistId";

    /// The version of that component.
    pub const VERSION: u32 = 1;

    /// The layout of a row.
    pub const LAYOUT: Layout = <u64 as Plain>::LAYOUT;

    /// Who handed it out: the upper 20 bits.
    pub fn allocator(self) -> u32 {
        u32::try_from(self.0 >> COUNTER_BITS).unwrap_or(u32::MAX)
    }

    /// Its number: the lower 44 bits.
    pub fn number(self) -> u64 {
        self.0 & COUNTER_MAX
    }
}

impl fmt::Display for PersistId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.allocator(), self.number())
    }
}

const COUNTER_BITS: u32 = 44;
const COUNTER_MAX: u64 = (1 << COUNTER_BITS) - 1;

/// Hands out [`PersistId`]s: one allocator's counter, which only goes up.
///
/// It is saved with a world as a resource under the name [`IdSource::RESOURCE`], two u64: allocator and the next number. Loading never
/// turns it back, and no id that was seen is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdSource {
    allocator: u32,
    next: u64,
}

impl Default for IdSource {
    fn default() -> Self {
        Self::new(0)
    }
}

impl IdSource {
    /// The name of the resource in files.
    pub const RESOURCE: &'static str = "keepstone.IdSource";

    /// The version of that resource.
    pub const VERSION: u32 = 1;

    /// Starts an allocator; of its number the lower 20 bits count. Two sources with one number hand out the same ids.
    pub fn new(allocator: u32) -> Self {
        Self { allocator: allocator & ((1 << 20) - 1), next: 1 }
    }

    /// The next id.
    ///
    /// None once 2^44 - 1 have been handed out.
    pub fn next_id(&mut self) -> Option<PersistId> {
        if self.next > COUNTER_MAX {
            return None;
        }
        let id = PersistId((u64::from(self.allocator) << COUNTER_BITS) | self.next);
        self.next += 1;
        Some(id)
    }

    /// Makes sure that this id is never handed out.
    pub fn observe(&mut self, id: PersistId) {
        if id.allocator() == self.allocator {
            self.next = self.next.max(id.number().saturating_add(1));
        }
    }

    /// Goes on where the other stands if it is further; of another allocator nothing is taken.
    pub fn join(&mut self, other: Self) {
        if other.allocator == self.allocator {
            self.next = self.next.max(other.next);
        }
    }

    /// Its allocator and the next number, as a save holds them.
    pub fn to_parts(self) -> [u64; 2] {
        [self.allocator.into(), self.next]
    }

    /// What [`IdSource::to_parts`] gave; a number out of range becomes the nearest that is allowed.
    pub fn from_parts([allocator, next]: [u64; 2]) -> Self {
        let allocator = u32::try_from(allocator & ((1 << 20) - 1)).unwrap_or(0);
        Self { allocator, next: next.clamp(1, COUNTER_MAX + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_allocator_and_never_repeat_what_was_seen() {
        let mut source = IdSource::new(7);
        let first = source.next_id().expect("the first");
        assert_eq!((first.allocator(), first.number()), (7, 1));
        source.observe(PersistId((7 << 44) + 90));
        source.observe(PersistId((8 << 44) + 900));
        assert_eq!(source.next_id().map(PersistId::number), Some(91));
        let mut other = IdSource::from_parts(source.to_parts());
        assert_eq!(other, source);
        other.join(IdSource::new(7));
        assert_eq!(other, source, "joining never turns back");
    }

    #[test]
    fn an_exhausted_source_hands_out_nothing() {
        let mut source = IdSource::new(0);
        source.observe(PersistId(COUNTER_MAX));
        assert_eq!(source.next_id(), None);
        assert_eq!(IdSource::from_parts([0, u64::MAX]).next_id(), None);
    }
}
