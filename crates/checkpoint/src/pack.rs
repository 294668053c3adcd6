//! Packs: the states of many checkpoints in one object, FORMAT.md section 14.3.

mod read;
#[cfg(test)]
mod tests;

use std::{num::NonZeroUsize, ops::Range};

use keepstone_format::{Error as FormatError, Metadata, SectionId, SectionLayout, Writer};

pub(crate) use read::{Parts, Wanted, read, read_many};

use crate::{
    Error,
    form::PackPlace,
    id::Sequence,
    object::{Folder, is_number},
};

/// Where the payload begins in the object: the header, the head metadata with its checksum, the header of the section, and what is between.
pub(crate) const PAYLOAD_AT: u64 = 128;

/// Puts the bytes of states together, one behind the other.
#[derive(Debug)]
pub(crate) struct PackWriter {
    number: u64,
    store_id: [u8; 16],
    payload: Vec<u8>,
}

impl PackWriter {
    /// Begins a pack without a state.
    pub(crate) fn new(number: u64, store_id: [u8; 16]) -> Self {
        Self { number, store_id, payload: Vec::new() }
    }

    /// Takes the bytes of the state of one checkpoint, and says where they will be.
    pub(crate) fn add(&mut self, sequence: Sequence, bytes: &[u8]) -> PackPlace {
        let offset = PAYLOAD_AT + self.payload.len() as u64;
        self.payload.extend_from_slice(bytes);
        PackPlace { pack: self.number, offset, len: bytes.len() as u64, crc: crc_of(sequence, bytes) }
    }

    /// Bytes that were added.
    pub(crate) fn payload_len(&self) -> u64 {
        self.payload.len() as u64
    }

    /// The name of the object.
    pub(crate) fn name(&self) -> String {
        Folder::PACKS.name(self.number)
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// [`Error::Format`] for a number that no object has.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        self.encode().map_err(Folder::PACKS.failed(self.number))
    }

    fn encode(&self) -> Result<Vec<u8>, FormatError> {
        if !is_number(self.number) {
            return Err(FormatError::Misuse {
                what: "packs are numbered from 1 to 2^62; choose such a number",
            });
        }
        let options = Folder::PACKS.options(self.number, self.store_id);
        let mut writer = Writer::new(Vec::with_capacity(self.payload.len() + 512), options)?;
        writer.raw_from(SectionId::PACK, 0, &[&self.payload])?;
        let (bytes, _) = writer.finish(Metadata::new())?;
        // What the places rely on.
        debug_assert_eq!(verify(self.number, &self.store_id, &bytes).ok(), Some(self.range()));
        Ok(bytes)
    }

    fn range(&self) -> Range<u64> {
        PAYLOAD_AT..PAYLOAD_AT + self.payload_len()
    }
}

/// Checks every byte of a pack, and says where its payload is: all places are within.
///
/// # Errors
/// [`Error::Format`] for what is damaged, newer, or not the pack of that number and store.
pub(crate) fn verify(number: u64, store_id: &[u8; 16], bytes: &[u8]) -> Result<Range<u64>, Error> {
    check(number, store_id, bytes).map_err(Folder::PACKS.failed(number))
}

fn check(number: u64, store_id: &[u8; 16], bytes: &[u8]) -> Result<Range<u64>, FormatError> {
    let reader = Folder::PACKS.open(number, bytes, &[SectionId::PACK])?;
    let invalid = |rule| FormatError::Invalid { what: Folder::PACKS.what, rule, offset: 0 };
    if reader.header().store_id != *store_id {
        return Err(invalid("it is of another store"));
    }
    let section = reader.find(SectionId::PACK, 0)?;
    if section.layout() != SectionLayout::Raw || section.raw_offset() != Some(PAYLOAD_AT) {
        return Err(invalid("its payload doesn't begin at byte 128"));
    }
    reader.check_all(NonZeroUsize::MIN)?;
    Ok(PAYLOAD_AT..PAYLOAD_AT.saturating_add(section.decoded_len()))
}

/// The checksum of the bytes of one checkpoint: those of another one don't have it.
pub(crate) fn crc_of(sequence: Sequence, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.0.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
