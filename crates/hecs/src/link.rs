//! Relationships: targets and their order.

use std::collections::{HashMap, HashSet};

use hecs::Entity;
use keepstone_ecs_persist::{Column, ColumnData, Error, NONE};
use keepstone_value::Entities;

use crate::{naming::Naming, rows::Live};

/// Each row's place among the rows with its target, by the places that are given; nothing if the order of the rows is that order.
pub(crate) fn ranks(targets: &[u32], places: impl Iterator<Item = u32> + Clone) -> Option<Vec<u32>> {
    if is_natural(targets, places.clone()) {
        return None;
    }
    let rows = targets.iter().zip(places).enumerate();
    let mut sorted: Vec<(u32, u32, usize)> =
        rows.map(|(row, (&target, place))| (target, place, row)).collect();
    sorted.retain(|&(target, _, _)| target != NONE);
    sorted.sort_unstable();
    let mut ranks = vec![0; targets.len()];
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        for (rank, &(_, _, row)) in (0..).zip(group) {
            if let Some(slot) = ranks.get_mut(row) {
                *slot = rank;
            }
        }
    }
    Some(ranks)
}

/// Whether no row comes before one with the same target and a smaller place.
fn is_natural(targets: &[u32], places: impl Iterator<Item = u32>) -> bool {
    let len = targets.iter().filter(|&&target| target != NONE).max().map_or(0, |&last| last as usize + 1);
    let mut last = vec![0; len];
    targets.iter().zip(places).all(|(&target, place)| {
        last.get_mut(target as usize).is_none_or(|last| {
            let follows = *last <= place;
            *last = place;
            follows
        })
    })
}

/// Counts the rows that name each target. It takes memory for these alone: an entity costs a file nothing, and there may be
/// thousands of relationships.
#[derive(Default)]
pub(crate) struct Places {
    /// Of the ordinals below its length, once so many rows come that a list of all is small beside them.
    dense: Vec<u32>,
    /// Of the others.
    next: HashMap<u32, u32>,
}

/// A list with so many ordinals for each row is small: a row takes as much in memory when it is decoded.
const ORDINALS_A_ROW: usize = 16;

impl Places {
    /// The place of each of the next rows when rows with one target stand in their order.
    pub(crate) fn take(&mut self, targets: &[u32]) -> Vec<u32> {
        self.widen(targets);
        let place = |&target: &u32| {
            let next = match self.dense.get_mut(target as usize) {
                Some(next) => next,
                None if target == NONE => return 0,
                None => self.next.entry(target).or_default(),
            };
            *next += 1;
            *next - 1
        };
        targets.iter().map(place).collect()
    }

    /// Makes the list long enough for these, if that is worth it.
    fn widen(&mut self, targets: &[u32]) {
        let last = targets.iter().filter(|&&target| target != NONE).max();
        let len = last.map_or(0, |&last| last as usize + 1);
        if len > self.dense.len() && len <= targets.len().saturating_mul(ORDINALS_A_ROW) {
            self.dense.resize(len, 0);
            let dense = &mut self.dense;
            self.next.retain(|&target, count| match dense.get_mut(target as usize) {
                Some(slot) => {
                    *slot = *count;
                    false
                }
                None => true,
            });
        }
    }
}

/// Which rows of a relationship's column differ from live ones, ascending. `live_links` are the target and place of each live row;
/// `decode` gives those of all rows of the column.
///
/// The places of those that name one target may have gaps: they are equal while their order is. Once it is not, all of them
/// get the places of the document.
pub(crate) fn differing(
    column: &Column<'_>,
    live: &[Live<'_>],
    live_links: &[(Entity, u32)],
    naming: &mut Naming<'_>,
    decode: impl FnOnce(&mut Naming<'_>) -> Result<Vec<(Entity, u32)>, Error>,
) -> Result<Vec<u32>, Error> {
    let all = || live.iter().flat_map(Live::rows);
    let ColumnData::References { targets, ranks: given } = &column.data else {
        // Decoding says what is wrong.
        decode(naming)?;
        return Ok(all().collect());
    };
    let counted = if given.is_none() { Places::default().take(targets) } else { Vec::new() };
    let places = given.as_deref().unwrap_or(&counted);

    let live_targets: Vec<u32> =
        live_links.iter().map(|(target, _)| naming.ordinal(target.to_bits().get())).collect();
    let live_places = ranks(&live_targets, live_links.iter().map(|&(_, place)| place))
        .unwrap_or_else(|| Places::default().take(&live_targets));

    // Targets of which some row is missing or stands elsewhere.
    let mut changed: HashSet<u32> = HashSet::new();
    let mut next = all().zip(live_targets.iter().zip(&live_places)).peekable();
    for (row, (&target, &place)) in (0..).zip(targets.iter().zip(places)) {
        let found = next.next_if(|(live, _)| *live == row).map(|(_, found)| found);
        if target != NONE && found != Some((&target, &place)) {
            changed.insert(target);
        }
    }
    let is_same = |row: u32, live_target: u32| {
        let target = targets.get(row as usize).copied().unwrap_or(NONE);
        target == live_target && !changed.contains(&target)
    };
    let suspects: Vec<(u32, (Entity, u32))> = all()
        .zip(&live_targets)
        .zip(live_links)
        .filter(|((row, target), _)| !is_same(*row, **target))
        .map(|((row, _), link)| (row, *link))
        .collect();
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    let decoded = decode(naming)?;
    let differs = |(row, link): &(u32, _)| decoded.get(*row as usize) != Some(link);
    Ok(suspects.into_iter().filter(differs).map(|(row, _)| row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_on_from_part_to_part_and_cost_no_memory_for_other_entities() {
        let mut places = Places::default();
        assert_eq!(places.take(&[7, NONE, 7, NONE - 1]), [0, 0, 1, 0]);
        assert_eq!(places.take(&[NONE - 1, 7, 3]), [1, 2, 0]);
        assert!(places.next.capacity() + places.dense.capacity() < 100);
    }

    #[test]
    fn places_are_the_same_however_they_are_counted() {
        let mut places = Places::default();
        // Far apart, then close together, then both.
        assert_eq!(places.take(&[900, 3, 900]), [0, 0, 1]);
        assert!(places.dense.is_empty());
        assert_eq!(places.take(&[3, NONE, 3, 5, 3]), [1, 0, 2, 0, 3]);
        assert_eq!((places.dense.len(), places.next.len()), (6, 1));
        assert_eq!(places.take(&[900, 5, 3]), [2, 1, 4]);
        let many: Vec<u32> = (0..100).map(|i| i % 2 * 900).collect();
        assert_eq!(places.take(&many).last(), Some(&(3 + 49)));
        assert_eq!((places.dense.len(), places.next.len()), (901, 0));
    }
}
