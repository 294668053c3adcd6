//! What has changed since a moment.

use std::{collections::HashMap, sync::Arc};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Capture, Column, ColumnData, Error, Mark, Since, Table, WorldDelta};
use keepstone_value::{Learner, Options};

use crate::{
    builtin,
    capture::{Plan, Planned, PlannedKind},
    delta::{
        links::{self, LinkRow},
        live::{self, LiveTable, Positions, changed_since},
        moment::{Inner, Known, KnownTable, Moment, RowNumbers, RowTable, Window},
        naming::{Naming, Probe},
        numbers::{Numbers, known, refers},
        sets::{Group, Sets},
        structure::Structure,
        values::{Sources, counted, is_kept_link, linked},
    },
    kept::{Kept, KeptRows},
    ordinals::Ordinals,
    registry::Registry,
    source::Source,
};

/// Captures a world as a base: see [`DeltaWorld::mark`](keepstone_ecs_persist::DeltaWorld::mark).
pub(super) fn mark<'w>(
    world: &'w mut World,
    registry: &Registry,
) -> Result<(Capture<'w, Entity>, Mark<Moment>), Error> {
    // What is changed from now on has a later tick, also if nobody else increments it.
    let tick = world.increment_change_tick();
    let world: &'w World = world;
    let plan = Plan::of(world, registry, Ordinals::new(world));
    let tables = live::tables(world, &plan);
    let mut components: Vec<Known> = plan.columns.iter().map(known).collect();
    let mut capture = plan.finish()?;
    for component in &mut components {
        component.refers = capture.doc.column(&component.name).is_some_and(refers);
    }
    let mut first: u32 = 0;
    let tables: Vec<KnownTable> = tables
        .into_iter()
        .map(|table| {
            let rows = RowNumbers::From(first);
            first = first.saturating_add(u32::try_from(table.entities.len()).unwrap_or(u32::MAX));
            KnownTable { archetype: table.archetype, set: table.set, entities: table.entities.into(), rows }
        })
        .collect();
    let mut entities = Vec::with_capacity(first as usize);
    capture.append_entities(&mut entities);
    let rows = capture.doc.entity_count();
    let inner = Inner {
        world: world.id(),
        tick,
        components,
        tables,
        bare: (first..rows).collect(),
        rows: Arc::new(RowTable::of(entities)),
    };
    if builtin::knows_foreign(registry) {
        capture.doc.column_as_foreign()?;
    }
    let state = capture.doc.state_id()?;
    Ok((capture, Mark::base(state, rows, Moment(Arc::new(inner)))))
}

/// What has changed: see [`DeltaWorld::delta`](keepstone_ecs_persist::DeltaWorld::delta).
pub(super) fn delta(
    world: &mut World,
    since: &Mark<Moment>,
    registry: &Registry,
) -> Result<Since<Moment>, Error> {
    let tick = world.increment_change_tick();
    let world: &World = world;
    let before = &*since.detail.0;
    let window = Window::since(world, before)?;
    let plan = Plan::of(world, registry, Ordinals::unlisted(world));
    let live = live::tables(world, &plan);
    let numbers = Numbers::of(before, &plan);
    let structure = Structure::of(world, before, &numbers.sets, &live)?;
    let naming = Naming::new(world, Arc::clone(&structure.rows), &structure.candidates);
    let mut finding = Finding { world, window, plan: &plan, live: &live, before, numbers, structure, naming };

    let mut delta = WorldDelta::since(since);
    let (groups, links) = finding.groups();
    let mut components: Vec<Known> = plan.columns.iter().map(known).collect();
    finding.take_values(&mut delta, groups, &links, &mut components)?;
    let bare = finding.settle(&mut delta, &mut components)?;
    delta.rows_after = u32::try_from(finding.naming.rows.len()).unwrap_or(u32::MAX);
    let dangling = delta.doc.columns.iter().map(Column::dangling).sum();

    let Finding { structure, naming, .. } = finding;
    let mut tables = Vec::with_capacity(live.len());
    for (table, matched) in live.into_iter().zip(structure.tables) {
        let known = matched.same.and_then(|at| before.tables.get(at));
        let entities = known.map_or_else(|| table.entities.into(), |known| Arc::clone(&known.entities));
        tables.push(KnownTable { archetype: table.archetype, set: table.set, entities, rows: matched.rows });
    }
    let inner = Inner { world: world.id(), tick, components, tables, bare, rows: naming.rows };
    let state = delta.state_id()?;
    let mark = Mark::after(since, state, delta.rows_after, Moment(Arc::new(inner)));
    let mut found = Since::new(delta, mark);
    found.left_out = plan.left_out;
    found.dangling = dangling;
    Ok(found)
}

