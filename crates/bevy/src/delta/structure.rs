//! Which entities came, went and have other components than before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bevy_ecs::{archetype::ArchetypeId, entity::Entity, world::World};
use keepstone_ecs_persist::{Error, NONE};

use crate::delta::{
    live::LiveTable,
    moment::{Inner, KnownTable, RowNumbers, RowTable, same_entities},
};

/// How the tables of the present differ from those of a moment, values aside.
pub(super) struct Structure {
    /// By table.
    pub(super) tables: Vec<Matched>,
    /// Rows that lost a component, by its place among the components of both.
    pub(super) removed: BTreeMap<u16, Vec<u32>>,
    pub(super) despawned: Vec<u32>,
    /// Entities that are there and not in a table: they stay if something refers to them.
    pub(super) candidates: Vec<Candidate>,
    pub(super) rows: Arc<RowTable>,
}

/// A table of the present beside those of the moment.
pub(super) struct Matched {
    pub(super) rows: RowNumbers,
    /// The table of the moment that has the same entities.
    pub(super) same: Option<usize>,
    /// Positions of entities that came, ascending.
    pub(super) spawned: Vec<u32>,
    /// Positions, by component, of entities that did not have it; ascending.
    pub(super) fresh: BTreeMap<u16, Vec<u32>>,
}

/// An entity that may stay bare.
pub(super) struct Candidate {
    pub(super) row: u32,
    pub(super) entity: Entity,
    /// What it had at the moment.
    pub(super) had: Vec<u16>,
}

/// Stands for an entity that is in a table of the present.
const SEEN: u32 = NONE - 1;

