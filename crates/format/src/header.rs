use crate::checksum::crc32;
use crate::error::FirstBytes;
use crate::limits::HEAD_LEN_MAX;
use crate::wire::{Input, Record, pad};
use crate::{Error, FileKind};

/// The first eight bytes of every container.
pub const MAGIC: [u8; 8] = *b"\x89KEEP\r\n\x1a";
/// The major version that is written; it is the only one that is read.
pub const MAJOR: u16 = 1;
/// The minor version that is written.
pub const MINOR: u16 = 0;

/// The required feature of a container in a recycled file: its epoch is a generation, and something
/// outside says where it ends.
const RECYCLED: u64 = 1;
/// The required feature of a container that holds one world in parts.
const PARTS: u64 = 1 << 1;
/// Required features that this build knows.
const REQUIRED_KNOWN: u64 = RECYCLED | PARTS;

/// The first 64 bytes of a container.
///
/// ```
/// use keepstone_format::{Codec, FileKind, Header, Metadata, Writer, WriterOptions};
///
/// let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None);
/// let writer = Writer::new(Vec::new(), options)?;
/// let (bytes, _) = writer.finish(Metadata::new())?;
/// let header = Header::read(&bytes[..Header::LEN])?;
/// assert_eq!(header.kind, FileKind::WORLD);
/// # Ok::<(), keepstone_format::Error>(())
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The major version.
    pub major: u16,
    /// The minor version: what it adds may be ignored.
    pub minor: u16,
    /// What the container holds.
    pub kind: FileKind,
    /// Features that a reader must know.
    pub required: u64,
    /// Features that a reader may ignore.
    pub optional: u64,
    /// The store that the file belongs to; all zero: none.
    pub store_id: [u8; 16],
    /// The generation of a recycled file, 0 in a file that is written once.
    pub epoch: u64,
    /// Bytes of head metadata.
    pub head_len: u32,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 64;
    /// Where its checksum stands, which covers what is before.
    pub(crate) const CRC_AT: usize = Self::LEN - 4;

    pub(crate) fn new(kind: FileKind, store_id: [u8; 16], epoch: u64, head_len: u32) -> Self {
        let required = if epoch == 0 { 0 } else { RECYCLED };
        Self { major: MAJOR, minor: MINOR, kind, required, optional: 0, store_id, epoch, head_len }
    }

    pub(crate) fn in_parts(mut self, in_parts: bool) -> Self {
        self.required |= if in_parts { PARTS } else { 0 };
        self
    }

    /// Reads a header from the first bytes of a file; 64 are enough.
    ///
    /// # Errors
    ///
    /// [`Error::NotThisFormat`] when the magic is another, [`Error::Truncated`] when fewer than 64 bytes are
    /// there, [`Error::Checksum`], [`Error::Version`] or [`Error::UnknownFeatures`], in this order, else
    /// [`Error::Invalid`] or [`Error::Limit`].
    pub fn read(first_bytes: &[u8]) -> Result<Self, Error> {
        // A short file of another format is called that, not a short container.
        if first_bytes.iter().zip(MAGIC).any(|(&found, expected)| found != expected) {
            return Err(Error::NotThisFormat {
                expected: "keepstone container",
                found: FirstBytes::of(first_bytes),
            });
        }
        let mut input = Input::new("container header", first_bytes);
        let bytes: [u8; Self::LEN] = input.array()?;
        let mut input = Input::new("container header", &bytes);
        let covered = bytes.first_chunk::<{ Self::CRC_AT }>().expect("a header has 64 bytes");
        let found = crc32(covered);
        let expected = bytes.last_chunk().copied().map_or(0, u32::from_le_bytes);
        if found != expected {
            return Err(Error::Checksum {
                what: "container header",
                offset: 0,
                expected: expected.into(),
                found: found.into(),
            });
        }
        input.take(MAGIC.len())?;
        let (major, minor) = (input.u16()?, input.u16()?);
        if major != MAJOR {
            let (found, known) = (major.into(), MAJOR.into());
            return Err(Error::Version { what: "container", found, oldest: known, newest: known });
        }
        let kind = FileKind(input.u16()?);
        let mut reserved = input.clone();
        input.take(2)?;
        let required = input.u64()?;
        if required & !REQUIRED_KNOWN != 0 {
            return Err(Error::UnknownFeatures { bits: required & !REQUIRED_KNOWN });
        }
        reserved.zeros(2)?;
        let header = Self {
            major,
            minor,
            kind,
            required,
            optional: input.u64()?,
            store_id: input.array()?,
            epoch: input.u64()?,
            head_len: input.u32()?,
        };
        header.check_head_len()?;
        if header.epoch != 0 && header.required & RECYCLED == 0 {
            let rule = "an epoch stands in a file that is not recycled";
            return Err(Error::Invalid { what: "container header", rule, offset: 0 });
        }
        if header.is_in_parts() && header.kind != FileKind::WORLD {
            let rule = "only a world is in parts";
            return Err(Error::Invalid { what: "container header", rule, offset: 0 });
        }
        Ok(header)
    }

    /// Returns whether the container holds one world in parts, whose sections are not those of a world in one piece.
    pub fn is_in_parts(&self) -> bool {
        self.required & PARTS != 0
    }

    /// Returns the offset of the first section: header, head metadata, its checksum and padding stand
    /// before it.
    pub fn body_offset(&self) -> u64 {
        let end = Self::LEN as u64 + u64::from(self.head_len) + 4;
        end + pad(end, 8)
    }

    pub(crate) fn check_head_len(&self) -> Result<(), Error> {
        if self.head_len > HEAD_LEN_MAX {
            let (needs, allowed) = (self.head_len.into(), HEAD_LEN_MAX.into());
            return Err(Error::Limit { what: "bytes of head metadata", needs, allowed });
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let record = Record::<{ Self::LEN }>::new()
            .put(MAGIC)
            .put(self.major.to_le_bytes())
            .put(self.minor.to_le_bytes())
            .put(self.kind.0.to_le_bytes())
            .put([0; 2])
            .put(self.required.to_le_bytes())
            .put(self.optional.to_le_bytes())
            .put(self.store_id)
            .put(self.epoch.to_le_bytes())
            .put(self.head_len.to_le_bytes());
        let crc = crc32(record.so_far());
        record.put(crc.to_le_bytes()).finish()
    }
}
