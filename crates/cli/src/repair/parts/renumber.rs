use std::{borrow::Cow, collections::BTreeMap};

use keepstone::ecs::{ColumnData, ComponentSchema, NONE};

use super::Part;
use crate::repair::lost::Lost;

/// The new ordinals of the entities that are left, whose order stays.
pub(super) struct Renumber {
    /// First ordinal, number of entities and first new ordinal of each part.
    runs: Vec<(u32, u32, u32)>,
    total: u32,
}

impl Renumber {
    /// Takes first ordinal and number of entities of each part that is left.
    pub(super) fn new(parts: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut total = 0;
        let runs = parts.map(|(first, entities)| {
            let run = (first, entities, total);
            total += entities;
            run
        });
        Self { runs: runs.collect(), total }
    }

    /// How many entities are left.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Puts the parts, which are those of [`Renumber::new`], to their places, and lets references follow.
    pub(super) fn apply(&self, parts: &mut [Part<'_>], schema: &[ComponentSchema], lost: &mut Vec<Lost>) {
        let is_same = self.runs.iter().all(|(first, _, new)| first == new);
        let mut dangling: BTreeMap<u16, u64> = BTreeMap::new();
        for (part, (_, _, new)) in parts.iter_mut().zip(&self.runs) {
            (part.world.first, part.world.total) = (*new, self.total);
            for (component, column) in part.components.iter().zip(&mut part.world.doc.columns) {
                let (ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. }) =
                    &mut column.data
                else {
                    continue;
                };
                // Behind the last part that is left there may be lost ones.
                let is_kept = |target: &u32| *target < self.total || *target == NONE;
                if !(is_same && targets.iter().all(is_kept)) {
                    let (new, lost) = self.map(targets);
                    *targets = Cow::Owned(new);
                    *dangling.entry(*component).or_default() += lost;
                }
            }
        }
        for (component, count) in dangling.into_iter().filter(|(_, count)| *count > 0) {
            let Some(schema) = schema.get(usize::from(component)) else { continue };
            lost.push(Lost::references(&schema.name, count));
        }
    }

    /// The new targets, and how many led to entities that are lost.
    fn map(&self, targets: &[u32]) -> (Vec<u32>, u64) {
        let mut lost = 0;
        let mut new = |target: u32| {
            let after = self.runs.partition_point(|(first, _, _)| *first <= target);
            let run = self.runs.get(..after).and_then(<[_]>::last);
            let found = run.filter(|(first, entities, _)| target - first < *entities);
            let found = found.map(|(first, _, new)| new + (target - first));
            lost += u64::from(found.is_none() && target != NONE);
            found.unwrap_or(NONE)
        };
        (targets.iter().map(|target| new(*target)).collect(), lost)
    }
}
