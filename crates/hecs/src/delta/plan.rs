use std::{any::TypeId, ops::Range, sync::Arc};

use hecs::{ColumnBatch, ColumnBatchBuilder, ColumnBatchType, Entity};
use keepstone_ecs_persist::{Column, Entry, Error, IdSource, PersistId, Table, WorldDelta};

use crate::{
    column::AnyColumn,
    decode::{Decoding, complete},
    delta::{ids::Ids, links, names::Names, reshaped::reshape},
    handles::Handle,
    kept::{self, Kept, KeptRow, Known},
    ordinals::Spawned,
    registry::Ops,
    restore::found::Marks,
    values::Values,
};

/// All that has to be done, decoded, before any of it is.
pub(super) struct Plan {
    pub(super) despawned: Vec<Entity>,
    /// Components that go.
    pub(super) removals: Vec<(Arc<dyn AnyColumn>, Vec<Entity>)>,
    /// And those that are kept without being known, by name.
    pub(super) kept_removals: Vec<(String, Vec<Entity>)>,
    pub(super) over: Vec<Over>,
    pub(super) kept: Vec<(Entity, KeptRow)>,
    /// The components of the entities that are spawned, by table.
    pub(super) batches: Vec<ColumnBatch>,
    pub(super) tables: Vec<Table>,
    pub(super) resources: Vec<KeptRow>,
    pub(super) resources_removed: Vec<String>,
    /// What becomes of the source of ids.
    pub(super) source: Option<IdSource>,
    pub(super) written: u64,
}

/// Values for entities that are there; none for those that are not to be written.
pub(super) struct Over {
    /// The places of the entities in the delta, ascending, as ranges; none where all have the component.
    pub(super) ordinals: Vec<Range<u32>>,
    pub(super) entities: Vec<Option<Entity>>,
    pub(super) values: Box<dyn Values>,
}

/// The rows of the tables of a delta: in each those of entities that are there come first.
pub(super) struct Rows {
    /// The entity of each row that was there before.
    entities: Vec<Option<Entity>>,
    /// Of each table, those in `entities`, how many are spawned, and the ordinal of the first.
    tables: Vec<(Range<usize>, u32, u32)>,
}

impl Rows {
    pub(super) fn of(delta: &WorldDelta<'_>, names: &Names<'_>) -> Self {
        let mut rows = Self { entities: Vec::new(), tables: Vec::with_capacity(delta.doc.tables.len()) };
        let (mut rest, mut ordinal) = (delta.rows.as_slice(), 0);
        for table in &delta.doc.tables {
            let (own, after) = rest.split_at(rest.len().min(table.rows as usize));
            let old = own.partition_point(|&row| row < delta.rows_before);
            let first = rows.entities.len();
            rows.entities.extend(own.iter().take(old).map(|&row| names.get(row)));
            let new = u32::try_from(own.len() - old).unwrap_or(u32::MAX);
            rows.tables.push((first..rows.entities.len(), new, ordinal));
            ordinal += table.rows;
            rest = after;
        }
        rows
    }

    /// How many rows that the delta writes or takes from are not in the world.
    pub(super) fn missing(&self, delta: &WorldDelta<'_>, names: &Names<'_>) -> u64 {
        if delta.removed.is_empty() && self.entities.iter().all(Option::is_some) {
            return 0;
        }
        let old = delta.rows.iter().filter(|&&row| row < delta.rows_before);
        let removed = delta.removed.iter().flat_map(|(_, rows)| rows);
        let mut missing: Vec<u32> =
            old.chain(removed).copied().filter(|&row| names.get(row).is_none()).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.len() as u64
    }

    fn old(&self, table: usize) -> &[Option<Entity>] {
        let own = self.tables.get(table).map(|(old, ..)| old.clone());
        own.and_then(|own| self.entities.get(own)).unwrap_or_default()
    }

    fn spawned(&self, table: usize) -> u32 {
        self.tables.get(table).map_or(0, |(_, new, _)| *new)
    }

