use std::ops::RangeInclusive;

use crate::stem::Stem;

/// Where a save stands: by slot, in a slot by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    slot: Option<u8>,
    /// Sequence, revision and id.
    pub(super) order: (u64, u16, [u8; 16]),
}

impl Place {
    pub(super) fn of(stem: &Stem) -> Self {
        Self { slot: stem.slot, order: (stem.sequence, stem.revision, *stem.id.as_bytes()) }
    }

    /// All places of a slot.
    pub(super) fn all_of(slot: Option<u8>) -> RangeInclusive<Self> {
        let (first, last) = ((0, 0, [0; 16]), (u64::MAX, u16::MAX, [u8::MAX; 16]));
        Self { slot, order: first }..=Self { slot, order: last }
    }
}
