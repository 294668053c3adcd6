//! The arrays of a container: FORMAT.md, section 10.

mod lost;

use std::{collections::BTreeSet, ops::Range};

use keepstone::format::{
    self, ArrayHead, Kind, ReadAt, Reader, Section, SectionId, SectionLayout, array::UNKNOWN_END,
};

use crate::error::with_causes;

pub(crate) use lost::LostRanges;

/// The longest head of an array: FORMAT.md, section 10.
pub(crate) const HEAD_LEN_MAX: u64 = 1 << 16;
/// Most bytes of all heads, as the reader of snapshots has it: a field takes three bytes in them and many more in memory.
pub(crate) const HEADS_LEN_MAX: u64 = 1 << 20;

/// An array whose head is good.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) head: ArrayHead,
    pub(crate) row_len: u32,
    /// Its values; none if all of them are lost.
    pub(crate) values: Option<Section>,
    /// How many of its rows are lost, or parts of them, and zero instead.
    pub(crate) lost_rows: u64,
    /// Whether rows behind its last one are lost, of which nobody knows how many there were.
    pub(crate) is_end_lost: bool,
    /// The section that says which bytes are lost.
    lost: Option<Section>,
}

impl Array {
    pub(crate) fn bytes(&self) -> u64 {
        self.values.map_or(0, |section| section.decoded_len())
    }

    pub(crate) fn rows(&self) -> u64 {
        self.bytes() / u64::from(self.row_len)
    }

    /// Returns whether a repair has not found all of it.
    pub(crate) fn is_lossy(&self) -> bool {
        self.values.is_none() || self.lost_rows > 0 || self.is_end_lost
    }

    /// Reads which of its rows are lost.
    pub(crate) fn lost<R: ReadAt>(&self, reader: &Reader<R>) -> Result<Vec<Range<u64>>, format::Error> {
        let mut rows = Vec::new();
        if let Some(section) = &self.lost {
            let len = self.bytes();
            each_lost(reader, section, len, |range| join(&mut rows, rows_in(&range, self.row_len, len)))?;
        }
        Ok(rows)
    }
}

/// The arrays of a container, and what about them isn't as it has to be.
#[derive(Debug, Default)]
pub(crate) struct Arrays {
    pub(crate) arrays: Vec<Array>,
    pub(crate) faults: Vec<String>,
}

/// What arrays take that their values don't bound.
#[derive(Default)]
struct Costs {
    heads_len: u64,
    lost_len: u64,
}

/// The rows that ranges of bytes are parts of. One whose end nobody knows keeps [`UNKNOWN_END`].
pub(crate) fn rows_of(bytes: &[Range<u64>], row_len: u32) -> Vec<Range<u64>> {
    let mut rows = Vec::new();
    for range in bytes {
        join(&mut rows, rows_in(range, row_len, UNKNOWN_END));
    }
    rows
}

/// The rows that a range of bytes is a part of, up to the end of an array of `len` bytes.
fn rows_in(bytes: &Range<u64>, row_len: u32, len: u64) -> Range<u64> {
    let row_len = u64::from(row_len).max(1);
    let end = match bytes.end.min(len) {
        UNKNOWN_END => UNKNOWN_END,
        end => end.div_ceil(row_len),
    };
    bytes.start / row_len..end
}

/// Adds a range behind others, to the last one if they touch.
fn join(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
        _ if range.is_empty() => {}
        _ => ranges.push(range),
    }
}

/// Whether sections with this id are parts of arrays.
pub(crate) fn is_of_array(id: SectionId) -> bool {
    [SectionId::ARRAY_HEAD, SectionId::ARRAY, SectionId::ARRAY_LOST].contains(&id)
}

/// Looks at all arrays of a container; values are not read.
///
/// # Errors
///
/// [`Limit`](format::Error::Limit) for more heads or lost ranges than a reader of snapshots takes.
pub(crate) fn list<R: ReadAt>(reader: &Reader<R>) -> Result<Arrays, format::Error> {
    let mut found = Arrays { faults: out_of_order(reader), ..Arrays::default() };
    let mut names = BTreeSet::new();
    let mut costs = Costs::default();
    for section in reader.sections().iter().filter(|section| section.id() == SectionId::ARRAY_HEAD) {
        let instance = section.instance();
        match read(reader, section, &mut costs) {
            Ok(array) if names.insert(array.head.name.clone()) => found.arrays.push(array),
            Ok(array) => found.faults.push(format!("two arrays have the name {:?}", array.head.name)),
            Err(error) if error.kind() == Kind::Limit && costs.are_over(reader) => return Err(error),
            Err(error) => found.faults.push(format!("array {instance}: {}", with_causes(&error))),
        }
    }
    Ok(found)
}

/// What about the order and the layout of sections a reader of snapshots refuses.
fn out_of_order<R: ReadAt>(reader: &Reader<R>) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut before, mut next) = (None, 0);
    for section in reader.sections() {
        let (id, instance) = (section.id(), section.instance());
        let is_behind = |id| before == Some((id, instance));
        let is_coded = section.layout() == SectionLayout::Coded;
        let fault = match id {
            SectionId::ARRAY_HEAD if !is_coded || section.chunk_count() != 1 => Some("it is not one chunk"),
            SectionId::ARRAY if is_behind(SectionId::ARRAY_HEAD) => None,
            SectionId::ARRAY if reader.find(SectionId::ARRAY_HEAD, instance).is_ok() => {
                Some("it is out of order: not behind its head")
            }
            SectionId::ARRAY_HEAD | SectionId::ARRAY if u64::from(instance) < next => {
                Some("it is out of order")
            }
            SectionId::ARRAY_LOST if !is_behind(SectionId::ARRAY) => Some("there is no array before it"),
            SectionId::ARRAY_LOST if !is_coded => Some("it is not coded"),
            _ => None,
        };
        if let Some(fault) = fault {
            faults.push(format!("section {id}, instance {instance}: {fault}"));
        }
        if id == SectionId::ARRAY_HEAD || id == SectionId::ARRAY {
            next = u64::from(instance) + 1;
        }
        before = Some((id, instance));
    }
    faults
}

