use crate::chunk::{ChunkEntry, RawHeader};
use crate::limits::CHUNK_LEN;
use crate::wire::{Input, Record, pad};
use crate::{Error, SectionId};

/// How the payload of a section stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SectionLayout {
    /// In chunks, each encoded by a codec.
    Coded,
    /// In one piece, aligned to 64 bytes.
    Raw,
}

/// What a container's section table says of one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    pub(crate) id: SectionId,
    pub(crate) instance: u32,
    pub(crate) offset: u64,
    pub(crate) span: u64,
    pub(crate) decoded_len: u64,
    pub(crate) first_chunk: u32,
    pub(crate) chunk_count: u32,
    pub(crate) layout: SectionLayout,
}

impl Section {
    /// Bytes of an entry.
    pub(crate) const LEN: usize = 48;

    /// Returns what it holds.
    pub fn id(&self) -> SectionId {
        self.id
    }

    /// Returns which of the sections with its id it is.
    pub fn instance(&self) -> u32 {
        self.instance
    }

    /// Returns where its first header begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns how many bytes of the file it takes, headers and padding included.
    pub fn span(&self) -> u64 {
        self.span
    }

    /// Returns how many bytes it decodes to.
    pub fn decoded_len(&self) -> u64 {
        self.decoded_len
    }

    /// Returns how many chunks or pieces it has.
    pub fn chunk_count(&self) -> u32 {
        self.chunk_count
    }

    /// Returns how its payload is kept.
    pub fn layout(&self) -> SectionLayout {
        self.layout
    }

    /// Returns where in the container the bytes of a raw section begin, a multiple of 64; none for a coded
    /// one.
    pub fn raw_offset(&self) -> Option<u64> {
        (self.layout == SectionLayout::Raw).then(|| self.raw_payload_offset())
    }

    /// Returns where the payload of a raw section begins.
    pub(crate) fn raw_payload_offset(&self) -> u64 {
        let end = self.offset.saturating_add(RawHeader::LEN as u64);
        end.saturating_add(pad(end, 64))
    }

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let layout = match self.layout {
            SectionLayout::Coded => 0,
            SectionLayout::Raw => 1,
        };
        Record::new()
            .put(self.id.0.to_le_bytes())
            .put(self.instance.to_le_bytes())
            .put(self.offset.to_le_bytes())
            .put(self.span.to_le_bytes())
            .put(self.decoded_len.to_le_bytes())
            .put(self.first_chunk.to_le_bytes())
            .put(self.chunk_count.to_le_bytes())
            .put([layout])
            .put([0; 7])
            .finish()
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        let (id, instance) = (SectionId(input.u32()?), input.u32()?);
        let (offset, span, decoded_len) = (input.u64()?, input.u64()?, input.u64()?);
        let (first_chunk, chunk_count) = (input.u32()?, input.u32()?);
        let layout = match input.u8()? {
            0 => SectionLayout::Coded,
            1 => SectionLayout::Raw,
            _ => return Err(input.invalid("a section has an unknown layout")),
        };
        input.zeros(7)?;
        Ok(Self { id, instance, offset, span, decoded_len, first_chunk, chunk_count, layout })
    }

    /// The rule that the section breaks beside its own chunks, if there is one.
    fn broken_rule(&self, chunks: &[ChunkEntry]) -> Option<&'static str> {
        match self.layout {
            SectionLayout::Coded => self.broken_coded_rule(chunks),
            SectionLayout::Raw => self.broken_raw_rule(chunks),
        }
    }

    fn broken_coded_rule(&self, chunks: &[ChunkEntry]) -> Option<&'static str> {
        let Some((last, full)) = chunks.split_last() else {
            return Some("a coded section has no chunk");
        };
        let span: u64 = chunks.iter().map(ChunkEntry::span).sum();
        let decoded_len: u64 = chunks.iter().map(|chunk| u64::from(chunk.decoded_len)).sum();
        let full_len = full.first().map_or(last.decoded_len, |first| first.decoded_len);
        if full.iter().any(|chunk| chunk.decoded_len != full_len) || last.decoded_len > full_len {
            Some("the chunks of a section differ in length")
        } else if !full.is_empty() && last.decoded_len == 0 {
            Some("a chunk beside others is empty")
        } else if self.span != span {
            Some("a section's span is not that of its chunks")
        } else if self.decoded_len != decoded_len {
            Some("a section's decoded length is not that of its chunks")
        } else {
            None
        }
    }

    fn broken_raw_rule(&self, pieces: &[ChunkEntry]) -> Option<&'static str> {
        let mut left = self.decoded_len;
        for piece in pieces {
            if u64::from(piece.decoded_len) != left.min(CHUNK_LEN.into()) || left == 0 {
                return Some("the pieces of a raw section are not of 2^20 bytes");
            }
            if piece.codec != 0 || piece.filter != 0 {
                return Some("a piece of a raw section has a codec or filter");
            }
            left -= u64::from(piece.decoded_len);
        }
        if left != 0 {
            return Some("a raw section has too few pieces");
        }
        if Some(self.span) != self.raw_span() {
            return Some("a raw section's span is not that of its length");
        }
        None
    }

    /// The span that a raw section of this offset and length has.
    pub(crate) fn raw_span(&self) -> Option<u64> {
        let payload_end = self.raw_payload_offset().checked_add(self.decoded_len)?;
        let crcs = payload_end.checked_add(pad(payload_end, 8))?;
        let end = crcs.checked_add(4 * (u64::from(self.chunk_count) + 1))?;
        end.checked_add(pad(end, 8))?.checked_sub(self.offset)
    }
}

