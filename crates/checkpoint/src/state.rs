//! Payloads as bytes that differences are made of, FORMAT.md section 14.1.

use std::{borrow::Cow, io::Write, num::NonZeroUsize, sync::Arc};

use keepstone_format::{
    Codec, Error as FormatError, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions, tag,
    wire::{Input, put_varint},
};
use keepstone_store::{FromPayload, Payload, PayloadError, Prepared};

use crate::checkpoint::{Facts, StateLayout};

/// A state as it was checkpointed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    bytes: Arc<Vec<u8>>,
    layout: StateLayout,
    facts: Facts,
}

/// Fewest bytes that a section takes in the table.
const ENTRY_LEN_MIN: usize = 3;

impl State {
    pub(crate) fn new(bytes: Arc<Vec<u8>>, layout: StateLayout, facts: Facts) -> Self {
        Self { bytes, layout, facts }
    }

    /// A state of its bytes: what [`StateData`](crate::StateData) holds.
    pub fn of(bytes: Vec<u8>, layout: StateLayout, facts: Facts) -> Self {
        Self::new(Arc::new(bytes), layout, facts)
    }

    /// Its bytes; copied if somebody else has them too.
    pub fn into_bytes(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.bytes)
    }

    /// The bytes that it is kept as: those that the program gave, if it gave bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the bytes are.
    pub fn layout(&self) -> StateLayout {
        self.layout
    }

    /// What the payload says of itself.
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Makes the payload again.
    ///
    /// # Errors
    /// [`PayloadError`] if it is of another sort, or no longer what the type expects.
    pub fn decode<T: FromPayload>(&self) -> Result<T, PayloadError> {
        let section = match self.layout {
            StateLayout::Bytes => Some(SectionId::BYTES),
            StateLayout::Value => Some(SectionId::VALUE),
            StateLayout::Sections => None,
        };
        if let Some(id) = section
            && let Some(decoded) = T::from_section(id, &self.bytes)
        {
            return decoded;
        }
        let container = self.container()?;
        T::from_payload(&Reader::open(container.as_slice(), Limits::for_file_len(container.len() as u64))?)
    }

    /// The payload as a container, as a save of it would be.
    ///
    /// # Errors
    /// [`FormatError`] if the table of its sections is not sound.
    pub fn container(&self) -> Result<Vec<u8>, FormatError> {
        let table = match self.layout {
            StateLayout::Sections => Some(Table::decode(&self.bytes)?),
            StateLayout::Bytes | StateLayout::Value => None,
        };
        let (mut head, tail) = match &table {
            Some(table) => (table.head.clone(), table.tail.clone()),
            None => (Metadata::new(), Metadata::new()),
        };
        if let Some(tick) = self.facts.tick {
            head.set_tick(tick);
        }
        if let Some(hash) = self.facts.state_hash {
            head.set(tag::STATE_HASH, &hash.to_le_bytes());
        }
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
        let mut writer = Writer::new(Vec::with_capacity(self.bytes.len() + 512), options)?;
        match self.layout {
            StateLayout::Bytes => writer.coded_from(SectionId::BYTES, 0, &[&self.bytes])?,
            StateLayout::Value => writer.coded_from(SectionId::VALUE, 0, &[&self.bytes])?,
            StateLayout::Sections => {
                for (section, bytes) in table.iter().flat_map(|table| &table.sections) {
                    writer.coded_from(section.id, section.instance, &[bytes])?;
                }
            }
        }
        Ok(writer.finish(tail)?.0)
    }
}

impl Payload for State {
    /// As what it was checkpointed from: a checkpoint of it has the same bytes, layout and facts.
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        match self.layout {
            StateLayout::Bytes => Ok(Prepared::bytes(&self.bytes).head(self.head(Metadata::new()))),
            StateLayout::Value => Ok(Prepared::value(&self.bytes).head(self.head(Metadata::new()))),
            StateLayout::Sections => {
                let Table { sections, head, tail } = Table::decode(&self.bytes)?;
                let prepared = Prepared::new(self.bytes.len() as u64, move |writer| {
                    for (section, bytes) in &sections {
                        writer.coded_from(section.id, section.instance, &[bytes])?;
                    }
                    Ok(tail)
                });
                Ok(prepared.head(self.head(head)))
            }
        }
    }
}

