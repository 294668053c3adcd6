mod batch;
mod coded;
mod copy;
mod crew;
mod job;
mod memory;
mod pieces;
mod raw;

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;

use crate::chunk::{ChunkEntry, ChunkHeader};
use crate::head::Head;
use crate::limits::{SECTIONS_MAX, TAIL_LEN_MAX};
use crate::metadata::TAIL;
use crate::section::{Section, SectionLayout, Tables};
use crate::trailer::Trailer;
use crate::wire::pad;
use crate::{Codec, Error, FileKind, Header, Metadata, ReadAt, Reader, SectionId, SectionOptions};

pub use batch::CodedSection;
pub use coded::CodedWriter;
use crew::Idle;
pub use memory::Memory;
pub(crate) use raw::ARRAY_INDEX;
pub use raw::RawWriter;

/// What a container is written with.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterOptions {
    /// What the container holds.
    pub kind: FileKind,
    /// The store that the file belongs to; all zero: none.
    pub store_id: [u8; 16],
    /// The generation of a recycled file, 0 in a file that is written once. Another epoch than 0 sets the
    /// required feature *recycled*.
    pub epoch: u64,
    /// What is known before the body is written.
    pub head: Metadata,
    /// How coded sections are stored.
    pub codec: Codec,
    /// How hard zstd tries: see [`SectionOptions::zstd_level`].
    pub zstd_level: u8,
    /// Bytes of a chunk of a coded section: see [`SectionOptions::chunk_len`].
    pub chunk_len: u32,
    /// How many threads encode chunks at most, the calling one among them; 1 if not set. Only sections that
    /// are there as a whole have use for more; the bytes are the same.
    pub threads: NonZeroUsize,
    /// Whether it holds one world in parts (FORMAT.md, section 3.5), which sets the required feature *parts*.
    pub in_parts: bool,
}

impl WriterOptions {
    /// Starts with no store, epoch 0, no head metadata and the default codec.
    pub fn new(kind: FileKind) -> Self {
        let SectionOptions { codec, zstd_level, chunk_len, .. } = SectionOptions::new(Codec::default());
        Self {
            kind,
            store_id: [0; 16],
            epoch: 0,
            head: Metadata::new(),
            codec,
            zstd_level,
            chunk_len,
            threads: NonZeroUsize::MIN,
            in_parts: false,
        }
    }

    /// Starts with the kind, the store and the head of another container, and in parts if it is; the rest is as in
    /// [`WriterOptions::new`].
    pub fn of<R: ReadAt>(reader: &Reader<R>) -> Self {
        let header = reader.header();
        let options = Self::new(header.kind).store(header.store_id, 0).head(reader.head().clone());
        Self { in_parts: header.is_in_parts(), ..options }
    }

    /// Sets the codec.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Sets how hard zstd tries, 1 to 19.
    pub fn zstd_level(mut self, level: u8) -> Self {
        self.zstd_level = level;
        self
    }

    /// Sets the bytes of a chunk, 4 KiB to 1 MiB.
    pub fn chunk_len(mut self, len: u32) -> Self {
        self.chunk_len = len;
        self
    }

    /// Sets how many threads encode chunks at most, the calling one among them.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the head metadata.
    pub fn head(mut self, head: Metadata) -> Self {
        self.head = head;
        self
    }

    /// Says that the container holds one world in parts.
    pub fn in_parts(mut self) -> Self {
        self.in_parts = true;
        self
    }

    /// Sets the store and the epoch.
    pub fn store(mut self, store_id: [u8; 16], epoch: u64) -> Self {
        (self.store_id, self.epoch) = (store_id, epoch);
        self
    }
}

/// What was written.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Length of the container.
    pub bytes: u64,
    /// Sections in it.
    pub sections: u32,
    /// Chunks and pieces in it.
    pub chunks: u32,
    /// CRC-64 that covers, directly or through other checksums, every byte.
    pub container_crc: u64,
    /// Bytes of all payloads before the codec.
    pub raw_bytes: u64,
    /// Bytes of all payloads in the file.
    pub stored_bytes: u64,
}

