//! What is left of arrays: FORMAT.md, section 10.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use keepstone::format::{
    self, ArrayHead, Codec, Limits, ReadAt, Reader, SectionId, SectionLayout, SectionOptions, array,
    array::UNKNOWN_END, crc32, limits::CHUNK_LEN,
};

use super::found::{FoundSection, Partial, State};
use super::lost::Lost;
use crate::arrays::{HEAD_LEN_MAX, HEADS_LEN_MAX, LostRanges, is_of_array, rows_of};
use crate::error::with_causes;

/// Bytes of the header of a raw section.
const RAW_HEADER_LEN: usize = 40;
/// The payload of a raw section begins at a multiple of this.
const ALIGNMENT: u64 = 64;

/// What stands for lost bytes, a piece at a time.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

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

/// What arrays took so far that isn't in proportion to what is left of them.
#[derive(Default)]
struct Costs {
    names: BTreeSet<String>,
    heads_len: u64,
    /// Bytes of arrays of which a part is lost.
    filled_len: u64,
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
    let mut costs = Costs::default();
    let mended: Vec<FoundSection> = groups
        .into_iter()
        .flat_map(|(instance, group)| group.mend(instance, &mut costs, lengths, lost))
        .collect();
    // Sections that are not of arrays stay before or behind them.
    others.splice(first..first, mended);
    others
}

impl Group {
    fn mend<R: ReadAt>(
        self,
        instance: u32,
        costs: &mut Costs,
        lengths: &Lengths<'_, R>,
        lost: &mut Vec<Lost>,
    ) -> Vec<FoundSection> {
        let head = match self.head.as_ref().map(|section| decode(section, costs)) {
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
        match self.values {
            Some(section) => values = filled(section, &name, row_len, lengths, costs, &mut ranges, lost),
            // The tables would name it: it was lost before then.
            None if head.is_some() && lengths.reader.is_none() => {
                lost.push(Lost::array(&name, Vec::new(), "all of its values: nothing of them was found"));
            }
            None => {}
        }
        let len = values.iter().flat_map(|section| &section.pieces).map(|piece| piece.len() as u64).sum();
        if let Some(section) = self.ranges.as_ref().filter(|_| values.is_some())
            && let Err(message) = old_ranges(section, len, &mut ranges)
        {
            let message = format!(
                "all of it counts as lost: which of its bytes were lost before isn't known any more, since {message}"
            );
            lost.push(Lost::array(&name, Vec::new(), message));
            // Of an array without rows only the end can be lost.
            ranges.clear();
            ranges.push(0..if len == 0 { UNKNOWN_END } else { len });
        }
        let ranges = ranges_section(instance, ranges, len);
        self.head.filter(|_| head.is_some()).into_iter().chain(values).chain(ranges).collect()
    }
}

/// Reads a head, whose name no other array has.
fn decode(section: &FoundSection, costs: &mut Costs) -> Result<(ArrayHead, u32), String> {
    let ([piece], State::Complete, SectionLayout::Coded) =
        (section.pieces.as_slice(), section.state, section.layout)
    else {
        return Err("it is damaged, and with it the name and the layout".to_owned());
    };
    let len = piece.len() as u64;
    if len > HEAD_LEN_MAX {
        return Err(format!("its checksum holds, but it has {len} bytes, more than {HEAD_LEN_MAX}"));
    }
    let heads_len = costs.heads_len + len;
    if heads_len > HEADS_LEN_MAX {
        return Err(format!(
            "its checksum holds, but with it all heads have {heads_len} bytes, more than {HEADS_LEN_MAX}"
        ));
    }
    let message = |error: format::Error| format!("its checksum holds, but {}", with_causes(&error));
    let head = ArrayHead::decode(piece).map_err(message)?;
    let row_len = head.row_len().map_err(message)?;
    if !costs.names.insert(head.name.clone()) {
        return Err(format!("another array has its name {:?}", head.name));
    }
    costs.heads_len = heads_len;
    Ok((head, row_len))
}

/// The values with zeros where something is lost, if they can be placed. Adds the lost bytes to `ranges`.
fn filled<R: ReadAt>(
    mut section: FoundSection,
    name: &str,
    row_len: u32,
    lengths: &Lengths<'_, R>,
    costs: &mut Costs,
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
    let Some((partial, plan)) = partial.and_then(|partial| {
        let plan = Plan::new(&section, &partial, row_len, lengths)?;
        Some((partial, plan))
    }) else {
        lost.push(Lost::array(name, Vec::new(), "all of its values: no chunk of them can be placed"));
        return None;
    };
    // Lost chunks cost nothing in the old file, so that many arrays of them together are bounded as one is.
    let (needs, allowed) = (costs.filled_len.saturating_add(plan.len), lengths.limits.decoded_max);
    if needs > allowed {
        let message = format!(
            "all of its values: with what is lost they have {} bytes, and all such arrays of a file of this length at most {allowed}",
            plan.len
        );
        lost.push(Lost::array(name, Vec::new(), message));
        return None;
    }
    costs.filled_len = needs;
    plan.fill(partial, &mut section.pieces, ranges);
    let count: u64 = rows_of(ranges, row_len).iter().map(|range| range.end - range.start).sum();
    let behind = "rows behind its end, of which nobody knows how many there were";
    let zeroed = format!("{count} of {} rows, which are zero in the new file", plan.len / u64::from(row_len));
    let message = match (count, plan.is_open) {
        (_, false) => zeroed,
        (0, true) => behind.to_owned(),
        (_, true) => format!("{zeroed}; and {behind}"),
    };
    if plan.is_open {
        ranges.push(plan.len..UNKNOWN_END);
    }
    lost.push(Lost::array(name, rows_of(ranges, row_len), message));
    section.state = State::Complete;
    Some(section)
}

/// How long an array was, and each of its chunks.
struct Plan {
    lens: Lens,
    len: u64,
    /// Whether there was more behind it.
    is_open: bool,
}

enum Lens {
    /// By the tables.
    Each(Vec<u32>),
    /// All but the last are as long.
    Same(u32),
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
            let lens: Vec<u32> =
                reader.chunk_entries(section).iter().map(|entry| entry.decoded_len).collect();
            let len = lens.iter().map(|len| u64::from(*len)).sum();
            Self { lens: Lens::Each(lens), len, is_open: false }
        } else if section.layout == SectionLayout::Raw {
            let len = raw_len(section, partial, lengths)?;
            Self { lens: Lens::Same(CHUNK_LEN), len, is_open: false }
        } else {
            Self::of_chunks(partial, row_len)?
        };
        let is_whole = plan.len.is_multiple_of(row_len.into());
        (plan.len <= lengths.limits.decoded_max && is_whole && plan.len > 0).then_some(plan)
    }

    /// Without tables: all chunks but the last have the length of those that are there.
    fn of_chunks(partial: &Partial, row_len: u32) -> Option<Self> {
        let len_of = |part: &Vec<u8>| u32::try_from(part.len()).ok();
        let last = partial.part_count.and_then(|count| count.checked_sub(1));
        let full_len = partial.parts.iter().find(|(index, _)| Some(**index) != last).map(|(_, part)| part);
        let chunk_len = len_of(full_len?).filter(|len| *len > 0)?;
        let (full, end) = match last {
            Some(last) => (last, partial.parts.get(&last).and_then(len_of)),
            None => (partial.parts.last_key_value()?.0.checked_add(1)?, None),
        };
        let len = u64::from(full).checked_mul(chunk_len.into())?.checked_add(end.unwrap_or(0).into())?;
        let len = if end.is_none() { len - len % u64::from(row_len) } else { len };
        Some(Self { lens: Lens::Same(chunk_len), len, is_open: end.is_none() })
    }

    /// Puts the chunks that are there in their places, and zeros between them, which are lost.
    fn fill(&self, partial: Partial, pieces: &mut Vec<Cow<'static, [u8]>>, ranges: &mut Vec<Range<u64>>) {
        let mut place = Place { at: 0, pieces, ranges };
        // The next chunk of the tables, and where it begins.
        let mut next = (0_usize, 0_u64);
        for (index, mut part) in partial.parts {
            let (start, len) = match &self.lens {
                Lens::Same(len) => (u64::from(index) * u64::from(*len), u64::from(*len)),
                Lens::Each(lens) => {
                    let Ok(index) = usize::try_from(index) else { break };
                    let before = lens.get(next.0..index).unwrap_or_default();
                    next = (index, next.1 + before.iter().map(|len| u64::from(*len)).sum::<u64>());
                    (next.1, lens.get(index).copied().unwrap_or(0).into())
                }
            };
            let wanted = len.min(self.len.saturating_sub(start));
            // One of another length is none of these.
            let Ok(wanted) = usize::try_from(wanted) else { continue };
            if wanted == 0 || part.len() < wanted || start < place.at {
                continue;
            }
            part.truncate(wanted);
            place.lose(start);
            place.at += wanted as u64;
            place.pieces.push(Cow::Owned(part));
        }
        place.lose(self.len);
    }
}