impl State {
    /// A head that says what the facts say.
    fn head(&self, mut head: Metadata) -> Metadata {
        if let Some(tick) = self.facts.tick.filter(|tick| head.tick() != Some(*tick)) {
            head.set_tick(tick);
        }
        if let Some(hash) = self.facts.state_hash.filter(|hash| hash_of(&head) != Some(*hash)) {
            head.set(tag::STATE_HASH, &hash.to_le_bytes());
        }
        head
    }
}

/// A payload about to be checkpointed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Captured {
    pub(crate) layout: StateLayout,
    pub(crate) facts: Facts,
}

/// Puts the bytes of a payload in the place of those in `out`.
pub(crate) fn capture(prepared: Prepared<'_>, out: &mut Vec<u8>) -> Result<Captured, PayloadError> {
    let facts = Facts { tick: prepared.head.tick(), state_hash: hash_of(&prepared.head) };
    out.clear();
    let section = match prepared.as_section() {
        Some((SectionId::BYTES, bytes)) => Some((StateLayout::Bytes, bytes)),
        Some((SectionId::VALUE, bytes)) => Some((StateLayout::Value, bytes)),
        _ => None,
    };
    if let Some((layout, bytes)) = section {
        let needs = bytes.len() as u64;
        out.try_reserve(bytes.len()).map_err(|_| FormatError::OutOfMemory { what: "state", bytes: needs })?;
        out.extend_from_slice(bytes);
        return Ok(Captured { layout, facts });
    }
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).threads(NonZeroUsize::MIN);
    let mut container = Vec::new();
    let mut writer = Writer::new(&mut container as &mut dyn Write, options)?;
    let head = prepared.head.clone();
    let tail = prepared.write(&mut writer)?;
    writer.finish(tail)?;
    let reader = Reader::open(container.as_slice(), Limits::for_file_len(container.len() as u64))?;
    sections_of(&reader, &head, out)?;
    Ok(Captured { layout: StateLayout::Sections, facts })
}

fn hash_of(head: &Metadata) -> Option<u64> {
    Some(u64::from_le_bytes(*head.get(tag::STATE_HASH)?.first_chunk()?))
}

/// The sections of a container, one after the other behind their table.
fn sections_of(reader: &Reader<&[u8]>, head: &Metadata, out: &mut Vec<u8>) -> Result<(), FormatError> {
    let sections = reader.sections();
    put_varint(out, sections.len() as u64);
    for section in sections {
        put_varint(out, section.id().0.into());
        put_varint(out, section.instance().into());
        put_varint(out, section.decoded_len());
    }
    for metadata in [head, reader.tail()] {
        let bytes = metadata.to_bytes()?;
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
    for section in sections {
        let bytes: Cow<'_, [u8]> = reader.read(section)?;
        out.extend_from_slice(&bytes);
    }
    Ok(())
}

/// Which section.
pub(crate) struct Entry {
    pub(crate) id: SectionId,
    pub(crate) instance: u32,
}

/// The sections of a state.
pub(crate) struct Table<'b> {
    pub(crate) sections: Vec<(Entry, &'b [u8])>,
    pub(crate) head: Metadata,
    pub(crate) tail: Metadata,
}

impl<'b> Table<'b> {
    pub(crate) fn decode(bytes: &'b [u8]) -> Result<Self, FormatError> {
        let mut input = Input::new("the sections of a state", bytes);
        let count = input.count(ENTRY_LEN_MIN)?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let (id, instance) = (SectionId(input.varint_u32()?), input.varint_u32()?);
            let len = input.varint_u64()?;
            entries.push((Entry { id, instance }, len));
        }
        let mut metadata = || {
            let len = input.count(1)?;
            Metadata::from_bytes(input.take(len)?)
        };
        let (head, tail) = (metadata()?, metadata()?);
        let mut sections = Vec::with_capacity(entries.len());
        for (entry, len) in entries {
            let len =
                usize::try_from(len).map_err(|_| input.invalid("a section is longer than the state"))?;
            sections.push((entry, input.take(len)?));
        }
        input.finish()?;
        Ok(Self { sections, head, tail })
    }
}