fn read<R: ReadAt>(reader: &Reader<R>, section: &Section, costs: &mut Costs) -> Result<Array, format::Error> {
    let offset = section.offset();
    let len = section.decoded_len();
    if len > HEAD_LEN_MAX {
        let (what, allowed) = ("bytes of an array head", HEAD_LEN_MAX);
        return Err(format::Error::Limit { what, needs: len, allowed });
    }
    costs.heads_len = costs.heads_len.saturating_add(len);
    if costs.heads_len > HEADS_LEN_MAX {
        let what = "bytes of all array heads";
        return Err(format::Error::Limit { what, needs: costs.heads_len, allowed: HEADS_LEN_MAX });
    }
    let head = ArrayHead::decode(&reader.read(section)?)?;
    let row_len = head.row_len()?;
    let values = reader.find(SectionId::ARRAY, section.instance()).ok().copied();
    let lost = reader.find(SectionId::ARRAY_LOST, section.instance()).ok().copied();
    let mut array = Array { head, row_len, values, lost_rows: 0, is_end_lost: false, lost };
    let len = array.bytes();
    if !len.is_multiple_of(row_len.into()) {
        let rule = "an array is no whole number of rows";
        return Err(format::Error::Invalid { what: "array", rule, offset });
    }
    if let Some(section) = &lost {
        costs.lost_len = costs.lost_len.saturating_add(section.decoded_len());
        let (needs, allowed) = (costs.lost_len, reader.limits().decoded_max);
        if needs > allowed {
            return Err(format::Error::Limit { what: "bytes of lost ranges of arrays", needs, allowed });
        }
        // Two ranges may be parts of one row.
        let mut next = 0;
        each_lost(reader, section, len, |range| {
            let rows = rows_in(&range, row_len, len);
            array.lost_rows += rows.end.saturating_sub(rows.start.max(next));
            array.is_end_lost |= range.end == UNKNOWN_END;
            next = rows.end;
        })?;
    }
    Ok(array)
}

/// Reads lost ranges chunk by chunk.
fn each_lost<R: ReadAt>(
    reader: &Reader<R>,
    section: &Section,
    len: u64,
    mut each: impl FnMut(Range<u64>),
) -> Result<(), format::Error> {
    if section.layout() != SectionLayout::Coded {
        return Err(format::Error::Invalid {
            what: "lost ranges of an array",
            rule: "lost ranges are coded",
            offset: section.offset(),
        });
    }
    let mut ranges = LostRanges::new(len);
    let mut chunks = reader.chunks(section)?;
    while let Some(chunk) = chunks.next_chunk()? {
        ranges.add(chunk, &mut each)?;
    }
    ranges.finish()
}

impl Costs {
    /// Whether an error is about all arrays, not about one of them.
    fn are_over<R: ReadAt>(&self, reader: &Reader<R>) -> bool {
        self.heads_len > HEADS_LEN_MAX || self.lost_len > reader.limits().decoded_max
    }
}

#[cfg(test)]
mod tests {
    use keepstone::format::{
        Codec, Error, FileKind, Limits, Metadata, Writer, WriterOptions,
        array::encode_lost,
        plain::{OwnedLayout, Primitive},
    };

    use super::*;

    /// Two arrays with as many lost ranges each.
    fn container(ranges: u64) -> Vec<u8> {
        let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        let lost: Vec<_> = (0..ranges).map(|at| 2 * at..2 * at + 1).collect();
        let lost = encode_lost(&lost).unwrap();
        let zeros = vec![0; usize::try_from(ranges * 2).unwrap()];
        for instance in 0..2 {
            let layout = OwnedLayout::Primitive(Primitive::U16);
            let head = ArrayHead { name: instance.to_string(), layout, width: 1 }.encode().unwrap();
            writer.coded_from(SectionId::ARRAY_HEAD, instance, &[&head]).unwrap();
            writer.coded_from(SectionId::ARRAY, instance, &[&zeros]).unwrap();
            writer.coded_from(SectionId::ARRAY_LOST, instance, &[&lost]).unwrap();
        }
        writer.finish(Metadata::new()).unwrap().0
    }

    /// The ranges of 20 arrays took 1.3 GB, each array within the limit for one section.
    #[test]
    fn lost_ranges_of_all_arrays_are_bounded_together() {
        let mut limits = Limits::default();
        limits.decoded_max = 4096;
        for (ranges, is_taken) in [(128, true), (129, false)] {
            let bytes = container(ranges);
            let reader = Reader::open(&bytes[..], limits).unwrap();
            let found = list(&reader);
            if is_taken {
                let found = found.unwrap();
                assert_eq!((found.arrays.len(), found.arrays[0].lost_rows), (2, ranges));
                let lost = found.arrays[1].lost(&reader).unwrap();
                assert_eq!((lost.len(), &lost[0]), (1, &(0..ranges)));
            } else {
                assert!(matches!(found, Err(Error::Limit { needs: 4128, allowed: 4096, .. })), "{found:?}");
            }
        }
    }
}
