mod by_tables;
mod by_walk;
mod tally;

use std::ops::Range;

use crate::chunk::ChunkEntry;
use crate::codec::Decoder;
use crate::head::Head;
use crate::section::SectionLayout;
use crate::trailer::Trailer;
use crate::{Error, Header, Kind, Limits, Metadata, ReadAt, Reader, SectionId};

use tally::Tally;

/// A chunk of a coded section, or a piece of a raw one, that is what was written.
#[non_exhaustive]
#[derive(Debug, Clone, Copy)]
pub struct Salvaged<'s> {
    /// The section's id.
    pub id: SectionId,
    /// The section's instance.
    pub instance: u32,
    /// How the section is kept.
    pub layout: SectionLayout,
    /// Which chunk or piece of the section it is. An empty section has one part, which is empty.
    pub index: u32,
    /// Whether it is the last one of its section.
    pub is_last: bool,
    /// How it is stored.
    pub entry: ChunkEntry,
    /// Where its stored payload begins.
    pub offset: u64,
    /// The payload as it is stored.
    pub stored: &'s [u8],
    /// What it decodes to; `None` when this build doesn't have its codec or filter.
    pub bytes: Option<&'s [u8]>,
}

/// What [`salvage`] found of one section.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvagedSection {
    /// The section's id.
    pub id: SectionId,
    /// The section's instance.
    pub instance: u32,
    /// How the section is kept.
    pub layout: SectionLayout,
    /// How many chunks or pieces it has; unknown when the tables and its last chunk are lost.
    pub part_count: Option<u32>,
    /// Chunks or pieces that are missing or damaged. Where their number is unknown, those before the last
    /// one that was found; there are more.
    pub missing: Vec<Range<u32>>,
    /// Bytes that the found ones decode to.
    pub decoded_len: u64,
}

impl SalvagedSection {
    /// Returns whether everything of it was found.
    pub fn is_complete(&self) -> bool {
        self.part_count.is_some() && self.missing.is_empty()
    }
}

/// What [`salvage`] found and what it did not.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvageReport {
    /// The header; `None` when it is lost, and with it what kind of file this is.
    pub header: Option<Header>,
    /// The head metadata; `None` when it is lost.
    pub head: Option<Metadata>,
    /// The tail metadata; `None` when the footer is lost.
    pub tail: Option<Metadata>,
    /// The epoch that the checksums were taken with: of the header, else of the trailer, else assumed.
    pub epoch: u64,
    /// Whether header and trailer are both lost, and the epoch assumed to be 0.
    pub is_epoch_assumed: bool,
    /// Whether the footer holds, so that every section of the container is known. Without it a section of
    /// which nothing is left isn't listed.
    pub has_tables: bool,
    /// The sections in the order in which they were found.
    pub sections: Vec<SalvagedSection>,
    /// Where bytes are that nothing vouches for, in file order.
    pub damaged: Vec<Range<u64>>,
    /// Chunks and pieces that were handed out.
    pub parts: u64,
    /// Those of them that this build can't decode.
    pub undecoded: u64,
}

impl SalvageReport {
    /// Returns whether the container is whole.
    pub fn is_whole(&self) -> bool {
        self.has_tables && self.damaged.is_empty() && self.sections.iter().all(SalvagedSection::is_complete)
    }
}

