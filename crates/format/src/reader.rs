mod chunks;
mod ends;
mod load;
mod many;
mod verify;

use std::borrow::Cow;

use crate::chunk::ChunkEntry;
use crate::codec::Decoders;
use crate::head::Head;
use crate::limits::{SECTIONS_MAX, TAIL_LEN_MAX};
use crate::metadata::TAIL;
use crate::section::{Names, Section, SectionLayout, Tables};
use crate::trailer::Trailer;
use crate::wire::{Input, pad};
use crate::{Error, Header, Limits, Metadata, ReadAt, SectionId};

pub use chunks::Chunks;
use ends::Ends;
pub use verify::VerifyReport;

/// What errors call a footer that is too long.
pub(crate) const TABLES_LIMIT: &str =
    "bytes of a container's tables (raise Limits::decoded_max if the source is trusted)";

/// Reads one container from anything that can be read anywhere.
///
/// Opening checks everything but the chunk headers and payloads; reading a section checks those of the
/// section, and [`Reader::verify`] all of them. Of a source that doesn't lend its bytes, opening reads the
/// first 8 KiB and the last 4 KiB in one go each and keeps them: sections that lie in them cost no read.
///
/// What a hostile file can cost is bounded by [`Limits`]: a length is compared with the bytes that are
/// there and with its limit before memory is reserved for it.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    ends: Ends,
    limits: Limits,
    head: Head,
    tail: Metadata,
    trailer: Trailer,
    tables: Tables,
    names: Names,
    decoders: Decoders,
}

impl<R: ReadAt> Reader<R> {
    /// Opens the container that is the whole of `source`.
    ///
    /// # Errors
    ///
    /// Those of [`Head::read`]; [`Error::NoEndMark`] when the end is missing, [`Error::Checksum`],
    /// [`Error::Invalid`], [`Error::Truncated`] or [`Error::Limit`] for the footer; [`Error::Io`].
    pub fn open(source: R, limits: Limits) -> Result<Self, Error> {
        let mut ends = Ends::read_front(&source)?;
        let first_len = usize::try_from(source.len()).unwrap_or(usize::MAX).min(Head::LEN_MAX);
        let head = Head::read(ends.lend(&source, 0, first_len).unwrap_or_default())?;
        check_len(&source, &head.header)?;
        ends.read_back(&source, Trailer::LEN)?;
        let trailer = read_trailer(&source, &ends, &head.header, &limits)?;
        let (tail, tables, names) = read_footer(&source, &ends, &head.header, &trailer)?;
        Ok(Self { source, ends, limits, head, tail, trailer, tables, names, decoders: Decoders::default() })
    }

    /// Returns the header.
    pub fn header(&self) -> &Header {
        &self.head.header
    }

    /// Returns the head metadata.
    pub fn head(&self) -> &Metadata {
        &self.head.metadata
    }

    /// Returns the tail metadata.
    pub fn tail(&self) -> &Metadata {
        &self.tail
    }

    /// Returns the sections in file order.
    pub fn sections(&self) -> &[Section] {
        &self.tables.sections
    }

    /// Returns the length of the container.
    pub fn bytes(&self) -> u64 {
        self.trailer.container_len
    }

    /// Returns the CRC-64 that covers, directly or through other checksums, every byte.
    pub fn container_crc(&self) -> u64 {
        self.trailer.container_crc
    }

    /// Returns the limits that it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads on from another source of the same bytes, such as memory that [`Reader::load`] has filled.
    ///
    /// What was checked is not checked again. If the bytes are others, what is read from them is wrong or
    /// an error, as with a damaged container.
    pub fn with_source<S: ReadAt>(self, source: S) -> Reader<S> {
        let Self { ends, limits, head, tail, trailer, tables, names, decoders, .. } = self;
        Reader { source, ends, limits, head, tail, trailer, tables, names, decoders }
    }

    /// Returns the source inside.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Returns the source inside.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// Finds a section.
    ///
    /// # Errors
    ///
    /// [`Error::MissingSection`] when it is not there.
    pub fn find(&self, id: SectionId, instance: u32) -> Result<&Section, Error> {
        let section = self.names.index(id, instance).and_then(|index| self.tables.sections.get(index));
        section.ok_or(Error::MissingSection { id, instance })
    }

    /// Returns what the chunk table says of a section's chunks or pieces, in order; nothing for a section
    /// of another container.
    pub fn chunk_entries(&self, section: &Section) -> &[ChunkEntry] {
        self.tables.chunks_of(section).unwrap_or_default()
    }

