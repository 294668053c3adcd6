use std::{
    any::TypeId,
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use bevy_ecs::{
    archetype::{Archetype, ArchetypeEntity, ArchetypeId},
    component::{Component, ComponentId, StorageType},
    entity::Entity,
    resource::IsResource,
    world::World,
};
use keepstone_ecs_persist::{
    Capture, Column, ComponentSchema, Entry, Error, LeftOut, Reason, Runs, Table, WorldDoc,
};

use crate::{
    kept::{self, Kept, KeptColumn, KeptRows},
    ordinals::Ordinals,
    raw,
    registry::{Ops, Registry},
};

/// Where rows of a column come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Entities of an archetype, in its order.
    Archetype {
        /// Which.
        id: ArchetypeId,
        /// Its rows.
        rows: Range<u32>,
        /// The ordinal of the archetype's first entity; the others follow.
        first: u32,
        /// Whether its table holds these entities alone and in the same order.
        whole_table: bool,
    },
    /// These entities.
    Entities(Vec<Entity>),
}

impl Source {
    /// The entities that are listed one by one.
    pub(crate) fn entities(&self) -> &[Entity] {
        match self {
            Self::Archetype { .. } => &[],
            Self::Entities(entities) => entities,
        }
    }

    /// How many entities these are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Archetype { rows, .. } => rows.len(),
            Self::Entities(entities) => entities.len(),
        }
    }

    /// Those of them in a range of their own places.
    pub(crate) fn part(&self, own: Range<usize>) -> Self {
        match self {
            Self::Archetype { id, rows, first, whole_table } => {
                let at = |place: usize| {
                    let offset = u32::try_from(place).unwrap_or(u32::MAX);
                    rows.start.saturating_add(offset).min(rows.end)
                };
                let rows = at(own.start)..at(own.end);
                Self::Archetype { id: *id, rows, first: *first, whole_table: *whole_table }
            }
            Self::Entities(entities) => Self::Entities(entities.get(own).unwrap_or_default().to_vec()),
        }
    }
}

/// The rows of `T` that these sources have.
pub(crate) fn runs<'w, T: Component>(world: &'w World, sources: &[Source]) -> Runs<'w, T> {
    let mut runs = Runs::default();
    for source in sources {
        match source {
            Source::Entities(entities) => {
                runs.push_scattered(entities.iter().filter_map(|&entity| world.get::<T>(entity)).collect());
            }
            Source::Archetype { id, rows, whole_table, .. } => {
                let Some(archetype) = world.archetypes().get(*id) else { continue };
                push_archetype(world, archetype, rows, *whole_table, &mut runs);
            }
        }
    }
    runs
}

fn push_archetype<'w, T: Component>(
    world: &'w World,
    archetype: &Archetype,
    rows: &Range<u32>,
    whole_table: bool,
    runs: &mut Runs<'w, T>,
) {
    let own = rows.start as usize..rows.end as usize;
    let entities = archetype.entities().get(own.clone()).unwrap_or_default();
    let by_entity = || entities.iter().filter_map(|row| world.get::<T>(row.id())).collect();
    let column = match T::STORAGE_TYPE {
        StorageType::SparseSet => None,
        StorageType::Table => raw::table_column::<T>(world, archetype.table_id()),
    };
    match column {
        None => runs.push_scattered(by_entity()),
        Some(column) if whole_table => runs.push_slice(column.get(own).unwrap_or_default()),
        // Archetypes share a table's rows when sparse-set components tell them apart.
        Some(column) => runs
            .push_scattered(entities.iter().filter_map(|row| column.get(row.table_row().index())).collect()),
    }
}

