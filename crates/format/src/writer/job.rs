use std::convert::Infallible;

use super::batch::CodedSection;
use super::pieces::Pieces;
use crate::chunk::{ChunkEntry, ChunkHeader};
use crate::codec::Encoder;
use crate::{Codec, Error, SectionId, SectionOptions};

/// A chunk that is to be encoded.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) id: SectionId,
    pub(super) instance: u32,
    pub(super) index: u32,
    pub(super) is_last: bool,
    pub(super) options: SectionOptions,
    /// They begin with the bytes of the chunk.
    pub(super) pieces: Pieces<'a>,
    /// Bytes of the chunk.
    pub(super) len: usize,
}

/// What one thread encodes with.
#[derive(Default)]
pub(super) struct Tools {
    encoder: Encoder,
    /// A chunk whose bytes are not in one piece.
    staging: Vec<u8>,
}

impl Job<'_> {
    /// Encodes the chunk to the start of `buffer` and returns its header; one that is stored as it is stays
    /// where it is.
    pub(super) fn encode(
        &self,
        epoch: u64,
        tools: &mut Tools,
        buffer: &mut Vec<u8>,
    ) -> Result<ChunkHeader, Error> {
        if self.options.is_verbatim() {
            return Ok(self.header_as_it_is(epoch));
        }
        let Tools { encoder, staging } = tools;
        let chunk = match self.pieces.clone().take_contiguous(self.len) {
            Some(chunk) => chunk,
            None => self.stage(staging)?,
        };
        let Some(entry) = encoder.encode(self.options, chunk, buffer)? else {
            return Ok(self.header_as_it_is(epoch));
        };
        let mut header = self.header(entry);
        let payload = buffer.get(..entry.stored_len()).unwrap_or_default();
        header.entry.payload_crc = header.seed(epoch).crc(payload);
        Ok(header)
    }

    /// Brings the bytes of the chunk together.
    fn stage<'s>(&self, staging: &'s mut Vec<u8>) -> Result<&'s [u8], Error> {
        staging.clear();
        let no_memory = |_| Error::OutOfMemory { what: "chunk", bytes: self.len as u64 };
        staging.try_reserve_exact(self.len).map_err(no_memory)?;
        let Ok(()) = self.pieces.clone().take(self.len, |slice| {
            staging.extend_from_slice(slice);
            Ok::<(), Infallible>(())
        });
        Ok(staging)
    }

    fn header_as_it_is(&self, epoch: u64) -> ChunkHeader {
        let len = u32::try_from(self.len).expect("a chunk has at most CHUNK_LEN bytes");
        let mut header = self.header(ChunkEntry::new(len, len, 0, Codec::None.id()));
        let mut hasher = header.seed(epoch).hasher();
        let Ok(()) = self.pieces.clone().take(self.len, |slice| {
            hasher.update(slice);
            Ok::<(), Infallible>(())
        });
        header.entry.payload_crc = hasher.finalize();
        header
    }

    /// The header without the checksum of the payload.
    fn header(&self, entry: ChunkEntry) -> ChunkHeader {
        let Self { id, instance, index, is_last, .. } = *self;
        ChunkHeader { id, instance, index, is_last, entry }
    }
}

/// The chunks of some sections, in the order in which they stand in the file.
#[derive(Debug)]
pub(super) struct Jobs<'a> {
    sections: &'a [CodedSection<'a>],
    /// The section whose chunks come next.
    begun: Option<Begun<'a>>,
}

#[derive(Debug)]
struct Begun<'a> {
    section: CodedSection<'a>,
    pieces: Pieces<'a>,
    left: u64,
    index: u32,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(sections: &'a [CodedSection<'a>]) -> Self {
        Self { sections, begun: None }
    }
}

impl<'a> Iterator for Jobs<'a> {
    type Item = Job<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.begun.is_none() {
            let (section, rest) = self.sections.split_first()?;
            self.sections = rest;
            let pieces = Pieces::new(section.pieces);
            self.begun = Some(Begun { section: *section, left: pieces.len(), pieces, index: 0 });
        }
        let mut begun = self.begun.take()?;
        let len = begun.left.min(begun.section.options.chunk_len.into());
        begun.left -= len;
        let is_last = begun.left == 0;
        let len = usize::try_from(len).expect("a chunk has at most CHUNK_LEN bytes");
        let CodedSection { id, instance, options, .. } = begun.section;
        let (index, pieces) = (begun.index, begun.pieces.clone());
        if !is_last {
            begun.pieces.skip(len);
            begun.index = index.saturating_add(1);
            self.begun = Some(begun);
        }
        Some(Job { id, instance, index, is_last, options, pieces, len })
    }
}
