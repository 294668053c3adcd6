use crate::checksum::{Seed, frame_crc};
use crate::limits::CHUNK_LEN_MAX;
use crate::wire::{Input, Record, pad};
use crate::{Error, SectionId, filter};

const LAST: u8 = 1;

/// What a container's chunk table says of one chunk, or of one piece of a raw section.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkEntry {
    /// Bytes of payload in the file.
    pub stored_len: u32,
    /// Bytes that the payload decodes to.
    pub decoded_len: u32,
    /// CRC-32 of the chunk's seed and stored payload.
    pub payload_crc: u32,
    /// The codec's number.
    pub codec: u8,
    /// The filter's number.
    pub filter: u8,
    /// The filter's parameter.
    pub filter_parameter: u16,
}

impl ChunkEntry {
    /// Bytes of an entry.
    pub(crate) const LEN: usize = 16;

    /// An entry of a chunk or piece without a filter.
    pub(crate) fn new(stored_len: u32, decoded_len: u32, payload_crc: u32, codec: u8) -> Self {
        Self { stored_len, decoded_len, payload_crc, codec, filter: 0, filter_parameter: 0 }
    }

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        Record::new()
            .put(self.stored_len.to_le_bytes())
            .put(self.decoded_len.to_le_bytes())
            .put(self.payload_crc.to_le_bytes())
            .put([self.codec, self.filter])
            .put(self.filter_parameter.to_le_bytes())
            .finish()
    }

    pub(crate) fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        let start = input.clone();
        let entry = Self {
            stored_len: input.u32()?,
            decoded_len: input.u32()?,
            payload_crc: input.u32()?,
            codec: input.u8()?,
            filter: input.u8()?,
            filter_parameter: input.u16()?,
        };
        match entry.broken_rule() {
            Some(rule) => Err(start.invalid(rule)),
            None => Ok(entry),
        }
    }

    /// The rules of one chunk by itself, which the table and the chunk's header share.
    fn broken_rule(&self) -> Option<&'static str> {
        if self.decoded_len > CHUNK_LEN_MAX {
            Some("a chunk decodes to more than 2^24 bytes")
        } else if self.codec == 0 && self.stored_len != self.decoded_len {
            Some("a chunk without a codec has two lengths")
        } else if self.codec != 0 && self.stored_len >= self.decoded_len {
            Some("a chunk with a codec is not smaller than its content")
        } else if self.filter == 0 && self.filter_parameter != 0 {
            Some("a chunk without a filter has a filter parameter")
        } else if filter::is_parameter_wrong(self.filter, self.filter_parameter) {
            Some("a byte shuffle has an element of fewer than 2 or more than 255 bytes")
        } else {
            None
        }
    }

    /// Whether the payload is what it decodes to.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.codec == 0 && self.filter == 0
    }

    pub(crate) fn decoded_len(&self) -> usize {
        usize::try_from(self.decoded_len).expect("a chunk has at most CHUNK_LEN_MAX bytes")
    }

    pub(crate) fn stored_len(&self) -> usize {
        usize::try_from(self.stored_len).expect("a payload is not longer than its chunk")
    }

    /// Bytes of the chunk in the file: header, payload and padding.
    pub(crate) fn span(&self) -> u64 {
        let end = ChunkHeader::LEN as u64 + u64::from(self.stored_len);
        end + pad(end, 8)
    }
}

/// What stands before the payload of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkHeader {
    pub(crate) id: SectionId,
    pub(crate) instance: u32,
    pub(crate) index: u32,
    pub(crate) is_last: bool,
    pub(crate) entry: ChunkEntry,
}

impl ChunkHeader {
    pub(crate) const LEN: usize = 40;
    pub(crate) const MAGIC: [u8; 4] = *b"KCHK";

    pub(crate) fn seed(&self, epoch: u64) -> Seed {
        Seed { epoch, id: self.id.0, instance: self.instance, index: self.index }
    }