    /// The ordinals of those in [`Rows::old`].
    fn ordinals(&self, table: usize) -> Range<u32> {
        let (len, first) = self.tables.get(table).map_or((0, 0), |(old, _, first)| (old.len(), *first));
        first..first.saturating_add(u32::try_from(len).unwrap_or(u32::MAX))
    }
}

/// What a plan is made of.
struct Planning<'p, 'd, 'a> {
    decoding: &'p Decoding<'d, 'a>,
    delta: &'p WorldDelta<'p>,
    known: &'p Known,
    names: Names<'p>,
    rows: Rows,
    /// The entities that go.
    gone: Marks,
    /// Of the entities that are spawned, by table; none where there are none.
    builders: Vec<Option<ColumnBatchBuilder>>,
    kept_new: Vec<Vec<Kept>>,
    plan: Plan,
}

impl Plan {
    pub(super) fn new(
        decoding: &Decoding<'_, '_>,
        (delta, known): (&WorldDelta<'_>, &Known),
        names: Names<'_>,
        rows: Rows,
        ids: &Ids,
    ) -> Result<Self, Error> {
        let mut gone = Marks::default();
        let despawned = delta.despawned.iter().filter_map(|&row| names.get(row));
        let despawned: Vec<Entity> = despawned.chain(ids.victims.iter().copied()).collect();
        for entity in &despawned {
            gone.mark(entity.id());
        }
        let plan = Self {
            despawned,
            removals: Vec::new(),
            kept_removals: Vec::new(),
            over: Vec::new(),
            kept: Vec::new(),
            batches: Vec::new(),
            tables: Vec::new(),
            resources: Vec::new(),
            resources_removed: delta.removed_resources.clone(),
            source: ids.source,
            written: u64::from(ids.source.is_some()),
        };
        let (builders, kept_new) = (Vec::new(), Vec::new());
        let mut planning = Planning { decoding, delta, known, names, rows, gone, builders, kept_new, plan };
        planning.start_batches();
        for (at, (column, rows)) in delta.doc.columns.iter().zip(delta.doc.rows_per_column()).enumerate() {
            match decoding.entry(column) {
                Some(entry) => planning.add_column((at, column, rows), entry, ids)?,
                None => planning.add_kept((at, column, rows))?,
            }
        }
        planning.add_removals();
        planning.add_orphans();
        planning.finish()
    }
}

impl<'d> Planning<'_, 'd, '_> {
    /// The tables that have a column.
    fn tables(&self, column: usize) -> impl Iterator<Item = usize> + use<> {
        let column = u16::try_from(column).unwrap_or(u16::MAX);
        let having = |table: &Table| table.components.binary_search(&column).is_ok();
        let tables = self.delta.doc.tables.iter().enumerate();
        tables.filter(|(_, table)| having(table)).map(|(at, _)| at).collect::<Vec<_>>().into_iter()
    }

    fn start_batches(&mut self) {
        for (at, table) in self.delta.doc.tables.iter().enumerate() {
            let new = self.rows.spawned(at);
            let mut types = ColumnBatchType::new();
            let mut keeps = false;
            for &place in &table.components {
                let Some(column) = self.delta.doc.columns.get(usize::from(place)) else { continue };
                match self.decoding.entry(column) {
                    Some(entry) => entry.ops().column.add_type(&mut types),
                    None => keeps |= self.decoding.keeps(column),
                }
            }
            let mut kept = Vec::new();
            if keeps && new > 0 {
                types.add::<Kept>();
                kept.resize_with(new as usize, || Kept { rows: Vec::new() });
            }
            self.kept_new.push(kept);
            self.builders.push((new > 0).then(|| types.into_batch(new)));
        }
    }

