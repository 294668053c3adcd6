use std::{collections::HashMap, ops::Range};

use crate::{
    check::TABLES_MAX,
    doc::{NONE, WorldDoc},
    error::Error,
    gather::{
        Keep, Selection,
        index::Index,
        selection::{Values, bad},
    },
    identity::PersistId,
};

/// Rows of an old table that follow each other in the new order too.
pub(crate) struct Run {
    pub(crate) table: u32,
    pub(crate) first: u32,
    pub(crate) rows: u32,
}

/// A table to be: its component set and its runs.
pub(crate) struct Planned {
    pub(crate) set: u32,
    pub(crate) rows: u32,
    pub(crate) runs: Range<usize>,
}

/// Which old rows make up the new tables, in order.
pub(crate) struct Plan {
    pub(crate) runs: Vec<Run>,
    pub(crate) tables: Vec<Planned>,
    /// The component sets, by old places of columns.
    pub(crate) sets: Vec<Vec<u16>>,
    /// The new ordinal of each old one.
    pub(crate) ordinals: Vec<u32>,
    /// How many entities there will be.
    pub(crate) entities: u32,
}

struct Planner<'s> {
    doc: &'s WorldDoc<'s>,
    index: &'s Index,
    selection: &'s Selection,
    by_set: HashMap<Vec<u16>, u32>,
    rules: Vec<Option<Rule<'s>>>,
    plan: Plan,
}

/// Which sets the rows of one table can have.
struct Rule<'s> {
    whole: u32,
    bare: u32,
    /// Columns of which single values are left out: the place in the table, and which values stay.
    masked: Vec<(usize, &'s [bool])>,
    /// Sets by which masked columns a row keeps.
    by_kept: HashMap<Vec<u64>, u32>,
}

impl Plan {
    pub(crate) fn new<'s>(
        doc: &'s WorldDoc<'s>,
        index: &'s Index,
        selection: &'s Selection,
    ) -> Result<Self, Error> {
        let plan = Self {
            runs: Vec::new(),
            tables: Vec::new(),
            sets: Vec::new(),
            ordinals: vec![NONE; index.entities() as usize],
            entities: 0,
        };
        let mut rules = Vec::new();
        rules.resize_with(doc.tables.len(), || None);
        let mut planner = Planner { doc, index, selection, by_set: HashMap::new(), rules, plan };
        match &selection.order {
            Some(order) => planner.place_in(order)?,
            None => planner.place_tables()?,
        }
        let needs = planner.plan.tables.len() as u64;
        if needs > u64::from(TABLES_MAX) {
            return Err(Error::Limit { what: "tables of a world", needs, allowed: TABLES_MAX.into() });
        }
        Ok(planner.plan)
    }
}

impl<'s> Planner<'s> {
    /// Exactly this order.
    fn place_in(&mut self, order: &[u32]) -> Result<(), Error> {
        let (mut table, mut rows) = (0, 0..0);
        for &ordinal in order {
            match self.plan.ordinals.get(ordinal as usize) {
                None => return Err(bad("ordinal of a selection", ordinal, self.index.entities())),
                Some(&NONE) => {}
                Some(_) => return Err(bad("times that a selection names an entity", 2_u32, 1_u32)),
            }
            if !rows.contains(&ordinal) {
                table = self.index.table_of(ordinal);
                rows = self.index.ordinals(table);
            }
            let first = ordinal - rows.start;
            if let Some(set) = self.set_of(table, first, self.selection.keep(ordinal))? {
                self.push(set, Run { table, first, rows: 1 });
            }
        }
        Ok(())
    }

