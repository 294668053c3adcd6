use std::io::Write;

use super::Writer;
use crate::section::SectionLayout;
use crate::{Error, ReadAt, Reader, Section};

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
}
