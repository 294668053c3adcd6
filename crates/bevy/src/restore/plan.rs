use std::{any::TypeId, ops::Range};

use bevy_ecs::{component::ComponentId, entity::Entity, storage::TableId, world::World};
use keepstone_ecs_persist::{
    Column, ColumnData, Entry, Error, IdSource, NONE, SpawnOptions, Unknown, WorldDoc,
};

use crate::{
    identity::PersistIndex,
    incoming,
    kept::{Kept, Unplaced},
    ordinals::Spawned,
    raw::Values,
    registry::{Ops, Registry},
    restore::matched::{Beside, Matched},
    spawn,
};

/// What a restore will do.
#[derive(Default)]
pub(super) struct Plan<'r, 'd, 'a> {
    /// By column of the document; none for those that are not registered.
    pub(super) columns: Vec<Option<Change<'r>>>,
    /// Registered components that entities have and the document doesn't give them.
    pub(super) removed: Vec<(Entity, ComponentId)>,
    pub(super) despawned: Vec<Entity>,
    pub(super) removed_resources: Vec<ComponentId>,
    /// The ordinals of entities that are still to be spawned.
    pub(super) missing: Vec<u32>,
    pub(super) source: Option<IdSource>,
    pub(super) kept: Vec<Unplaced<'d, 'a>>,
    pub(super) unknown: Vec<(String, u64)>,
}

/// What happens to one component.
pub(super) struct Change<'r> {
    pub(super) entry: &'r Entry<Ops>,
    /// How many rows the column has.
    rows: usize,
    /// By row of the column: whether it is written. Empty while none is.
    pub(super) writes: Vec<bool>,
    /// All values, if some are written.
    pub(super) values: Option<Box<dyn Values>>,
    /// Rows of plain data that are compared with a table's as they are written.
    pub(super) overwrites: Vec<(TableId, Range<usize>)>,
    /// Bytes of such a row.
    pub(super) row_size: usize,
    /// Rows that were compared and are equal.
    pub(super) unchanged: u64,
}

impl<'r, 'd, 'a> Plan<'r, 'd, 'a> {
    pub(super) fn new(
        world: &World,
        doc: &'d WorldDoc<'a>,
        registry: &'r Registry,
        options: &SpawnOptions,
        mut matched: Matched<'_, '_>,
    ) -> Result<Self, Error> {
        let mut plan = Self { missing: matched.missing.clone(), ..Self::default() };
        let mut ordinals = spawn::unknown_ordinals(doc, registry, options);
        for (place, (column, rows)) in doc.columns.iter().zip(doc.rows_per_column()).enumerate() {
            let Some(entry) = registry.get(&column.schema.name) else {
                plan.unknown.push((column.schema.name.clone(), rows.into()));
                let ordinals = ordinals.get_mut(place).map(std::mem::take).unwrap_or_default();
                if options.unknown == Unknown::Keep && !column.schema.resource {
                    plan.keep(column, ordinals, rows as usize, &matched)?;
                }
                plan.columns.push(None);
                continue;
            };
            if entry.type_id() == TypeId::of::<PersistIndex>() {
                plan.source = Some(incoming::source(column)?);
                plan.columns.push(None);
                continue;
            }
            let change = if column.schema.resource {
                Self::resource(column, entry, &mut matched)?
            } else {
                plan.component(doc, place, rows, column, entry, &mut matched)?
            };
            plan.columns.push(Some(change));
        }
        plan.leave(world, doc, registry, &matched);
        Ok(plan)
    }

    /// Keeps the rows of an unknown component that belong to entities which are spawned: those that are there have theirs.
    fn keep(
        &mut self,
        column: &'d Column<'a>,
        ordinals: Vec<u32>,
        rows: usize,
        matched: &Matched<'_, '_>,
    ) -> Result<(), Error> {
        matched.world.get_resource::<Kept>().map_or(Ok(()), |kept| kept.check(&column.schema))?;
        let is_new = |ordinal: &u32| matched.missing.binary_search(ordinal).is_ok();
        let mut unplaced = Unplaced::new(column, ordinals, rows, &Spawned { entities: matched.entities })?;
        unplaced.retain(is_new);
        self.kept.push(unplaced);
        Ok(())
    }