    /// The old order, but that the rows of one table that differ in what they keep are set apart.
    fn place_tables(&mut self) -> Result<(), Error> {
        for (table, old) in (0_u32..).zip(&self.doc.tables) {
            let unmasked = self.selection.entities.is_none();
            let rule = self.rule(table)?;
            if unmasked && rule.masked.is_empty() {
                let set = rule.whole;
                self.push(set, Run { table, first: 0, rows: old.rows });
                continue;
            }
            let start = self.index.ordinals(table).start;
            let mut groups: Vec<(u32, Vec<Run>)> = Vec::new();
            let mut group_of: HashMap<u32, usize> = HashMap::new();
            let mut last = None;
            for first in 0..old.rows {
                let Some(set) = self.set_of(table, first, self.selection.keep(start + first))? else {
                    continue;
                };
                let group = match last {
                    Some((of, group)) if of == set => group,
                    _ => *group_of.entry(set).or_insert_with(|| {
                        groups.push((set, Vec::new()));
                        groups.len() - 1
                    }),
                };
                last = Some((set, group));
                let Some((_, runs)) = groups.get_mut(group) else { continue };
                match runs.last_mut() {
                    Some(last) if last.first + last.rows == first => last.rows += 1,
                    _ => runs.push(Run { table, first, rows: 1 }),
                }
            }
            for (set, runs) in groups {
                for run in runs {
                    self.push(set, run);
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, set: u32, run: Run) {
        let plan = &mut self.plan;
        let from = self.index.ordinals(run.table).start + run.first;
        let ordinals = plan.ordinals.get_mut(from as usize..(from + run.rows) as usize).unwrap_or_default();
        for (ordinal, new) in ordinals.iter_mut().zip(plan.entities..) {
            *ordinal = new;
        }
        plan.entities += run.rows;
        let rows = run.rows;
        match plan.tables.last_mut() {
            Some(table) if table.set == set => {
                table.rows += rows;
                match plan.runs.last_mut() {
                    Some(last) if last.table == run.table && last.first + last.rows == run.first => {
                        last.rows += rows;
                    }
                    _ => {
                        plan.runs.push(run);
                        table.runs.end += 1;
                    }
                }
            }
            _ => {
                let at = plan.runs.len();
                plan.runs.push(run);
                plan.tables.push(Planned { set, rows, runs: at..at + 1 });
            }
        }
    }

    /// The component set that a row will have; none if its entity goes.
    fn set_of(&mut self, table: u32, row: u32, keep: Keep) -> Result<Option<u32>, Error> {
        let rule = self.rule(table)?;
        match keep {
            Keep::Drop => return Ok(None),
            Keep::Bare => return Ok(Some(rule.bare)),
            Keep::Whole if rule.masked.is_empty() => return Ok(Some(rule.whole)),
            Keep::Whole => {}
        }
        let kept = |mask: &[bool]| mask.get(row as usize).copied().unwrap_or(true);
        if rule.masked.iter().all(|(_, mask)| kept(mask)) {
            return Ok(Some(rule.whole));
        }
        let mut bits = vec![0_u64; rule.masked.len().div_ceil(64)];
        for (at, (_, mask)) in rule.masked.iter().enumerate() {
            if let Some(word) = bits.get_mut(at / 64) {
                *word |= u64::from(kept(mask)) << (at % 64);
            }
        }
        if let Some(&set) = rule.by_kept.get(&bits) {
            return Ok(Some(set));
        }
        let gone: Vec<usize> =
            rule.masked.iter().filter(|(_, mask)| !kept(mask)).map(|&(place, _)| place).collect();
        let set = self.set_without(table, &gone);
        if let Some(Some(rule)) = self.rules.get_mut(table as usize) {
            rule.by_kept.insert(bits, set);
        }
        Ok(Some(set))
    }

    fn rule(&mut self, table: u32) -> Result<&Rule<'s>, Error> {
        let at = table as usize;
        if self.rules.get(at).is_none_or(Option::is_none) {
            let rule = self.make_rule(table);
            if let Some(slot) = self.rules.get_mut(at) {
                *slot = Some(rule);
            }
        }
        self.rules.get(at).and_then(Option::as_ref).ok_or_else(|| bad("table", table, table))
    }

    fn make_rule(&mut self, table: u32) -> Rule<'s> {
        let (doc, index, selection) = (self.doc, self.index, self.selection);
        let Some(old) = doc.tables.get(table as usize) else {
            return Rule { whole: 0, bare: 0, masked: Vec::new(), by_kept: HashMap::new() };
        };
        let mut masked = Vec::new();
        for (place, (&component, &base)) in old.components.iter().zip(index.bases(table)).enumerate() {
            if let Values::Masked(mask) = selection.column(usize::from(component)) {
                let rows = mask.get(base as usize..(base + old.rows) as usize).unwrap_or_default();
                if rows.contains(&false) {
                    masked.push((place, rows));
                }
            }
        }
        let is_id = |component: u16| {
            doc.columns.get(usize::from(component)).is_some_and(|c| c.schema.name == PersistId::COMPONENT)
        };
        let other: Vec<usize> =
            old.components.iter().enumerate().filter(|(_, c)| !is_id(**c)).map(|(place, _)| place).collect();
        let whole = self.set_without(table, &[]);
        let bare = self.set_without(table, &other);
        Rule { whole, bare, masked, by_kept: HashMap::new() }
    }

    /// The set of a table without columns that go as a whole, and without these places.
    fn set_without(&mut self, table: u32, gone: &[usize]) -> u32 {
        let components = self.doc.tables.get(table as usize).map_or(&[][..], |table| &table.components);
        let set: Vec<u16> = components
            .iter()
            .enumerate()
            .filter(|(place, component)| {
                gone.binary_search(place).is_err()
                    && !matches!(self.selection.column(usize::from(**component)), Values::Dropped)
            })
            .map(|(_, &component)| component)
            .collect();
        if let Some(&known) = self.by_set.get(&set) {
            return known;
        }
        let at = u32::try_from(self.plan.sets.len()).unwrap_or(u32::MAX);
        self.plan.sets.push(set.clone());
        self.by_set.insert(set, at);
        at
    }
}
