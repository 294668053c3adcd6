use keepstone_format::crc32;

use crate::edgevec::{Insert, Vector};
use crate::error::Error;

/// The longest payload that EdgeVec reads and writes.
pub(super) const PAYLOAD_LEN_MAX: u32 = 16 << 20;
pub(super) const HEADER_LEN: usize = 16;
const CRC_LEN: usize = 4;
const LEN_AT: u64 = 12;

/// One record of a log, whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its number.
    pub sequence: u64,
    /// What it is: 0, 1 or 2 for an insert.
    pub entry_type: u8,
    /// Bytes without a meaning.
    pub padding: [u8; 3],
    /// The bytes of it.
    pub payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The length of the part in front of the payload.
    pub const HEADER_LEN: usize = HEADER_LEN;

    /// Returns how long the entry is that begins with these bytes, header and checksum included; none if its payload
    /// would be longer than 16 MiB.
    pub fn len_of(header: &[u8; HEADER_LEN]) -> Option<usize> {
        let [.., a, b, c, d] = *header;
        let len = u32::from_le_bytes([a, b, c, d]);
        let len = Some(len).filter(|len| *len <= PAYLOAD_LEN_MAX)?;
        Some(HEADER_LEN + usize::try_from(len).ok()? + CRC_LEN)
    }

    /// Reads the insert that it is; none if it is something else or the payload doesn't fit its type.
    pub fn insert(&self) -> Option<Insert<'a>> {
        let (id, vector) = self.payload.split_first_chunk()?;
        let vector = match self.entry_type {
            0 => match vector.as_chunks() {
                (numbers, []) => Vector::F32(numbers),
                _ => return None,
            },
            1 => Vector::U8(vector),
            2 => Vector::Bits(vector),
            _ => return None,
        };
        Some(Insert { id: u64::from_le_bytes(*id), vector })
    }

    /// The length in the file.
    pub(super) fn len(&self) -> usize {
        HEADER_LEN + self.payload.len() + CRC_LEN
    }

    /// Reads and checks the entry that begins at `at`.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Result<Self, Error> {
        let (offset, found) = (at as u64, bytes.len() as u64);
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(header) = rest.first_chunk::<HEADER_LEN>() else {
            return Err(Error::Truncated {
                part: "the entry header",
                needs: offset + HEADER_LEN as u64,
                found,
            });
        };
        let Some(len) = Self::len_of(header) else {
            let [.., a, b, c, d] = *header;
            let count = u32::from_le_bytes([a, b, c, d]).into();
            let room = PAYLOAD_LEN_MAX.into();
            return Err(Error::Announced { what: "payload length", offset: offset + LEN_AT, count, room });
        };
        let Some((body, crc)) = rest.get(..len).and_then(<[u8]>::split_last_chunk) else {
            return Err(Error::Truncated { part: "the entry", needs: offset + len as u64, found });
        };
        let (expected, found) = (u32::from_le_bytes(*crc), crc32(body));
        if expected != found {
            return Err(Error::Checksum { offset, expected, found });
        }
        Ok(Self::new(offset, header, body))
    }

    /// The entry at `at`, which was checked before.
    pub(super) fn whole(bytes: &'a [u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let header = rest.first_chunk::<HEADER_LEN>()?;
        let body = rest.get(..Self::len_of(header)? - CRC_LEN)?;
        Some(Self::new(at as u64, header, body))
    }

    fn new(offset: u64, header: &[u8; HEADER_LEN], body: &'a [u8]) -> Self {
        let [s0, s1, s2, s3, s4, s5, s6, s7, entry_type, p0, p1, p2, ..] = *header;
        let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let payload = body.get(HEADER_LEN..).unwrap_or_default();
        Self { offset, sequence, entry_type, padding: [p0, p1, p2], payload }
    }
}
