use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a file of aw-save should not have and that does not keep it from being read.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// The body is not compressed, which the layout allows and aw-save neither writes nor reads.
    Uncompressed,
    /// The reserved header byte, which aw-save writes as zero and ignores, is not zero.
    ReservedByte {
        /// The byte.
        found: u8,
    },
    /// The file goes on after its data.
    TrailingBytes {
        /// Where the data ends in the file.
        offset: u64,
        /// How many bytes follow, none of them covered by a checksum.
        len: u64,
    },
    /// The size prefix announces more than the LZ4 block holds.
    SizePrefix {
        /// The announced size.
        declared: u64,
        /// The decoded size.
        actual: u64,
    },
    /// The decoded body goes on after the last field.
    TrailingBody {
        /// Where the last field ends in the decoded body.
        offset: u64,
        /// How many bytes follow.
        len: u64,
    },
    /// The schema number in the body is not the version in the header.
    Schema {
        /// The number in the body.
        found: u16,
        /// The version in the header, which decides how the body is read.
        version: u16,
    },
    /// A key occurs more than once in a map; the last value is kept, as aw-save does.
    DuplicateKeys {
        /// The name of the first map where this happens: `meta` or `attrs`.
        field: String,
        /// How many entries of the whole file were replaced by a later one.
        count: u64,
    },
    /// The time of creation is beyond what 64-bit nanoseconds hold and was set to the nearest
    /// that they do.
    CreatedAtOutOfRange {
        /// The year in the file.
        year: i32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncompressed => f.write_str("codec is 0, which aw-save neither writes nor reads"),
            Self::ReservedByte { found } => {
                write!(f, "reserved byte 7 of the header is {found}, expected 0")
            }
            Self::TrailingBytes { offset, len } => {
                write!(f, "{len} unchecked bytes follow the data at byte {offset}")
            }
            Self::SizePrefix { declared, actual } => {
                write!(f, "size prefix is {declared}, the data decodes to {actual}")
            }
            Self::TrailingBody { offset, len } => {
                write!(f, "{len} bytes follow the last field at byte {offset} of the body")
            }
            Self::Schema { found, version } => {
                write!(f, "schema is {found} in a file of version {version}")
            }
            Self::DuplicateKeys { field, count } => {
                write!(f, "{count} map entries repeat a key, the first in {field}; the last is kept")
            }
            Self::CreatedAtOutOfRange { year } => {
                write!(f, "created_at in year {year} was clamped to what 64-bit nanoseconds hold")
            }
        }
    }
}
