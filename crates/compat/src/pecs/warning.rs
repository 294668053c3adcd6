use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pecs::{Flag, Id};

/// Something that is odd about a PECS file and does not keep it from being read.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// A flag is set and the bytes are as without it.
    FlagIgnored {
        /// The flag.
        flag: Flag,
    },
    /// Flags without a known meaning are set; the bytes are as without them.
    UnknownFlags {
        /// The bits.
        bits: u32,
    },
    /// A registry entry has the type id of a later one, which counts, as in PECS. No component is lost.
    ReplacedType {
        /// The id of both.
        type_id: Id,
        /// The name in the entry that does not count, its first 255 bytes.
        name: String,
        /// The version in that entry.
        version: u32,
    },
    /// Two registry entries with different type ids have one name. The first has the column of that
    /// name, this one a column named by its id.
    DuplicateTypeName {
        /// The id of the later one.
        type_id: Id,
        /// The name.
        name: String,
    },
    /// A type name has more than 255 bytes. Its column is named by the type id.
    LongTypeName {
        /// The id of the type.
        type_id: Id,
        /// The length of the name in bytes.
        len: u64,
    },
    /// Components have a type id that is not in the registry, which PECS refuses. They are kept in a
    /// column named by that id.
    UnregisteredType {
        /// The id.
        type_id: Id,
        /// How many entities have it.
        components: u64,
    },
    /// Entities have a component type more than once. The first of an entity is kept.
    RepeatedComponents {
        /// How many components of the whole file are left out.
        count: u64,
        /// The first entity where this happens.
        entity: Id,
        /// The type that is repeated there.
        type_id: Id,
        /// Where the first component that is left out begins in the file.
        offset: u64,
    },
    /// Entities have the stable id of another, which PECS refuses to load. All are kept.
    DuplicateIds {
        /// How many entities have the id of one before them.
        count: u64,
        /// The smallest such id.
        id: Id,
    },
    /// The file goes on after its checksum.
    TrailingBytes {
        /// Where the checksum ends in the file.
        offset: u64,
        /// How many bytes follow, none of them covered by the checksum.
        len: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FlagIgnored { flag } => write!(f, "flag {flag} is set, the bytes are as without it"),
            Self::UnknownFlags { bits } => write!(f, "flags {bits:#010x} have no known meaning"),
            Self::ReplacedType { type_id, name, version } => {
                write!(f, "type {name:?} version {version} has the id {type_id} of a later one, which counts")
            }
            Self::DuplicateTypeName { type_id, name } => {
                write!(f, "type {type_id} has the name {name:?} of an earlier one; its column has another")
            }
            Self::LongTypeName { type_id, len } => {
                write!(f, "the name of type {type_id} has {len} bytes; its column has another")
            }
            Self::UnregisteredType { type_id, components } => {
                write!(f, "type {type_id} of {components} components is not in the registry")
            }
            Self::RepeatedComponents { count, entity, type_id, offset } => write!(
                f,
                "{count} components repeat a type of their entity, the first in {entity} with type \
                 {type_id} at byte {offset}; the first of each entity is kept"
            ),
            Self::DuplicateIds { count, id } => {
                write!(f, "{count} entities have the id of one before, the smallest such id is {id}")
            }
            Self::TrailingBytes { offset, len } => {
                write!(f, "{len} unchecked bytes follow the checksum at byte {offset}")
            }
        }
    }
}
