//! A delta, applied to a world.

use std::{
    any::TypeId,
    collections::{HashMap, HashSet},
};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{
    ApplyReport, Column, ColumnData, Entry, Error, IdSource, LiveRows, NONE, SpawnOptions, Unknown,
    WorldDelta,
};
use keepstone_value::{EntityType, Resolve};

use crate::{
    delta::{
        ids::Ids,
        writing::{Writing, write_over},
    },
    identity::{PersistId, PersistIndex},
    incoming,
    kept::{self, Kept, Unplaced},
    ordinals::Spawned,
    raw::{self, Moving, Values},
    registry::{Ops, Registry},
    spawn,
};

/// Applies a delta: see [`DeltaWorld::apply_delta`](keepstone_ecs_persist::DeltaWorld::apply_delta).
pub(super) fn apply(
    world: &mut World,
    rows: &mut LiveRows<Entity>,
    delta: &WorldDelta<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<ApplyReport, Error> {
    rows.check(delta)?;
    delta.check()?;
    let count = delta.rows_after - delta.rows_before;
    spawn::check_count(count, options)?;
    let mut needs = u64::from(count).saturating_mul(spawn::ENTITY_LEN);
    spawn::check_content(&delta.doc, registry, options, &mut HashMap::new(), &mut needs)?;
    let new: Vec<Entity> = world.entity_allocator().alloc_many(count).collect();
    let mut by_row = ByRow { world, old: &rows.entities, new: &new };
    let planned = Plan::of(delta, registry, options, &mut by_row)
        .and_then(|plan| rows.follow(delta, new.iter().copied()).map(|()| plan));
    match planned {
        Ok(plan) => Applying { world, delta, rows, registry, new }.all(plan),
        Err(error) => {
            world.entity_allocator_mut().free_many(&new);
            Err(error)
        }
    }
}

/// The entities of row numbers, with those that are about to be spawned.
pub(super) struct ByRow<'a> {
    world: &'a World,
    old: &'a [Option<Entity>],
    new: &'a [Entity],
}

impl ByRow<'_> {
    /// The entity of a row, if it is there.
    pub(super) fn entity(&self, row: u32) -> Option<Entity> {
        match (row as usize).checked_sub(self.old.len()) {
            Some(at) => self.new.get(at).copied(),
            None => live(self.world, self.old, row),
        }
    }

    pub(super) fn of_ordinal(&self, delta: &WorldDelta<'_>, ordinal: u32) -> Option<Entity> {
        self.entity(*delta.rows.get(ordinal as usize)?)
    }
}

impl Resolve for ByRow<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        self.entity(ordinal).unwrap_or(Entity::PLACEHOLDER).to_bits()
    }
}

fn live(world: &World, entities: &[Option<Entity>], row: u32) -> Option<Entity> {
    let entity = entities.get(row as usize).copied().flatten();
    entity.filter(|&entity| world.entities().contains_spawned(entity))
}

/// What becomes of a column.
enum Decoded<'r> {
    /// Nothing here.
    Done,
    Values(&'r Entry<Ops>, Box<dyn Values>),
    Linked(&'r Entry<Ops>),
    Source(IdSource),
}

/// A delta that was decoded.
struct Plan<'r, 'd, 'a> {
    columns: Vec<Decoded<'r>>,
    kept: Vec<Unplaced<'d, 'a>>,
    /// The entity of each ordinal of the document; the placeholder where it is not there.
    entities: Vec<Entity>,
    doomed: Vec<Entity>,
    replaced: Vec<Entity>,
    /// The ordinals of entities that have their ids already.
    same_ids: HashSet<u32>,
    report: ApplyReport,
}

impl<'r, 'd, 'a> Plan<'r, 'd, 'a> {
    fn of(
        delta: &'d WorldDelta<'a>,
        registry: &'r Registry,
        options: &SpawnOptions,
        rows: &mut ByRow<'_>,
    ) -> Result<Self, Error> {
        let entity = |row: &u32| rows.entity(*row).unwrap_or(Entity::PLACEHOLDER);
        let mut plan = Self {
            columns: Vec::with_capacity(delta.doc.columns.len()),
            kept: Vec::new(),
            entities: delta.rows.iter().map(entity).collect(),
            doomed: delta.despawned.iter().filter_map(|&row| rows.entity(row)).collect(),
            replaced: Vec::new(),
            same_ids: HashSet::new(),
            report: ApplyReport::default(),
        };
        plan.report.missing =
            plan.entities.iter().filter(|&&entity| entity == Entity::PLACEHOLDER).count() as u64;
        plan.report.dangling = spawn::dangling(&delta.doc);
        let mut ordinals = spawn::unknown_ordinals(&delta.doc, registry, options);
        let mut all: Option<Vec<Entity>> = None;
        let counts = delta.doc.rows_per_column();
        for ((place, column), count) in delta.doc.columns.iter().enumerate().zip(counts) {
            if let Some(entry) = registry.get(&column.schema.name) {
                let decoded = plan.decode(delta, column, count, entry, rows, options)?;
                plan.columns.push(decoded);
                continue;
            }
            plan.report.unknown.push((column.schema.name.clone(), count.into()));
            plan.columns.push(Decoded::Done);
            if options.unknown == Unknown::Keep {
                rows.world.get_resource::<Kept>().map_or(Ok(()), |kept| kept.check(&column.schema))?;
                let entities: &[Entity] = all.get_or_insert_with(|| {
                    let entity = |row| rows.entity(row).unwrap_or(Entity::PLACEHOLDER);
                    (0..delta.rows_after).map(entity).collect()
                });
                let ordinals = ordinals.get_mut(place).map(std::mem::take).unwrap_or_default();
                plan.kept.push(Unplaced::new(column, ordinals, count as usize, &Spawned { entities })?);
            }
        }
        Ok(plan)
    }

