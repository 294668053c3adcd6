use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::header::Start;

const START: Start = Start { format: "aw-save", magic: *b"ASVS", oldest: 1, newest: 2 };

/// The codec byte of an uncompressed body; aw-save defines the layout but never writes it.
pub const CODEC_NONE: u8 = 0;
/// The codec byte of an LZ4 block behind its decoded size as a `u32`.
pub const CODEC_LZ4: u8 = 1;

/// The first 16 bytes of a file; no checksum covers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the layout of the body, 1 or 2.
    pub version: u16,
    /// How the body is stored: [`CODEC_NONE`], [`CODEC_LZ4`] or something unknown.
    pub codec: u8,
    /// A byte without meaning, written as zero.
    pub reserved: u8,
    /// How many bytes of data follow the header, a size prefix included.
    pub data_len: u32,
    /// The CRC-32/ISO-HDLC of the data.
    pub crc32: u32,
}

impl Header {
    /// The length of a header in bytes.
    pub const LEN: usize = 16;

    /// Reads the header from the first [`Header::LEN`] bytes of a file.
    ///
    /// ```
    /// use keepstone_compat::awsv::Header;
    ///
    /// let header = Header::read(b"ASVS\x02\0\x01\0\x3b\0\0\0\x95\x81\x96\xd1")?;
    /// assert_eq!((header.version, header.data_len, header.crc32), (2, 59, 0xd196_8195));
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotThisFormat`], [`Error::Truncated`], or [`Error::Version`] for a version whose
    /// remaining header fields may mean something else. An unknown codec is left to who decodes.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let [_, _, _, _, v0, v1, codec, reserved, l0, l1, l2, l3, c0, c1, c2, c3] =
            START.take::<{ Self::LEN }>(bytes)?;
        let version = u16::from_le_bytes([v0, v1]);
        Self::check_version(version)?;
        Ok(Self {
            version,
            codec,
            reserved,
            data_len: u32::from_le_bytes([l0, l1, l2, l3]),
            crc32: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }

    pub(super) fn check_version(version: u16) -> Result<(), Error> {
        START.check_version(version.into())
    }

    /// Gives the header as it stands in a file, whatever is in it.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let [m0, m1, m2, m3] = START.magic;
        let [v0, v1] = self.version.to_le_bytes();
        let [l0, l1, l2, l3] = self.data_len.to_le_bytes();
        let [c0, c1, c2, c3] = self.crc32.to_le_bytes();
        [m0, m1, m2, m3, v0, v1, self.codec, self.reserved, l0, l1, l2, l3, c0, c1, c2, c3]
    }

    /// Returns the name of the codec, if it is a known one.
    pub fn codec_name(&self) -> Option<&'static str> {
        match self.codec {
            CODEC_NONE => Some("none"),
            CODEC_LZ4 => Some("lz4"),
            _ => None,
        }
    }
}
