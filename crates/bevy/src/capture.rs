use std::collections::HashSet;

use bevy_ecs::{
    archetype::{Archetype, ArchetypeId},
    component::{Component, ComponentId, StorageType},
    entity::Entity,
    resource::IsResource,
    world::World,
};
use keepstone_ecs_persist::{
    Capture, Codec, Column, ColumnData, ComponentSchema, Encoding, Entry, Error, LeftOut, Reason, Runs,
    Table, WorldDoc,
};
use keepstone_value::Entities;

use crate::{
    ordinals::Ordinals,
    raw,
    registry::{Ops, Registry},
};

/// Where rows of a column come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// All entities of an archetype, in its order.
    Archetype {
        /// Which.
        id: ArchetypeId,
        /// Whether its table holds these entities alone and in the same order.
        whole_table: bool,
    },
    /// These entities.
    Entities(Vec<Entity>),
}

/// Encodes or borrows the rows of `T`.
pub(crate) fn capture_component<'w, T: Component, C: Codec<T>>(
    world: &'w World,
    sources: &[Source],
    entities: &mut dyn Entities,
) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
    C::capture(runs::<T>(world, sources), entities)
}

/// The rows of `T` that these sources have.
pub(crate) fn runs<'w, T: Component>(world: &'w World, sources: &[Source]) -> Runs<'w, T> {
    let mut runs = Runs::default();
    for source in sources {
        match source {
            Source::Entities(entities) => {
                runs.push_scattered(entities.iter().filter_map(|&entity| world.get::<T>(entity)).collect());
            }
            Source::Archetype { id, whole_table } => {
                let Some(archetype) = world.archetypes().get(*id) else { continue };
                push_archetype(world, archetype, *whole_table, &mut runs);
            }
        }
    }
    runs
}

fn push_archetype<'w, T: Component>(
    world: &'w World,
    archetype: &Archetype,
    whole_table: bool,
    runs: &mut Runs<'w, T>,
) {
    let by_entity = || archetype.entities().iter().filter_map(|row| world.get::<T>(row.id())).collect();
    let rows = match T::STORAGE_TYPE {
        StorageType::SparseSet => None,
        StorageType::Table => raw::table_column::<T>(world, archetype.table_id()),
    };
    match rows {
        None => runs.push_scattered(by_entity()),
        Some(rows) if whole_table => runs.push_slice(rows),
        // Archetypes share a table's rows when sparse-set components tell them apart.
        Some(rows) => runs.push_scattered(
            archetype.entities().iter().filter_map(|row| rows.get(row.table_row().index())).collect(),
        ),
    }
}

/// The tables that more than one archetype puts rows into: sparse-set components tell such archetypes apart.
fn shared_tables(world: &World) -> HashSet<usize> {
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
    let mut plan = Plan::new(world, registry);
    for archetype in world.archetypes().iter().filter(|archetype| !archetype.is_empty()) {
        plan.add_archetype(archetype);
    }
    plan.finish()
}

/// One column to be: a registered component that the world has.
struct Planned<'r> {
    id: ComponentId,
    entry: &'r Entry<Ops>,
    sources: Vec<Source>,
    resource: bool,
}

struct Plan<'w, 'r> {
    world: &'w World,
    is_resource: Option<ComponentId>,
    shared_tables: HashSet<usize>,
    columns: Vec<Planned<'r>>,
    /// Rows and components (as ids) of each table to be.
    tables: Vec<(u32, Vec<ComponentId>)>,
    ordinals: Ordinals<'w>,
    left_out: Vec<LeftOut>,
    entities_left_out: u64,
}

impl<'w, 'r> Plan<'w, 'r> {
    fn new(world: &'w World, registry: &'r Registry) -> Self {
        let resources = world.resource_entities();
        let mut columns: Vec<Planned<'r>> = Vec::new();
        for entry in registry.iter() {
            let Some(id) = (entry.ops().id)(world) else { continue };
            let resource = resources.get(id);
            let sources = resource.map(|entity| Source::Entities(vec![entity])).into_iter().collect();
            columns.push(Planned { id, entry, sources, resource: resource.is_some() });
        }
        columns.sort_by(|a, b| a.entry.name().cmp(b.entry.name()));
        Self {
            world,
            is_resource: world.component_id::<IsResource>(),
            shared_tables: shared_tables(world),
            columns,
            tables: Vec::new(),
            ordinals: Ordinals::new(world),
            left_out: Vec::new(),
            entities_left_out: 0,
        }
    }

