//! Reads the `.awsv` files of aw-save, versions 1 and 2, uncompressed or LZ4, and writes those of version 2.
//!
//! # Layout
//!
//! All integers are little-endian.
//!
//! | offset | size | field | rule |
//! |---|---|---|---|
//! | 0 | 4 | magic | `ASVS` |
//! | 4 | 2 | version | 1 or 2 |
//! | 6 | 1 | codec | 0 none, 1 LZ4 |
//! | 7 | 1 | reserved | 0; another value is a warning |
//! | 8 | 4 | length of the data | what the file has beyond it is a warning |
//! | 12 | 4 | CRC-32/ISO-HDLC of the data | `cbf43926` for `123456789` |
//! | 16 | 4 | decoded size | codec 1 only, part of the data; more than comes out is a warning |
//! | .. | .. | body | one LZ4 block, or as it is; then postcard |
//!
//! aw-save itself refuses codec 0; it is read here because the layout is unambiguous, with
//! [`Warning::Uncompressed`].
//!
//! # What damage the format can show
//!
//! Every flipped bit of the data is found by its checksum. None covers the header, but each field
//! of it is implied by something else: an unknown version or codec is refused, another length or
//! checksum does not match the data. The flips that can go without an error do not go without a
//! warning: the reserved byte has no meaning and the values are right, and LZ4 data marked as
//! uncompressed seldom resembles a body, but if it does there is [`Warning::Uncompressed`]. What
//! follows the data is not covered and not used. A checksum of 32 bits finds accidents, not intent.
//!
//! # Memory
//!
//! Before anything is allocated, the announced size is checked against what the compressed bytes
//! can hold at all and against [`Limits::decoded_max`], and each announced count against the bytes
//! left and one element for each 256 bytes of that limit, at least 262144: this keeps what is built
//! within the size of what may be decoded.
//!
//! # What is written
//!
//! [`SaveBundle::to_awsv`] gives a file of version 2 as aw-save gives it, with LZ4 and the reserved byte zero. Its maps
//! are in the order of their keys: aw-save's have any order, and the same bundle gives other bytes from one write to
//! the next. [`Payload::encode`] is for bodies of other types.
//!
//! # Directories
//!
//! aw-save keeps the saves of a player in a directory ([`player_dir`]) under names that [`FileName`] reads and
//! [`file_name`] makes, beside an [`Index`]. [`Root::read`] puts the saves of a directory in order: the latest
//! of a slot is the one made last, whatever its name, and the index is a hint.
//!
//! # In a keepstone container
//!
//! [`SaveBundle::write_keep`] makes a `.keep` file of a save, as `keepstone convert` does, and
//! [`SaveBundle::from_keep`] reads it back; [`Converted`] reads what a repair has left of one.
//! The layout is in FORMAT.md of keepstone-format, section 9.1.

mod body;
mod bundle;
mod calendar;
mod converted;
mod cursor;
mod date;
mod elements;
mod encode;
mod file_name;
mod header;
mod index;
mod keep;
mod part;
mod payload;
mod root;
mod save_id;
mod stamp;
mod warning;

use keepstone_format::Limits;

use crate::error::Error;

pub use bundle::{
    CompanionProfile, ItemStack, PlayerInventory, SaveBundle, SaveBundleV1, SaveBundleV2, WorldState,
};
pub use converted::{Converted, SaveFields};
pub use file_name::{FileName, file_name, parse_file_name, player_dir};
pub use header::{CODEC_LZ4, CODEC_NONE, Header};
pub use index::{Index, IndexEntry};
pub use part::Part;
pub use payload::Payload;
pub use root::{INDEX_NAME, Root, RootSave, RootWarning, Unreadable};
pub use save_id::SaveId;
pub use warning::Warning;

#[cfg(feature = "forge")]
pub(crate) use stamp::read_index as read_moment;

/// A whole file, checked and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The header.
    pub header: Header,
    /// The decoded size that stands before an LZ4 block.
    pub size_prefix: Option<u32>,
    /// The length of the decoded body.
    pub body_len: u64,
    /// What the save holds.
    pub bundle: SaveBundle,
    /// What was odd about the file; empty for a file as aw-save writes it.
    pub warnings: Vec<Warning>,
}

impl File {
    /// Reads a whole file of version 1 or 2.
    ///
    /// # Errors
    ///
    /// All of [`Payload::read`], then all of [`SaveBundleV2::from_body`].
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let Payload { header, size_prefix, body, mut warnings } = Payload::read(bytes, limits)?;
        let (bundle, odd) = if header.version == 1 {
            let (v1, odd) = SaveBundleV1::from_body(&body, limits)?;
            (SaveBundle::from(v1), odd)
        } else {
            let (v2, odd) = SaveBundleV2::from_body(&body, limits)?;
            (SaveBundle::from(v2), odd)
        };
        warnings.extend(odd);
        Ok(Self { header, size_prefix, body_len: body.len() as u64, bundle, warnings })
    }
}

/// Checks the checksum and the whole structure of a file and returns what is odd about it.
///
/// # Errors
///
/// As [`File::read`].
pub fn verify(bytes: &[u8], limits: &Limits) -> Result<Vec<Warning>, Error> {
    File::read(bytes, limits).map(|file| file.warnings)
}
