use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    ops::Range,
    path::PathBuf,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_format::{
    ArrayHead, Error as FormatError, ReadAt, Reader, Section, SectionId, SectionLayout, array,
    limits::CHUNK_LEN,
};

use super::{Verify, memory::Memory};
use crate::{Buffer, Error};

/// The longest array head: a longer one could only list more fields than a row has bytes for.
const HEAD_LEN_MAX: u64 = 1 << 16;
/// Most bytes of all array heads: a field takes three bytes in them and many more in memory.
const HEADS_LEN_MAX: u64 = 1 << 20;
/// How many names an error lists.
const NAMES_MAX: usize = 16;

/// What the handles of a snapshot share.
pub(super) struct Inner {
    pub(super) path: PathBuf,
    pub(super) reader: Reader<Memory>,
    pub(super) arrays: Vec<Stored>,
    pub(super) threads: NonZeroUsize,
    by_name: BTreeMap<String, usize>,
    /// Bytes of all arrays that are decoded, or about to be.
    decoded_len: AtomicU64,
}

/// An array as it is in the file.
pub(super) struct Stored {
    pub(super) head: ArrayHead,
    /// Bytes of a row.
    pub(super) row_len: u64,
    /// None if a repair has not found it.
    pub(super) section: Option<Section>,
    /// Bytes that a repair has not found.
    pub(super) lost: Vec<Range<u64>>,
    checked: Checked,
    /// The values of a coded array, once they were asked for.
    decoded: OnceLock<Buffer>,
    /// Held while it is decoded, so that this is done once.
    decoding: Mutex<()>,
}

/// Which pieces of a raw array were checked.
enum Checked {
    All,
    /// A bit for each piece.
    Some(Vec<AtomicU64>),
}

impl Inner {
    pub(super) fn new(
        path: PathBuf,
        reader: Reader<Memory>,
        verify: Verify,
        threads: NonZeroUsize,
    ) -> Result<Self, Error> {
        let mut arrays: Vec<Stored> = Vec::new();
        let mut by_name = BTreeMap::new();
        let container = |source| Error::Container { path: path.clone(), source };
        check_order(&reader).map_err(container)?;
        let mut costs = Costs::default();
        for section in reader.sections().iter().filter(|section| section.id() == SectionId::ARRAY_HEAD) {
            let stored = Stored::read(&reader, section, verify, &mut costs).map_err(container)?;
            if by_name.insert(stored.head.name.clone(), arrays.len()).is_some() {
                let rule = "two arrays share a name";
                let offset = section.offset();
                return Err(container(FormatError::Invalid { what: "array head", rule, offset }));
            }
            arrays.push(stored);
        }
        Ok(Self { path, reader, arrays, threads, by_name, decoded_len: AtomicU64::new(0) })
    }

    pub(super) fn into_buffer(self) -> Option<Buffer> {
        match self.reader.into_inner() {
            Memory::Read(buffer) => Some(buffer),
            Memory::Mapped(_) => None,
        }
    }

    pub(super) fn stored(&self, name: &str) -> Result<&Stored, Error> {
        let index = self.by_name.get(name).copied();
        index.and_then(|index| self.arrays.get(index)).ok_or_else(|| {
            let has = self.names();
            Error::NoArray { path: self.path.clone(), name: name.to_owned(), has }
        })
    }

    /// The first names, as an error lists them.
    fn names(&self) -> String {
        let names = self.arrays.iter().take(NAMES_MAX).map(|stored| format!("{:?}", stored.head.name));
        let names = names.collect::<Vec<_>>().join(", ");
        match self.arrays.len() {
            0 => "none".to_owned(),
            count if count > NAMES_MAX => format!("{names} and {} more", count - NAMES_MAX),
            _ => names,
        }
    }

    /// Checked bytes of an array, where they lie.
    pub(super) fn bytes<'s>(&'s self, stored: &'s Stored, range: Range<u64>) -> Result<&'s [u8], Error> {
        let container = |source| Error::Container { path: self.path.clone(), source };
        let Some(section) = &stored.section else { return Err(stored.all_lost(self)) };
        let (start, len) = (usize::try_from(range.start), usize::try_from(range.end - range.start));
        let (Ok(start), Ok(len)) = (start, len) else {
            let bytes = range.end;
            return Err(container(FormatError::OutOfMemory { what: "array", bytes }));
        };
        if let Some(offset) = section.raw_offset() {
            self.check(stored, section, range.clone()).map_err(container)?;
            return Ok(self.reader.source().borrow(offset + range.start, len).unwrap_or_default());
        }
        let decoded = self.decoded(stored, section).map_err(container)?;
        Ok(decoded.get(start..start.saturating_add(len)).unwrap_or_default())
    }