/// The section table and the chunk table of a footer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) sections: Vec<Section>,
    pub(crate) chunks: Vec<ChunkEntry>,
}

impl Tables {
    /// What the tables begin with.
    pub(crate) const MAGIC: [u8; 8] = *b"KFOOTER\n";

    /// Bytes of the tables and their magic. The counts come from a trailer.
    pub(crate) fn len(section_count: u32, chunk_count: u32) -> u64 {
        Self::MAGIC.len() as u64
            + u64::from(section_count) * Section::LEN as u64
            + u64::from(chunk_count) * ChunkEntry::LEN as u64
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::MAGIC);
        for section in &self.sections {
            out.extend_from_slice(&section.encode());
        }
        for chunk in &self.chunks {
            out.extend_from_slice(&chunk.encode());
        }
    }

    /// Decodes tables that lie before `input`, and sorts their names; the body lies between `body_offset` and
    /// `footer_offset`. The caller has checked the counts against the length of the footer and the limits.
    pub(crate) fn decode(
        input: &mut Input<'_>,
        counts: (u32, u32),
        body_offset: u64,
        footer_offset: u64,
    ) -> Result<(Self, Names), Error> {
        if input.clone().array()? != Self::MAGIC {
            return Err(input.invalid("the footer's magic is not there"));
        }
        input.take(Self::MAGIC.len())?;
        // The footer is as long as the counts say, so what is reserved is no more than what is there.
        let count = |count: u32| usize::try_from(count).unwrap_or_default();
        let (sections_start, mut sections) = (input.clone(), Vec::with_capacity(count(counts.0)));
        for _ in 0..counts.0 {
            sections.push(Section::decode(input)?);
        }
        let mut chunks = Vec::with_capacity(count(counts.1));
        for _ in 0..counts.1 {
            chunks.push(ChunkEntry::decode(input)?);
        }
        let tables = Self { sections, chunks };
        let names = Names::new(&tables.sections);
        tables.check(&names, sections_start, body_offset, footer_offset)?;
        Ok((tables, names))
    }

    /// The chunks of a section; `None` for a section of another container.
    pub(crate) fn chunks_of(&self, section: &Section) -> Option<&[ChunkEntry]> {
        let first = usize::try_from(section.first_chunk).ok()?;
        let count = usize::try_from(section.chunk_count).ok()?;
        self.chunks.get(first..first.checked_add(count)?)
    }

    fn check(
        &self,
        names: &Names,
        mut entries: Input<'_>,
        body_offset: u64,
        footer_offset: u64,
    ) -> Result<(), Error> {
        let (mut offset, mut first_chunk, second) = (body_offset, 0_u32, names.first_repeated());
        for (index, section) in self.sections.iter().enumerate() {
            if section.offset != offset {
                return Err(entries.invalid("sections overlap or leave a gap"));
            }
            if section.first_chunk != first_chunk {
                return Err(entries.invalid("a section's first chunk is not the sum of the counts before it"));
            }
            if second == Some(index) {
                return Err(entries.invalid("a section is there twice"));
            }
            let Some(chunks) = self.chunks_of(section) else {
                return Err(entries.invalid("a section has more chunks than the chunk table"));
            };
            if let Some(rule) = section.broken_rule(chunks) {
                return Err(entries.invalid(rule));
            }
            let end = offset.checked_add(section.span).filter(|&end| end <= footer_offset);
            let Some(end) = end else {
                return Err(entries.invalid("a section reaches into the footer"));
            };
            (offset, first_chunk) = (end, first_chunk.saturating_add(section.chunk_count));
            entries.take(Section::LEN)?;
        }
        if offset != footer_offset {
            return Err(entries.invalid("the footer doesn't begin where the last section ends"));
        }
        if usize::try_from(first_chunk).ok() != Some(self.chunks.len()) {
            return Err(entries.invalid("the chunk table has entries of no section"));
        }
        Ok(())
    }
}

/// The sections in the order of their names, with the place of each in the table.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<(SectionId, u32, usize)>);

impl Names {
    fn new(sections: &[Section]) -> Self {
        let name = |(index, section): (usize, &Section)| (section.id, section.instance, index);
        let mut names: Vec<_> = sections.iter().enumerate().map(name).collect();
        names.sort_unstable();
        Self(names)
    }

    /// Returns the place of a section.
    pub(crate) fn index(&self, id: SectionId, instance: u32) -> Option<usize> {
        let at = self.0.binary_search_by_key(&(id, instance), |(id, instance, _)| (*id, *instance)).ok()?;
        self.0.get(at).map(|(_, _, index)| *index)
    }

    /// Returns the first place of a section whose name stands before it.
    fn first_repeated(&self) -> Option<usize> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let repeated = pairs.filter(|((id, instance, _), next)| (*id, *instance) == (next.0, next.1));
        repeated.map(|(_, (_, _, index))| *index).min()
    }
}
