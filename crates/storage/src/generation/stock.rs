//! The files that a writer knows, and which is next.

use std::collections::BTreeSet;

use crate::planted::{self, Plant};

/// A file that may be written over once its generation is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) number: u32,
    /// None if nothing is committed in it.
    pub(super) generation: Option<u64>,
    /// Length of the file.
    pub(super) len: u64,
    /// Whether its name is durable.
    pub(super) named: bool,
}

#[derive(Debug, Default)]
pub(super) struct Stock {
    slots: Vec<Slot>,
    /// Numbers of names that are no slots: damaged, given up, or no files.
    taken: BTreeSet<u32>,
}

impl Stock {
    pub(super) fn put(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    /// Keeps a number from being used.
    pub(super) fn take_number(&mut self, number: u32) {
        self.taken.insert(number);
    }

    /// Takes out the file to write to: one that holds nothing, else the lowest generation of those that
    /// are not among the `keep` highest.
    pub(super) fn take_spare(&mut self, keep: u32) -> Option<Slot> {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let has_surplus = self.slots.len() > keep || self.slots.iter().any(|slot| slot.generation.is_none());
        let by_age = self.slots.iter().enumerate();
        let spare = if planted::is(Plant::RecycledNewest) {
            by_age.max_by_key(|(_, slot)| slot.generation)
        } else {
            by_age.filter(|_| has_surplus).min_by_key(|(_, slot)| (slot.generation, slot.number))
        };
        let index = spare.map(|(index, _)| index)?;
        Some(self.slots.swap_remove(index))
    }

    /// The lowest number that no name has.
    pub(super) fn free_number(&self) -> Option<u32> {
        let used: BTreeSet<u32> =
            self.slots.iter().map(|slot| slot.number).chain(self.taken.iter().copied()).collect();
        (0..=u32::MAX).find(|number| !used.contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(generations: &[Option<u64>]) -> Stock {
        let mut stock = Stock::default();
        for (number, &generation) in (0..).zip(generations) {
            stock.put(Slot { number, generation, len: 0, named: true });
        }
        stock
    }

    /// The number of the file that is taken: its place in `generations`.
    fn spare(generations: &[Option<u64>], keep: u32) -> Option<u32> {
        stock(generations).take_spare(keep).map(|slot| slot.number)
    }

    #[test]
    fn what_holds_nothing_is_taken_first_then_the_lowest_that_is_not_kept() {
        assert_eq!(spare(&[], 1), None);
        assert_eq!(spare(&[Some(4)], 1), None);
        assert_eq!(spare(&[Some(4), Some(9)], 1), Some(0));
        assert_eq!(spare(&[Some(4), Some(9)], 2), None);
        assert_eq!(spare(&[Some(9), Some(4), None], 2), Some(2));
        assert_eq!(spare(&[Some(9), Some(4), Some(7), Some(2)], 2), Some(3));
    }

    #[test]
    fn the_lowest_number_without_a_name_is_free() {
        let mut stock = stock(&[Some(1), Some(2)]);
        stock.take_number(2);
        stock.take_number(7);
        assert_eq!(stock.free_number(), Some(3));
    }
}
