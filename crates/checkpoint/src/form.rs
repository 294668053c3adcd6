use std::sync::Arc;

use keepstone_format::Codec;

use crate::id::Sequence;

/// How the bytes of a state are kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) form: Form,
    pub(crate) place: Place,
}

/// How the bytes of a state are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Whole.
    Full(Codec),
    /// As a difference to the state of an earlier checkpoint.
    Delta(Sequence),
    /// Not at all: they are those of an earlier checkpoint.
    Same(Sequence),
}

/// Where the bytes are that the form speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the journal, and in memory.
    Journal(Arc<[u8]>),
    /// In a pack.
    Pack(PackPlace),
}

/// A part of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackPlace {
    /// The number of the pack.
    pub(crate) pack: u64,
    /// Where it begins in the object.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// CRC-32 of the bytes, seeded with the sequence of their checkpoint.
    pub(crate) crc: u32,
}

impl Form {
    pub(crate) fn base(self) -> Option<Sequence> {
        match self {
            Self::Full(_) => None,
            Self::Delta(base) | Self::Same(base) => Some(base),
        }
    }
}

impl Place {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Journal(bytes) => bytes.len() as u64,
            Self::Pack(place) => place.len,
        }
    }
}

impl PackPlace {
    /// Its bytes in the object.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.offset..self.offset.saturating_add(self.len)
    }
}
