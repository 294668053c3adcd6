use std::borrow::Cow;
use std::ops::Range;

use super::{Reader, bytes_at, fill};
use crate::checksum::{Seed, check_crc};
use crate::chunk::{ChunkEntry, ChunkHeader, RawHeader};
use crate::limits::CHUNK_LEN;
use crate::section::{Section, SectionLayout};
use crate::wire::{Input, pad};
use crate::writer::ARRAY_INDEX;
use crate::{Error, ReadAt};

/// The chunks of a section, or the pieces of a raw one, checked and decoded one by one.
///
/// As an iterator it lends chunks from the source where it can and allocates the others;
/// [`Chunks::next_chunk`] reuses one buffer instead. After an error it goes on with the next chunk.
#[derive(Debug)]
pub struct Chunks<'r, R> {
    reader: &'r Reader<R>,
    section: Section,
    index: u32,
    /// The index behind the last chunk.
    end: u32,
    /// Whether what stands around the payload of a raw section was checked.
    is_framed: bool,
    /// Where the next chunk, or the payload of the next piece, begins.
    offset: u64,
    /// Bytes of the container that were read already.
    window: Window<'r>,
    /// The frame of a chunk that the source doesn't lend.
    frame: Vec<u8>,
    decoded: Vec<u8>,
}

/// Bytes of a container and where they begin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window<'r> {
    pub(super) offset: u64,
    pub(super) bytes: &'r [u8],
}

impl<'r> Window<'r> {
    fn lend(&self, offset: u64, len: usize) -> Option<&'r [u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..start.checked_add(len)?)
    }
}

/// Some chunks of a section that follow each other.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) section: Section,
    pub(super) chunks: Range<u32>,
    /// Where the first one begins; with the first one of a raw section, where the section begins.
    pub(super) offset: u64,
}

/// Memory that goes from unit to unit.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    frame: Vec<u8>,
    decoded: Vec<u8>,
}

/// Where the stored payload of a chunk lies.
pub(super) enum Payload<'r> {
    Lent(&'r [u8]),
    Frame(Range<usize>),
}

impl<'r, R: ReadAt> Chunks<'r, R> {
    pub(super) fn new(reader: &'r Reader<R>, section: Section) -> Self {
        let unit = Unit { section, chunks: 0..section.chunk_count, offset: section.offset };
        Self::of_unit(reader, &unit, Buffers::default())
    }

    pub(super) fn of_unit(reader: &'r Reader<R>, unit: &Unit, buffers: Buffers) -> Self {
        let Buffers { frame, decoded } = buffers;
        Self {
            reader,
            section: unit.section,
            index: unit.chunks.start,
            end: unit.chunks.end,
            is_framed: unit.chunks.start > 0,
            offset: unit.offset,
            window: Window::default(),
            frame,
            decoded,
        }
    }

    /// Takes bytes from `window` before it reads any.
    pub(super) fn with_window(self, window: Window<'r>) -> Self {
        Self { window, ..self }
    }

    pub(super) fn into_buffers(self) -> Buffers {
        Buffers { frame: self.frame, decoded: self.decoded }
    }

