use std::collections::BTreeMap;
use std::ops::Range;

use super::{Part, SalvageReport, SalvagedSection};
use crate::limits::SECTIONS_MAX;
use crate::section::SectionLayout;
use crate::{Error, Limits, SectionId};

/// What was found so far.
pub(super) struct Tally {
    sections: BTreeMap<(SectionId, u32), SectionTally>,
    sections_max: u32,
    damaged: Vec<Range<u64>>,
    parts: u64,
    undecoded: u64,
}

struct SectionTally {
    place: usize,
    layout: SectionLayout,
    part_count: Option<u32>,
    /// Indices of found parts: start and end of each run.
    found: BTreeMap<u32, u32>,
    decoded_len: u64,
}

impl Tally {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            sections: BTreeMap::new(),
            sections_max: limits.sections_max.min(SECTIONS_MAX),
            damaged: Vec::new(),
            parts: 0,
            undecoded: 0,
        }
    }

    /// Takes down that there is a section, and how many parts it has.
    pub(super) fn exists(
        &mut self,
        (id, instance): (SectionId, u32),
        layout: SectionLayout,
        part_count: Option<u32>,
    ) -> Result<(), Error> {
        let section = self.section((id, instance), layout)?;
        section.part_count = section.part_count.or(part_count);
        Ok(())
    }

    /// Takes down a part; answers `false` when there was one like it, or when it can't be one of its
    /// section.
    pub(super) fn found(&mut self, part: Part, decoded_len: u32, is_decoded: bool) -> Result<bool, Error> {
        let section = self.section((part.id, part.instance), part.layout)?;
        let count_here = part.is_last.then(|| part.index.saturating_add(1));
        let is_beyond = section.part_count.is_some_and(|count| part.index >= count);
        let is_another_end =
            count_here.is_some() && section.part_count.is_some_and(|count| Some(count) != count_here);
        if section.layout != part.layout || is_beyond || is_another_end || !section.insert(part.index) {
            return Ok(false);
        }
        section.part_count = section.part_count.or(count_here);
        section.decoded_len += u64::from(decoded_len);
        self.parts += 1;
        self.undecoded += u64::from(!is_decoded);
        Ok(true)
    }

    /// Takes down bytes that nothing vouches for.
    pub(super) fn damaged(&mut self, range: Range<u64>) {
        match self.damaged.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => self.damaged.push(range),
        }
    }

    /// Answers a report that still lacks what head and footer say.
    pub(super) fn finish(self) -> SalvageReport {
        let mut sections: Vec<_> = self.sections.into_iter().collect();
        sections.sort_unstable_by_key(|(_, section)| section.place);
        let section = |((id, instance), section): ((SectionId, u32), SectionTally)| SalvagedSection {
            id,
            instance,
            layout: section.layout,
            part_count: section.part_count,
            missing: section.missing(),
            decoded_len: section.decoded_len,
        };
        SalvageReport {
            header: None,
            head: None,
            tail: None,
            epoch: 0,
            is_epoch_assumed: false,
            has_tables: false,
            sections: sections.into_iter().map(section).collect(),
            damaged: self.damaged,
            parts: self.parts,
            undecoded: self.undecoded,
        }
    }

    fn section(&mut self, name: (SectionId, u32), layout: SectionLayout) -> Result<&mut SectionTally, Error> {
        let place = self.sections.len();
        let (needs, allowed) = (place as u64 + 1, self.sections_max.into());
        if needs > allowed && !self.sections.contains_key(&name) {
            return Err(Error::Limit { what: "sections of a container", needs, allowed });
        }
        Ok(self.sections.entry(name).or_insert_with(|| SectionTally {
            place,
            layout,
            part_count: None,
            found: BTreeMap::new(),
            decoded_len: 0,
        }))
    }
}

impl SectionTally {
    /// Adds an index; answers `false` when it is there.
    fn insert(&mut self, index: u32) -> bool {
        let Some(mut end) = index.checked_add(1) else { return false };
        let mut start = index;
        if let Some((&before, &before_end)) = self.found.range(..=index).next_back() {
            if before_end > index {
                return false;
            }
            if before_end == index {
                start = before;
            }
        }
        if let Some(behind_end) = self.found.remove(&end) {
            end = behind_end;
        }
        self.found.insert(start, end);
        true
    }

    fn missing(&self) -> Vec<Range<u32>> {
        let (mut missing, mut at) = (Vec::new(), 0);
        for (&start, &end) in &self.found {
            if at < start {
                missing.push(at..start);
            }
            at = end;
        }
        if let Some(count) = self.part_count.filter(|&count| at < count) {
            missing.push(at..count);
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_does_not_depend_on_the_order_of_finding() {
        let orders: [&[u32]; 3] = [&[0, 1, 4, 6, 7], &[7, 6, 4, 1, 0], &[4, 7, 0, 6, 1]];
        for order in orders {
            let mut tally = SectionTally {
                place: 0,
                layout: SectionLayout::Coded,
                part_count: Some(10),
                found: BTreeMap::new(),
                decoded_len: 0,
            };
            assert!(order.iter().all(|&index| tally.insert(index)));
            assert!(!order.iter().any(|&index| tally.insert(index)));
            assert_eq!(tally.missing(), [2..4, 5..6, 8..10]);
        }
    }
}