/// Hands out every chunk that is still whole, whatever else is lost, and says what is missing.
///
/// When head and footer hold, their tables say where everything is, and a payload is taken by its checksum
/// even if the header before it is damaged. Otherwise the chunks are taken one behind the other from the
/// end of the head on; a header that holds is believed, so nothing is looked for in the payload behind it.
/// Where the chain breaks, the next header that holds is searched at steps of 8 bytes. A payload whose own
/// header is lost is searched as well then: if it is itself a container that isn't compressed, its chunks
/// are taken for chunks of this one. Of two chunks with the same section and index the first one counts.
///
/// No memory but for one chunk and the report is held, and the time is in proportion to the source.
///
/// ```
/// use keepstone_format::{
///     Codec, FileKind, Limits, Metadata, SectionId, Writer, WriterOptions, salvage,
/// };
///
/// let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
/// writer.coded_from(SectionId::BYTES, 0, &[b"written before the power went"])?;
/// // The footer is never written.
/// let torn = writer.into_inner();
///
/// let mut found = Vec::new();
/// let report = salvage(&torn, &Limits::default(), &mut |part| {
///     found.extend_from_slice(part.bytes.unwrap_or_default());
/// })?;
/// assert_eq!(found, b"written before the power went");
/// assert!(report.sections[0].is_complete() && !report.has_tables);
/// # Ok::<(), keepstone_format::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Version`] or [`Error::UnknownFeatures`] for a container of a newer build, which had better be
/// left alone; [`Error::Limit`] for more sections or longer tables than allowed; [`Error::Io`],
/// [`Error::OutOfMemory`]. Damage is no error.
pub fn salvage<R: ReadAt + ?Sized>(
    source: &R,
    limits: &Limits,
    on_part: &mut dyn FnMut(Salvaged<'_>),
) -> Result<SalvageReport, Error> {
    let mut out =
        Out { on_part, tally: Tally::new(limits), decoder: Decoder::default(), decoded: Vec::new() };
    match Reader::open(source, *limits) {
        Ok(reader) => {
            by_tables::take_parts(&reader, source, &mut out)?;
            let report = out.tally.finish();
            let (header, head, tail) = (*reader.header(), reader.head().clone(), reader.tail().clone());
            Ok(SalvageReport {
                header: Some(header),
                head: Some(head),
                tail: Some(tail),
                epoch: header.epoch,
                is_epoch_assumed: false,
                has_tables: true,
                ..report
            })
        }
        Err(error) if error.kind() == Kind::Damaged && !matches!(error, Error::Version { .. }) => {
            let start = Start::of(source)?;
            by_walk::take_parts(source, &start, &mut out)?;
            let report = out.tally.finish();
            let Start { header, head, epoch, .. } = start;
            let is_epoch_assumed = epoch.is_none();
            Ok(SalvageReport { header, head, epoch: epoch.unwrap_or(0), is_epoch_assumed, ..report })
        }
        Err(error) => Err(error),
    }
}

/// What a walk over the chunks begins with.
struct Start {
    header: Option<Header>,
    head: Option<Metadata>,
    epoch: Option<u64>,
    offset: u64,
}

impl Start {
    fn of<R: ReadAt + ?Sized>(source: &R) -> Result<Self, Error> {
        let len = usize::try_from(source.len()).unwrap_or(usize::MAX);
        let (mut first, mut last) = (Vec::new(), Vec::new());
        crate::reader::fill(source, 0, len.min(Head::LEN_MAX), &mut first)?;
        let header = Header::read(&first).ok();
        let head = Head::read(&first).ok().map(|head| head.metadata);
        let mut epoch = header.map(|header| header.epoch);
        if epoch.is_none() && len >= Trailer::LEN {
            let offset = source.len() - Trailer::LEN as u64;
            crate::reader::fill(source, offset, Trailer::LEN, &mut last)?;
            let trailer = last.first_chunk().map(|bytes| Trailer::decode(bytes, source.len()));
            epoch = trailer.and_then(Result::ok).map(|trailer| trailer.epoch);
        }
        // Without a header the first chunk is at least behind an empty head.
        let offset = header.map_or(HEAD_LEN_MIN, |header| header.body_offset());
        Ok(Self { header, head, epoch, offset: offset.min(source.len()) })
    }
}

/// Bytes of header, checksum and padding without head metadata.
const HEAD_LEN_MIN: u64 = 72;
const _: () = assert!(Header::LEN as u64 + 8 == HEAD_LEN_MIN);

/// Where whole parts go.
struct Out<'o> {
    on_part: &'o mut dyn FnMut(Salvaged<'_>),
    tally: Tally,
    decoder: Decoder,
    decoded: Vec<u8>,
}

/// Names a part.
#[derive(Debug, Clone, Copy)]
struct Part {
    id: SectionId,
    instance: u32,
    layout: SectionLayout,
    index: u32,
    is_last: bool,
}

impl Out<'_> {
    /// Hands out a part whose checksum holds, unless one like it was handed out before. Answers whether it
    /// is what was written.
    fn put(&mut self, part: Part, entry: ChunkEntry, offset: u64, stored: &[u8]) -> Result<bool, Error> {
        let is_decoded = match self.decode(&entry, offset, stored) {
            Ok(()) => true,
            Err(error) if error.is_of_build() => false,
            Err(error @ (Error::Io { .. } | Error::OutOfMemory { .. })) => return Err(error),
            Err(_) => return Ok(false),
        };
        if !self.tally.found(part, entry.decoded_len, is_decoded)? {
            return Ok(false);
        }
        let bytes = if entry.is_verbatim() { stored } else { &self.decoded };
        let Part { id, instance, layout, index, is_last } = part;
        let bytes = is_decoded.then_some(bytes);
        (self.on_part)(Salvaged { id, instance, layout, index, is_last, entry, offset, stored, bytes });
        Ok(true)
    }

    fn decode(&mut self, entry: &ChunkEntry, offset: u64, stored: &[u8]) -> Result<(), Error> {
        if entry.is_verbatim() {
            return Ok(());
        }
        self.decoder.replace(entry, stored, offset, &mut self.decoded)
    }
}