    pub(crate) fn encode(&self, epoch: u64) -> [u8; Self::LEN] {
        let entry = &self.entry;
        debug_assert_eq!(entry.broken_rule(), None, "a writer keeps the rules of chunks");
        let record = Record::<{ Self::LEN }>::new()
            .put(Self::MAGIC)
            .put(self.id.0.to_le_bytes())
            .put(self.instance.to_le_bytes())
            .put(self.index.to_le_bytes())
            .put([entry.codec, entry.filter, if self.is_last { LAST } else { 0 }, 0])
            .put(entry.stored_len.to_le_bytes())
            .put(entry.decoded_len.to_le_bytes())
            .put(entry.filter_parameter.to_le_bytes())
            .put([0; 2])
            .put(entry.payload_crc.to_le_bytes());
        let crc = frame_crc(epoch, record.so_far());
        record.put(crc.to_le_bytes()).finish()
    }

    /// Decodes the header at the start of `bytes`, which stand at `offset`.
    pub(crate) fn decode(bytes: &[u8], epoch: u64, offset: u64) -> Result<Self, Error> {
        let mut input = Input::at("chunk header", bytes, offset);
        let start = input.clone();
        check_frame(&mut input.clone(), Self::MAGIC, "chunk header", epoch)?;
        input.take(Self::MAGIC.len())?;
        let (id, instance, index) = (SectionId(input.u32()?), input.u32()?, input.u32()?);
        let (codec, filter, flags) = (input.u8()?, input.u8()?, input.u8()?);
        input.zeros(1)?;
        let (stored_len, decoded_len, filter_parameter) = (input.u32()?, input.u32()?, input.u16()?);
        input.zeros(2)?;
        let payload_crc = input.u32()?;
        if flags & !LAST != 0 {
            return Err(start.invalid("a chunk has unknown flags"));
        }
        let entry = ChunkEntry { stored_len, decoded_len, payload_crc, codec, filter, filter_parameter };
        match entry.broken_rule() {
            Some(rule) => Err(start.invalid(rule)),
            None => Ok(Self { id, instance, index, is_last: flags == LAST, entry }),
        }
    }
}

/// What stands before the payload of a raw section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawHeader {
    pub(crate) id: SectionId,
    pub(crate) instance: u32,
    pub(crate) len: u64,
}

impl RawHeader {
    pub(crate) const LEN: usize = 40;
    pub(crate) const MAGIC: [u8; 4] = *b"KRAW";

    pub(crate) fn encode(&self, epoch: u64) -> [u8; Self::LEN] {
        let record = Record::<{ Self::LEN }>::new()
            .put(Self::MAGIC)
            .put(self.id.0.to_le_bytes())
            .put(self.instance.to_le_bytes())
            .put([0; 4])
            .put(self.len.to_le_bytes())
            .put([0; 12]);
        let crc = frame_crc(epoch, record.so_far());
        record.put(crc.to_le_bytes()).finish()
    }

    /// Decodes the header at the start of `bytes`, which stand at `offset`.
    pub(crate) fn decode(bytes: &[u8], epoch: u64, offset: u64) -> Result<Self, Error> {
        let mut input = Input::at("raw section header", bytes, offset);
        check_frame(&mut input.clone(), Self::MAGIC, "raw section header", epoch)?;
        input.take(Self::MAGIC.len())?;
        let (id, instance) = (SectionId(input.u32()?), input.u32()?);
        input.zeros(4)?;
        let len = input.u64()?;
        input.zeros(12)?;
        Ok(Self { id, instance, len })
    }
}

/// Checks the magic and the CRC of a header of 36 bytes and their CRC.
fn check_frame(input: &mut Input<'_>, magic: [u8; 4], what: &'static str, epoch: u64) -> Result<(), Error> {
    let start = input.clone();
    let fields: [u8; 36] = input.array()?;
    if !fields.starts_with(&magic) {
        return Err(start.invalid("the magic of a chunk or raw section is not there"));
    }
    let (expected, found) = (input.u32()?, frame_crc(epoch, &fields));
    if expected == found {
        return Ok(());
    }
    Err(Error::Checksum { what, offset: start.offset(), expected: expected.into(), found: found.into() })
}