/// An array that is put together.
struct Place<'p> {
    at: u64,
    pieces: &'p mut Vec<Cow<'static, [u8]>>,
    ranges: &'p mut Vec<Range<u64>>,
}

impl Place<'_> {
    /// What is up to `end` is lost.
    fn lose(&mut self, end: u64) {
        if self.at < end {
            self.ranges.push(self.at..end);
        }
        while self.at < end {
            let len = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(ZEROS.len());
            self.pieces.push(Cow::Borrowed(ZEROS.get(..len).unwrap_or_default()));
            self.at += len as u64;
        }
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

/// Adds what was lost before.
fn old_ranges(section: &FoundSection, len: u64, ranges: &mut Vec<Range<u64>>) -> Result<(), String> {
    if section.state != State::Complete || section.layout != SectionLayout::Coded {
        return Err("its section ARRAY_LOST is damaged".to_owned());
    }
    let mut old = LostRanges::new(len);
    let added = section.pieces.iter().try_for_each(|piece| old.add(piece, &mut |range| ranges.push(range)));
    added.and_then(|()| old.finish()).map_err(|error| with_causes(&error))
}

/// The section for what was lost now and before.
fn ranges_section(instance: u32, mut ranges: Vec<Range<u64>>, len: u64) -> Option<FoundSection> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| range.start < len || range.end == UNKNOWN_END) {
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
        pieces: vec![Cow::Owned(bytes)],
        options: SectionOptions::new(Codec::None),
        partial: None,
    })
}