    /// Checks the pieces of a raw array that lie in a range and were not checked yet.
    fn check(&self, stored: &Stored, section: &Section, range: Range<u64>) -> Result<(), FormatError> {
        let Checked::Some(bits) = &stored.checked else { return Ok(()) };
        if section.chunk_count() == 0 {
            // There is a header all the same.
            return self.reader.check(section, 0..0, self.threads);
        }
        if range.is_empty() {
            return Ok(());
        }
        let piece = |byte: u64| u32::try_from(byte / u64::from(CHUNK_LEN)).unwrap_or(u32::MAX);
        let end = piece(range.end.saturating_add(u64::from(CHUNK_LEN) - 1)).min(section.chunk_count());
        let mut run: Option<Range<u32>> = None;
        for index in piece(range.start)..end {
            let (word, bit) = word_of(bits, index);
            if word.load(Ordering::Relaxed) & bit != 0 {
                self.check_run(section, run.take(), bits)?;
            } else {
                run = Some(run.map_or(index, |run| run.start)..index + 1);
            }
        }
        self.check_run(section, run, bits)
    }

    fn check_run(
        &self,
        section: &Section,
        run: Option<Range<u32>>,
        bits: &[AtomicU64],
    ) -> Result<(), FormatError> {
        let Some(run) = run else { return Ok(()) };
        self.reader.check(section, run.clone(), self.threads)?;
        for index in run {
            let (word, bit) = word_of(bits, index);
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The bytes of a coded array, which are decoded the first time.
    fn decoded<'s>(&self, stored: &'s Stored, section: &Section) -> Result<&'s [u8], FormatError> {
        if let Some(decoded) = stored.decoded.get() {
            return Ok(decoded.bytes());
        }
        let _turn = stored.decoding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decoded) = stored.decoded.get() {
            return Ok(decoded.bytes());
        }
        let (len, allowed) = (section.decoded_len(), self.reader.limits().decoded_max);
        let more = |sum: u64| sum.checked_add(len).filter(|sum| *sum <= allowed);
        self.decoded_len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|sum| {
            let what = "bytes of decoded arrays (raise Limits::decoded_max if the source is trusted)";
            FormatError::Limit { what, needs: sum.saturating_add(len), allowed }
        })?;
        let decoded = self.decode(section).inspect_err(|_| {
            self.decoded_len.fetch_sub(len, Ordering::Relaxed);
        })?;
        Ok(stored.decoded.get_or_init(|| decoded).bytes())
    }

    fn decode(&self, section: &Section) -> Result<Buffer, FormatError> {
        let needs = section.decoded_len();
        let no_memory = || FormatError::OutOfMemory { what: "decoded array", bytes: needs };
        let mut buffer = Buffer::new();
        let len = usize::try_from(needs).map_err(|_| no_memory())?;
        let mut rest = buffer.resize(len).map_err(|_| no_memory())?;
        let mut chunks = self.reader.chunks(section)?;
        while let Some(chunk) = chunks.next_chunk()? {
            let (part, behind) = rest.split_at_mut_checked(chunk.len()).unwrap_or_default();
            if part.len() == chunk.len() {
                part.copy_from_slice(chunk);
            }
            rest = behind;
        }
        Ok(buffer)
    }
}

impl Stored {
    fn read(
        reader: &Reader<Memory>,
        section: &Section,
        verify: Verify,
        costs: &mut Costs,
    ) -> Result<Self, FormatError> {
        let offset = section.offset();
        costs.heads_len = array_heads_len(costs.heads_len, section.decoded_len())?;
        let head = ArrayHead::decode(&reader.read(section)?)?;
        let row_len = u64::from(head.row_len()?);
        let values = reader.find(SectionId::ARRAY, section.instance()).ok().copied();
        let len = values.map_or(0, |values| values.decoded_len());
        if !len.is_multiple_of(row_len) {
            let rule = "the array is not a whole number of rows";
            return Err(FormatError::Invalid { what: "array", rule, offset });
        }
        let lost = match reader.find(SectionId::ARRAY_LOST, section.instance()) {
            Ok(lost) => {
                costs.add_lost(lost.decoded_len(), reader.limits().decoded_max)?;
                array::decode_lost(&reader.read(lost)?, len)?
            }
            Err(_) => Vec::new(),
        };
        let checked = match verify {
            Verify::OnUse => {
                let pieces = values.map_or(0, |values| values.chunk_count());
                let words = usize::try_from(pieces.div_ceil(64)).unwrap_or(usize::MAX);
                Checked::Some((0..words).map(|_| AtomicU64::new(0)).collect())
            }
            Verify::Now | Verify::Never => Checked::All,
        };
        Ok(Self {
            head,
            row_len,
            section: values,
            lost,
            checked,
            decoded: OnceLock::new(),
            decoding: Mutex::new(()),
        })
    }

