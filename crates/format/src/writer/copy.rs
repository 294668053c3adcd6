use std::io::Write;

use super::Writer;
use crate::section::SectionLayout;
use crate::{Codec, Error, Filter, ReadAt, Reader, Section};

impl<W: Write> Writer<W> {
    /// Writes a section of another container without decoding it: payloads, codecs and filters stay, the
    /// headers and checksums become those of this container. So it needs no codec, and keeps what this
    /// build doesn't know.
    ///
    /// Each payload is checked on the way. A damaged section poisons this writer: where that may be,
    /// [verify](Reader::verify) first.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a section of another container than `reader`'s, [`Error::DuplicateSection`],
    /// [`Error::Poisoned`]; [`Error::Checksum`] or [`Error::Invalid`] when the section is damaged;
    /// [`Error::Limit`], [`Error::Io`].
    pub fn copy_section<R: ReadAt>(&mut self, reader: &Reader<R>, section: &Section) -> Result<(), Error> {
        let mut chunks = reader.chunks(section)?;
        if section.layout == SectionLayout::Raw {
            let mut raw = self.raw(section.id, section.instance, section.decoded_len)?;
            while let Some((_, piece)) = chunks.next_stored()? {
                raw.put_all(piece)?;
            }
            return raw.finish();
        }
        self.open_section(section.id, section.instance, SectionLayout::Coded)?;
        let mut left = section.chunk_count;
        while let Some((entry, payload)) = chunks.next_stored()? {
            left = left.saturating_sub(1);
            let header = self.next_header(entry, left == 0)?;
            self.put_payload(header, payload)?;
        }
        self.close_section();
        Ok(())
    }

    /// Writes a section of another container as this container has its own: decoded, and encoded with the codec and level of
    /// [`Writer::section_options`]. The filter that it had stays, where there is a codec that it helps.
    ///
    /// Raw sections, which have no codec, are written as [`Writer::copy_section`] does. So are ancillary ones: what is
    /// skipped by whoever doesn't know it is nothing to touch either.
    ///
    /// Chunk by chunk: it takes the memory of one, at most 16 MiB, and [`Limits::decoded_max`](crate::Limits::decoded_max) doesn't
    /// count. Each is checked on the way. A damaged section, or one that this build can't decode, poisons this writer: where
    /// that may be, [verify](Reader::verify) first.
    ///
    /// ```
    /// use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};
    ///
    /// let options = WriterOptions::new(FileKind::SAVE).codec(Codec::Lz4);
    /// let mut writer = Writer::new(Vec::new(), options)?;
    /// writer.coded_from(SectionId::BYTES, 0, &[&[7; 1000]])?;
    /// let (packed, _) = writer.finish(Metadata::new())?;
    /// let reader = Reader::open(&packed[..], Limits::default())?;
    ///
    /// let mut writer = Writer::new(Vec::new(), WriterOptions::of(&reader).codec(Codec::None))?;
    /// for section in reader.sections() {
    ///     writer.recode_section(&reader, section)?;
    /// }
    /// let (plain, _) = writer.finish(reader.tail().clone())?;
    /// assert!(plain.windows(1000).any(|bytes| bytes == [7; 1000]));
    /// # Ok::<(), keepstone_format::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Writer::copy_section`]; [`Error::Codec`], [`Error::CodecNotBuilt`], [`Error::UnknownCodec`] or
    /// [`Error::UnknownFilter`] when a chunk can't be decoded.
    pub fn recode_section<R: ReadAt>(&mut self, reader: &Reader<R>, section: &Section) -> Result<(), Error> {
        if section.layout == SectionLayout::Raw || section.id.is_ancillary() {
            return self.copy_section(reader, section);
        }
        let mut chunks = reader.chunks(section)?;
        let options = match self.section_options {
            options if options.codec == Codec::None => options,
            options => options.filter(filter_of(reader, section)),
        };
        let mut coded = self.coded_with(section.id, section.instance, options)?;
        while let Some(chunk) = chunks.next_chunk()? {
            coded.put_all(chunk)?;
        }
        coded.finish()
    }
}

/// The filter of a section. Not all of its chunks may say it: one that its codec didn't make smaller has none.
fn filter_of<R: ReadAt>(reader: &Reader<R>, section: &Section) -> Filter {
    let entries = reader.chunk_entries(section).iter();
    let mut filters = entries.filter_map(|entry| Filter::from_parts(entry.filter, entry.filter_parameter));
    filters.find(|filter| *filter != Filter::None).unwrap_or_default()
}
