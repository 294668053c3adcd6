use std::io::{self, Write};

use super::Writer;
use super::pieces::Pieces;
use crate::chunk::ChunkEntry;
use crate::limits::CHUNK_LEN;
use crate::section::SectionLayout;
use crate::{Codec, Error, SectionId, SectionOptions};

const CHUNK_BYTES: usize = CHUNK_LEN as usize;

impl<W: Write> Writer<W> {
    /// Writes a coded section whose bytes are those of `pieces`, one behind the other.
    ///
    /// Without a codec the pieces are summed and written from where they are, chunk by chunk.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateSection`], [`Error::Limit`], [`Error::Poisoned`], [`Error::Io`].
    pub fn coded_from(&mut self, id: SectionId, instance: u32, pieces: &[&[u8]]) -> Result<(), Error> {
        self.coded_from_with(id, instance, pieces, self.section_options)
    }

    /// Writes a coded section like [`Writer::coded_from`], with options of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::coded_from`], [`Error::CodecNotBuilt`], and [`Error::Misuse`] for options that
    /// nothing can be written with; after these two the writer goes on as if it had not been asked.
    pub fn coded_from_with(
        &mut self,
        id: SectionId,
        instance: u32,
        pieces: &[&[u8]],
        options: SectionOptions,
    ) -> Result<(), Error> {
        options.check()?;
        self.open_section(id, instance, SectionLayout::Coded)?;
        let mut pieces = Pieces::new(pieces);
        let mut left = pieces.len();
        loop {
            let len = left.min(CHUNK_LEN.into());
            left -= len;
            self.put_chunk(options, &mut pieces, len, left == 0)?;
            if left == 0 {
                break;
            }
        }
        self.close_section();
        Ok(())
    }

    /// Starts a coded section whose bytes are written to what is returned.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateSection`], [`Error::Limit`], [`Error::Poisoned`].
    pub fn coded(&mut self, id: SectionId, instance: u32) -> Result<CodedWriter<'_, W>, Error> {
        self.coded_with(id, instance, self.section_options)
    }

    /// Starts a coded section like [`Writer::coded`], with options of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::coded`], [`Error::CodecNotBuilt`], and [`Error::Misuse`] for options that nothing
    /// can be written with; after these two the writer goes on as if it had not been asked.
    pub fn coded_with(
        &mut self,
        id: SectionId,
        instance: u32,
        options: SectionOptions,
    ) -> Result<CodedWriter<'_, W>, Error> {
        options.check()?;
        self.open_section(id, instance, SectionLayout::Coded)?;
        self.staging.clear();
        Ok(CodedWriter { writer: self, options, has_failed: false })
    }

    fn put_chunk(
        &mut self,
        options: SectionOptions,
        pieces: &mut Pieces<'_>,
        len: u64,
        is_last: bool,
    ) -> Result<(), Error> {
        let len = usize::try_from(len).expect("a chunk has at most CHUNK_LEN bytes");
        if options.is_verbatim() {
            return self.put_stored(pieces, len, is_last);
        }
        if let Some(chunk) = pieces.take_contiguous(len) {
            return self.put_encoded(options, chunk, is_last);
        }
        let mut staging = std::mem::take(&mut self.staging);
        staging.clear();
        let Ok(()) = pieces.take(len, |slice| {
            staging.extend_from_slice(slice);
            Ok::<(), std::convert::Infallible>(())
        });
        let result = self.put_encoded(options, &staging, is_last);
        self.staging = staging;
        result
    }

    /// Writes one chunk with filter and codec, or without where that is not longer.
    fn put_encoded(&mut self, options: SectionOptions, chunk: &[u8], is_last: bool) -> Result<(), Error> {
        // The payload lies in the encoder, which is put back behind it.
        let mut encoder = std::mem::take(&mut self.encoder);
        let result = match encoder.encode(options, chunk) {
            Ok(Some((entry, payload))) => {
                self.next_header(entry, is_last).and_then(|header| self.put_payload(header, payload))
            }
            Ok(None) => self.put_stored(&mut Pieces::new(&[chunk]), chunk.len(), is_last),
            Err(error) => Err(error),
        };
        self.encoder = encoder;
        result
    }

    /// Writes one chunk as it is: one pass over the pieces for the checksum, one to hand them on.
    fn put_stored(&mut self, pieces: &mut Pieces<'_>, len: usize, is_last: bool) -> Result<(), Error> {
        let entry = ChunkEntry::new(chunk_len(len), chunk_len(len), 0, Codec::None.id());
        let mut header = self.next_header(entry, is_last)?;
        let mut hasher = header.seed(self.epoch).hasher();
        pieces.clone().take(len, |slice| {
            hasher.update(slice);
            Ok::<(), Error>(())
        })?;
        header.entry.payload_crc = hasher.finalize();
        self.out.put(&header.encode(self.epoch))?;
        pieces.take(len, |slice| self.out.put(slice))?;
        self.out.pad(8)?;
        self.push_chunk(header.entry)
    }
}

/// Writes the bytes of one coded section. Ends with [`CodedWriter::finish`]; without it the container is
/// unfinished.
///
/// ```
/// use std::io::Write;
/// use keepstone_format::{Codec, FileKind, Metadata, SectionId, Writer, WriterOptions};
///
/// let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
/// let mut section = writer.coded(SectionId::BYTES, 0)?;
/// write!(section, "as it comes")?;
/// section.finish()?;
/// let (bytes, _) = writer.finish(Metadata::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CodedWriter<'w, W> {
    writer: &'w mut Writer<W>,
    options: SectionOptions,
    has_failed: bool,
}

impl<W: Write> CodedWriter<'_, W> {
    /// Ends the section.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] when a write failed, [`Error::Limit`], [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        if self.has_failed {
            return Err(Error::Poisoned);
        }
        self.put_staged(true)?;
        self.writer.close_section();
        Ok(())
    }

    fn put_staged(&mut self, is_last: bool) -> Result<(), Error> {
        let mut staging = std::mem::take(&mut self.writer.staging);
        let result = self.writer.put_encoded(self.options, &staging, is_last);
        staging.clear();
        self.writer.staging = staging;
        result
    }

    fn take_some(&mut self, buf: &[u8]) -> Result<usize, Error> {
        // A full chunk waits for the next byte: only then it is known not to be the last.
        if self.writer.staging.len() == CHUNK_BYTES && !buf.is_empty() {
            self.put_staged(false)?;
        }
        if self.writer.staging.is_empty()
            && let Some((chunk, rest)) = buf.split_at_checked(CHUNK_BYTES)
            && !rest.is_empty()
        {
            self.writer.put_encoded(self.options, chunk, false)?;
            return Ok(chunk.len());
        }
        let room = CHUNK_BYTES - self.writer.staging.len();
        let taken = buf.get(..room).unwrap_or(buf);
        self.writer.staging.extend_from_slice(taken);
        Ok(taken.len())
    }
}

impl<W: Write> Write for CodedWriter<'_, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(Error::Poisoned.into_io());
        }
        let result = self.take_some(buf);
        self.has_failed = result.is_err();
        result.map_err(Error::into_io)
    }

    /// Does nothing: bytes wait until their chunk is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W> std::fmt::Debug for CodedWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodedWriter").field("writer", &self.writer).finish_non_exhaustive()
    }
}

fn chunk_len(len: usize) -> u32 {
    u32::try_from(len).expect("a chunk has at most CHUNK_LEN bytes")
}