/// A delta in the making.
struct Finding<'w, 'p, 'r> {
    world: &'w World,
    window: Window,
    plan: &'p Plan<'w, 'r>,
    live: &'p [LiveTable<'w>],
    before: &'p Inner,
    numbers: Numbers,
    structure: Structure,
    naming: Naming<'w>,
}

/// By table, the positions of entities with a value in the delta, for each column that has some.
type Positioned = Vec<Vec<(u16, Vec<u32>)>>;

impl Finding<'_, '_, '_> {
    /// What the moment knew of a column of the plan.
    fn known(&self, column: u16) -> Option<&Known> {
        let at = self.numbers.known.get(usize::from(column)).copied().flatten()?;
        self.before.components.get(at)
    }

    /// Whether a column is described otherwise than at the moment, so that all of its values are in the delta.
    fn is_other(&self, column: u16, planned: &Planned<'_, '_>) -> bool {
        let now = known(planned);
        self.known(column)
            .is_none_or(|before| before.version != now.version || before.encoding != now.encoding)
    }

    /// The entities that have values in the delta, and the rows of relationships.
    fn groups(&mut self) -> (Vec<Group>, HashMap<u16, Vec<LinkRow>>) {
        let mut lists = self.changed();
        let links = self.links(&mut lists);
        let mut sets = Sets::new();
        for ((number, own), matched) in lists.iter().enumerate().zip(&self.structure.tables) {
            sets.add(number, own, &matched.spawned, |position| matched.rows.get(position));
        }
        (sets.groups(), links)
    }

    /// The positions of changed values.
    fn changed(&self) -> Positioned {
        let others: Vec<bool> =
            (0..).zip(&self.plan.columns).map(|(at, column)| self.is_other(at, column)).collect();
        let kept_rows = self.world.component_id::<KeptRows>();
        let mut all = Vec::with_capacity(self.live.len());
        for (table, matched) in self.live.iter().zip(&self.structure.tables) {
            let mut lists: Vec<(u16, Vec<u32>)> = Vec::new();
            let mut kept: Option<Vec<u32>> = None;
            for &column in &table.set {
                let Some(planned) = self.plan.columns.get(usize::from(column)) else { continue };
                let mut found = Vec::new();
                match planned.kind {
                    _ if others.get(usize::from(column)) == Some(&true) => {
                        found.extend((0..).zip(table.entities.iter()).map(|(at, _)| at));
                    }
                    PlannedKind::Registered(id, _) => table.changed(self.world, id, self.window, &mut found),
                    PlannedKind::Kept(..) => {
                        let own = kept.get_or_insert_with(|| {
                            let mut own = Vec::new();
                            if let Some(id) = kept_rows {
                                table.changed(self.world, id, self.window, &mut own);
                            }
                            own
                        });
                        found.clone_from(own);
                    }
                }
                if let Some(fresh) = matched.fresh.get(&column) {
                    found.extend_from_slice(fresh);
                    found.sort_unstable();
                    found.dedup();
                }
                if !found.is_empty() {
                    lists.push((column, found));
                }
            }
            all.push(lists);
        }
        self.complete_kept(&mut all);
        all
    }

    /// Of a relationship that is kept without being known, all rows are in the delta or none.
    fn complete_kept(&self, lists: &mut Positioned) {
        for (column, planned) in (0_u16..).zip(&self.plan.columns) {
            let changed = |lists: &Vec<(u16, Vec<u32>)>| lists.iter().any(|(other, _)| *other == column);
            if !is_kept_link(planned) || !lists.iter().any(changed) {
                continue;
            }
            for (own, table) in lists.iter_mut().zip(self.live) {
                if table.set.binary_search(&column).is_err() {
                    continue;
                }
                own.retain(|(other, _)| *other != column);
                own.push((column, (0..).zip(table.entities.iter()).map(|(at, _)| at).collect()));
                own.sort_unstable_by_key(|(column, _)| *column);
            }
        }
    }

    /// Finds the rows of relationships, and puts their positions in the place of the changed ones.
    fn links(&mut self, lists: &mut Positioned) -> HashMap<u16, Vec<LinkRow>> {
        let mut links = HashMap::new();
        let mut positions: Option<Positions> = None;
        for (column, planned) in (0_u16..).zip(&self.plan.columns) {
            let PlannedKind::Registered(_, entry) = planned.kind else { continue };
            let Some(ops) = entry.ops().target else { continue };
            let mut changed: Vec<Entity> = Vec::new();
            for (own, table) in lists.iter_mut().zip(self.live) {
                let Some(at) = own.iter().position(|(other, _)| *other == column) else { continue };
                let (_, list) = own.remove(at);
                changed.extend(list.iter().filter_map(|&at| table.entities.get(at as usize).copied()));
            }
            let (world, live) = (self.world, self.live);
            let positions = positions.get_or_insert_with(|| Positions::of(world, live));
            let is_saved = |entity: Entity| positions.get(world, entity).is_some();
            let rows = links::changed(world, ops, &changed, self.window, &mut self.naming, is_saved);
            for link in &rows {
                let Some((table, position)) = positions.get(world, link.source) else { continue };
                let Some(own) = lists.get_mut(table as usize) else { continue };
                match own.iter_mut().find(|(other, _)| *other == column) {
                    Some((_, list)) => list.push(position),
                    None => own.push((column, vec![position])),
                }
            }
            if !rows.is_empty() {
                links.insert(column, rows);
            }
        }
        for own in lists.iter_mut().filter(|_| !links.is_empty()) {
            own.sort_unstable_by_key(|(column, _)| *column);
            for (_, list) in own.iter_mut().filter(|(column, _)| links.contains_key(column)) {
                list.sort_unstable();
            }
        }
        links
    }

    /// Puts the values into the delta, and those of resources.
    fn take_values(
        &mut self,
        delta: &mut WorldDelta<'static>,
        groups: Vec<Group>,
        links: &HashMap<u16, Vec<LinkRow>>,
        components: &mut [Known],
    ) -> Result<(), Error> {
        let mut places: Vec<Option<u16>> = vec![None; self.plan.columns.len()];
        let mut sources = Sources::of(&groups);
        for ((column, planned), component) in (0_u16..).zip(&self.plan.columns).zip(components) {
            component.refers = self.known(column).is_some_and(|known| known.refers);
            let found = if planned.resource {
                self.resource(column, planned)?
            } else if let Some(rows) = links.get(&column) {
                Some(linked(planned, rows, &groups, column))
            } else {
                let own = sources.take(column, planned, self.world, self.live, &groups);
                if own.is_empty() { None } else { Some(self.capture(planned, &own)?) }
            };
            let Some(found) = found else { continue };
            component.refers |= refers(&found);
            if let Some(place) = places.get_mut(usize::from(column)) {
                *place = u16::try_from(delta.doc.columns.len()).ok();
            }
            delta.doc.columns.push(found);
        }
        for component in self.before.components.iter().filter(|component| component.resource) {
            let now = self.plan.columns.iter().find(|column| column.name() == &*component.name);
            if now.is_none_or(|column| !column.resource || column.sources.is_empty()) {
                delta.removed_resources.push(component.name.to_string());
            }
        }
        for group in groups {
            let place = |at: &u16| places.get(usize::from(*at)).copied().flatten();
            let components = group.columns.iter().filter_map(place).collect();
            let rows = group.runs.iter().flat_map(|run| &run.rows).map(|(row, _)| *row);
            let before = delta.rows.len();
            delta.rows.extend(rows);
            let rows = u32::try_from(delta.rows.len() - before).unwrap_or(u32::MAX);
            delta.doc.tables.push(Table { rows, components });
        }
        Ok(())
    }

    fn resource(&mut self, column: u16, planned: &Planned<'_, '_>) -> Result<Option<Column<'static>>, Error> {
        if planned.sources.is_empty() {
            return Ok(None);
        }
        let was_there = self.known(column).is_some_and(|known| known.resource);
        let changed = match planned.kind {
            PlannedKind::Registered(id, _) => {
                let entity = planned.sources.iter().flat_map(Source::entities).next();
                entity.is_some_and(|&entity| changed_since(self.world, entity, id, self.window))
            }
            PlannedKind::Kept(..) => {
                let ticks = self.world.get_resource_change_ticks::<Kept>();
                ticks.is_some_and(|ticks| self.window.has(ticks.changed))
            }
        };
        if was_there && !changed && !self.is_other(column, planned) {
            return Ok(None);
        }
        self.capture(planned, &planned.sources).map(Some)
    }

    fn capture(&mut self, planned: &Planned<'_, '_>, sources: &[Source]) -> Result<Column<'static>, Error> {
        let mut column = planned.capture_from(self.world, sources, &mut self.naming)?.into_owned();
        // One piece is hashed and written faster than one for each table.
        if let ColumnData::Plain(pieces) = &mut column.data
            && pieces.len() > 1
        {
            *pieces = vec![pieces.concat().into()];
        }
        if let (true, ColumnData::References { targets, ranks: ranks @ None }) =
            (is_kept_link(planned), &mut column.data)
        {
            *ranks = Some(counted(targets).into());
        }
        Ok(column)
    }

    /// Finds out which entities without a table stay, and puts what is left to say into the delta. Returns the rows that are bare.
    fn settle(
        &mut self,
        delta: &mut WorldDelta<'static>,
        components: &mut [Known],
    ) -> Result<Vec<u32>, Error> {
        for (planned, component) in self.plan.columns.iter().zip(components) {
            if !self.naming.asks() {
                break;
            }
            if component.refers && !planned.sources.is_empty() {
                self.look_for_references(planned)?;
            }
        }
        let mut bare = Vec::new();
        for candidate in std::mem::take(&mut self.structure.candidates) {
            if self.naming.candidates.get(&candidate.entity) == Some(&true) {
                bare.push(candidate.row);
                for column in candidate.had {
                    self.structure.removed.entry(column).or_default().push(candidate.row);
                }
            } else {
                self.structure.despawned.push(candidate.row);
                Arc::make_mut(&mut self.naming.rows).remove(candidate.row);
            }
        }
        let mut new = std::mem::take(&mut self.naming.bare);
        new.sort_unstable();
        if !new.is_empty() {
            delta.rows.extend_from_slice(&new);
            let rows = u32::try_from(new.len()).unwrap_or(u32::MAX);
            delta.doc.tables.push(Table { rows, components: Vec::new() });
        }
        bare.extend(new);
        bare.sort_unstable();
        delta.despawned = std::mem::take(&mut self.structure.despawned);
        delta.despawned.sort_unstable();
        for (column, mut rows) in std::mem::take(&mut self.structure.removed) {
            let Some(name) = self.numbers.names.get(usize::from(column)) else { continue };
            rows.sort_unstable();
            delta.removed.push((name.to_string(), rows));
        }
        delta.removed.sort_unstable();
        Ok(bare)
    }

    fn look_for_references(&mut self, planned: &Planned<'_, '_>) -> Result<(), Error> {
        let mut probe = Probe(&mut self.naming);
        match planned.kind {
            PlannedKind::Registered(_, entry) if entry.ops().target.is_some() => {
                let mut learner = Learner::new(&Options::default());
                let column = &entry.ops().column;
                column
                    .learn(self.world, &planned.sources, &mut probe, &mut learner)
                    .map_err(|source| Error::Value { component: entry.name().to_owned(), source })
            }
            _ => planned.capture_from(self.world, &planned.sources, &mut probe).map(drop),
        }
    }
}