    fn decode(
        &mut self,
        delta: &WorldDelta<'_>,
        column: &Column<'_>,
        count: u32,
        entry: &'r Entry<Ops>,
        rows: &mut ByRow<'_>,
        options: &SpawnOptions,
    ) -> Result<Decoded<'r>, Error> {
        if entry.type_id() == TypeId::of::<PersistId>() {
            let ids = Ids::of(rows.world, delta, column, rows, options.ids)?;
            (self.same_ids, self.replaced) = (ids.same, ids.replaced);
            return Ok(Decoded::Values(entry, Box::new(ids.of_rows)));
        }
        if entry.type_id() == TypeId::of::<PersistIndex>() {
            return Ok(Decoded::Source(incoming::source(column)?));
        }
        if entry.ops().target.is_some() && matches!(column.data, ColumnData::References { .. }) {
            return Ok(Decoded::Linked(entry));
        }
        Ok(Decoded::Values(entry, entry.ops().column.decode(column, count as usize, rows)?))
    }
}

/// A delta that is being applied: nothing of it can be wrong any more.
struct Applying<'w, 'd, 'a> {
    world: &'w mut World,
    delta: &'d WorldDelta<'a>,
    /// Behind the delta.
    rows: &'w LiveRows<Entity>,
    registry: &'w Registry,
    new: Vec<Entity>,
}