    /// Returns the bytes of the next chunk, `None` behind the last one. They lie in the source or in a
    /// buffer that the next call reuses.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::read_into`] without the limit, since one chunk is at most 16 MiB.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        let Some(next) = self.check_next() else {
            return Ok(None);
        };
        let (entry, offset, payload) = next?;
        if entry.is_verbatim() {
            return Ok(Some(self.payload(&payload)));
        }
        self.decode(entry, offset, &payload)?;
        Ok(Some(&self.decoded))
    }

    /// Returns the entry and the stored payload of the next chunk, checked and not decoded.
    pub(crate) fn next_stored(&mut self) -> Result<Option<(ChunkEntry, &[u8])>, Error> {
        let Some(next) = self.check_next() else {
            return Ok(None);
        };
        let (entry, _, payload) = next?;
        Ok(Some((entry, self.payload(&payload))))
    }

    /// Appends the bytes of the next chunk to `out`.
    pub(super) fn append_next(&mut self, out: &mut Vec<u8>) -> Option<Result<(), Error>> {
        let (entry, offset, payload) = match self.check_next()? {
            Ok(next) => next,
            Err(error) => return Some(Err(error)),
        };
        let payload = self.payload(&payload);
        Some(self.reader.decoders.with(|decoder| decoder.append(&entry, payload, offset, out)))
    }

    /// Decodes the next chunk for nothing but to know that it can be decoded.
    pub(super) fn verify_next(&mut self) -> Option<Result<(), Error>> {
        self.next_chunk().map(|chunk| chunk.map(|_| ())).transpose()
    }

    /// Reads and checks the next chunk without decoding it. What was learned is the entry of the chunk,
    /// where it begins, and where its payload lies.
    pub(super) fn check_next(&mut self) -> Option<Result<(ChunkEntry, u64, Payload<'r>), Error>> {
        let index = usize::try_from(self.index).ok()?;
        let entries = self.reader.chunk_entries(&self.section);
        let entry = entries.get(index).filter(|_| self.index < self.end).copied();
        let result = match (self.section.layout, entry) {
            (SectionLayout::Raw, _) if !self.is_framed => {
                self.is_framed = true;
                self.offset = self.section.raw_payload_offset();
                match self.check_raw_frame() {
                    Ok(()) => return self.check_next(),
                    Err(error) => return Some(Err(error)),
                }
            }
            (_, None) => return None,
            (SectionLayout::Coded, Some(entry)) => self.check_chunk(entry),
            (SectionLayout::Raw, Some(entry)) => self.check_piece(entry),
        };
        self.index = self.index.saturating_add(1);
        Some(result)
    }

    fn check_chunk(&mut self, entry: ChunkEntry) -> Result<(ChunkEntry, u64, Payload<'r>), Error> {
        let (reader, offset, epoch) = (self.reader, self.offset, self.reader.head.header.epoch);
        self.offset += entry.span();
        let frame_len = usize::try_from(entry.span()).unwrap_or(usize::MAX);
        let lent = self.lend(offset, frame_len);
        let frame = match lent {
            Some(frame) => frame,
            None => bytes_at(&reader.source, offset, frame_len, &mut self.frame)?,
        };
        let header = ChunkHeader::decode(frame, epoch, offset)?;
        let expected = ChunkHeader {
            id: self.section.id,
            instance: self.section.instance,
            index: self.index,
            is_last: self.index + 1 == self.section.chunk_count,
            entry,
        };
        if header != expected {
            let rule = "it disagrees with the chunk table";
            return Err(Error::Invalid { what: "chunk header", rule, offset });
        }
        let start = ChunkHeader::LEN;
        let end = start + usize::try_from(entry.stored_len).unwrap_or(usize::MAX);
        let payload = frame.get(start..end).unwrap_or_default();
        let found = header.seed(epoch).crc(payload);
        check_crc("chunk payload", offset + start as u64, entry.payload_crc, found)?;
        let padding = frame.get(end..).unwrap_or_default();
        Input::at("chunk", padding, offset + end as u64).zeros(padding.len())?;
        let payload = match lent {
            Some(frame) => Payload::Lent(frame.get(start..end).unwrap_or_default()),
            None => Payload::Frame(start..end),
        };
        Ok((entry, offset, payload))
    }

    fn check_piece(&mut self, entry: ChunkEntry) -> Result<(ChunkEntry, u64, Payload<'r>), Error> {
        let (reader, offset, seed) = (self.reader, self.offset, self.seed(self.index));
        self.offset += u64::from(entry.stored_len);
        let len = usize::try_from(entry.stored_len).unwrap_or(usize::MAX);
        let lent = self.lend(offset, len);
        let piece = match lent {
            Some(piece) => piece,
            None => bytes_at(&reader.source, offset, len, &mut self.frame)?,
        };
        check_crc("raw section", offset, entry.payload_crc, seed.crc(piece))?;
        Ok((entry, offset, lent.map_or(Payload::Frame(0..len), Payload::Lent)))
    }

    /// Checks what stands around the payload of a raw section.
    pub(crate) fn check_raw_frame(&mut self) -> Result<(), Error> {
        let (section, source) = (self.section, &self.reader.source);
        let payload = section.raw_payload_offset();
        let mut buf = Vec::new();
        let front_len = usize::try_from(payload - section.offset).unwrap_or(usize::MAX);
        let front = match self.lend(section.offset, front_len) {
            Some(front) => front,
            None => bytes_at(source, section.offset, front_len, &mut buf)?,
        };
        let header = RawHeader::decode(front, self.reader.head.header.epoch, section.offset)?;
        let expected = RawHeader { id: section.id, instance: section.instance, len: section.decoded_len };
        if header != expected {
            let rule = "it disagrees with the section table";
            return Err(Error::Invalid { what: "raw section header", rule, offset: section.offset });
        }
        let mut input = Input::at("raw section", front, section.offset);
        input.take(RawHeader::LEN)?;
        input.zeros(input.remaining())?;
        self.check_array(payload + section.decoded_len)
    }

    /// Checks padding, checksums of the pieces and their checksum, which begin at `offset`, a block at a
    /// time: for a large section they are long.
    fn check_array(&mut self, offset: u64) -> Result<(), Error> {
        let (reader, end) = (self.reader, self.section.offset + self.section.span);
        let array_offset = offset + pad(offset, 8);
        let mut buf = Vec::new();
        fill(&reader.source, offset, usize::try_from(array_offset - offset).unwrap_or_default(), &mut buf)?;
        Input::at("raw section", &buf, offset).zeros(buf.len())?;
        let mut hasher = self.seed(ARRAY_INDEX).hasher();
        let mut at = array_offset;
        let per_block = usize::try_from(CHUNK_LEN / 4).unwrap_or(usize::MAX);
        for block in reader.chunk_entries(&self.section).chunks(per_block) {
            let len = block.len() * 4;
            let bytes = bytes_at(&reader.source, at, len, &mut buf)?;
            hasher.update(bytes);
            let mut input = Input::at("checksums of a raw section", bytes, at);
            for piece in block {
                if input.u32()? != piece.payload_crc {
                    return Err(input.invalid("they disagree with the chunk table"));
                }
            }
            at += len as u64;
        }
        let rest = usize::try_from(end - at).unwrap_or_default();
        let mut input = Input::at("raw section", bytes_at(&reader.source, at, rest, &mut buf)?, at);
        check_crc("checksums of a raw section", array_offset, input.u32()?, hasher.finalize())?;
        input.zeros(input.remaining())
    }

    fn lend(&self, offset: u64, len: usize) -> Option<&'r [u8]> {
        self.window.lend(offset, len).or_else(|| self.reader.lend(offset, len))
    }

    fn seed(&self, index: u32) -> Seed {
        let epoch = self.reader.head.header.epoch;
        Seed { epoch, id: self.section.id.0, instance: self.section.instance, index }
    }

    fn payload<'s>(&'s self, payload: &Payload<'r>) -> &'s [u8]
    where
        'r: 's,
    {
        match payload {
            Payload::Lent(bytes) => bytes,
            Payload::Frame(range) => self.frame.get(range.clone()).unwrap_or_default(),
        }
    }

    /// Decodes a payload into the buffer for decoded bytes.
    fn decode(&mut self, entry: ChunkEntry, offset: u64, payload: &Payload<'r>) -> Result<(), Error> {
        let mut decoded = std::mem::take(&mut self.decoded);
        let payload = self.payload(payload);
        let result =
            self.reader.decoders.with(|decoder| decoder.replace(&entry, payload, offset, &mut decoded));
        self.decoded = decoded;
        result
    }
}

impl<'r, R: ReadAt> Iterator for Chunks<'r, R> {
    type Item = Result<Cow<'r, [u8]>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, offset, payload) = match self.check_next()? {
            Ok(next) => next,
            Err(error) => return Some(Err(error)),
        };
        if !entry.is_verbatim() {
            let result = self.decode(entry, offset, &payload);
            return Some(result.map(|()| Cow::Owned(std::mem::take(&mut self.decoded))));
        }
        Some(Ok(match payload {
            Payload::Lent(bytes) => Cow::Borrowed(bytes),
            Payload::Frame(range) => Cow::Owned(self.frame.get(range).unwrap_or_default().to_vec()),
        }))
    }
}
