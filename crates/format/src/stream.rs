mod footer;
mod source;

use std::collections::BTreeSet;
use std::io::Read;

use crate::checksum::{Seed, check_crc};
use crate::chunk::{ChunkEntry, ChunkHeader, RawHeader};
use crate::codec::Decoder;
use crate::head::Head;
use crate::limits::{CHUNK_LEN, SECTIONS_MAX};
use crate::section::{Section, SectionLayout, Tables};
use crate::wire::{Input, pad};
use crate::writer::ARRAY_INDEX;
use crate::{Error, Header, Limits, Metadata, SectionId};

use source::Source;

/// Reads one container from something that can't be read anywhere, such as a pipe or a socket: head,
/// chunks in the order of the file, footer.
///
/// Every chunk is checked alone before it is lent: header, place in its section, payload, padding. Behind
/// the last one the footer must name exactly what was there. The pieces of a raw section are the
/// exception: their checksums stand behind all of them, so a piece is lent unchecked, but its last piece
/// comes only when all have been found right ([`StreamPart::is_last`]). Whoever can't take back what it
/// did with the pieces before waits for that.
///
/// Besides the tables of the footer, 16 bytes a chunk, no more than a chunk is held. Headers are small
/// reads of their own, so a file or socket is best wrapped in a [`BufReader`](std::io::BufReader). The container ends
/// where its source ends, bytes behind it are an error; one of known length that is part of something
/// larger is read through [`Read::take`].
///
/// ```
/// use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, StreamReader, Writer, WriterOptions};
///
/// let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
/// writer.coded_from(SectionId::BYTES, 0, &[b"from a pipe"])?;
/// let (bytes, _) = writer.finish(Metadata::new())?;
///
/// let mut reader = StreamReader::new(bytes.as_slice(), Limits::default())?;
/// let mut text = Vec::new();
/// while let Some(part) = reader.next_part()? {
///     assert_eq!((part.id, part.instance), (SectionId::BYTES, 0));
///     text.extend_from_slice(part.bytes);
/// }
/// assert_eq!(text, b"from a pipe");
/// assert!(reader.tail().is_some());
/// # Ok::<(), keepstone_format::Error>(())
/// ```
pub struct StreamReader<R> {
    source: Source<R>,
    limits: Limits,
    head: Head,
    digest: crc64fast::Digest,
    tables: Tables,
    seen: BTreeSet<(SectionId, u32)>,
    state: State,
    frame: Vec<u8>,
    decoded: Vec<u8>,
    decoder: Decoder,
    tail: Option<Metadata>,
}

/// A chunk of a coded section, decoded, or a piece of a raw one.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPart<'s> {
    /// The section's id.
    pub id: SectionId,
    /// The section's instance.
    pub instance: u32,
    /// How the section is kept.
    pub layout: SectionLayout,
    /// Which chunk or piece of the section it is.
    pub index: u32,
    /// Whether it ends its section, which is then wholly checked.
    pub is_last: bool,
    /// What it decodes to. Empty in an empty section, which has one part, and in no other.
    pub bytes: &'s [u8],
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum State {
    /// A section or the footer.
    Between,
    /// Another chunk of the section.
    InCoded(Section),
    /// Another piece of the section, of which so many bytes are left.
    InRaw(Section, u64),
    /// Nothing.
    Ended,
    Failed,
}

/// A part that was read and lies in the frame.
#[derive(Debug, Clone, Copy)]
struct Taken {
    section: Section,
    entry: ChunkEntry,
    index: u32,
    is_last: bool,
    offset: u64,
}