    fn add_column(
        &mut self,
        (at, column, rows): (usize, &Column<'_>, u32),
        entry: &Entry<Ops>,
        ids: &Ids,
    ) -> Result<(), Error> {
        let ids = ids.claimed.as_ref().filter(|(column, _)| *column == at).map(|(_, ids)| ids);
        let mut values: Box<dyn Values> = match ids {
            Some(ids) => Box::new(ids.clone().into_iter()),
            None => entry.ops().column.decode(column, rows as usize, &mut self.names)?,
        };
        let first = self.plan.over.len();
        let tables: Vec<usize> = self.tables(at).collect();
        if tables.iter().all(|&table| self.rows.spawned(table) == 0) {
            let ordinals = tables.iter().map(|&table| self.rows.ordinals(table)).collect();
            let own: Vec<&[Option<Entity>]> = tables.iter().map(|&table| self.rows.old(table)).collect();
            let entities = own.concat();
            self.plan.over.push(Over { ordinals, entities, values });
        } else {
            for &table in &tables {
                let entities = self.rows.old(table).to_vec();
                if !entities.is_empty() {
                    let values = values.set_apart(entities.len());
                    self.plan.over.push(Over { ordinals: vec![self.rows.ordinals(table)], entities, values });
                }
                if let Some(Some(builder)) = self.builders.get(table) {
                    let new = self.rows.spawned(table);
                    values.write(builder, new as usize);
                    self.plan.written += u64::from(new);
                }
            }
        }
        if let Some(ids) = ids {
            self.leave_same(&tables, first, ids);
        }
        let over = self.plan.over.get(first..).unwrap_or_default();
        for over in over {
            self.plan.written += over.entities.iter().filter(|entity| entity.is_some()).count() as u64;
        }
        if entry.ops().linked {
            let mut own = self.own(entry);
            over.iter().flat_map(|over| &over.entities).flatten().for_each(|entity| {
                own.mark(entity.id());
            });
            self.add_links(column, entry, &own)?;
        }
        Ok(())
    }

    /// Leaves out the ids that entities have already.
    fn leave_same(&mut self, tables: &[usize], first: usize, ids: &[PersistId]) {
        let mut over = self.plan.over.iter_mut().skip(first).flat_map(|over| &mut over.entities);
        let mut ids = ids.iter();
        for &table in tables {
            let old = self.rows.old(table).len();
            for (slot, id) in over.by_ref().take(old).zip(ids.by_ref().take(old)) {
                let own = slot.and_then(|entity| self.names.world.get::<&PersistId>(entity).ok());
                if own.is_some_and(|own| *own == *id) {
                    *slot = None;
                }
            }
            ids.by_ref().take(self.rows.spawned(table) as usize).for_each(drop);
        }
    }

    /// The entities that go or lose this component.
    fn own(&self, entry: &Entry<Ops>) -> Marks {
        let mut own = Marks::default();
        self.plan.despawned.iter().for_each(|entity| {
            own.mark(entity.id());
        });
        for (name, rows) in &self.delta.removed {
            if self.entry(name).is_some_and(|found| found.type_id() == entry.type_id()) {
                rows.iter().filter_map(|&row| self.names.get(row)).for_each(|entity| {
                    own.mark(entity.id());
                });
            }
        }
        own
    }

    fn add_links(&mut self, column: &Column<'_>, entry: &Entry<Ops>, own: &Marks) -> Result<(), Error> {
        if let Some((entities, values)) = links::extras(&self.names, entry, column, own)? {
            self.plan.written += entities.len() as u64;
            self.plan.over.push(Over { ordinals: Vec::new(), entities, values });
        }
        if !self.plan.despawned.is_empty() {
            let orphans = links::orphans(self.names.world, entry, &self.gone, own);
            self.plan.removals.push((Arc::clone(&entry.ops().column), orphans));
        }
        Ok(())
    }

    fn add_kept(&mut self, (at, column, rows): (usize, &Column<'_>, u32)) -> Result<(), Error> {
        if !self.decoding.keeps(column) {
            return Ok(());
        }
        let (numbered, entities) = self.names.numbered(column);
        let known = self.known.get(&column.schema.name).filter(|known| **known != column.schema);
        let reshaped = match known {
            Some(known) if !(known.resource && column.schema.resource) => {
                let own = self.holders(at, &column.schema.name);
                let is_own = |entity: Entity| own.has(entity.id());
                reshape(self.names.world, known, &numbered, &entities, &is_own, self.decoding.options)?
            }
            _ => None,
        };
        let rows = if let Some(reshaped) = reshaped {
            self.plan.kept.extend(reshaped.before);
            reshaped.rows
        } else {
            kept::split(&numbered, rows as usize, &Spawned { entities: &entities })?
        };
        self.plan.written += rows.len() as u64;
        if column.schema.resource {
            self.plan.resources.extend(rows);
            return Ok(());
        }
        let mut rows = rows.into_iter();
        for table in self.tables(at) {
            for (entity, row) in self.rows.old(table).iter().zip(rows.by_ref()) {
                match *entity {
                    Some(entity) => self.plan.kept.push((entity, row)),
                    None => self.plan.written -= 1,
                }
            }
            for (kept, row) in self.kept_new.get_mut(table).into_iter().flatten().zip(rows.by_ref()) {
                kept.rows.push(row);
            }
        }
        Ok(())
    }

    /// The entities whose values of a column go, or get another.
    fn holders(&self, column: usize, name: &str) -> Marks {
        let mut own = Marks::default();
        let removed = self.delta.removed.iter().filter(|(removed, _)| removed == name);
        let removed = removed.flat_map(|(_, rows)| rows).filter_map(|&row| self.names.get(row));
        let written = self.tables(column).flat_map(|table| self.rows.old(table)).flatten().copied();
        for entity in removed.chain(written).chain(self.plan.despawned.iter().copied()) {
            own.mark(entity.id());
        }
        own
    }

    /// The registered component of this name.
    fn entry(&self, name: &str) -> Option<&'d Entry<Ops>> {
        let entry = self.decoding.registry.get(name);
        entry.filter(|entry| entry.type_id() != TypeId::of::<Handle>())
    }

    fn add_removals(&mut self) {
        for (name, rows) in &self.delta.removed {
            let entities = rows.iter().filter_map(|&row| self.names.get(row)).collect();
            match self.entry(name) {
                Some(entry) => self.plan.removals.push((Arc::clone(&entry.ops().column), entities)),
                None => self.plan.kept_removals.push((name.clone(), entities)),
            }
        }
    }

    /// A relationship goes with its target: those of which the delta has no rows.
    fn add_orphans(&mut self) {
        if self.plan.despawned.is_empty() {
            return;
        }
        let doc = &self.delta.doc;
        let named: Vec<TypeId> =
            doc.columns.iter().filter_map(|column| Some(self.decoding.entry(column)?.type_id())).collect();
        let linked = self.decoding.registry.iter().filter(|entry| entry.ops().linked);
        for entry in linked.filter(|entry| !named.contains(&entry.type_id())) {
            let orphans = links::orphans(self.names.world, entry, &self.gone, &Marks::default());
            self.plan.removals.push((Arc::clone(&entry.ops().column), orphans));
        }
        let world = self.names.world;
        for (entity, kept) in &mut world.query::<(Entity, &Kept)>() {
            for row in kept.rows.iter().filter(|row| row.is_linked()) {
                let is_left = |target: &Entity| self.gone.has(target.id()) && world.contains(*target);
                if !self.gone.has(entity.id()) && row.targets.iter().any(is_left) {
                    self.plan.kept_removals.push((row.name().to_owned(), vec![entity]));
                }
            }
        }
    }

    fn finish(mut self) -> Result<Plan, Error> {
        let kept_new = self.kept_new.into_iter();
        for (at, (builder, kept)) in self.builders.into_iter().zip(kept_new).enumerate() {
            let Some(builder) = builder else { continue };
            let count = kept.len();
            kept.into_iter().write(&builder, count);
            self.plan.batches.push(complete(builder)?);
            self.plan.tables.push(Table { rows: self.rows.spawned(at), components: Vec::new() });
        }
        Ok(self.plan)
    }
}
