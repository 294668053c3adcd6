use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that is odd about a log and does not keep it from being read. Offsets are those of the first of its kind.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// The file ends in the middle of an entry, as a crash leaves it.
    TornTail {
        /// Where the entry begins.
        offset: u64,
        /// How many bytes of it there are.
        len: u64,
    },
    /// A sequence is not one more than the one before. EdgeVec doesn't look.
    Sequence {
        /// How many entries.
        count: u64,
        /// Where the first begins.
        offset: u64,
        /// One more than the one before, 0 for the first.
        expected: u64,
        /// The sequence there.
        found: u64,
    },
    /// The padding is not zero.
    Padding {
        /// How many entries.
        count: u64,
        /// Where the first begins.
        offset: u64,
    },
    /// The type has no known meaning. EdgeVec passes over such entries.
    UnknownType {
        /// How many entries.
        count: u64,
        /// Where the first begins.
        offset: u64,
        /// Its type.
        entry_type: u8,
    },
    /// The payload of an insert is no id and vector.
    Payload {
        /// How many entries.
        count: u64,
        /// Where the first begins.
        offset: u64,
        /// Its type.
        entry_type: u8,
        /// The length of its payload.
        len: u64,
    },
    /// Vectors of type 0 have another number of dimensions than the first one.
    Dimensions {
        /// How many vectors.
        count: u64,
        /// Where the first entry begins.
        offset: u64,
        /// The dimensions of the first vector of the log.
        expected: u64,
        /// The dimensions there.
        found: u64,
    },
}

impl Warning {
    pub(super) fn count_one(&mut self) {
        match self {
            Self::TornTail { .. } => {}
            Self::Sequence { count, .. }
            | Self::Padding { count, .. }
            | Self::UnknownType { count, .. }
            | Self::Payload { count, .. }
            | Self::Dimensions { count, .. } => *count += 1,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTail { offset, len } => {
                write!(
                    f,
                    "the file ends in the middle of the entry at byte {offset}, of which it has {len} bytes"
                )
            }
            Self::Sequence { count, offset, expected, found } => write!(
                f,
                "{count} sequences are not one more than the one before, the first at byte {offset}: {found}, expected {expected}"
            ),
            Self::Padding { count, offset } => {
                write!(f, "{count} entries have padding that is not zero, the first at byte {offset}")
            }
            Self::UnknownType { count, offset, entry_type } => {
                write!(f, "{count} entries have an unknown type, the first at byte {offset}: {entry_type}")
            }
            Self::Payload { count, offset, entry_type, len } => write!(
                f,
                "{count} inserts have no id and vector, the first at byte {offset}: {len} bytes for type {entry_type}"
            ),
            Self::Dimensions { count, offset, expected, found } => write!(
                f,
                "{count} vectors have other dimensions than the first, which has {expected}; one at byte {offset} has {found}"
            ),
        }
    }
}
