use std::collections::{BTreeSet, HashMap};

use crate::plan::Backs;

/// Which fields the values of a struct had, and in which order.
#[derive(Default)]
pub(crate) struct FieldsRecord<'n> {
    pub(crate) list: Vec<FieldRecord<'n>>,
    /// Values recorded so far.
    values: u64,
    /// (a, b): some value wrote `b` right behind `a`.
    edges: BTreeSet<(usize, usize)>,
    by_name: HashMap<&'n str, usize>,
}

/// Of so many fields each is looked at: that takes less than a look into a map.
const FEW: usize = 16;

pub(crate) struct FieldRecord<'n> {
    pub(crate) name: &'n str,
    pub(crate) position: u32,
    /// How many values had the field.
    count: u64,
    /// Number of the value that had it last.
    last: u64,
}

/// One value's way through its fields.
#[derive(Clone, Copy, Default)]
pub(crate) struct Visit {
    number: u64,
    before: Option<usize>,
}

impl<'n> FieldsRecord<'n> {
    pub(crate) fn start(&mut self) -> Visit {
        self.values += 1;
        Visit { number: self.values, before: None }
    }

    /// The position of the field, or none if it was written already. `fresh` makes the position of a new field.
    pub(crate) fn field(
        &mut self,
        visit: &mut Visit,
        name: &'n str,
        fresh: impl FnOnce() -> u32,
    ) -> Option<u32> {
        let next = visit.before.map_or(0, |before| before + 1);
        let index = if self.list.get(next).is_some_and(|field| field.name == name) {
            next
        } else if let Some(index) = self.find(name) {
            index
        } else {
            self.list.push(FieldRecord { name, position: fresh(), count: 0, last: 0 });
            self.by_name.insert(name, self.list.len() - 1);
            self.list.len() - 1
        };
        let field = self.list.get_mut(index)?;
        if field.last == visit.number {
            return None;
        }
        field.last = visit.number;
        field.count += 1;
        if let Some(before) = visit.before {
            self.edges.insert((before, index));
        }
        visit.before = Some(index);
        Some(field.position)
    }

    /// Where a field stands in the list.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        if self.list.len() <= FEW {
            return self.list.iter().position(|field| field.name == name);
        }
        self.by_name.get(name).copied()
    }

    pub(crate) fn required(&self, field: &FieldRecord<'_>) -> bool {
        field.count == self.values
    }

    /// The fields in the order of the shape, as indices into the list.
    ///
    /// Of the fields that no unplaced field precedes the smallest name comes next; if there is none, the smallest name of all.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut waits = vec![0_usize; self.list.len()];
        for (_, after) in &self.edges {
            if let Some(count) = waits.get_mut(*after) {
                *count += 1;
            }
        }
        let name = |index: usize| self.list.get(index).map_or("", |field| field.name);
        let mut ready = BTreeSet::new();
        let mut rest: BTreeSet<(&str, usize)> =
            (0..self.list.len()).map(|index| (name(index), index)).collect();
        ready.extend(rest.iter().copied().filter(|(_, index)| waits.get(*index) == Some(&0)));
        let mut order = Vec::with_capacity(self.list.len());
        while let Some((chosen, index)) = ready.pop_first().or_else(|| rest.first().copied()) {
            rest.remove(&(chosen, index));
            order.push(index);
            for (_, after) in self.edges.range((index, 0)..=(index, usize::MAX)) {
                if let Some(count) = waits.get_mut(*after) {
                    *count = count.saturating_sub(1);
                    if *count == 0 && rest.contains(&(name(*after), *after)) {
                        ready.insert((name(*after), *after));
                    }
                }
            }
        }
        order
    }

    /// The edges that run against the order.
    pub(crate) fn backs(&self, order: &[usize]) -> Backs {
        let mut places = vec![0_u32; order.len()];
        for (place, index) in (0..).zip(order) {
            if let Some(slot) = places.get_mut(*index) {
                *slot = place;
            }
        }
        let place = |index: usize| places.get(index).copied().unwrap_or_default();
        let edges = self.edges.iter().map(|(from, to)| (place(*from), place(*to)));
        let mut backs: Backs = edges.filter(|(from, to)| from > to).collect();
        backs.sort_unstable();
        backs
    }
}