/// The tables that more than one archetype puts rows into: sparse-set components tell such archetypes apart.
pub(crate) fn shared_tables(world: &World) -> HashSet<usize> {
    let mut seen = HashSet::new();
    let tables = world.archetypes().iter().map(|archetype| archetype.table_id().as_usize());
    tables.filter(|&table| !seen.insert(table)).collect()
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
    Plan::of(world, registry).finish()
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
    fn name(&self) -> &str {
        match self.kind {
            PlannedKind::Registered(_, entry) => entry.name(),
            PlannedKind::Kept(_, column) => &column.schema.name,
        }
    }

    /// The component of a column whose values are asked one by one whether they are saved.
    fn asks(&self) -> Option<(ComponentId, &Ops)> {
        match self.kind {
            PlannedKind::Registered(id, entry) if entry.ops().persists.is_some() => Some((id, entry.ops())),
            _ => None,
        }
    }

    fn is_registered(&self, wanted: ComponentId) -> bool {
        matches!(self.kind, PlannedKind::Registered(id, _) if id == wanted)
    }
}

/// What a capture will hold, before any value is looked at.
pub(crate) struct Plan<'w, 'r> {
    world: &'w World,
    registry: &'r Registry,
    is_resource: Option<ComponentId>,
    kept_rows: Option<ComponentId>,
    shared_tables: HashSet<usize>,
    pub(crate) columns: Vec<Planned<'w, 'r>>,
    /// Rows of each table to be, and the places of its columns in `columns`.
    pub(crate) tables: Vec<(u32, Vec<usize>)>,
    pub(crate) ordinals: Ordinals<'w>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) entities_left_out: u64,
}

impl<'w, 'r> Plan<'w, 'r> {
    /// Looks at all archetypes of a world.
    pub(crate) fn of(world: &'w World, registry: &'r Registry) -> Self {
        let mut plan = Self::new(world, registry);
        for archetype in world.archetypes().iter().filter(|archetype| !archetype.is_empty()) {
            plan.add_archetype(archetype);
        }
        plan
    }