impl<R: Read> StreamReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    ///
    /// Those of [`Head::read`], and [`Error::Io`].
    pub fn new(source: R, limits: Limits) -> Result<Self, Error> {
        let mut source = Source::new(source);
        let mut prefix = Vec::new();
        source.append_up_to(Header::LEN, &mut prefix)?;
        let body_offset = usize::try_from(Header::read(&prefix)?.body_offset()).unwrap_or(usize::MAX);
        source.append_up_to(body_offset.saturating_sub(Header::LEN), &mut prefix)?;
        let head = Head::read(&prefix)?;
        let mut digest = crc64fast::Digest::new();
        digest.write(&prefix);
        Ok(Self {
            source,
            limits,
            head,
            digest,
            tables: Tables::default(),
            seen: BTreeSet::new(),
            state: State::Between,
            frame: Vec::new(),
            decoded: Vec::new(),
            decoder: Decoder::default(),
            tail: None,
        })
    }

    /// Reads the next chunk or piece. `None` means that the footer was read and that the whole container is
    /// what was written.
    ///
    /// # Errors
    ///
    /// [`Error::CodecNotBuilt`], [`Error::UnknownCodec`] or [`Error::UnknownFilter`] for a chunk that is
    /// whole and can't be decoded, behind which it goes on. All others end it, and asking again is
    /// [`Error::StreamFailed`]: [`Error::NoEndMark`] when the source ends early or late,
    /// [`Error::Checksum`], [`Error::Invalid`], [`Error::Codec`], [`Error::Limit`], [`Error::Io`].
    pub fn next_part(&mut self) -> Result<Option<StreamPart<'_>>, Error> {
        let Some(taken) = self.take_part()? else {
            return Ok(None);
        };
        let Taken { section, entry, index, is_last, offset } = taken;
        let payload = self.frame.get(..entry.stored_len()).unwrap_or_default();
        let bytes = if entry.is_verbatim() {
            payload
        } else {
            if let Err(error) = self.decoder.replace(&entry, payload, offset, &mut self.decoded) {
                if !error.is_of_build() {
                    self.state = State::Failed;
                }
                return Err(error);
            }
            &self.decoded
        };
        let Section { id, instance, layout, .. } = section;
        Ok(Some(StreamPart { id, instance, layout, index, is_last, bytes }))
    }

    fn take_part(&mut self) -> Result<Option<Taken>, Error> {
        // Whatever fails below leaves the place in the stream unknown.
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Between => self.take_first(),
            State::InCoded(section) => {
                let front = self.source.array()?;
                self.take_chunk(Some(section), front).map(Some)
            }
            State::InRaw(section, left) => self.take_piece(section, left).map(Some),
            State::Ended => {
                self.state = State::Ended;
                Ok(None)
            }
            State::Failed => Err(Error::StreamFailed),
        }
    }

    /// Takes the first part of a section, or the footer.
    fn take_first(&mut self) -> Result<Option<Taken>, Error> {
        let front: [u8; 8] = self.source.array()?;
        if front == Tables::MAGIC {
            self.take_footer()?;
            self.state = State::Ended;
            return Ok(None);
        }
        if front.starts_with(&RawHeader::MAGIC) {
            return self.take_raw(front).map(Some);
        }
        self.take_chunk(None, front).map(Some)
    }

    /// Takes the chunk whose first bytes are known.
    fn take_chunk(&mut self, open: Option<Section>, front: [u8; 8]) -> Result<Taken, Error> {
        let offset = self.source.offset() - front.len() as u64;
        let epoch = self.head.header.epoch;
        let header = ChunkHeader::decode(&self.whole_front(front)?, epoch, offset)?;
        let invalid = |rule| Error::Invalid { what: "chunk header", rule, offset };
        let mut section = match open {
            Some(section) => section,
            None => self.open(header.id, header.instance, offset, SectionLayout::Coded)?,
        };
        if (header.id, header.instance, header.index) != (section.id, section.instance, section.chunk_count) {
            return Err(invalid("it isn't the next chunk of its section"));
        }
        let (entry, full) = (header.entry, self.tables.chunks_of(&section).and_then(<[_]>::first));
        let full_len = full.map_or(entry.decoded_len, |full| full.decoded_len);
        let is_alone = header.index == 0 && header.is_last;
        if entry.decoded_len > full_len || (entry.decoded_len < full_len && !header.is_last) {
            return Err(invalid("the chunks of a section differ in length"));
        }
        if entry.decoded_len == 0 && !is_alone {
            return Err(invalid("a chunk beside others is empty"));
        }
        let (stored_len, padding) = (entry.stored_len(), pad(entry.stored_len.into(), 8));
        let frame_len = stored_len + usize::try_from(padding).unwrap_or_default();
        self.source.fill(frame_len, &mut self.frame)?;
        let (payload, padding) = self.frame.split_at_checked(stored_len).unwrap_or_default();
        let payload_offset = offset + ChunkHeader::LEN as u64;
        check_crc("chunk payload", payload_offset, entry.payload_crc, header.seed(epoch).crc(payload))?;
        Input::at("chunk", padding, payload_offset + stored_len as u64).zeros(padding.len())?;
        self.push(&mut section, entry)?;
        self.state = if header.is_last { self.close(section) } else { State::InCoded(section) };
        Ok(Taken { section, entry, index: header.index, is_last: header.is_last, offset })
    }

    /// Takes the header of a raw section and its first piece.
    fn take_raw(&mut self, front: [u8; 8]) -> Result<Taken, Error> {
        let offset = self.source.offset() - front.len() as u64;
        let header = RawHeader::decode(&self.whole_front(front)?, self.head.header.epoch, offset)?;
        let mut section = self.open(header.id, header.instance, offset, SectionLayout::Raw)?;
        section.decoded_len = header.len;
        self.source.zeros("raw section", pad(self.source.offset(), 64))?;
        self.take_piece(section, header.len)
    }

    fn take_piece(&mut self, mut section: Section, left: u64) -> Result<Taken, Error> {
        let (index, offset) = (section.chunk_count, self.source.offset());
        let piece_len =
            u32::try_from(left.min(CHUNK_LEN.into())).expect("a piece has at most CHUNK_LEN bytes");
        self.source.fill(usize::try_from(piece_len).unwrap_or_default(), &mut self.frame)?;
        let seed = self.seed(&section, index);
        let entry = ChunkEntry::new(piece_len, piece_len, seed.crc(&self.frame), 0);
        let is_last = left == u64::from(piece_len);
        if left > 0 {
            let decoded_len = section.decoded_len;
            self.push(&mut section, entry)?;
            section.decoded_len = decoded_len;
        }
        self.state = if is_last {
            self.take_array(&section)?;
            self.close(section)
        } else {
            State::InRaw(section, left - u64::from(piece_len))
        };
        Ok(Taken { section, entry, index, is_last, offset })
    }

    /// Takes what stands behind the payload of a raw section and compares it with the pieces.
    fn take_array(&mut self, section: &Section) -> Result<(), Error> {
        self.source.zeros("raw section", pad(self.source.offset(), 8))?;
        let array_offset = self.source.offset();
        let mut hasher = self.seed(section, ARRAY_INDEX).hasher();
        let mut piece_offset = section.raw_payload_offset();
        for piece in self.tables.chunks_of(section).unwrap_or_default() {
            let expected: [u8; 4] = self.source.array()?;
            hasher.update(&expected);
            check_crc("raw section", piece_offset, u32::from_le_bytes(expected), piece.payload_crc)?;
            piece_offset += u64::from(piece.stored_len);
        }
        let expected = u32::from_le_bytes(self.source.array()?);
        check_crc("checksums of a raw section", array_offset, expected, hasher.finalize())?;
        self.source.zeros("raw section", pad(self.source.offset(), 8))
    }

    /// The header that begins with `front`: those of chunks and of raw sections have one length.
    fn whole_front(&mut self, front: [u8; 8]) -> Result<[u8; ChunkHeader::LEN], Error> {
        const _: () = assert!(ChunkHeader::LEN == RawHeader::LEN);
        let rest: [u8; ChunkHeader::LEN - 8] = self.source.array()?;
        Ok(crate::wire::Record::new().put(front).put(rest).finish())
    }

    fn open(
        &mut self,
        id: SectionId,
        instance: u32,
        offset: u64,
        layout: SectionLayout,
    ) -> Result<Section, Error> {
        let (needs, allowed) =
            (self.tables.sections.len() as u64 + 1, self.limits.sections_max.min(SECTIONS_MAX).into());
        if needs > allowed {
            return Err(Error::Limit { what: "sections of a container", needs, allowed });
        }
        if !self.seen.insert((id, instance)) {
            let rule = "a section is there twice";
            return Err(Error::Invalid { what: "section", rule, offset });
        }
        let first_chunk = self.chunk_count()?;
        Ok(Section { id, instance, offset, span: 0, decoded_len: 0, first_chunk, chunk_count: 0, layout })
    }

    fn push(&mut self, section: &mut Section, entry: ChunkEntry) -> Result<(), Error> {
        self.tables.chunks.push(entry);
        section.chunk_count += 1;
        section.decoded_len = section.decoded_len.saturating_add(entry.decoded_len.into());
        let section_count = u32::try_from(self.tables.sections.len()).unwrap_or(u32::MAX);
        let (needs, allowed) =
            (Tables::len(section_count.saturating_add(1), self.chunk_count()?), self.limits.decoded_max);
        if needs > allowed {
            return Err(Error::Limit { what: crate::reader::TABLES_LIMIT, needs, allowed });
        }
        Ok(())
    }

    fn close(&mut self, section: Section) -> State {
        let span = self.source.offset() - section.offset;
        self.tables.sections.push(Section { span, ..section });
        State::Between
    }

    fn chunk_count(&self) -> Result<u32, Error> {
        let needs = self.tables.chunks.len() as u64;
        let allowed = u32::MAX.into();
        u32::try_from(needs).map_err(|_| Error::Limit { what: "chunks of a container", needs, allowed })
    }

    fn seed(&self, section: &Section, index: u32) -> Seed {
        Seed { epoch: self.head.header.epoch, id: section.id.0, instance: section.instance, index }
    }
}

impl<R> StreamReader<R> {
    /// Returns the header.
    pub fn header(&self) -> &Header {
        &self.head.header
    }

    /// Returns the head metadata.
    pub fn head(&self) -> &Metadata {
        &self.head.metadata
    }

    /// Returns the tail metadata once the footer was read.
    pub fn tail(&self) -> Option<&Metadata> {
        self.tail.as_ref()
    }

    /// Returns the sections whose last part was read, in file order.
    pub fn sections(&self) -> &[Section] {
        &self.tables.sections
    }

    /// Returns how many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.source.offset()
    }

    /// Returns the source inside.
    pub fn into_inner(self) -> R {
        self.source.into_inner()
    }
}

impl<R> std::fmt::Debug for StreamReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("StreamReader");
        debug.field("head", &self.head).field("state", &self.state);
        debug.field("bytes", &self.source.offset()).finish_non_exhaustive()
    }
}
