use std::ops::Range;

use bevy_ecs::world::World;
use keepstone_ecs_persist::{Slice, rows_at_once};

use crate::{ordinals::Ordinals, relationship::Walk, source::Source};

/// How many parts the ranks are worked out for at once, four bytes an entity: 8 MiB where parts have 65,536.
const PARTS: u32 = 32;

/// The places of sources in the lists that targets keep, some parts at a time: a source doesn't know its place, so all lists are gone through,
/// and as seldom as memory allows.
pub(crate) struct Ranks<'w> {
    world: &'w World,
    walk: Walk,
    /// How many ordinals there are at once.
    rows: u32,
    total: u32,
    /// The first ordinal, and by ordinal from there the rank. Sources in front and those in no list have none.
    first: u32,
    window: Vec<u32>,
}

impl<'w> Ranks<'w> {
    /// For a world of `total` entities in parts of `rows_max`.
    pub(crate) fn new(world: &'w World, walk: Walk, (total, rows_max): (u32, u32)) -> Self {
        let rows = rows_at_once(total, rows_max, PARTS);
        Self { world, walk, rows, total, first: 0, window: Vec::new() }
    }

    /// The ranks of rows of a part, of which the entities have these ordinals.
    pub(crate) fn take(
        &mut self,
        sources: &[Source],
        part: Range<u32>,
        ordinals: &mut Ordinals<'w>,
    ) -> Vec<u32> {
        if part.start < self.first || (part.end - self.first) as usize > self.window.len() {
            self.fill(part, ordinals);
        }
        let (first, ranks) = (self.first, &self.window);
        let rank = |ordinal: u32| {
            let at = ordinal.checked_sub(first);
            at.and_then(|at| ranks.get(at as usize)).copied().unwrap_or(0)
        };
        let mut found = Vec::with_capacity(sources.iter().map(Slice::rows).sum());
        for source in sources {
            found.extend(source.ordinals(ordinals).map(rank));
        }
        found
    }

    fn fill(&mut self, part: Range<u32>, ordinals: &mut Ordinals<'w>) {
        let end = part.start.saturating_add(self.rows).min(self.total).max(part.end);
        self.first = part.start;
        self.window.clear();
        self.window.resize((end - part.start) as usize, 0);
        let (first, ranks) = (self.first, &mut self.window);
        (self.walk)(self.world, ordinals, &mut |rank, ordinal| {
            let at = ordinal.checked_sub(first);
            if let Some(slot) = at.and_then(|at| ranks.get_mut(at as usize)) {
                *slot = rank;
            }
        });
    }
}
