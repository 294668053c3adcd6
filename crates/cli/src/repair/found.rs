use std::{borrow::Cow, collections::BTreeMap};

use keepstone::format::{
    self, Codec, Filter, Limits, ReadAt, SalvageReport, Salvaged, SectionId, SectionLayout, SectionOptions,
    salvage,
};

/// Everything that verifies, decoded.
pub(super) struct Found {
    pub(super) report: SalvageReport,
    /// The sections that are known of, in the order in which they were found.
    pub(super) sections: Vec<FoundSection>,
}

/// A section, with its bytes if it is complete.
pub(super) struct FoundSection {
    pub(super) id: SectionId,
    pub(super) instance: u32,
    pub(super) layout: SectionLayout,
    pub(super) state: State,
    /// One behind the other they are the section.
    pub(super) pieces: Vec<Cow<'static, [u8]>>,
    /// How it was stored.
    pub(super) options: SectionOptions,
    /// What is left of the values of an array.
    pub(super) partial: Option<Partial>,
}

/// Some chunks or pieces of a section.
#[derive(Default)]
pub(super) struct Partial {
    pub(super) parts: BTreeMap<u32, Vec<u8>>,
    /// How many there were, if that is known.
    pub(super) part_count: Option<u32>,
    /// One of them, and where its stored payload begins.
    pub(super) at: Option<(u32, u64)>,
}

/// What became of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Complete,
    /// A chunk is missing, or where the section ends isn't known.
    Damaged,
    /// A codec or filter is not in this build.
    Undecoded,
}

/// The parts of one section.
struct Parts {
    pieces: BTreeMap<u32, Vec<u8>>,
    at: Option<(u32, u64)>,
    is_undecoded: bool,
    options: SectionOptions,
}

/// Reads a container once from front to back.
pub(super) fn collect<R: ReadAt>(source: &R, limits: &Limits) -> Result<Found, format::Error> {
    let mut parts: BTreeMap<(SectionId, u32), Parts> = BTreeMap::new();
    let mut needs: u64 = 0;
    let allowed = limits.decoded_max;
    let report = salvage(source, limits, &mut |part: Salvaged<'_>| {
        needs = needs.saturating_add(u64::from(part.entry.decoded_len));
        let section = parts.entry((part.id, part.instance)).or_insert_with(|| Parts {
            pieces: BTreeMap::new(),
            at: None,
            is_undecoded: false,
            options: SectionOptions::new(Codec::None),
        });
        section.at.get_or_insert((part.index, part.offset));
        let codec = Codec::from_id(part.entry.codec).filter(|codec| *codec != Codec::None);
        section.options.codec = codec.unwrap_or(section.options.codec);
        let filter = Filter::from_parts(part.entry.filter, part.entry.filter_parameter);
        let filter = filter.filter(|filter| *filter != Filter::None);
        section.options.filter = filter.unwrap_or(section.options.filter);
        match part.bytes {
            // Over the limit it is only counted on: the error says how much would be needed.
            _ if needs > allowed => {}
            Some(bytes) => drop(section.pieces.insert(part.index, bytes.to_vec())),
            None => section.is_undecoded = true,
        }
    })?;
    if needs > allowed {
        return Err(format::Error::Limit { what: "bytes of all sections", needs, allowed });
    }
    let sections = (report.sections.iter())
        .map(|section| {
            let found = parts.remove(&(section.id, section.instance));
            let (is_undecoded, options) =
                found.as_ref().map_or((false, SectionOptions::new(Codec::None)), |found| {
                    (found.is_undecoded, found.options)
                });
            let state = match section.is_complete() {
                false => State::Damaged,
                true if is_undecoded => State::Undecoded,
                true => State::Complete,
            };
            let (pieces, partial) = match (state, found) {
                (State::Complete, Some(found)) => (found.pieces, None),
                (State::Damaged, Some(found)) if section.id == SectionId::ARRAY => {
                    let Parts { pieces: parts, at, .. } = found;
                    (BTreeMap::new(), Some(Partial { parts, part_count: section.part_count, at }))
                }
                _ => (BTreeMap::new(), None),
            };
            FoundSection {
                id: section.id,
                instance: section.instance,
                layout: section.layout,
                state,
                pieces: pieces.into_values().map(Cow::Owned).collect(),
                options,
                partial,
            }
        })
        .collect();
    Ok(Found { report, sections })
}

/// The codec that a container was written with, as far as its chunks tell.
pub(super) fn codec(sections: &[FoundSection]) -> Codec {
    let used = |codec| sections.iter().any(|section| section.options.codec == codec);
    [Codec::Zstd, Codec::Lz4].into_iter().find(|codec| used(*codec)).unwrap_or(Codec::None)
}