impl Applying<'_, '_, '_> {
    fn all(mut self, plan: Plan<'_, '_, '_>) -> Result<ApplyReport, Error> {
        let Plan { columns, kept, entities, doomed, replaced, same_ids, mut report } = plan;
        for &entity in &self.new {
            // An id that was just allocated is free.
            report.spawned += u64::from(self.world.spawn_empty_at(entity).is_ok());
        }
        self.remove(&mut report);
        self.detach(&columns, &entities, &doomed, &mut report);
        for entity in doomed.into_iter().chain(replaced) {
            // It may have gone with another of them already.
            report.despawned += u64::from(self.world.try_despawn(entity).is_ok());
        }
        let mut writing: Vec<Option<Writing<'_>>> = Vec::with_capacity(columns.len());
        let mut linked = Vec::new();
        for (column, decoded) in self.delta.doc.columns.iter().zip(columns) {
            writing.push(None);
            match decoded {
                Decoded::Done => {}
                Decoded::Linked(entry) => linked.push((column, entry)),
                Decoded::Source(source) => {
                    self.world.get_resource_or_init::<PersistIndex>().join(source);
                    report.written += 1;
                }
                Decoded::Values(entry, values) => {
                    let mut moving = Moving::new((entry.ops().register)(self.world), values);
                    if column.schema.resource {
                        raw::insert_resource(self.world, &mut moving);
                        report.written += 1;
                    } else {
                        let is_id = entry.type_id() == TypeId::of::<PersistId>();
                        if let Some(last) = writing.last_mut() {
                            *last = Some(Writing { moving, ops: entry.ops(), is_id });
                        }
                    }
                }
            }
        }
        self.write(&mut writing, &entities, &same_ids, &mut report);
        for (column, entry) in linked {
            self.link(column, entry, &entities, &mut report);
        }
        kept::keep(self.world, kept, &entities)?;
        Ok(report)
    }

    fn remove(&mut self, report: &mut ApplyReport) {
        for (name, rows) in &self.delta.removed {
            let live_rows = rows.iter().filter_map(|&row| live(self.world, &self.rows.entities, row));
            let holders: Vec<Entity> = live_rows.collect();
            report.missing += (rows.len() - holders.len()) as u64;
            let Some(entry) = self.registry.get(name) else {
                report.removed += kept::forget(self.world, name, holders.into_iter());
                continue;
            };
            let Some(id) = (entry.ops().id)(self.world) else { continue };
            for entity in holders {
                let Ok(mut entity) = self.world.get_entity_mut(entity) else { continue };
                if entity.contains_id(id) {
                    entity.remove_by_id(id);
                    report.removed += 1;
                }
            }
        }
        for name in &self.delta.removed_resources {
            let Some(entry) = self.registry.get(name) else {
                report.removed += u64::from(kept::forget_resource(self.world, name));
                continue;
            };
            // Where the source of ids stands never goes back.
            if entry.type_id() != TypeId::of::<PersistIndex>()
                && let Some(id) = (entry.ops().id)(self.world)
            {
                report.removed += u64::from(self.world.remove_resource_by_id(id));
            }
        }
    }

    /// Before anything is despawned: a parent that goes takes along the children that it still has.
    fn detach(
        &mut self,
        columns: &[Decoded<'_>],
        entities: &[Entity],
        doomed: &[Entity],
        report: &mut ApplyReport,
    ) {
        if doomed.is_empty() {
            return;
        }
        let doomed: HashSet<Entity> = doomed.iter().copied().collect();
        for (column, decoded) in self.delta.doc.columns.iter().zip(columns) {
            let Decoded::Linked(entry) = decoded else { continue };
            let Some(ops) = entry.ops().target else { continue };
            for link in spawn::links(&self.delta.doc, column) {
                let source = entities.get(link.source as usize).copied().unwrap_or(Entity::PLACEHOLDER);
                let leaves = (ops.target)(self.world, source).is_some_and(|target| doomed.contains(&target));
                if let Some(target) = live(self.world, &self.rows.entities, link.target).filter(|_| leaves) {
                    (ops.insert)(self.world, source, target);
                    report.written += 1;
                }
            }
        }
    }

    /// Moves the values onto the entities, table by table.
    fn write(
        &mut self,
        columns: &mut [Option<Writing<'_>>],
        entities: &[Entity],
        same_ids: &HashSet<u32>,
        report: &mut ApplyReport,
    ) {
        let mut first = 0;
        for table in &self.delta.doc.tables {
            let range = first..first + table.rows as usize;
            first = range.end;
            let rows = self.delta.rows.get(range.clone()).unwrap_or_default();
            let entities = entities.get(range.clone()).unwrap_or_default();
            let mut own: Vec<(u16, Writing<'_>)> = Vec::with_capacity(table.components.len());
            for &place in &table.components {
                let column = columns.get_mut(usize::from(place)).and_then(Option::take);
                own.extend(column.map(|column| (place, column)));
            }
            if !own.is_empty() {
                let old = rows.partition_point(|&row| row < self.delta.rows_before);
                let (old, new) = entities.split_at(old.min(entities.len()));
                let ordinals = u32::try_from(range.start).unwrap_or(NONE)..;
                write_over(
                    self.world,
                    &mut own,
                    old,
                    |at| same_ids.contains(&ordinals.start.saturating_add(at)),
                    report,
                );
                let mut moving: Vec<&mut Moving> =
                    own.iter_mut().map(|(_, column)| &mut column.moving).collect();
                report.written += (new.len() * moving.len()) as u64;
                raw::insert_rows(self.world, &mut moving, new, false);
            }
            for (place, column) in own {
                if let Some(slot) = columns.get_mut(usize::from(place)) {
                    *slot = Some(column);
                }
            }
        }
    }

    /// Relates entities as a column says, in the order of its lists. A relationship to nothing is none.
    fn link(
        &mut self,
        column: &Column<'_>,
        entry: &Entry<Ops>,
        entities: &[Entity],
        report: &mut ApplyReport,
    ) {
        let (Some(ops), ColumnData::References { targets, .. }) = (entry.ops().target, &column.data) else {
            return;
        };
        let entity = |ordinal: u32| entities.get(ordinal as usize).copied();
        let mut unlinked: Vec<Entity> = Vec::new();
        let holders = spawn::row_ordinals(&self.delta.doc, column).zip(targets.iter());
        unlinked
            .extend(holders.filter(|(_, target)| **target == NONE).filter_map(|(source, _)| entity(source)));
        let links = spawn::links(&self.delta.doc, column);
        for list in links.chunk_by(|a, b| a.target == b.target) {
            let sources = list.iter().filter_map(|link| entity(link.source));
            let sources: Vec<Entity> =
                sources.filter(|&source| self.world.entities().contains_spawned(source)).collect();
            let target = list.first().and_then(|link| live(self.world, &self.rows.entities, link.target));
            let Some(target) = target else {
                unlinked.extend(sources);
                continue;
            };
            for &source in &sources {
                if (ops.target)(self.world, source) != Some(target) {
                    (ops.insert)(self.world, source, target);
                    report.written += 1;
                }
            }
            (ops.order)(self.world, target, &sources);
        }
        let Some(id) = (entry.ops().id)(self.world) else { return };
        for source in unlinked {
            if let Ok(mut source) = self.world.get_entity_mut(source)
                && source.contains_id(id)
            {
                source.remove_by_id(id);
                report.removed += 1;
            }
        }
    }
}
