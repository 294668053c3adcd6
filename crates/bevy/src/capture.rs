use std::{any::TypeId, borrow::Cow, collections::BTreeMap};

use bevy_ecs::{
    archetype::{Archetype, ArchetypeEntity},
    component::ComponentId,
    entity::Entity,
    resource::IsResource,
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{
    Capture, Column, ComponentSchema, Entry, Error, LeftOut, Reason, Table, WorldDoc,
};
use keepstone_value::Entities;

use crate::{
    kept::{self, Kept, KeptColumn, KeptRows},
    ordinals::Ordinals,
    registry::{Ops, Registry},
    source::Source,
};

/// More archetypes than this most columns are not in.
const SOURCES_LIKELY_MAX: usize = 32;

/// The tables that more than one archetype puts rows into: sparse-set components tell such archetypes apart.
pub(crate) fn shared_tables(world: &World) -> SharedTables {
    let mut archetypes = vec![0_u8; world.storages().tables.len()];
    for archetype in world.archetypes().iter() {
        if let Some(count) = archetypes.get_mut(archetype.table_id().as_usize()) {
            *count = count.saturating_add(1);
        }
    }
    SharedTables { archetypes }
}

/// See [`shared_tables`].
pub(crate) struct SharedTables {
    /// By table: how many archetypes it has.
    archetypes: Vec<u8>,
}

impl SharedTables {
    /// Whether this is one of them.
    pub(crate) fn contains(&self, table: TableId) -> bool {
        self.archetypes.get(table.as_usize()).is_none_or(|&count| count > 1)
    }
}

/// Whether a table has the rows of an archetype in their order. It does when the archetype is its only one: bevy then adds and
/// swap-removes rows of both at the same place.
fn is_whole_table(world: &World, archetype: &Archetype) -> bool {
    let table = world.storages().tables.get(archetype.table_id());
    table.is_some_and(|table| {
        table.entity_count() == archetype.len()
            && archetype.entities().iter().enumerate().all(|(at, row)| row.table_row().index() == at)
    })
}

/// Captures a world: see [`EcsWorld::capture`](keepstone_ecs_persist::EcsWorld::capture).
pub(crate) fn capture<'w>(world: &'w World, registry: &Registry) -> Result<Capture<'w, Entity>, Error> {
    Plan::of(world, registry, Ordinals::new(world)).finish()
}

