use std::collections::HashMap;

use crate::{check::ENTITIES_PER_ROW, doc::NONE};

/// Each row's place among the rows with its target, by keys that differ within one target; nothing if the rows stand in that order
/// already.
///
/// Rows with target [`NONE`] have place 0.
pub(crate) fn ranks(targets: &[u32], keys: &[u32], entities: u32) -> Option<Vec<u32>> {
    if ascend(targets, keys, entities) {
        return None;
    }
    let mut sorted: Vec<(u32, u32, u32)> = Vec::with_capacity(targets.len());
    for ((row, &target), &key) in (0_u32..).zip(targets).zip(keys) {
        if target != NONE {
            sorted.push((target, key, row));
        }
    }
    sorted.sort_unstable();
    let mut ranks = vec![0; targets.len()];
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        for (rank, &(_, _, row)) in (0_u32..).zip(group) {
            if let Some(slot) = ranks.get_mut(row as usize) {
                *slot = rank;
            }
        }
    }
    Some(ranks)
}

/// Whether the keys of the rows with one target ascend, for each target.
fn ascend(targets: &[u32], keys: &[u32], entities: u32) -> bool {
    // One more than the last key; 0 before the first.
    let mut last = PerTarget::<u32>::new(entities, targets.len());
    targets.iter().zip(keys).all(|(&target, &key)| match last.get_mut(target) {
        Some(last) => {
            let good = key >= *last;
            *last = key.saturating_add(1);
            good
        }
        None => true,
    })
}

/// The place of each row among those with its target when rows stand in their order.
pub(crate) fn counted(targets: &[u32], entities: u32) -> Vec<u32> {
    let mut next = PerTarget::<u32>::new(entities, targets.len());
    let place = |&target: &u32| match next.get_mut(target) {
        Some(next) => {
            *next += 1;
            *next - 1
        }
        None => 0,
    };
    targets.iter().map(place).collect()
}

/// Something for each entity that rows may lead to. Entities cost nothing in a file, so that many of them with few rows take no more than the rows.
pub(crate) enum PerTarget<T> {
    Each(Vec<T>),
    Few(HashMap<u32, T>, u32),
}

impl<T: Default + Clone> PerTarget<T> {
    pub(crate) fn new(entities: u32, rows: usize) -> Self {
        if rows < entities as usize / ENTITIES_PER_ROW {
            Self::Few(HashMap::new(), entities)
        } else {
            Self::Each(vec![T::default(); entities as usize])
        }
    }

    /// None for what is no entity.
    pub(crate) fn get_mut(&mut self, target: u32) -> Option<&mut T> {
        match self {
            Self::Each(all) => all.get_mut(target as usize),
            Self::Few(known, entities) => (target < *entities).then(|| known.entry(target).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_per_target_without_gaps() {
        let targets = [3, 1, 3, NONE, 3, 1];
        assert_eq!(ranks(&targets, &[9, 0, 4, 7, 6, 5], 4), Some(vec![2, 0, 0, 0, 1, 1]));
        assert_eq!(counted(&targets, 4), [0, 0, 1, 0, 2, 1]);
    }

    #[test]
    fn no_places_are_given_where_the_order_of_the_rows_is_that_order() {
        assert_eq!(ranks(&[3, 1, 3, 1], &[2, 0, 9, 4], 4), None);
    }
}
