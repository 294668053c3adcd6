//! What is left of arrays: FORMAT.md, section 10.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use keepstone::format::{
    self, ArrayHead, Codec, Limits, ReadAt, Reader, SectionId, SectionLayout, SectionOptions, array, crc32,
    limits::CHUNK_LEN,
};

use super::found::{FoundSection, Partial, State};
use super::lost::Lost;
use crate::arrays::{is_of_array, rows_of};
use crate::error::with_causes;

/// Bytes of the header of a raw section.
const RAW_HEADER_LEN: usize = 40;
/// The payload of a raw section begins at a multiple of this.
const ALIGNMENT: u64 = 64;

/// The sections of one array.
#[derive(Default)]
struct Group {
    head: Option<FoundSection>,
    values: Option<FoundSection>,
    ranges: Option<FoundSection>,
}

/// Where the lengths of what is missing stand.
pub(super) struct Lengths<'r, R> {
    pub(super) source: &'r R,
    /// There if the tables hold.
    pub(super) reader: Option<&'r Reader<&'r R>>,
    pub(super) epoch: u64,
    pub(super) limits: &'r Limits,
}

/// Makes the arrays among sections sound: what is lost of their values is zero and named, and heads that are none are dropped.
pub(super) fn mend<R: ReadAt>(
    sections: Vec<FoundSection>,
    lengths: &Lengths<'_, R>,
    lost: &mut Vec<Lost>,
) -> Vec<FoundSection> {
    let Some(first) = sections.iter().position(|section| is_of_array(section.id)) else { return sections };
    let (arrays, mut others): (Vec<_>, Vec<_>) =
        sections.into_iter().partition(|section| is_of_array(section.id));
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for section in arrays {
        let group = groups.entry(section.instance).or_default();
        let slot = match section.id {
            SectionId::ARRAY_HEAD => &mut group.head,
            SectionId::ARRAY => &mut group.values,
            _ => &mut group.ranges,
        };
        *slot = Some(section);
    }
    let mut names = BTreeSet::new();
    let mended: Vec<FoundSection> = groups
        .into_iter()
        .flat_map(|(instance, group)| group.mend(instance, &mut names, lengths, lost))
        .collect();
    // Sections that are not of arrays stay before or behind them.
    others.splice(first..first, mended);
    others
}

impl Group {
    fn mend<R: ReadAt>(
        self,
        instance: u32,
        names: &mut BTreeSet<String>,
        lengths: &Lengths<'_, R>,
        lost: &mut Vec<Lost>,
    ) -> Vec<FoundSection> {
        let head = match self.head.as_ref().map(|section| decode(section, names)) {
            Some(Ok(head)) => Some(head),
            Some(Err(message)) => {
                lost.push(Lost::new(&format!("head of array {instance}"), message));
                None
            }
            None => {
                lost.push(Lost::new(&format!("head of array {instance}"), "its name and layout are missing"));
                None
            }
        };
        let name = head.as_ref().map_or_else(|| instance.to_string(), |(head, _)| head.name.clone());
        let row_len = head.as_ref().map_or(1, |(_, row_len)| *row_len);
        let mut ranges = Vec::new();
        let mut values = None;
        if let Some(section) = self.values {
            values = filled(section, &name, row_len, lengths, &mut ranges, lost);
        }
        let len = values.iter().flat_map(|section| &section.pieces).map(|piece| piece.len() as u64).sum();
        if let Some(section) = self.ranges.as_ref().filter(|_| values.is_some()) {
            match old_ranges(section, len) {
                Ok(old) => ranges.extend(old),
                Err(message) => {
                    let message = format!("which of its bytes were lost before: {message}");
                    lost.push(Lost::array(&name, Vec::new(), message));
                }
            }
        }
        let ranges = ranges_section(instance, ranges, len);
        self.head.filter(|_| head.is_some()).into_iter().chain(values).chain(ranges).collect()
    }
}