    fn add_archetype(&mut self, archetype: &Archetype) {
        if self.is_resource.is_some_and(|id| archetype.contains(id)) {
            self.leave_out_resources(archetype);
            return;
        }
        let saved: Vec<ComponentId> = (self.columns.iter())
            .filter(|column| !column.resource && archetype.contains(column.id))
            .map(|column| column.id)
            .collect();
        if saved.is_empty() && archetype.component_count() > 0 {
            self.entities_left_out += u64::from(archetype.len());
            return;
        }
        let whole_table = !self.shared_tables.contains(&archetype.table_id().as_usize());
        debug_assert!(
            !whole_table || is_whole_table(self.world, archetype),
            "rows of table and archetype go together"
        );
        for column in self.columns.iter_mut().filter(|column| saved.contains(&column.id)) {
            column.sources.push(Source::Archetype { id: archetype.id(), whole_table });
        }
        for id in archetype.iter_components().filter(|id| !saved.contains(id)) {
            self.leave_out(id, u64::from(archetype.len()));
        }
        match self.world.storages().tables.get(archetype.table_id()) {
            Some(table) if whole_table => self.ordinals.extend(table.entities().iter().copied()),
            _ => self.ordinals.extend(archetype.entities().iter().map(|row| row.id())),
        }
        self.tables.push((archetype.len(), saved));
    }

    fn leave_out_resources(&mut self, archetype: &Archetype) {
        for id in archetype.iter_components() {
            let resource = self.world.resource_entities().get(id).is_some();
            if resource && !self.columns.iter().any(|column| column.id == id) {
                self.leave_out(id, u64::from(archetype.len()));
            }
        }
    }

    fn leave_out(&mut self, id: ComponentId, count: u64) {
        let Some(info) = self.world.components().get_info(id) else { return };
        let name = info.name().to_string();
        let rebuilt = info.relationship_accessor().is_some() || name.starts_with("bevy_ecs::");
        match self.left_out.iter_mut().find(|left| left.component == name) {
            Some(left) => left.count += count,
            None => {
                let reason = if rebuilt { Reason::Rebuilt } else { Reason::NotRegistered };
                self.left_out.push(LeftOut::new(name, count, reason));
            }
        }
    }

    fn finish(mut self) -> Result<Capture<'w, Entity>, Error> {
        self.columns.retain(|column| !column.sources.is_empty());
        let mut doc = WorldDoc::default();
        doc.tables = self
            .tables
            .iter()
            .map(|(rows, ids)| Table { rows: *rows, components: self.places(ids) })
            .collect();
        for column in &self.columns {
            let (encoding, data) =
                (column.entry.ops().capture)(self.world, &column.sources, &mut self.ordinals)
                    .map_err(|source| Error::Value { component: column.entry.name().to_owned(), source })?;
            let schema =
                ComponentSchema::new(column.entry.name(), column.entry.version(), column.resource, encoding);
            doc.columns.push(Column { schema, data });
        }
        let bare = self.ordinals.len() - doc.entity_count() as usize;
        if bare > 0 {
            let rows = u32::try_from(bare).unwrap_or(u32::MAX);
            doc.tables.push(Table { rows, components: Vec::new() });
            // They were counted as left out before something referred to them.
            self.entities_left_out = self.entities_left_out.saturating_sub(u64::from(rows));
        }
        let (entities, dangling) = self.ordinals.finish();
        let mut capture = Capture::new(doc, entities);
        capture.left_out = self.left_out;
        capture.entities_left_out = self.entities_left_out;
        capture.dangling = dangling;
        Ok(capture)
    }

    fn places(&self, ids: &[ComponentId]) -> Vec<u16> {
        (0_u16..)
            .zip(&self.columns)
            .filter(|(_, column)| ids.contains(&column.id))
            .map(|(place, _)| place)
            .collect()
    }
}
