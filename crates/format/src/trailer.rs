use crate::wire::{Input, Record};
use crate::{Error, crc32};

/// The last bytes of every container.
const END_MAGIC: [u8; 8] = *b"KEEPEND\n";

/// The last 64 bytes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) footer_offset: u64,
    pub(crate) section_count: u32,
    pub(crate) chunk_count: u32,
    pub(crate) tail_len: u32,
    pub(crate) container_len: u64,
    pub(crate) epoch: u64,
    pub(crate) container_crc: u64,
}

impl Trailer {
    pub(crate) const LEN: usize = 64;
    /// Bytes that the container CRC covers.
    pub(crate) const COVERED: usize = 40;

    /// Encodes the trailer; `digest` covers all that the container CRC covers before it.
    /// Returns the container CRC as well.
    pub(crate) fn encode(&self, mut digest: crc64fast::Digest) -> ([u8; Self::LEN], u64) {
        let record = Record::<{ Self::LEN }>::new()
            .put(self.footer_offset.to_le_bytes())
            .put(self.section_count.to_le_bytes())
            .put(self.chunk_count.to_le_bytes())
            .put(self.tail_len.to_le_bytes())
            .put([0; 4])
            .put(self.container_len.to_le_bytes())
            .put(self.epoch.to_le_bytes());
        debug_assert_eq!(
            record.so_far().len(),
            Self::COVERED,
            "the container CRC covers what stands before it"
        );
        digest.write(record.so_far());
        let container_crc = digest.sum64();
        let record = record.put(container_crc.to_le_bytes()).put([0; 4]);
        let crc = crc32(record.so_far());
        (record.put(crc.to_le_bytes()).put(END_MAGIC).finish(), container_crc)
    }

    /// Decodes the trailer of a source of `len` bytes.
    pub(crate) fn decode(bytes: &[u8; Self::LEN], len: u64) -> Result<Self, Error> {
        let offset = len.saturating_sub(Self::LEN as u64);
        if !bytes.ends_with(&END_MAGIC) {
            return Err(Error::NoEndMark { len });
        }
        let mut input = Input::at("trailer", bytes, offset);
        let start = input.clone();
        let covered: [u8; 52] = input.array()?;
        let (expected, found) = (input.u32()?, crc32(&covered));
        if expected != found {
            let (expected, found) = (expected.into(), found.into());
            return Err(Error::Checksum { what: "trailer", offset, expected, found });
        }
        let mut input = start.clone();
        let (footer_offset, section_count, chunk_count) = (input.u64()?, input.u32()?, input.u32()?);
        let tail_len = input.u32()?;
        input.zeros(4)?;
        let (container_len, epoch, container_crc) = (input.u64()?, input.u64()?, input.u64()?);
        input.zeros(4)?;
        if container_len != len {
            return Err(start.invalid("the container's length is not that of the file"));
        }
        Ok(Self { footer_offset, section_count, chunk_count, tail_len, container_len, epoch, container_crc })
    }
}