/// Reads a head, whose name no other array has.
fn decode(section: &FoundSection, names: &mut BTreeSet<String>) -> Result<(ArrayHead, u32), String> {
    let ([piece], State::Complete, SectionLayout::Coded) =
        (section.pieces.as_slice(), section.state, section.layout)
    else {
        return Err("it is damaged, and with it the name and the layout".to_owned());
    };
    let message = |error: format::Error| format!("its checksum holds, but {}", with_causes(&error));
    let head = ArrayHead::decode(piece).map_err(message)?;
    let row_len = head.row_len().map_err(message)?;
    if !names.insert(head.name.clone()) {
        return Err(format!("another array has its name {:?}", head.name));
    }
    Ok((head, row_len))
}

/// The values with zeros where something is lost, if they can be placed. Adds the lost bytes to `ranges`.
fn filled<R: ReadAt>(
    mut section: FoundSection,
    name: &str,
    row_len: u32,
    lengths: &Lengths<'_, R>,
    ranges: &mut Vec<Range<u64>>,
    lost: &mut Vec<Lost>,
) -> Option<FoundSection> {
    if section.state == State::Undecoded {
        lost.push(Lost::array(
            name,
            Vec::new(),
            "its codec or filter is not in this build; update keepstone",
        ));
        return None;
    }
    if section.state == State::Complete {
        let len: u64 = section.pieces.iter().map(|piece| piece.len() as u64).sum();
        if !len.is_multiple_of(row_len.into()) {
            let message =
                format!("its checksums hold, but {len} bytes are no whole number of rows of {row_len}");
            lost.push(Lost::array(name, Vec::new(), message));
            return None;
        }
        return Some(section);
    }
    let partial = section.partial.take().filter(|partial| !partial.parts.is_empty());
    let Some((mut partial, plan)) = partial.and_then(|partial| {
        let plan = Plan::new(&section, &partial, row_len, lengths)?;
        Some((partial, plan))
    }) else {
        lost.push(Lost::array(name, Vec::new(), "all of its values: no chunk of them can be placed"));
        return None;
    };
    let mut at = 0;
    for (index, len) in (0..).zip(&plan.lens) {
        let end = at + u64::from(*len);
        let wanted = usize::try_from(*len).unwrap_or(usize::MAX);
        let part = partial.parts.remove(&index).and_then(|mut part| {
            (part.len() >= wanted).then(|| {
                part.truncate(wanted);
                part
            })
        });
        section.pieces.push(part.unwrap_or_else(|| {
            ranges.push(at..end);
            vec![0; wanted]
        }));
        at = end;
    }
    let rows = rows_of(ranges, row_len);
    let count: u64 = rows.iter().map(|range| range.end - range.start).sum();
    let mut message = format!("{count} of {} rows, which are zero in the new file", at / u64::from(row_len));
    if plan.is_open {
        message.push_str("; and rows behind them, of which nobody knows how many there were");
    }
    lost.push(Lost::array(name, rows, message));
    section.state = State::Complete;
    Some(section)
}

/// How long the chunks of an array were.
struct Plan {
    lens: Vec<u32>,
    /// Whether there was more behind them.
    is_open: bool,
}

impl Plan {
    fn new<R: ReadAt>(
        section: &FoundSection,
        partial: &Partial,
        row_len: u32,
        lengths: &Lengths<'_, R>,
    ) -> Option<Self> {
        let plan = if let Some(reader) = lengths.reader {
            let section = reader.find(section.id, section.instance).ok()?;
            let lens = reader.chunk_entries(section).iter().map(|entry| entry.decoded_len).collect();
            Self { lens, is_open: false }
        } else if section.layout == SectionLayout::Raw {
            let len = raw_len(section, partial, lengths)?;
            Self::of_len(len, CHUNK_LEN, lengths.limits)?
        } else {
            Self::of_chunks(partial, row_len, lengths.limits)?
        };
        let len: u64 = plan.lens.iter().map(|len| u64::from(*len)).sum();
        let is_whole = len.is_multiple_of(row_len.into());
        (len <= lengths.limits.decoded_max && is_whole && len > 0).then_some(plan)
    }