/// Writes one container, front to back, to anything that takes bytes.
///
/// Headers and padding are small writes of their own, so a file is best wrapped in a
/// [`BufWriter`](std::io::BufWriter), which hands payloads through. When a write fails, or a section is
/// dropped before its `finish`, what was written is not a container and the writer is
/// [poisoned](Error::Poisoned). Nothing here makes bytes durable.
///
/// ```
/// use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};
///
/// let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
/// let mut writer = Writer::new(Vec::new(), options)?;
/// writer.coded_from(SectionId::BYTES, 0, &[b"two ", b"pieces"])?;
/// let (bytes, written) = writer.finish(Metadata::new())?;
/// assert_eq!(written.bytes, bytes.len() as u64);
///
/// let reader = Reader::open(bytes, Limits::default())?;
/// let section = reader.find(SectionId::BYTES, 0)?;
/// assert_eq!(&*reader.read(section)?, b"two pieces");
/// # Ok::<(), keepstone_format::Error>(())
/// ```
pub struct Writer<W> {
    out: Out<W>,
    epoch: u64,
    section_options: SectionOptions,
    digest: crc64fast::Digest,
    tables: Tables,
    seen: BTreeSet<(SectionId, u32)>,
    /// The section that is being written. Whoever finds one here that is not its own is too late.
    open: Option<OpenSection>,
    threads: NonZeroUsize,
    idle: Idle,
    staging: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a container and writes its head.
    ///
    /// # Errors
    ///
    /// [`Error::CodecNotBuilt`], [`Error::Misuse`] for a level that zstd doesn't have, [`Error::Limit`] or
    /// [`Error::Invalid`] for head metadata that breaks a rule, [`Error::Io`].
    #[expect(clippy::needless_pass_by_value, reason = "options are made for one container")]
    pub fn new(out: W, options: WriterOptions) -> Result<Self, Error> {
        let section_options =
            SectionOptions::new(options.codec).zstd_level(options.zstd_level).chunk_len(options.chunk_len);
        section_options.check()?;
        if options.in_parts && options.kind != FileKind::WORLD {
            return Err(Error::Misuse { what: "only a container of kind world has parts" });
        }
        let header = Header::new(options.kind, options.store_id, options.epoch, 0).in_parts(options.in_parts);
        let head = Head::encode(header, &options.head)?;
        let mut out = Out { inner: out, offset: 0 };
        out.put(&head)?;
        let mut digest = crc64fast::Digest::new();
        digest.write(&head);
        Ok(Self {
            out,
            epoch: options.epoch,
            section_options,
            digest,
            tables: Tables::default(),
            seen: BTreeSet::new(),
            open: None,
            threads: options.threads,
            idle: Idle::default(),
            staging: Vec::new(),
        })
    }

    /// Goes on with the memory of an earlier writer, from [`Writer::take_memory`].
    pub fn memory(mut self, memory: Memory) -> Self {
        self.idle = memory.0;
        self
    }

    /// Takes out the memory that chunks were encoded in, for the next writer.
    pub fn take_memory(&mut self) -> Memory {
        Memory(std::mem::take(&mut self.idle))
    }

    /// Returns how coded sections are stored that are written without options of their own.
    pub fn section_options(&self) -> SectionOptions {
        self.section_options
    }

    /// Returns how many bytes were written so far.
    pub fn bytes(&self) -> u64 {
        self.out.offset
    }

    /// Returns the writer inside. What was written is not a container, but [`salvage`](crate::salvage())
    /// finds the sections in it.
    pub fn into_inner(self) -> W {
        self.out.inner
    }

    /// Writes the footer, flushes, and returns the writer inside and what was written.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] when a section is unfinished, [`Error::Limit`] or [`Error::Invalid`] for tail
    /// metadata that breaks a rule, [`Error::Io`].
    #[expect(clippy::needless_pass_by_value, reason = "the tail is made for one container")]
    pub fn finish(mut self, tail: Metadata) -> Result<(W, Written), Error> {
        self.check_ready()?;
        let tail = tail.encode(TAIL)?;
        let tail_len = u32::try_from(tail.len()).unwrap_or(u32::MAX);
        if tail_len > TAIL_LEN_MAX {
            let (needs, allowed) = (tail_len.into(), TAIL_LEN_MAX.into());
            return Err(Error::Limit { what: "bytes of tail metadata", needs, allowed });
        }
        let footer_offset = self.out.offset;
        let mut footer = Vec::new();
        self.tables.encode(&mut footer);
        footer.extend_from_slice(&tail);
        footer.resize(footer.len().next_multiple_of(8), 0);
        self.digest.write(&footer);
        self.out.put(&footer)?;

        let section_count = u32::try_from(self.tables.sections.len()).expect("open_section counts sections");
        let chunk_count = u32::try_from(self.tables.chunks.len()).expect("push_chunk counts chunks");
        let trailer = Trailer {
            footer_offset,
            section_count,
            chunk_count,
            tail_len,
            container_len: self.out.offset + Trailer::LEN as u64,
            epoch: self.epoch,
            container_crc: 0,
        };
        let (trailer, container_crc) = trailer.encode(self.digest);
        self.out.put(&trailer)?;
        self.out.inner.flush().map_err(write_failed)?;
        let written = Written {
            bytes: self.out.offset,
            sections: section_count,
            chunks: chunk_count,
            container_crc,
            raw_bytes: self.tables.sections.iter().map(|section| section.decoded_len).sum(),
            stored_bytes: self.tables.chunks.iter().map(|chunk| u64::from(chunk.stored_len)).sum(),
        };
        Ok((self.out.inner, written))
    }