    /// Goes through the chunks of a section, or the pieces of a raw one, checking and decoding each.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a section of another container.
    pub fn chunks(&self, section: &Section) -> Result<Chunks<'_, R>, Error> {
        self.check_own(section)?;
        Ok(Chunks::new(self, *section))
    }

    /// Appends the decoded bytes of a section to `out`; on an error `out` is as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when the section decodes to more than [`Limits::decoded_max`];
    /// [`Error::Checksum`], [`Error::Invalid`] or [`Error::Codec`] when it is damaged;
    /// [`Error::CodecNotBuilt`], [`Error::UnknownCodec`], [`Error::UnknownFilter`], [`Error::Io`].
    pub fn read_into(&self, section: &Section, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        let mut chunks = self.chunks(section)?;
        self.reserve(section, out)?;
        while let Some(result) = chunks.append_next(out) {
            if let Err(error) = result {
                out.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Returns the decoded bytes of a section: borrowed when the source has them in one piece.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::read_into`].
    pub fn read(&self, section: &Section) -> Result<Cow<'_, [u8]>, Error> {
        let is_stored = self.chunk_entries(section).iter().all(ChunkEntry::is_verbatim);
        let is_contiguous = section.layout == SectionLayout::Raw || section.chunk_count == 1;
        if is_stored && is_contiguous {
            let can_borrow = self.source.borrow(section.offset, 0).is_some();
            if section.layout == SectionLayout::Raw && can_borrow {
                return self.view_raw(section).map(Cow::Borrowed);
            }
            let is_lent = || self.lend(section.offset, usize::try_from(section.span).ok()?);
            if section.layout == SectionLayout::Coded && (can_borrow || is_lent().is_some()) {
                return self.chunks(section)?.next().unwrap_or(Ok(Cow::Borrowed(&[])));
            }
        }
        let mut out = Vec::new();
        self.read_into(section, &mut out)?;
        Ok(Cow::Owned(out))
    }

    /// Returns the checked bytes of a raw section where they are in the source. They begin at a multiple
    /// of 64 from the start of the container.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] when the section is not raw or the source doesn't lend bytes, else those of
    /// [`Reader::read_into`].
    pub fn view_raw(&self, section: &Section) -> Result<&[u8], Error> {
        if section.layout != SectionLayout::Raw {
            return Err(Error::Misuse { what: "a coded section can't be viewed in place; read it" });
        }
        let mut chunks = self.chunks(section)?;
        let len = self.check_decoded_len(section)?;
        let Some(bytes) = self.source.borrow(section.raw_payload_offset(), len) else {
            return Err(Error::Misuse { what: "the source doesn't lend its bytes; read the section" });
        };
        while let Some(result) = chunks.check_next() {
            result?;
        }
        Ok(bytes)
    }

    /// Returns `len` bytes from `offset` on without reading them.
    fn lend(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.ends.lend(&self.source, offset, len)
    }

    fn check_own(&self, section: &Section) -> Result<(), Error> {
        if self.find(section.id, section.instance).is_ok_and(|own| own == section) {
            return Ok(());
        }
        Err(Error::Misuse { what: "the section is one of another container; find it in this one" })
    }

    fn check_decoded_len(&self, section: &Section) -> Result<usize, Error> {
        let (needs, allowed) = (section.decoded_len, self.limits.decoded_max);
        match usize::try_from(needs) {
            Ok(len) if needs <= allowed => Ok(len),
            _ => Err(Error::Limit {
                what: "bytes of a decoded section (raise Limits::decoded_max if the source is trusted)",
                needs,
                allowed,
            }),
        }
    }

    fn reserve(&self, section: &Section, out: &mut Vec<u8>) -> Result<(), Error> {
        let len = self.check_decoded_len(section)?;
        out.try_reserve_exact(len)
            .map_err(|_| Error::OutOfMemory { what: "decoded section", bytes: section.decoded_len })
    }
}

/// Returns `len` bytes from `offset` on, lent by the source or read into `buf`.
pub(crate) fn bytes_at<'s, R: ReadAt + ?Sized>(
    source: &'s R,
    offset: u64,
    len: usize,
    buf: &'s mut Vec<u8>,
) -> Result<&'s [u8], Error> {
    if let Some(bytes) = source.borrow(offset, len) {
        return Ok(bytes);
    }
    fill(source, offset, len, buf)?;
    Ok(buf)
}

/// Makes `buf` the `len` bytes from `offset` on.
pub(crate) fn fill<R: ReadAt + ?Sized>(
    source: &R,
    offset: u64,
    len: usize,
    buf: &mut Vec<u8>,
) -> Result<(), Error> {
    buf.truncate(len);
    let more = len - buf.len();
    buf.try_reserve(more)
        .map_err(|_| Error::OutOfMemory { what: "part of the container", bytes: len as u64 })?;
    buf.resize(len, 0);
    source.read_exact_at(offset, buf).map_err(|source| Error::Io { op: "reading the container", source })
}

/// Checks that there is room for a footer behind the head.
fn check_len<R: ReadAt>(source: &R, header: &Header) -> Result<(), Error> {
    let (available, needs) = (source.len(), header.body_offset() + Tables::len(0, 0) + Trailer::LEN as u64);
    if available < needs {
        return Err(Error::Truncated { what: "container", needs, available });
    }
    Ok(())
}

fn read_trailer<R: ReadAt>(
    source: &R,
    ends: &Ends,
    header: &Header,
    limits: &Limits,
) -> Result<Trailer, Error> {
    let len = source.len();
    let offset = len.saturating_sub(Trailer::LEN as u64);
    let bytes = ends.lend(source, offset, Trailer::LEN).and_then(<[u8]>::first_chunk);
    let Some(bytes) = bytes else {
        return Err(Error::Truncated { what: "trailer", needs: len, available: offset });
    };
    let trailer = Trailer::decode(bytes, len)?;
    let invalid = |rule| Error::Invalid { what: "trailer", rule, offset };
    if trailer.epoch != header.epoch {
        return Err(invalid("the epoch is not that of the header"));
    }
    let limit = |what, needs, allowed| {
        if needs > allowed { Err(Error::Limit { what, needs, allowed }) } else { Ok(()) }
    };
    let sections_max = limits.sections_max.min(SECTIONS_MAX);
    limit("sections of a container", trailer.section_count.into(), sections_max.into())?;
    limit("bytes of tail metadata", trailer.tail_len.into(), TAIL_LEN_MAX.into())?;
    let tables_len = Tables::len(trailer.section_count, trailer.chunk_count);
    let tail_end = tables_len + u64::from(trailer.tail_len);
    let footer_len = tail_end + pad(tail_end, 8);
    if trailer.footer_offset < header.body_offset() || !trailer.footer_offset.is_multiple_of(8) {
        return Err(invalid("the footer doesn't begin at a multiple of 8 behind the head"));
    }
    if trailer.footer_offset.checked_add(footer_len) != Some(offset) {
        return Err(invalid("the tables and the tail don't add up to the footer"));
    }
    limit(TABLES_LIMIT, tables_len, limits.decoded_max)?;
    Ok(trailer)
}

fn read_footer<R: ReadAt>(
    source: &R,
    ends: &Ends,
    header: &Header,
    trailer: &Trailer,
) -> Result<(Metadata, Tables, Names), Error> {
    let len = trailer.container_len - trailer.footer_offset;
    let len = usize::try_from(len).map_err(|_| Error::OutOfMemory { what: "footer", bytes: len })?;
    let mut buf = Vec::new();
    let bytes = match ends.lend(source, trailer.footer_offset, len) {
        Some(bytes) => bytes,
        None => bytes_at(source, trailer.footer_offset, len, &mut buf)?,
    };
    let prefix_len = usize::try_from(header.body_offset()).unwrap_or(usize::MAX);
    let prefix = ends.lend(source, 0, prefix_len).unwrap_or_default();
    let (footer, last) = bytes.split_at_checked(len - Trailer::LEN).unwrap_or_default();

    let mut digest = crc64fast::Digest::new();
    digest.write(prefix);
    digest.write(footer);
    digest.write(last.get(..Trailer::COVERED).unwrap_or_default());
    if digest.sum64() != trailer.container_crc {
        let (expected, found) = (trailer.container_crc, digest.sum64());
        return Err(Error::Checksum { what: "container", offset: trailer.footer_offset, expected, found });
    }

    let mut input = Input::at("footer", footer, trailer.footer_offset);
    let counts = (trailer.section_count, trailer.chunk_count);
    let (tables, names) = Tables::decode(&mut input, counts, header.body_offset(), trailer.footer_offset)?;
    let tail_offset = input.offset();
    let tail = input.take(usize::try_from(trailer.tail_len).unwrap_or(usize::MAX))?;
    input.zeros(input.remaining())?;
    Ok((Metadata::decode(tail, TAIL, tail_offset)?, tables, names))
}