    fn of_len(len: u64, chunk_len: u32, limits: &Limits) -> Option<Self> {
        if len > limits.decoded_max || chunk_len == 0 {
            return None;
        }
        let (full, rest) = (len / u64::from(chunk_len), u32::try_from(len % u64::from(chunk_len)).ok()?);
        let full = usize::try_from(full).ok()?;
        let lens = std::iter::repeat_n(chunk_len, full).chain((rest > 0).then_some(rest)).collect();
        Some(Self { lens, is_open: false })
    }

    /// Without tables: all chunks but the last have the length of those that are there.
    fn of_chunks(partial: &Partial, row_len: u32, limits: &Limits) -> Option<Self> {
        let len_of = |part: &Vec<u8>| u64::try_from(part.len()).ok();
        let last = partial.part_count.and_then(|count| count.checked_sub(1));
        let full_len = partial.parts.iter().find(|(index, _)| Some(**index) != last).map(|(_, part)| part);
        let chunk_len = len_of(full_len?)?;
        let (full, end) = match last {
            Some(last) => (last, partial.parts.get(&last).and_then(len_of)),
            None => (partial.parts.last_key_value()?.0.checked_add(1)?, None),
        };
        let len = u64::from(full).checked_mul(chunk_len)?.checked_add(end.unwrap_or(0))?;
        let len = if end.is_none() { len - len % u64::from(row_len) } else { len };
        let plan = Self::of_len(len, u32::try_from(chunk_len).ok()?, limits)?;
        Some(Self { is_open: end.is_none(), ..plan })
    }
}

/// The length of a raw section by its header, which stands right before the payload.
fn raw_len<R: ReadAt>(section: &FoundSection, partial: &Partial, lengths: &Lengths<'_, R>) -> Option<u64> {
    let (index, offset) = partial.at?;
    let payload = offset.checked_sub(u64::from(index) * u64::from(CHUNK_LEN))?;
    (0..ALIGNMENT).step_by(8).find_map(|padding| {
        let at = payload.checked_sub(padding)?.checked_sub(RAW_HEADER_LEN as u64)?;
        let mut header = [0; RAW_HEADER_LEN];
        lengths.source.read_exact_at(at, &mut header).ok()?;
        let (covered, crc) = header.split_last_chunk::<4>()?;
        let (name, rest) = covered.split_at_checked(16)?;
        let expected =
            [&b"KRAW"[..], &section.id.0.to_le_bytes(), &section.instance.to_le_bytes(), &[0; 4]].concat();
        let checked = crc32(&[&lengths.epoch.to_le_bytes()[..], covered].concat());
        let is_header = name == expected && checked == u32::from_le_bytes(*crc);
        rest.first_chunk().filter(|_| is_header).map(|len| u64::from_le_bytes(*len))
    })
}

fn old_ranges(section: &FoundSection, len: u64) -> Result<Vec<Range<u64>>, String> {
    if section.state != State::Complete || section.layout != SectionLayout::Coded {
        return Err("its section ARRAY_LOST is damaged".to_owned());
    }
    array::decode_lost(&section.pieces.concat(), len).map_err(|error| with_causes(&error))
}

/// The section for what was lost now and before.
fn ranges_section(instance: u32, mut ranges: Vec<Range<u64>>, len: u64) -> Option<FoundSection> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| range.start < len) {
        match joined.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    let bytes = array::encode_lost(&joined).ok()?;
    Some(FoundSection {
        id: SectionId::ARRAY_LOST,
        instance,
        layout: SectionLayout::Coded,
        state: State::Complete,
        pieces: vec![bytes],
        options: SectionOptions::new(Codec::None),
        partial: None,
    })
}
