use keepstone_format::crc32;

use crate::error::Error;
use crate::header::Start;

const START: Start =
    Start { format: "EdgeVec snapshot", magic: *b"EVEC", oldest: MINOR_MIN, newest: MINOR_MAX };
const MAJOR_AT: usize = 4;
const MINOR_AT: usize = MAJOR_AT + 1;
const FLAGS_AT: usize = MINOR_AT + 1;
const VECTORS_AT: usize = FLAGS_AT + 2;
const INDEX_AT: usize = VECTORS_AT + 8;
const METADATA_AT: usize = INDEX_AT + 8;
const SEED_AT: usize = METADATA_AT + 8;
const DIMENSIONS_AT: usize = SEED_AT + 8;
const CRC_AT: usize = DIMENSIONS_AT + 4;
const M_AT: usize = CRC_AT + 4;
const M0_AT: usize = M_AT + 4;
const DATA_CRC_AT: usize = M0_AT + 4;
const DELETED_AT: usize = DATA_CRC_AT + 4;
const _: () = assert!(DELETED_AT + 4 == Header::LEN);

const MINOR_MIN: u32 = 1;
const MINOR_MAX: u32 = u8::MAX as u32;
/// The newest minor version whose meaning is known.
const MINOR_KNOWN: u8 = 4;
/// The first minor version in which nodes and header say what is deleted.
const MINOR_DELETES: u8 = 3;

/// The first 64 bytes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The major version, 0.
    pub major: u8,
    /// The minor version; EdgeVec 0.9 writes 4 and reads whatever is above 0.
    pub minor: u8,
    /// Bit 2: there is metadata. No other bit is read.
    pub flags: u16,
    /// Vectors, deleted ones as well.
    pub vector_count: u64,
    /// Where the nodes of the graph begin.
    pub index_offset: u64,
    /// Where the bitmap of deleted rows begins; 0 if there is none.
    pub metadata_offset: u64,
    /// Always 0 in files of EdgeVec.
    pub rng_seed: u64,
    /// Numbers of a vector.
    pub dimensions: u32,
    /// The checksum of the header.
    pub header_crc: u32,
    /// Neighbours of a node; EdgeVec does not read it.
    pub hnsw_m: u32,
    /// Neighbours of a node in the lowest layer; EdgeVec does not read it.
    pub hnsw_m0: u32,
    /// The checksum of all bytes behind the header.
    pub data_crc: u32,
    /// How many nodes are deleted; reserved before version 0.3.
    pub deleted_count: u32,
}

impl Header {
    /// The length in the file.
    pub const LEN: usize = 64;
    /// The bit of `flags` that says that there is metadata.
    pub const HAS_METADATA: u16 = 1 << 2;

    pub(super) const INDEX_AT: u64 = INDEX_AT as u64;
    pub(super) const METADATA_AT: u64 = METADATA_AT as u64;

    /// Reads the header of a file and checks its checksum, its version and its flags.
    ///
    /// # Errors
    ///
    /// [`Error::NotThisFormat`], [`Error::Truncated`], [`Error::Checksum`] at byte 0, [`Error::Version`],
    /// [`Error::Flags`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = START.take(bytes)?;
        let header = Self::decode(&bytes);
        let (expected, found) = (header.header_crc, checksum(&bytes));
        if expected != found {
            return Err(Error::Checksum { offset: 0, expected, found });
        }
        header.check()?;
        Ok(header)
    }

    /// Checks what a header with a right checksum may still have that is not read.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.major != 0 {
            let found = self.major.into();
            return Err(Error::Version { format: "EdgeVec snapshot (major)", found, oldest: 0, newest: 0 });
        }
        START.check_version(self.minor.into())?;
        let unknown = self.flags & !Self::HAS_METADATA;
        if unknown != 0 {
            return Err(Error::Flags { offset: FLAGS_AT as u64, unknown });
        }
        Ok(())
    }

    /// Returns whether the file says that it has metadata.
    pub fn has_metadata(&self) -> bool {
        self.flags & Self::HAS_METADATA != 0
    }

    /// Returns whether nodes and header say what is deleted: since version 0.3.
    pub fn has_deletes(&self) -> bool {
        self.minor >= MINOR_DELETES
    }

    pub(super) fn is_newer_than_known(&self) -> bool {
        self.minor > MINOR_KNOWN
    }

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        Self {
            major: u8::from_le_bytes(field(bytes, MAJOR_AT)),
            minor: u8::from_le_bytes(field(bytes, MINOR_AT)),
            flags: u16::from_le_bytes(field(bytes, FLAGS_AT)),
            vector_count: u64::from_le_bytes(field(bytes, VECTORS_AT)),
            index_offset: u64::from_le_bytes(field(bytes, INDEX_AT)),
            metadata_offset: u64::from_le_bytes(field(bytes, METADATA_AT)),
            rng_seed: u64::from_le_bytes(field(bytes, SEED_AT)),
            dimensions: u32::from_le_bytes(field(bytes, DIMENSIONS_AT)),
            header_crc: u32::from_le_bytes(field(bytes, CRC_AT)),
            hnsw_m: u32::from_le_bytes(field(bytes, M_AT)),
            hnsw_m0: u32::from_le_bytes(field(bytes, M0_AT)),
            data_crc: u32::from_le_bytes(field(bytes, DATA_CRC_AT)),
            deleted_count: u32::from_le_bytes(field(bytes, DELETED_AT)),
        }
    }

    /// Finds the one bit without which the checksum of a header is right, and the header that was written.
    ///
    /// The checksum tells all single bits of 64 bytes apart, so a header with one flipped bit has one answer.
    pub(super) fn mend(bytes: &[u8; Self::LEN]) -> Option<(Self, u16)> {
        let mut bytes = *bytes;
        for bit in 0..512_u16 {
            let mask = 1_u8 << (bit % 8);
            let at = usize::from(bit / 8);
            flip(&mut bytes, at, mask);
            let header = Self::decode(&bytes);
            if header.header_crc == checksum(&bytes) && bytes.starts_with(&START.magic) {
                return Some((header, bit));
            }
            flip(&mut bytes, at, mask);
        }
        None
    }
}

fn flip(bytes: &mut [u8], at: usize, mask: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= mask;
    }
}

/// The checksum of a header, whose own field counts as zero.
fn checksum(bytes: &[u8; Header::LEN]) -> u32 {
    let mut bytes = *bytes;
    if let Some(field) = bytes.get_mut(CRC_AT..CRC_AT + 4) {
        field.fill(0);
    }
    crc32(&bytes)
}

/// `N` bytes at a place that lies in the header.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
