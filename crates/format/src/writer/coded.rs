use std::io::{self, Write};

use super::Writer;
use super::batch::CodedSection;
use super::job::Job;
use super::pieces::Pieces;
use crate::section::SectionLayout;
use crate::{Error, SectionId, SectionOptions};

impl<W: Write> Writer<W> {
    /// Writes a coded section whose bytes are those of `pieces`, one behind the other.
    ///
    /// Without a codec the pieces are summed and written from where they are, chunk by chunk. With
    /// [`WriterOptions::threads`](crate::WriterOptions::threads) a long section is encoded by several threads; several sections are
    /// better written by one call of [`Writer::coded_all`].
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
        self.coded_all(&[CodedSection { id, instance, pieces, options }])
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

    /// Writes the next chunk of the section that is open.
    fn put_chunk(&mut self, options: SectionOptions, bytes: &[u8], is_last: bool) -> Result<(), Error> {
        let open = self.open.ok_or(Error::Poisoned)?;
        let (id, instance, index) = (open.id, open.instance, open.chunk_count);
        let (pieces, len) = (Pieces::one(bytes), bytes.len());
        self.put_alone(&Job { id, instance, index, is_last, options, pieces, len })
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
        self.put_staged(true)
    }

    /// Takes all of `bytes`. After an error the section can't be finished.
    pub(super) fn put_all(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.take_some(bytes).inspect_err(|_| self.has_failed = true)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn put_staged(&mut self, is_last: bool) -> Result<(), Error> {
        let mut staging = std::mem::take(&mut self.writer.staging);
        let result = self.writer.put_chunk(self.options, &staging, is_last);
        staging.clear();
        self.writer.staging = staging;
        result
    }

    fn take_some(&mut self, buf: &[u8]) -> Result<usize, Error> {
        let chunk_len = usize::try_from(self.options.chunk_len).unwrap_or(usize::MAX);
        // A full chunk waits for the next byte: only then it is known not to be the last.
        if self.writer.staging.len() == chunk_len && !buf.is_empty() {
            self.put_staged(false)?;
        }
        if self.writer.staging.is_empty()
            && let Some((chunk, rest)) = buf.split_at_checked(chunk_len)
            && !rest.is_empty()
        {
            self.writer.put_chunk(self.options, chunk, false)?;
            return Ok(chunk.len());
        }
        let room = chunk_len - self.writer.staging.len();
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