    fn resource(
        column: &Column<'_>,
        entry: &'r Entry<Ops>,
        matched: &mut Matched<'_, '_>,
    ) -> Result<Change<'r>, Error> {
        let mut change = Change::new(entry, 1);
        match resource(matched.world, entry) {
            Some((_, entity)) => change.compare(column, &[(0, entity)], matched)?,
            None => change.write(0),
        }
        change.decode(column, 1, matched)?;
        Ok(change)
    }

    fn component(
        &mut self,
        doc: &WorldDoc<'_>,
        place: usize,
        rows: u32,
        column: &Column<'_>,
        entry: &'r Entry<Ops>,
        matched: &mut Matched<'_, '_>,
    ) -> Result<Change<'r>, Error> {
        let mut change = Change::new(entry, rows as usize);
        let id = (entry.ops().id)(matched.world);
        let size = entry.ops().column.overwrites(&column.schema);
        change.row_size = size.unwrap_or(0);
        let mut candidates: Vec<(u32, Entity)> = Vec::new();
        let (mut row, mut ordinal) = (0_u32, 0_u32);
        for (table, &beside) in doc.tables.iter().zip(&matched.tables) {
            let first = ordinal;
            ordinal += table.rows;
            if !u16::try_from(place).is_ok_and(|place| table.components.binary_search(&place).is_ok()) {
                continue;
            }
            let rows = row..row + table.rows;
            row = rows.end;
            let whole = match beside {
                Beside::Whole { archetype, table } => {
                    let archetype = matched.world.archetypes().get(archetype);
                    id.zip(archetype).filter(|(id, archetype)| archetype.contains(*id)).map(|_| table)
                }
                Beside::Rows => None,
            };
            if let (Some(table), Some(_)) = (whole, size) {
                change.overwrites.push((table, rows.start as usize..rows.end as usize));
                continue;
            }
            for (row, ordinal) in rows.zip(first..) {
                let entity = matched.entities.get(ordinal as usize).copied().unwrap_or(Entity::PLACEHOLDER);
                let has = whole.is_some()
                    || id.is_some_and(|id| {
                        matched.world.get_entity(entity).is_ok_and(|entity| entity.contains_id(id))
                    });
                if has {
                    candidates.push((row, entity));
                } else {
                    change.write(row);
                }
            }
        }
        change.compare(column, &candidates, matched)?;
        self.unlink(column, &mut change, &candidates, id);
        change.decode(column, rows, matched)?;
        Ok(change)
    }

    /// A relationship to nothing is not written: who has one loses it.
    fn unlink(
        &mut self,
        column: &Column<'_>,
        change: &mut Change<'_>,
        candidates: &[(u32, Entity)],
        id: Option<ComponentId>,
    ) {
        let (Some(_), ColumnData::References { targets, .. }) = (change.entry.ops().target, &column.data)
        else {
            return;
        };
        let names_nothing = |row: u32| targets.get(row as usize) == Some(&NONE);
        for &(row, entity) in candidates.iter().filter(|(row, _)| names_nothing(*row)) {
            if change.writes.get(row as usize) == Some(&true) {
                self.removed.extend(id.map(|id| (entity, id)));
            }
        }
        for (row, write) in (0..).zip(&mut change.writes) {
            *write &= !names_nothing(row);
        }
    }

    /// Finds what is there and not in the document.
    fn leave(&mut self, world: &World, doc: &WorldDoc<'_>, registry: &Registry, matched: &Matched<'_, '_>) {
        let mut registered: Vec<(ComponentId, &Entry<Ops>, Option<u16>)> = Vec::new();
        for entry in registry.iter() {
            let Some(id) = (entry.ops().id)(world) else { continue };
            let of_entry = |column: &Column<'_>| {
                registry.get(&column.schema.name).is_some_and(|other| other.type_id() == entry.type_id())
            };
            let place = doc.columns.iter().position(of_entry).and_then(|at| u16::try_from(at).ok());
            let in_doc = place.and_then(|place| doc.columns.get(usize::from(place)));
            match resource(world, entry) {
                Some((id, _))
                    if !in_doc.is_some_and(|column| column.schema.resource)
                        && entry.type_id() != TypeId::of::<PersistIndex>() =>
                {
                    self.removed_resources.push(id);
                }
                _ => {}
            }
            registered.push((id, entry, place.filter(|_| in_doc.is_some_and(|c| !c.schema.resource))));
        }
        let mut first = 0;
        for (table, &beside) in doc.tables.iter().zip(&matched.tables) {
            let rows = first..first + table.rows as usize;
            first = rows.end;
            let lacks = |place: Option<u16>| {
                place.is_none_or(|place| table.components.binary_search(&place).is_err())
            };
            let others: Vec<_> = registered.iter().filter(|(_, _, place)| lacks(*place)).collect();
            let archetype = match beside {
                Beside::Whole { archetype, .. } => world.archetypes().get(archetype),
                Beside::Rows => None,
            };
            for &&(id, entry, _) in &others {
                if archetype.is_some_and(|archetype| !archetype.contains(id)) {
                    continue;
                }
                for &entity in matched.entities.get(rows.clone()).unwrap_or_default() {
                    let has = world.get_entity(entity).is_ok_and(|entity| entity.contains_id(id));
                    if has && entry.ops().persists(world, entity) {
                        self.removed.push((entity, id));
                    }
                }
            }
        }
        let ids: Vec<ComponentId> = registered.iter().map(|(id, _, _)| *id).collect();
        let list = |entry: &Entry<Ops>| entry.ops().target.and_then(|target| (target.list)(world));
        let lists: Vec<ComponentId> = registry.iter().filter_map(list).collect();
        self.despawned = matched.extra(&ids, &lists);
    }
}

