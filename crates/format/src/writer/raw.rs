use std::io::{self, Write};

use super::Writer;
use crate::checksum::Seed;
use crate::chunk::{ChunkEntry, RawHeader};
use crate::limits::CHUNK_LEN;
use crate::section::SectionLayout;
use crate::{Codec, Error, SectionId};

/// The chunk index that seeds the checksum of the array of checksums.
pub(crate) const ARRAY_INDEX: u32 = u32::MAX;

impl<W: Write> Writer<W> {
    /// Starts a raw section of `len` bytes, which are written to what is returned.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateSection`], [`Error::Limit`], [`Error::Poisoned`], [`Error::Io`].
    pub fn raw(&mut self, id: SectionId, instance: u32, len: u64) -> Result<RawWriter<'_, W>, Error> {
        let pieces = len.div_ceil(CHUNK_LEN.into());
        let needs = self.tables.chunks.len() as u64 + pieces;
        if needs > u32::MAX.into() {
            return Err(Error::Limit { what: "chunks of a container", needs, allowed: u32::MAX.into() });
        }
        self.open_section(id, instance, SectionLayout::Raw)?;
        self.out.put(&RawHeader { id, instance, len }.encode(self.epoch))?;
        self.out.pad(64)?;
        let seed = Seed { epoch: self.epoch, id: id.0, instance, index: 0 };
        Ok(RawWriter {
            writer: self,
            seed,
            hasher: seed.hasher(),
            piece_len: 0,
            left: len,
            has_failed: false,
        })
    }

    /// Writes a raw section whose bytes are those of `pieces`, one behind the other.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::raw`].
    pub fn raw_from(&mut self, id: SectionId, instance: u32, pieces: &[&[u8]]) -> Result<(), Error> {
        let len = pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut section = self.raw(id, instance, len)?;
        for piece in pieces {
            section.put_all(piece)?;
        }
        section.finish()
    }
}

/// Writes the bytes of one raw section. Ends with [`RawWriter::finish`]; without it the container is
/// unfinished.
pub struct RawWriter<'w, W> {
    writer: &'w mut Writer<W>,
    seed: Seed,
    hasher: crc32fast::Hasher,
    piece_len: u32,
    left: u64,
    has_failed: bool,
}

impl<W: Write> RawWriter<'_, W> {
    /// Ends the section.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] when fewer bytes were written than announced, [`Error::Poisoned`] when a write
    /// failed, [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        if self.has_failed {
            return Err(Error::Poisoned);
        }
        if self.left > 0 {
            return Err(Error::Misuse {
                what: "a raw section ends before its length; write as many bytes as were announced",
            });
        }
        if self.piece_len > 0 {
            self.end_piece()?;
        }
        let writer = self.writer;
        writer.out.pad(8)?;
        let mut array_hasher = Seed { index: ARRAY_INDEX, ..self.seed }.hasher();
        let first = writer.open.and_then(|open| usize::try_from(open.first_chunk).ok()).unwrap_or_default();
        let pieces = writer.tables.chunks.get(first..).unwrap_or_default();
        let mut array: Vec<u8> = pieces.iter().flat_map(|piece| piece.payload_crc.to_le_bytes()).collect();
        array_hasher.update(&array);
        array.extend_from_slice(&array_hasher.finalize().to_le_bytes());
        writer.out.put(&array)?;
        writer.out.pad(8)?;
        writer.close_section();
        Ok(())
    }

    pub(super) fn put_all(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.take_some(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes bytes up to the end of the piece.
    fn take_some(&mut self, buf: &[u8]) -> Result<usize, Error> {
        if buf.len() as u64 > self.left {
            return Err(Error::Misuse {
                what: "a raw section goes on behind its length; write as many bytes as were announced",
            });
        }
        let room = usize::try_from(CHUNK_LEN - self.piece_len).expect("a piece fits into memory");
        let taken = buf.get(..room).unwrap_or(buf);
        self.hasher.update(taken);
        self.writer.out.put(taken)?;
        self.left -= taken.len() as u64;
        self.piece_len += u32::try_from(taken.len()).expect("a slice of at most CHUNK_LEN");
        if self.piece_len == CHUNK_LEN {
            self.end_piece()?;
        }
        Ok(taken.len())
    }

    fn end_piece(&mut self) -> Result<(), Error> {
        self.seed.index += 1;
        let crc = std::mem::replace(&mut self.hasher, self.seed.hasher()).finalize();
        let entry = ChunkEntry::new(self.piece_len, self.piece_len, crc, Codec::None.id());
        self.piece_len = 0;
        self.writer.push_chunk(entry)
    }
}

impl<W: Write> Write for RawWriter<'_, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(Error::Poisoned.into_io());
        }
        let result = self.take_some(buf);
        self.has_failed = result.is_err();
        result.map_err(Error::into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.out.inner.flush()
    }
}

impl<W> std::fmt::Debug for RawWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawWriter")
            .field("writer", &self.writer)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
