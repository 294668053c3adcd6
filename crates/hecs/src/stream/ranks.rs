use std::ops::Range;

use keepstone_ecs_persist::{NONE, Slice, Slices, rows_at_once};
use keepstone_value::Entities;

use crate::{
    capture::Planned,
    column::{AnyColumn, Source},
};

/// How many parts the ranks are worked out for at once, twenty bytes a row: 20 MiB where parts have 65,536 entities.
const PARTS: u32 = 16;

/// Asks for all targets of a relationship, and says whether the order of its rows is that of their places, so that it need not be written.
pub(crate) fn are_natural(
    column: &dyn AnyColumn,
    sources: &[Source<'_>],
    rows_max: u32,
    entities: &mut dyn Entities,
) -> bool {
    let (mut targets_end, mut place_of_all, mut is_one) = (0_u32, None, true);
    each(column, sources, rows_max, &mut |target, place| {
        is_one &= *place_of_all.get_or_insert(place) == place;
        let target = entities.ordinal(target);
        if target != NONE {
            targets_end = targets_end.max(target.saturating_add(1));
        }
        true
    });
    let step = rows_at_once(targets_end, rows_max, PARTS).max(1);
    let mut last = Vec::new();
    let mut first = 0;
    while !is_one && first < targets_end {
        last.clear();
        last.resize(step.min(targets_end - first) as usize, 0);
        let is_natural = each(column, sources, rows_max, &mut |target, place| {
            let at = entities.ordinal(target).checked_sub(first);
            let Some(last) = at.and_then(|at| last.get_mut(at as usize)) else { return true };
            let follows = *last <= place;
            *last = place;
            follows
        });
        if !is_natural {
            return false;
        }
        first = first.saturating_add(step);
    }
    true
}

/// Hands on the bits of the target and the place of each row until `found` answers no.
fn each(
    column: &dyn AnyColumn,
    sources: &[Source<'_>],
    rows_max: u32,
    found: &mut dyn FnMut(u64, u32) -> bool,
) -> bool {
    let mut goes_on = true;
    for sources in Slices::new(sources).by(rows_max as usize) {
        column.links(&sources, &mut |target, place| {
            goes_on = goes_on && found(target.to_bits().get(), place);
        });
        if !goes_on {
            return false;
        }
    }
    true
}

/// The places of rows among those with their target, some parts at a time: rows that share a target may stand anywhere, so all
/// are gone through, and as seldom as memory allows.
pub(crate) struct Ranks<'c, 'p> {
    column: &'c dyn AnyColumn,
    sources: &'c [Source<'p>],
    rows_max: u32,
    /// How many rows there are at once.
    rows: usize,
    /// The first row, and the rank of each from there.
    first: usize,
    window: Vec<u32>,
}

/// Orders the rows with one target.
type Key = (u32, u32, usize);

impl<'c, 'p> Ranks<'c, 'p> {
    /// For a world of `total` entities in parts of `rows_max`.
    pub(crate) fn new(
        column: &'c dyn AnyColumn,
        planned: &'c Planned<'p, '_>,
        (total, rows_max): (u32, u32),
    ) -> Self {
        let rows = rows_at_once(total, rows_max, PARTS) as usize;
        Self { column, sources: &planned.sources, rows_max, rows, first: 0, window: Vec::new() }
    }

    /// The ranks of these rows.
    pub(crate) fn take(&mut self, own: Range<usize>, entities: &mut dyn Entities) -> Vec<u32> {
        let mut found = Vec::with_capacity(own.len());
        let mut from = own.start;
        while from < own.end {
            if from < self.first || from - self.first >= self.window.len() {
                self.fill(from, entities);
            }
            let ranks = self.window.get(from - self.first..).unwrap_or_default();
            let ranks = ranks.get(..own.end - from).unwrap_or(ranks);
            if ranks.is_empty() {
                break;
            }
            found.extend_from_slice(ranks);
            from += ranks.len();
        }
        found
    }

    fn fill(&mut self, first: usize, entities: &mut dyn Entities) {
        let mut sources = Slices::new(self.sources);
        drop(sources.take(first));
        let own = sources.take(self.rows);
        let (mut keys, mut row): (Vec<Key>, usize) = (Vec::new(), first);
        self.column.links(&own, &mut |target, place| {
            let target = entities.ordinal(target.to_bits().get());
            if target != NONE {
                keys.push((target, place, row));
            }
            row += 1;
        });
        keys.sort_unstable();
        let others = self.before_each(&keys, first..row, entities);
        self.first = first;
        self.window.clear();
        self.window.resize(row - first, 0);
        let mut others = others.into_iter();
        for group in keys.chunk_by(|a, b| a.0 == b.0) {
            let mut before = 0;
            for (place, &(_, _, row)) in (0_u32..).zip(group) {
                before += others.next().unwrap_or(0);
                if let Some(slot) = self.window.get_mut(row - first) {
                    *slot = place + before;
                }
            }
        }
    }

    /// How many rows that are not among `keys` come before each of these and behind the one before it.
    fn before_each(&self, keys: &[Key], own: Range<usize>, entities: &mut dyn Entities) -> Vec<u32> {
        let mut counts = vec![0_u32; keys.len()];
        let all: usize = self.sources.iter().map(Slice::rows).sum();
        if own.len() == all {
            return counts;
        }
        let mut row = 0;
        each(self.column, self.sources, self.rows_max, &mut |target, place| {
            if !own.contains(&row) {
                let key = (entities.ordinal(target), place, row);
                let at = keys.partition_point(|other| *other < key);
                if keys.get(at).is_some_and(|other| other.0 == key.0)
                    && let Some(count) = counts.get_mut(at)
                {
                    *count += 1;
                }
            }
            row += 1;
            true
        });
        counts
    }
}
