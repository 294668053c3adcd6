//! The index of a directory, FORMAT.md section 13.4.

use std::{ops::Range, sync::Arc};

use keepstone_format::{
    Codec, Error as FormatError, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions,
};

use crate::{
    entry::{Indexed, SaveEntry, Span},
    listing::Fingerprint,
    stem::Name,
};

/// Bytes that an index may have: that of a million saves with short heads.
pub(crate) const INDEX_LEN_MAX: u64 = 1 << 28;
const VERSION: u32 = 1;
/// Bytes of an entry whose names and metadata are empty.
const ENTRY_LEN_MIN: usize = 1 + 1 + 1 + 8 + 2 + 2;
const GOOD: u8 = 0;
const DAMAGED: u8 = 1;

/// What an index says.
#[derive(Debug)]
pub(crate) struct Index {
    /// The saves that it is enough for, in the order of their file names.
    pub(crate) entries: Vec<SaveEntry>,
    /// Of the names of all saves and their notes in it.
    pub(crate) fingerprint: Fingerprint,
    /// Whether there are other saves in it, whose files have to be read.
    pub(crate) has_others: bool,
}

/// Encodes the index of saves, which are in the order of their file names.
pub(crate) fn encode(entries: &[&SaveEntry]) -> Result<Vec<u8>, FormatError> {
    let limit = |what, needs: usize, allowed: u32| FormatError::Limit {
        what,
        needs: needs as u64,
        allowed: allowed.into(),
    };
    let count =
        u32::try_from(entries.len()).map_err(|_| limit("saves in an index", entries.len(), u32::MAX))?;
    let mut body = Vec::new();
    body.extend_from_slice(&VERSION.to_le_bytes());
    body.extend_from_slice(&count.to_le_bytes());
    for entry in entries {
        let note_name = entry.note_number().map(|number| Name::Note(entry.stem(), number).to_string());
        for name in [entry.file_name(), note_name.as_deref().unwrap_or_default()] {
            let len =
                u8::try_from(name.len()).map_err(|_| limit("bytes of a name", name.len(), u8::MAX.into()))?;
            body.push(len);
            body.extend_from_slice(name.as_bytes());
        }
        let (head, note) = entry.metadata();
        body.push(if head.is_empty() { DAMAGED } else { GOOD });
        body.extend_from_slice(&entry.bytes().to_le_bytes());
        for metadata in [head, note] {
            let too_long = |_| limit("bytes of metadata", metadata.len(), u16::MAX.into());
            let len = u16::try_from(metadata.len()).map_err(too_long)?;
            body.extend_from_slice(&len.to_le_bytes());
            body.extend_from_slice(metadata);
        }
    }
    let options = WriterOptions::new(FileKind::INDEX).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options)?;
    // Raw, so that it is in one piece and entries can share the bytes that were read.
    writer.raw_from(SectionId::INDEX, 0, &[&body])?;
    Ok(writer.finish(Metadata::new())?.0)
}

/// Decodes the container of an index; none if it breaks any rule.
pub(crate) fn decode(container: Vec<u8>) -> Option<Index> {
    let body = body_of(&container)?;
    decode_body(container, body)
}

/// Where in a sound container the body is.
fn body_of(container: &[u8]) -> Option<Range<usize>> {
    let reader = Reader::open(container, Limits::for_file_len(container.len() as u64)).ok()?;
    let [section] = reader.sections() else { return None };
    if reader.header().kind != FileKind::INDEX || (section.id(), section.instance()) != (SectionId::INDEX, 0)
    {
        return None;
    }
    let start = usize::try_from(section.raw_offset()?).ok()?;
    Some(start..start.checked_add(reader.view_raw(section).ok()?.len())?)
}

fn decode_body(container: Vec<u8>, body: Range<usize>) -> Option<Index> {
    let buffer = Arc::new(container);
    let mut input = Input { body: buffer.get(..body.end)?, at: body.start };
    if u32::from_le_bytes(input.array()?) != VERSION {
        return None;
    }
    let count = usize::try_from(u32::from_le_bytes(input.array()?)).ok()?;
    if count > body.len() / ENTRY_LEN_MIN {
        return None;
    }
    let mut index =
        Index { entries: Vec::with_capacity(count), fingerprint: Fingerprint::default(), has_others: false };
    let mut last: &[u8] = &[];
    for _ in 0..count {
        let file_name = input.name()?;
        let bytes = file_name.of(&buffer);
        if bytes <= last {
            return None;
        }
        last = bytes;
        match decode_entry(&mut input, &buffer, file_name, &mut index.fingerprint)? {
            Decoded::Usable(entry) => index.entries.push(entry),
            Decoded::Other => index.has_others = true,
        }
    }
    (input.at == body.end).then_some(index)
}

/// What the index says of one file; none: a rule is broken.
fn decode_entry(
    input: &mut Input<'_>,
    buffer: &Arc<Vec<u8>>,
    file_name: Span,
    fingerprint: &mut Fingerprint,
) -> Option<Decoded> {
    let name_bytes = file_name.of(buffer);
    let name = Name::of_bytes(name_bytes);
    let (Name::Save(stem) | Name::Deleted(stem) | Name::Damaged(stem)) = name else { return None };
    fingerprint.add(name_bytes);
    let note_name = input.name()?.of(buffer);
    let note_number = match (note_name, Name::of_bytes(note_name)) {
        ([], _) => None,
        (_, Name::Note(of, number)) if of == stem => Some(number),
        _ => return None,
    };
    let state = input.array::<1>()?;
    let bytes = u64::from_le_bytes(input.array()?);
    let (head, note) = (input.metadata()?, input.metadata()?);
    let is_note_empty = note.of(buffer).is_empty();
    match note_number {
        Some(_) => fingerprint.add(note_name),
        None if is_note_empty => {}
        None => return None,
    }
    match (state, head.of(buffer)) {
        ([GOOD], [_, ..]) => {}
        ([DAMAGED], []) => return Some(Decoded::Other),
        _ => return None,
    }
    let note = match note_number {
        // A note that couldn't be read has no metadata here.
        Some(_) if is_note_empty => return Some(Decoded::Other),
        number => number.map(|number| (number, note)),
    };
    let indexed = Indexed { name, file_name, bytes, head, note };
    SaveEntry::of_index(buffer, &indexed).map(Decoded::Usable)
}

enum Decoded {
    Usable(SaveEntry),
    /// Its file, or that of its note, has to be read.
    Other,
}

/// What is left of the body.
struct Input<'a> {
    /// The container up to the end of the body.
    body: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.body.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(array)
    }

    fn take(&mut self, len: usize) -> Option<Span> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.body.len())?;
        let span = Span::new(self.at, len)?;
        self.at = end;
        Some(span)
    }

    fn name(&mut self) -> Option<Span> {
        let [len] = self.array()?;
        self.take(len.into())
    }

    fn metadata(&mut self) -> Option<Span> {
        let len = u16::from_le_bytes(self.array()?);
        self.take(len.into())
    }
}

#[cfg(test)]
mod tests;