    fn new(world: &'w World, registry: &'r Registry) -> Self {
        let resources = world.resource_entities();
        let mut columns: Vec<Planned<'w, 'r>> = Vec::new();
        let mut left_out = Vec::new();
        for entry in registry.iter() {
            let Some(id) = (entry.ops().id)(world) else { continue };
            // bevy keeps the entity of a resource that was removed.
            let known = resources.get(id);
            let resource =
                known.filter(|&entity| world.get_entity(entity).is_ok_and(|entity| entity.contains_id(id)));
            let sources = resource.map(|entity| Source::Entities(vec![entity])).into_iter().collect();
            let kind = PlannedKind::Registered(id, entry);
            columns.push(Planned { kind, sources, resource: known.is_some() });
        }
        for (number, column) in world.get_resource::<Kept>().into_iter().flat_map(Kept::columns) {
            if registry.get(&column.schema.name).is_some() {
                left_out.push(LeftOut::new(column.schema.name.clone(), column.count(), Reason::KeptBefore));
            } else {
                let resource = column.schema.resource;
                let sources = if resource { vec![Source::Entities(Vec::new())] } else { Vec::new() };
                columns.push(Planned { kind: PlannedKind::Kept(number, column), sources, resource });
            }
        }
        columns.sort_by(|a, b| a.name().cmp(b.name()));
        let mut plan = Self {
            world,
            registry,
            is_resource: world.component_id::<IsResource>(),
            kept_rows: world.component_id::<KeptRows>(),
            shared_tables: shared_tables(world),
            columns,
            tables: Vec::new(),
            ordinals: Ordinals::new(world),
            left_out,
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
        let saved: Vec<usize> = (0..)
            .zip(&self.columns)
            .filter(|(_, column)| column.is_in(archetype))
            .map(|(at, _)| at)
            .collect();
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
        let whole_table = !self.shared_tables.contains(&table.as_usize());
        debug_assert!(!whole_table || is_whole_table(self.world, archetype), "rows of both go together");
        let entities = match self.world.storages().tables.get(table) {
            Some(table) if whole_table => Cow::Borrowed(table.entities()),
            _ => archetype.entities().iter().map(ArchetypeEntity::id).collect(),
        };
        let first = self.ordinals.add_archetype(id, entities);
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
                self.ordinals.add(entity);
            }
            let rows = u32::try_from(entities.len()).unwrap_or(u32::MAX);
            self.add_table(saved, rows, &Source::Entities(entities));
        }
    }

    fn add_table(&mut self, saved: Vec<usize>, rows: u32, source: &Source) {
        for &place in &saved {
            if let Some(column) = self.columns.get_mut(place) {
                column.sources.push(source.clone());
            }
        }
        self.tables.push((rows, saved));
    }

    fn leave_out_resources(&mut self, archetype: &Archetype) {
        for id in archetype.iter_components() {
            let saved = self.columns.iter().any(|column| column.resource && column.is_registered(id));
            if !saved && Some(id) != self.is_resource {
                self.leave_out(id, u64::from(archetype.len()));
            }
        }
    }

    fn leave_out(&mut self, id: ComponentId, count: u64) {
        let Some(info) = self.world.components().get_info(id) else { return };
        if info.type_id() == Some(TypeId::of::<Kept>()) {
            return;
        }
        let name = info.name().to_string();
        let reason = if info.type_id().is_some_and(|id| self.registry.is_transient(id)) {
            Reason::Transient
        } else if info.relationship_accessor().is_some() {
            Reason::Rebuilt
        } else if name.starts_with("bevy_ecs::") {
            Reason::OfTheEcs
        } else if self.columns.iter().any(|column| column.is_registered(id)) {
            Reason::OnResource
        } else {
            Reason::NotRegistered
        };
        self.note(name, count, reason);
    }

    fn leave_out_transient(&mut self, id: ComponentId, count: u64) {
        if let Some(info) = self.world.components().get_info(id) {
            self.note(info.name().to_string(), count, Reason::Transient);
        }
    }

    fn note(&mut self, name: String, count: u64, reason: Reason) {
        let same = |left: &&mut LeftOut| left.component == name && left.reason == reason;
        if let Some(left) = self.left_out.iter_mut().find(same) {
            left.count += count;
            return;
        }
        self.left_out.push(LeftOut::new(name, count, reason));
    }

    fn finish(mut self) -> Result<Capture<'w, Entity>, Error> {
        let mut doc = WorldDoc::default();
        // Columns without rows are not written: places move up.
        let mut places: Vec<Option<u16>> = Vec::with_capacity(self.columns.len());
        let mut dangling = 0;
        for column in &self.columns {
            let place = u16::try_from(doc.columns.len()).ok().filter(|_| !column.sources.is_empty());
            places.push(place);
            if place.is_some() {
                let column = column.capture(self.world, &mut self.ordinals)?;
                dangling += column.dangling();
                doc.columns.push(column);
            }
        }
        let place = |at: &usize| places.get(*at).copied().flatten();
        let table = |(rows, saved): &(u32, Vec<usize>)| Table {
            rows: *rows,
            components: saved.iter().filter_map(place).collect(),
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
    fn is_in(&self, archetype: &Archetype) -> bool {
        matches!(self.kind, PlannedKind::Registered(id, _) if !self.resource && archetype.contains(id))
    }

    fn capture(&self, world: &'w World, ordinals: &mut Ordinals<'w>) -> Result<Column<'w>, Error> {
        match self.kind {
            PlannedKind::Registered(_, entry) => {
                let (encoding, data) = entry
                    .ops()
                    .column
                    .capture(world, &self.sources, ordinals)
                    .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
                let schema = ComponentSchema::new(entry.name(), entry.version(), self.resource, encoding);
                Ok(Column { schema, data })
            }
            PlannedKind::Kept(number, column) => {
                let holders: Vec<Entity> = self.sources.iter().flat_map(Source::entities).copied().collect();
                let data = column.capture(world, number, &holders, ordinals);
                Ok(Column { schema: column.schema.clone(), data })
            }
        }
    }
}