    /// Bytes of the array.
    pub(super) fn len(&self) -> u64 {
        self.section.map_or(0, |section| section.decoded_len())
    }

    pub(super) fn all_lost(&self, inner: &Inner) -> Error {
        let has_known_end = self.lost.last().is_none_or(|range| range.end != array::UNKNOWN_END);
        let lost = if has_known_end {
            self.lost.iter().map(|range| range.end - range.start).sum()
        } else {
            array::UNKNOWN_END
        };
        Error::ArrayLost { path: inner.path.clone(), name: self.head.name.clone(), lost, bytes: self.len() }
    }
}

/// What the arrays take in memory that their bytes don't bound.
#[derive(Default)]
struct Costs {
    heads_len: u64,
    lost_len: u64,
}

impl Costs {
    fn add_lost(&mut self, len: u64, allowed: u64) -> Result<(), FormatError> {
        self.lost_len = self.lost_len.saturating_add(len);
        if self.lost_len > allowed {
            let what = "bytes of lost ranges of arrays (raise Limits::decoded_max if the source is trusted)";
            return Err(FormatError::Limit { what, needs: self.lost_len, allowed });
        }
        Ok(())
    }
}

/// Adds the length of an array head to those before it.
pub(super) fn array_heads_len(before: u64, len: u64) -> Result<u64, FormatError> {
    if len > HEAD_LEN_MAX {
        let what = "bytes of an array head";
        return Err(FormatError::Limit { what, needs: len, allowed: HEAD_LEN_MAX });
    }
    let needs = before.saturating_add(len);
    if needs > HEADS_LEN_MAX {
        let what = "bytes of all array heads";
        return Err(FormatError::Limit { what, needs, allowed: HEADS_LEN_MAX });
    }
    Ok(needs)
}

/// Checks that the sections of each array stand behind each other, and arrays in the order of their instances.
fn check_order(reader: &Reader<Memory>) -> Result<(), FormatError> {
    let (mut before, mut next) = (None, 0);
    for section in reader.sections() {
        let (id, instance) = (section.id(), section.instance());
        let is_behind = |id| before == Some((id, instance));
        let is_coded = section.layout() == SectionLayout::Coded;
        let rule = match id {
            SectionId::ARRAY_HEAD if !is_coded || section.chunk_count() != 1 => {
                Some("an array head is not coded in one chunk")
            }
            SectionId::ARRAY if is_behind(SectionId::ARRAY_HEAD) => None,
            SectionId::ARRAY if reader.find(SectionId::ARRAY_HEAD, instance).is_ok() => {
                Some("an array doesn't stand behind its head")
            }
            SectionId::ARRAY_HEAD | SectionId::ARRAY if u64::from(instance) < next => {
                Some("arrays don't stand in the order of their instances")
            }
            SectionId::ARRAY_LOST if !is_behind(SectionId::ARRAY) => {
                Some("lost ranges don't stand behind their array")
            }
            SectionId::ARRAY_LOST if !is_coded => Some("lost ranges are not coded"),
            _ => None,
        };
        if let Some(rule) = rule {
            return Err(FormatError::Invalid { what: "array", rule, offset: section.offset() });
        }
        if id == SectionId::ARRAY_HEAD || id == SectionId::ARRAY {
            next = u64::from(instance) + 1;
        }
        before = Some((id, instance));
    }
    Ok(())
}

/// The bit of a piece. Only pieces of the section are asked for, so the word is there.
fn word_of(bits: &[AtomicU64], piece: u32) -> (&AtomicU64, u64) {
    static NONE: AtomicU64 = AtomicU64::new(0);
    let word = usize::try_from(piece / 64).ok().and_then(|index| bits.get(index));
    (word.unwrap_or(&NONE), 1 << (piece % 64))
}