impl<'r> Change<'r> {
    fn new(entry: &'r Entry<Ops>, rows: usize) -> Self {
        Self {
            entry,
            rows,
            writes: Vec::new(),
            values: None,
            overwrites: Vec::new(),
            row_size: 0,
            unchanged: 0,
        }
    }

    fn write(&mut self, row: u32) {
        if self.writes.is_empty() {
            self.writes = vec![false; self.rows];
        }
        if let Some(write) = self.writes.get_mut(row as usize) {
            *write = true;
        }
    }

    fn compare(
        &mut self,
        column: &Column<'_>,
        candidates: &[(u32, Entity)],
        matched: &mut Matched<'_, '_>,
    ) -> Result<(), Error> {
        if candidates.is_empty() {
            return Ok(());
        }
        let world = matched.world;
        let differing = self.entry.ops().column.differing(world, column, candidates, matched)?;
        for (&(row, _), differs) in candidates.iter().zip(differing) {
            if differs {
                self.write(row);
            } else {
                self.unchanged += 1;
            }
        }
        Ok(())
    }

    fn decode(&mut self, column: &Column<'_>, rows: u32, matched: &mut Matched<'_, '_>) -> Result<(), Error> {
        // Relationships are inserted by their targets.
        if self.writes.contains(&true) && self.entry.ops().target.is_none() {
            self.values = Some(self.entry.ops().column.decode(column, rows as usize, matched)?);
        }
        Ok(())
    }
}

/// A resource of the world that would be saved: its component and its entity.
fn resource(world: &World, entry: &Entry<Ops>) -> Option<(ComponentId, Entity)> {
    let id = (entry.ops().id)(world)?;
    let entity = world.resource_entities().get(id)?;
    let has = world.get_entity(entity).is_ok_and(|entity| entity.contains_id(id));
    (has && entry.ops().persists(world, entity)).then_some((id, entity))
}
