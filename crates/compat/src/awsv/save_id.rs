use std::fmt;

use serde::{Deserialize, Serialize};

use crate::awsv::SaveBundle;

/// Where a hyphenated UUID has its hyphens, counted in characters.
const HYPHENS_AT: [usize; 4] = [8, 13, 18, 23];
const TEXT_LEN: usize = 36;

/// The 16 bytes that tell one save from another; displayed as a hyphenated UUID.
///
/// ```
/// use keepstone_compat::awsv::SaveId;
///
/// let id = SaveId([0xa0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 2]);
/// assert_eq!(id.to_string(), "a0000000-0000-4000-8000-000000000002");
/// assert_eq!(SaveId::parse("a0000000-0000-4000-8000-000000000002"), Some(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SaveId(pub [u8; 16]);

impl SaveId {
    /// Gives a file that has no id one that is always the same: the first 16 bytes of the BLAKE3 hash of the whole
    /// file, with the bits of a UUID of version 8.
    ///
    /// Files of version 1 have no id, and aw-save makes up another at each read.
    pub fn derived(file: &[u8]) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(blake3::hash(file).as_bytes()).for_each(|(to, from)| *to = *from);
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut id;
        *version = 0x80 | (*version & 0x0f);
        *variant = 0x80 | (*variant & 0x3f);
        Self(id)
    }

    /// Reads the hyphenated form, in upper or lower case.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT_LEN || !text.is_ascii() {
            return None;
        }
        let mut id = 0_u128;
        for (index, letter) in text.chars().enumerate() {
            if HYPHENS_AT.contains(&index) {
                if letter != '-' {
                    return None;
                }
            } else {
                id = (id << 4) | u128::from(letter.to_digit(16)?);
            }
        }
        Some(Self(id.to_be_bytes()))
    }
}

impl SaveBundle {
    /// The identity of the save: its own, or, for a file of version 1, [`SaveId::derived`] from `file`, the bytes that
    /// the bundle was read from.
    pub fn save_id_or_derived(&self, file: &[u8]) -> SaveId {
        self.save_id.unwrap_or_else(|| SaveId::derived(file))
    }
}

impl fmt::Display for SaveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