    fn check_ready(&self) -> Result<(), Error> {
        if self.open.is_some() { Err(Error::Poisoned) } else { Ok(()) }
    }

    fn open_section(&mut self, id: SectionId, instance: u32, layout: SectionLayout) -> Result<(), Error> {
        self.check_ready()?;
        let needs = self.tables.sections.len() as u64 + 1;
        if needs > SECTIONS_MAX.into() {
            return Err(Error::Limit {
                what: "sections of a container",
                needs,
                allowed: SECTIONS_MAX.into(),
            });
        }
        if !self.seen.insert((id, instance)) {
            return Err(Error::DuplicateSection { id, instance });
        }
        let first_chunk = u32::try_from(self.tables.chunks.len()).expect("push_chunk counts chunks");
        let offset = self.out.offset;
        self.open =
            Some(OpenSection { id, instance, offset, first_chunk, layout, decoded_len: 0, chunk_count: 0 });
        Ok(())
    }

    /// The header of the chunk that is next, without the checksum of its payload.
    fn next_header(&self, entry: ChunkEntry, is_last: bool) -> Result<ChunkHeader, Error> {
        let open = self.open.ok_or(Error::Poisoned)?;
        Ok(ChunkHeader { id: open.id, instance: open.instance, index: open.chunk_count, is_last, entry })
    }

    /// Writes one chunk whose payload is in one piece.
    fn put_payload(&mut self, mut header: ChunkHeader, payload: &[u8]) -> Result<(), Error> {
        header.entry.payload_crc = header.seed(self.epoch).crc(payload);
        self.out.put(&header.encode(self.epoch))?;
        self.out.put(payload)?;
        self.out.pad(8)?;
        self.push_chunk(header.entry)
    }

    fn push_chunk(&mut self, entry: ChunkEntry) -> Result<(), Error> {
        let needs = self.tables.chunks.len() as u64 + 1;
        if needs > u32::MAX.into() {
            return Err(Error::Limit { what: "chunks of a container", needs, allowed: u32::MAX.into() });
        }
        self.tables.chunks.push(entry);
        if let Some(open) = &mut self.open {
            open.chunk_count += 1;
            open.decoded_len += u64::from(entry.decoded_len);
        }
        Ok(())
    }

    fn close_section(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.tables.sections.push(Section {
            id: open.id,
            instance: open.instance,
            offset: open.offset,
            span: self.out.offset - open.offset,
            decoded_len: open.decoded_len,
            first_chunk: open.first_chunk,
            chunk_count: open.chunk_count,
            layout: open.layout,
        });
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Writer");
        debug.field("section_options", &self.section_options).field("bytes", &self.out.offset);
        debug.field("sections", &self.tables.sections.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
struct OpenSection {
    id: SectionId,
    instance: u32,
    offset: u64,
    first_chunk: u32,
    layout: SectionLayout,
    decoded_len: u64,
    chunk_count: u32,
}

/// The writer inside and how far it is.
struct Out<W> {
    inner: W,
    offset: u64,
}

impl<W: Write> Out<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.inner.write_all(bytes).map_err(write_failed)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self, align: u64) -> Result<(), Error> {
        const ZEROS: [u8; 64] = [0; 64];
        let len = usize::try_from(pad(self.offset, align)).unwrap_or_default();
        self.put(ZEROS.get(..len).unwrap_or_default())
    }
}

fn write_failed(source: std::io::Error) -> Error {
    Error::Io { op: "writing the container", source }
}
