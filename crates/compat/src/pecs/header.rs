use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::header::Start;
use crate::pecs::VERSION;

const START: Start = Start { format: "PECS", magic: *b"PECS", oldest: VERSION, newest: VERSION };

/// The first 24 bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the layout, 1.
    pub version: u32,
    /// Bits that say how the file is meant to be stored; see [`Flag`].
    pub flags: u32,
    /// How many entities the file has.
    pub entity_count: u64,
    /// How many component types are registered in the file.
    pub type_count: u32,
}

/// A bit of [`Header::flags`] with a name.
///
/// PECS writes what the caller asks for and then neither compresses nor leaves anything out.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Flag {
    /// Compressed with zstd.
    Zstd,
    /// Compressed with LZ4.
    Lz4,
    /// Only what changed since another save.
    Delta,
    /// With metadata that version 1 has no place for.
    ExtendedMetadata,
}

impl Header {
    /// The length of a header in bytes.
    pub const LEN: usize = 24;

    /// Reads the header from the first [`Header::LEN`] bytes of a file.
    ///
    /// ```
    /// use keepstone_compat::pecs::Header;
    ///
    /// let header = Header::read(b"PECS\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x02\0\0\0")?;
    /// assert_eq!((header.version, header.entity_count, header.type_count), (1, 5, 2));
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotThisFormat`], [`Error::Truncated`] or [`Error::Version`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let [_, _, _, _, v0, v1, v2, v3, f0, f1, f2, f3, rest @ ..] = START.take::<{ Self::LEN }>(bytes)?;
        let [e0, e1, e2, e3, e4, e5, e6, e7, t0, t1, t2, t3] = rest;
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        START.check_version(version)?;
        Ok(Self {
            version,
            flags: u32::from_le_bytes([f0, f1, f2, f3]),
            entity_count: u64::from_le_bytes([e0, e1, e2, e3, e4, e5, e6, e7]),
            type_count: u32::from_le_bytes([t0, t1, t2, t3]),
        })
    }

    /// Returns the flags that are set and have a name, from the lowest bit.
    pub fn named_flags(&self) -> impl Iterator<Item = Flag> + '_ {
        Flag::ALL.into_iter().filter(|flag| self.flags & flag.bit() != 0)
    }

    /// Returns the flags that are set and have no name.
    pub fn unknown_flags(&self) -> u32 {
        Flag::ALL.iter().fold(self.flags, |bits, flag| bits & !flag.bit())
    }
}

impl Flag {
    const ALL: [Self; 4] = [Self::Zstd, Self::Lz4, Self::Delta, Self::ExtendedMetadata];

    /// Returns the bit of [`Header::flags`].
    pub fn bit(self) -> u32 {
        match self {
            Self::Zstd => 1,
            Self::Lz4 => 2,
            Self::Delta => 4,
            Self::ExtendedMetadata => 8,
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Delta => "delta",
            Self::ExtendedMetadata => "extended metadata",
        })
    }
}