impl Structure {
    /// Compares tables. `sets` are those of the moment's tables, by the numbers of the present.
    pub(super) fn of(
        world: &World,
        moment: &Inner,
        sets: &[Vec<u16>],
        live: &[LiveTable<'_>],
    ) -> Result<Self, Error> {
        let mut structure = Self {
            tables: Vec::with_capacity(live.len()),
            removed: BTreeMap::new(),
            despawned: Vec::new(),
            candidates: Vec::new(),
            rows: Arc::clone(&moment.rows),
        };
        let by_key: HashMap<(ArchetypeId, &[u16]), usize> = (0..)
            .zip(moment.tables.iter().zip(sets))
            .map(|(at, (table, set))| ((table.archetype, set.as_slice()), at))
            .collect();
        let mut unmatched = vec![true; moment.tables.len()];
        let mut same = Vec::with_capacity(live.len());
        for table in live {
            let at = by_key.get(&(table.archetype, table.set.as_slice())).copied().filter(|&at| {
                moment.tables.get(at).is_some_and(|before| same_entities(&before.entities, &table.entities))
            });
            if let Some(slot) = at.and_then(|at| unmatched.get_mut(at)) {
                *slot = false;
            }
            same.push(at);
        }
        let mut before = Before::default();
        if unmatched.contains(&true) || same.contains(&None) {
            before = Before::of(moment, &unmatched);
        }
        for (table, same) in live.iter().zip(same) {
            let known = same.and_then(|at| moment.tables.get(at));
            let matched = match known {
                Some(known) => {
                    Matched { rows: known.rows.clone(), same, spawned: Vec::new(), fresh: BTreeMap::new() }
                }
                None => structure.match_rows(table, sets, &mut before),
            };
            structure.tables.push(matched);
        }
        structure.leave(world, moment, sets, &unmatched, &before);
        if structure.rows.len() >= u64::from(NONE) {
            let (what, allowed) = ("rows of a chain", u64::from(NONE - 1));
            return Err(Error::Limit { what, needs: structure.rows.len(), allowed });
        }
        Ok(structure)
    }

    fn match_rows(&mut self, table: &LiveTable<'_>, sets: &[Vec<u16>], before: &mut Before) -> Matched {
        let (mut spawned, mut fresh) = (Vec::new(), BTreeMap::<u16, Vec<u32>>::new());
        // Neighbours mostly come from one table.
        let mut last: Option<(u32, Changes)> = None;
        let rows = Arc::make_mut(&mut self.rows);
        let mut numbers = Vec::with_capacity(table.entities.len());
        for (position, &entity) in (0..).zip(table.entities.iter()) {
            let Some(row) = rows.row_of(entity) else {
                numbers.push(rows.push(entity));
                spawned.push(position);
                continue;
            };
            numbers.push(row);
            let from = before.take(row);
            if last.as_ref().is_none_or(|(known, _)| *known != from) {
                let had = sets.get(from as usize).map(Vec::as_slice).unwrap_or_default();
                last = Some((from, Changes::of(had, &table.set)));
            }
            let Some((_, changes)) = &last else { continue };
            for &component in &changes.fresh {
                fresh.entry(component).or_default().push(position);
            }
            for &component in &changes.removed {
                self.removed.entry(component).or_default().push(row);
            }
        }
        for &component in table.set.iter().filter(|_| !spawned.is_empty()) {
            let own = fresh.entry(component).or_default();
            own.extend_from_slice(&spawned);
            own.sort_unstable();
        }
        Matched { rows: RowNumbers::Each(numbers.into()), same: None, spawned, fresh }
    }

    /// Finds who is no longer in a table.
    fn leave(
        &mut self,
        world: &World,
        moment: &Inner,
        sets: &[Vec<u16>],
        unmatched: &[bool],
        before: &Before,
    ) {
        let gone = |row: &u32| before.get(*row) != SEEN;
        let mut left: Vec<(u32, Vec<u16>)> =
            moment.bare.iter().filter(|row| gone(row)).map(|&row| (row, Vec::new())).collect();
        for ((table, set), unmatched) in moment.tables.iter().zip(sets).zip(unmatched) {
            if *unmatched {
                left.extend(rows_of(table).filter(gone).map(|row| (row, set.clone())));
            }
        }
        for (row, had) in left {
            match moment.rows.entity_of(row) {
                Some(entity) if world.entities().contains_spawned(entity) => {
                    self.candidates.push(Candidate { row, entity, had });
                }
                _ => self.despawn(row),
            }
        }
    }

    pub(super) fn despawn(&mut self, row: u32) {
        self.despawned.push(row);
        Arc::make_mut(&mut self.rows).remove(row);
    }
}

fn rows_of(table: &KnownTable) -> impl Iterator<Item = u32> + '_ {
    (0..).zip(table.entities.iter()).map(|(at, _)| table.rows.get(at))
}

/// In which table of the moment each row was, of those that no longer have the same entities.
#[derive(Default)]
struct Before {
    of_row: Vec<u32>,
}

impl Before {
    fn of(moment: &Inner, unmatched: &[bool]) -> Self {
        let mut of_row = vec![NONE; usize::try_from(moment.rows.len()).unwrap_or(0)];
        for ((number, table), unmatched) in (0..).zip(&moment.tables).zip(unmatched) {
            if !unmatched {
                continue;
            }
            for row in rows_of(table) {
                if let Some(slot) = of_row.get_mut(row as usize) {
                    *slot = number;
                }
            }
        }
        Self { of_row }
    }

    fn get(&self, row: u32) -> u32 {
        self.of_row.get(row as usize).copied().unwrap_or(NONE)
    }

    /// The table of a row, which is in a table of the present now.
    fn take(&mut self, row: u32) -> u32 {
        self.of_row.get_mut(row as usize).map_or(NONE, |slot| std::mem::replace(slot, SEEN))
    }
}

/// What entities have that came from one table into another.
struct Changes {
    fresh: Vec<u16>,
    removed: Vec<u16>,
}

impl Changes {
    fn of(had: &[u16], has: &[u16]) -> Self {
        let without = |one: &[u16], other: &[u16]| {
            one.iter().copied().filter(|at| other.binary_search(at).is_err()).collect()
        };
        Self { fresh: without(has, had), removed: without(had, has) }
    }
}
