//! The difference of states in which bytes have moved.

use crate::delta::equal::{prefix_len, suffix_len};
use crate::delta::index::{BLOCK, Index};
use crate::delta::script::{Builder, Script};

/// A match in the place where the source goes on is taken from so many bytes: it costs a byte or two.
const NEAR_LEN_MIN: usize = 4;
/// So far behind the last match; beyond it is more likely chance.
const NEAR: usize = 16;
/// A match anywhere is taken from so many bytes: it costs about six, and may lead away from a better one.
const FAR_LEN_MIN: usize = 24;
/// A match of this length needs no second thought.
const SURE_LEN: usize = 16;
/// So many bytes without a match, and the index is asked; before that only the places that cost nothing to guess.
const GUESSED: usize = 64;
/// Every so many bytes without a match, steps become one byte longer ...
const BYTES_PER_STEP: usize = 256;
/// ... and for so many blocks that were found but go on differently, as they do where few values are all there is ...
const FAILURES_PER_STEP: usize = 8;
/// ... up to so many.
const STEP_MAX: usize = 16;

/// Matches the target with the source; gives up once the delta takes `cost_max` bytes.
pub(super) fn diff(source: &[u8], target: &[u8], cost_max: usize) -> Option<Script> {
    let prefix = prefix_len(source, target);
    let (source_rest, target_rest) = (source.get(prefix..)?, target.get(prefix..)?);
    let suffix = suffix_len(source_rest, target_rest);
    let target_end = target.len() - suffix;
    // What is new may be a copy of anything; little of it isn't worth looking at all of the source.
    let changed = target_end - prefix;
    let searched = if changed >= source.len() / 16 { 0..source.len() } else { prefix..source.len() - suffix };

    let mut builder = Builder::default();
    builder.copy(0, prefix);
    let mut search = Search {
        source,
        target: target.get(..target_end)?,
        searched: source.get(searched.clone())?,
        searched_at: searched.start,
        index: None,
        near: 0,
        last: source.len().cast_signed().wrapping_sub(target.len().cast_signed()),
    };
    let mut at = prefix;
    while at < target_end {
        let Some(found) = search.next(at) else { break };
        builder.insert(target.get(at..found.target)?);
        builder.copy(found.source, found.len);
        at = found.target + found.len;
        search.near = found.source.cast_signed().wrapping_sub(found.target.cast_signed());
        if builder.cost() >= cost_max {
            return None;
        }
    }
    builder.insert(target.get(at..target_end)?);
    builder.copy(source.len() - suffix, suffix);
    (builder.cost() < cost_max).then(|| builder.finish())
}

struct Found {
    source: usize,
    target: usize,
    len: usize,
}

struct Search<'a> {
    source: &'a [u8],
    target: &'a [u8],
    /// The part of the source that is in the index, and where it begins.
    searched: &'a [u8],
    searched_at: usize,
    /// Made when it is first needed: a single record that came or went is found without it.
    index: Option<Index>,
    /// What to add to a place in the target to get that in the source: as in the match before ...
    near: isize,
    /// ... and as at the end of both.
    last: isize,
}

impl Search<'_> {
    /// Returns the next match at or behind `from`, up to which everything is covered.
    fn next(&mut self, from: usize) -> Option<Found> {
        let mut at = from;
        while at < self.target.len().min(from + GUESSED) {
            if let Some(found) = self.guess(from, at) {
                return Some(found);
            }
            at += 1;
        }
        if self.searched.len() < BLOCK || self.target.len() - from < BLOCK {
            return None;
        }
        let index = self.index.take().unwrap_or_else(|| Index::new(self.searched));
        let found = self.seek(&index, from);
        self.index = Some(index);
        found
    }

    /// Looks in the index as well, in ever longer steps.
    fn seek(&self, index: &Index, from: usize) -> Option<Found> {
        let (mut at, mut failures) = (from, 0);
        while let Some(block) = self.target.get(at..).and_then(<[u8]>::first_chunk) {
            if at >= from + GUESSED
                && let Some(found) = self.guess(from, at)
            {
                return Some(found);
            }
            if let Some(place) = index.find(block) {
                let found = self.grow(from, at, self.searched_at + place);
                if let Some(found) = found.filter(|found| found.len >= FAR_LEN_MIN) {
                    return Some(found);
                }
                failures += 1;
            }
            at += (1 + (at - from) / BYTES_PER_STEP + failures / FAILURES_PER_STEP).min(STEP_MAX);
        }
        None
    }

    /// Looks where the source goes on as before, or as at the end.
    #[inline]
    fn guess(&self, from: usize, at: usize) -> Option<Found> {
        let is_near = at - from <= NEAR;
        for (drift, len_min) in
            [(self.near, if is_near { NEAR_LEN_MIN } else { SURE_LEN }), (self.last, SURE_LEN)]
        {
            let found = at.checked_add_signed(drift).and_then(|place| self.grow(from, at, place));
            if let Some(found) = found
                && found.len >= len_min
            {
                return Some(found);
            }
        }
        None
    }

    /// The match around a place of each, which covers at least the first [`NEAR_LEN_MIN`] bytes there, unless
    /// it reaches the end.
    #[inline]
    fn grow(&self, from: usize, at: usize, place: usize) -> Option<Found> {
        let (source, target) = (self.source.get(place..)?, self.target.get(at..)?);
        let is_alike = match (source.first_chunk::<NEAR_LEN_MIN>(), target.first_chunk::<NEAR_LEN_MIN>()) {
            (Some(source), Some(target)) => source == target,
            _ => source.first() == target.first(),
        };
        if !is_alike {
            return None;
        }
        let ahead = prefix_len(source, target);
        let behind = suffix_len(self.source.get(..place)?, self.target.get(from..at)?);
        Some(Found { source: place - behind, target: at - behind, len: ahead + behind })
    }
}