/// One column to be: a registered component that the world has, or one that it keeps without knowing it.
pub(crate) struct Planned<'w, 'r> {
    pub(crate) kind: PlannedKind<'w, 'r>,
    pub(crate) sources: Vec<Source>,
    pub(crate) resource: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum PlannedKind<'w, 'r> {
    Registered(ComponentId, &'r Entry<Ops>),
    Kept(u16, &'w KeptColumn),
}

impl Planned<'_, '_> {
    pub(crate) fn name(&self) -> &str {
        match self.kind {
            PlannedKind::Registered(_, entry) => entry.name(),
            PlannedKind::Kept(_, column) => &column.schema.name,
        }
    }

    /// The component of a column whose values are asked one by one whether they are saved.
    pub(crate) fn asks(&self) -> Option<(ComponentId, &Ops)> {
        match self.kind {
            PlannedKind::Registered(id, entry) if entry.ops().persists.is_some() => Some((id, entry.ops())),
            _ => None,
        }
    }

    pub(crate) fn is_registered(&self, wanted: ComponentId) -> bool {
        matches!(self.kind, PlannedKind::Registered(id, _) if id == wanted)
    }
}

/// What a capture will hold, before any value is looked at.
pub(crate) struct Plan<'w, 'r> {
    world: &'w World,
    registry: &'r Registry,
    is_resource: Option<ComponentId>,
    kept_rows: Option<ComponentId>,
    shared_tables: SharedTables,
    pub(crate) columns: Vec<Planned<'w, 'r>>,
    /// Rows of each table to be, and the places of its columns in `columns`.
    pub(crate) tables: Vec<(u32, Vec<usize>)>,
    /// Where the rows of each table come from.
    pub(crate) sources: Vec<Source>,
    /// For how many of them a column makes room at once: a world of a few archetypes takes no more.
    sources_likely: usize,
    pub(crate) ordinals: Ordinals<'w>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Components whose place in that list is known.
    left_ids: Vec<(ComponentId, usize)>,
    pub(crate) entities_left_out: u64,
}

impl<'w, 'r> Plan<'w, 'r> {
    /// Looks at all archetypes of a world.
    pub(crate) fn of(world: &'w World, registry: &'r Registry, ordinals: Ordinals<'w>) -> Self {
        let mut plan = Self::new(world, registry, ordinals);
        for archetype in world.archetypes().iter().filter(|archetype| !archetype.is_empty()) {
            plan.add_archetype(archetype);
        }
        plan
    }

    pub(crate) fn new(world: &'w World, registry: &'r Registry, ordinals: Ordinals<'w>) -> Self {
        let resources = world.resource_entities();
        let mut columns: Vec<Planned<'w, 'r>> = Vec::new();
        let mut left_out = Vec::new();
        for entry in registry.iter() {
            let Some(id) = (entry.ops().id)(world) else { continue };
            // bevy keeps the entity of a resource that was removed.
            let known = resources.get(id);
            let resource =
                known.filter(|&entity| world.get_entity(entity).is_ok_and(|entity| entity.contains_id(id)));
            let sources = resource.map(|entity| Source::of(vec![entity])).into_iter().collect();
            let kind = PlannedKind::Registered(id, entry);
            columns.push(Planned { kind, sources, resource: known.is_some() });
        }
        for (number, column) in world.get_resource::<Kept>().into_iter().flat_map(Kept::columns) {
            if registry.get(&column.schema.name).is_some() {
                left_out.push(LeftOut::new(column.schema.name.clone(), column.count(), Reason::KeptBefore));
            } else {
                let resource = column.schema.resource;
                // A resource that was removed has no row.
                let sources =
                    if resource && column.count() > 0 { vec![Source::of(Vec::new())] } else { Vec::new() };
                columns.push(Planned { kind: PlannedKind::Kept(number, column), sources, resource });
            }
        }
        columns.sort_by(|a, b| a.name().cmp(b.name()));
        let sources_likely = world.archetypes().len().min(SOURCES_LIKELY_MAX);
        let mut plan = Self {
            world,
            registry,
            is_resource: world.component_id::<IsResource>(),
            kept_rows: world.component_id::<KeptRows>(),
            shared_tables: shared_tables(world),
            columns,
            tables: Vec::with_capacity(sources_likely),
            sources: Vec::with_capacity(sources_likely),
            sources_likely,
            ordinals,
            left_out,
            left_ids: Vec::new(),
            entities_left_out: 0,
        };
        plan.leave_out_transient_resources();
        plan
    }

    /// Takes back resources that say that they are not to be saved.
    fn leave_out_transient_resources(&mut self) {
        let mut transient = Vec::new();
        for column in self.columns.iter_mut().filter(|column| column.resource) {
            let Some((id, ops)) = column.asks() else { continue };
            let ops = ops.clone();
            let entity = column.sources.iter().flat_map(Source::entities).next();
            if entity.is_some_and(|&entity| !ops.persists(self.world, entity)) {
                column.sources.clear();
                transient.push(id);
            }
        }
        for id in transient {
            self.leave_out_transient(id, 1);
        }
    }

    fn add_archetype(&mut self, archetype: &Archetype) {
        if self.is_resource.is_some_and(|id| archetype.contains(id)) {
            self.leave_out_resources(archetype);
            return;
        }
        let keeps = self.kept_rows.is_some_and(|id| archetype.contains(id));
        let mut saved: Vec<usize> = Vec::with_capacity(self.columns.len());
        saved
            .extend((0..).zip(&self.columns).filter(|(_, column)| column.is_in(archetype)).map(|(at, _)| at));
        if saved.is_empty() && !keeps && archetype.component_count() > 0 {
            self.entities_left_out += u64::from(archetype.len());
            for id in archetype.iter_components() {
                self.leave_out(id, u64::from(archetype.len()));
            }
            return;
        }
        for id in archetype.iter_components() {
            if Some(id) != self.kept_rows && !self.columns.iter().any(|column| column.is_registered(id)) {
                self.leave_out(id, u64::from(archetype.len()));
            }
        }
        if keeps || self.leaves_some_out(archetype, &saved) {
            self.add_groups(archetype, &saved);
        } else {
            self.add_whole(archetype, saved);
        }
    }

    /// Adds an archetype as one table.
    fn add_whole(&mut self, archetype: &Archetype, saved: Vec<usize>) {
        let (id, table) = (archetype.id(), archetype.table_id());
        let whole_table = !self.shared_tables.contains(table);
        debug_assert!(!whole_table || is_whole_table(self.world, archetype), "rows of both go together");
        let world = self.world;
        let first = self.ordinals.add_archetype(archetype, || match world.storages().tables.get(table) {
            Some(table) if whole_table => Cow::Borrowed(table.entities()),
            _ => archetype.entities().iter().map(ArchetypeEntity::id).collect(),
        });
        self.add_table(
            saved,
            archetype.len(),
            &Source::Archetype { id, rows: 0..archetype.len(), first, whole_table },
        );
    }

    /// Whether some value of these columns says that it is not to be saved.
    fn leaves_some_out(&self, archetype: &Archetype, saved: &[usize]) -> bool {
        let asks = || saved.iter().filter_map(|&place| self.columns.get(place)?.asks());
        asks().any(|(_, ops)| archetype.entities().iter().any(|row| !ops.persists(self.world, row.id())))
    }

    /// Adds an archetype as a table for each set of components that its entities save: by what they keep, and by what says of itself that
    /// it is not to be saved.
    fn add_groups(&mut self, archetype: &Archetype, saved: &[usize]) {
        let mut groups: BTreeMap<Vec<usize>, Vec<Entity>> = BTreeMap::new();
        let mut transient: BTreeMap<ComponentId, u64> = BTreeMap::new();
        for (numbers, entities) in kept::groups(self.world, archetype) {
            let is_kept = |column: &Planned<'_, '_>| matches!(column.kind, PlannedKind::Kept(number, _) if numbers.contains(&number));
            let kept = (0..).zip(&self.columns).filter(|(_, column)| is_kept(column)).map(|(at, _)| at);
            let mut all: Vec<usize> = saved.iter().copied().chain(kept).collect();
            all.sort_unstable();
            let asks: Vec<_> =
                all.iter().filter_map(|&at| Some((at, self.columns.get(at)?.asks()?))).collect();
            if asks.is_empty() {
                groups.entry(all).or_default().extend(entities);
                continue;
            }
            for entity in entities {
                let mut own = all.clone();
                for &(at, (id, ops)) in &asks {
                    if !ops.persists(self.world, entity) {
                        own.retain(|&place| place != at);
                        *transient.entry(id).or_default() += 1;
                    }
                }
                groups.entry(own).or_default().push(entity);
            }
        }
        for (id, count) in transient {
            self.leave_out_transient(id, count);
        }
        for (saved, entities) in groups {
            for &entity in &entities {
                self.ordinals.add(archetype, entity);
            }
            let rows = u32::try_from(entities.len()).unwrap_or(u32::MAX);
            self.add_table(saved, rows, &Source::of(entities));
        }
    }

    fn add_table(&mut self, saved: Vec<usize>, rows: u32, source: &Source) {
        for &place in &saved {
            if let Some(column) = self.columns.get_mut(place) {
                if column.sources.is_empty() {
                    column.sources.reserve(self.sources_likely);
                }
                column.sources.push(source.clone());
            }
        }
        self.tables.push((rows, saved));
        self.sources.push(source.clone());
    }

    fn leave_out_resources(&mut self, archetype: &Archetype) {
        for id in archetype.iter_components() {
            let saved = self.columns.iter().any(|column| column.resource && column.is_registered(id));
            if !saved && Some(id) != self.is_resource {
                self.leave_out(id, u64::from(archetype.len()));
            }
        }
    }

    pub(crate) fn leave_out(&mut self, id: ComponentId, count: u64) {
        // Many archetypes have the same ones.
        let known = self.left_ids.iter().find(|(known, _)| *known == id).map(|&(_, place)| place);
        if let Some(left) = known.and_then(|place| self.left_out.get_mut(place)) {
            left.count += count;
            return;
        }
        let Some(info) = self.world.components().get_info(id) else { return };
        if info.type_id() == Some(TypeId::of::<Kept>()) {
            return;
        }
        let name = info.name().to_string();
        let reason = if info.type_id().is_some_and(|id| self.registry.is_transient(id)) {
            Reason::Transient
        } else if info.relationship_accessor().is_some() {
            Reason::Rebuilt
        } else if is_of_the_ecs(&name) {
            Reason::OfTheEcs
        } else if self.columns.iter().any(|column| column.is_registered(id)) {
            Reason::OnResource
        } else {
            Reason::NotRegistered
        };
        let place = self.note(name, count, reason);
        self.left_ids.push((id, place));
    }

    pub(crate) fn leave_out_transient(&mut self, id: ComponentId, count: u64) {
        if let Some(info) = self.world.components().get_info(id) {
            self.note(info.name().to_string(), count, Reason::Transient);
        }
    }

    /// Counts values that are left out, and returns where in the list.
    fn note(&mut self, name: String, count: u64, reason: Reason) -> usize {
        let same = |left: &LeftOut| left.component == name && left.reason == reason;
        let place = self.left_out.iter().position(same).unwrap_or(self.left_out.len());
        match self.left_out.get_mut(place) {
            Some(left) => left.count += count,
            None => self.left_out.push(LeftOut::new(name, count, reason)),
        }
        place
    }

    pub(crate) fn finish(mut self) -> Result<Capture<'w, Entity>, Error> {
        let mut doc = WorldDoc::default();
        // Columns without rows are not written: places move up.
        let mut places: Vec<Option<u16>> = Vec::with_capacity(self.columns.len());
        let mut dangling = 0;
        for column in &self.columns {
            let place = u16::try_from(doc.columns.len()).ok().filter(|_| !column.sources.is_empty());
            places.push(place);
            if place.is_some() {
                let column = column.capture_from(self.world, &column.sources, &mut self.ordinals)?;
                dangling += column.dangling();
                doc.columns.push(column);
            }
        }
        let place = |at: &usize| places.get(*at).copied().flatten();
        let table = |(rows, saved): &(u32, Vec<usize>)| {
            let mut components = Vec::with_capacity(saved.len());
            components.extend(saved.iter().filter_map(place));
            Table { rows: *rows, components }
        };
        doc.tables = self.tables.iter().map(table).collect();
        let bare = self.ordinals.next() - doc.entity_count();
        if bare > 0 {
            doc.tables.push(Table { rows: bare, components: Vec::new() });
            // They were counted as left out before something referred to them.
            self.entities_left_out = self.entities_left_out.saturating_sub(u64::from(bare));
        }
        let mut capture = Capture::new(doc, self.ordinals.finish());
        capture.left_out = self.left_out;
        capture.entities_left_out = self.entities_left_out;
        capture.dangling = dangling;
        Ok(capture)
    }
}

impl<'w> Planned<'w, '_> {
    /// Whether a table of this archetype has the column, whatever its entities keep.
    pub(crate) fn is_in(&self, archetype: &Archetype) -> bool {
        matches!(self.kind, PlannedKind::Registered(id, _) if !self.resource && archetype.contains(id))
    }

    /// Encodes or borrows the rows of these sources.
    pub(crate) fn capture_from(
        &self,
        world: &'w World,
        sources: &[Source],
        ordinals: &mut dyn Entities,
    ) -> Result<Column<'w>, Error> {
        match self.kind {
            PlannedKind::Registered(_, entry) => {
                let (encoding, data) = entry
                    .ops()
                    .column
                    .capture(world, sources, ordinals)
                    .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
                let schema = ComponentSchema::new(entry.name(), entry.version(), self.resource, encoding);
                Ok(Column { schema, data })
            }
            PlannedKind::Kept(number, column) => {
                let holders: Vec<Entity> = sources.iter().flat_map(Source::entities).copied().collect();
                let data = column.capture(world, number, &holders, ordinals);
                Ok(Column { schema: column.schema.clone(), data })
            }
        }
    }
}

/// Whether a type belongs to the ECS, to its apps or to the plugin: a game has not made it, and each app has its own.
fn is_of_the_ecs(name: &str) -> bool {
    ["bevy_ecs::", "bevy_app::", "keepstone_bevy::app::"].iter().any(|home| name.starts_with(home))
}
