use std::{
    any::TypeId,
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use hecs::{Archetype, ArchetypeColumn, Entity, World};
use keepstone_ecs_persist::{
    Capture, Column, ComponentSchema, Entry, Error, LeftOut, Reason, Table, WorldDoc,
};

use crate::{
    derived,
    kept::{self, Kept, KeptResources, KeptRow},
    ordinals::Ordinals,
    registry::{Ops, Registry, Source},
};

/// Captures a world: see [`EcsWorld::capture`](keepstone_ecs_persist::EcsWorld::capture).
pub(crate) fn capture<'w>(world: &'w World, registry: &Registry) -> Result<Capture<'w, Entity>, Error> {
    let archetypes: Vec<Stored<'_>> =
        world.archetypes().filter(|archetype| !archetype.is_empty()).map(Stored::new).collect();
    let mut plan = Plan::new(world, registry, &archetypes)?;
    for archetype in &archetypes {
        plan.add_archetype(archetype);
    }
    plan.finish()
}

/// An archetype, and what its entities keep.
struct Stored<'w> {
    archetype: &'w Archetype,
    kept: Option<ArchetypeColumn<'w, Kept>>,
    resources: Option<ArchetypeColumn<'w, KeptResources>>,
}

impl<'w> Stored<'w> {
    fn new(archetype: &'w Archetype) -> Self {
        Self { archetype, kept: archetype.get::<&Kept>(), resources: archetype.get::<&KeptResources>() }
    }

    /// All rows of components that are kept.
    fn kept_rows(&self) -> impl Iterator<Item = &KeptRow> {
        self.kept.iter().flat_map(|column| column.iter()).flat_map(|kept| &kept.rows)
    }

    /// All rows of resources.
    fn resource_rows(&self) -> impl Iterator<Item = &KeptRow> {
        self.resources.iter().flat_map(|column| column.iter()).flat_map(|kept| &kept.rows)
    }

    /// The types of its components that are not this adapter's.
    fn types(&self) -> impl Iterator<Item = TypeId> {
        let own = [TypeId::of::<Kept>(), TypeId::of::<KeptResources>()];
        self.archetype.component_types().filter(move |id| !own.contains(id))
    }
}

/// One column to be: a registered component, or one that the world keeps without knowing it.
struct Planned<'p, 'r> {
    kind: PlannedKind<'p, 'r>,
    /// Rows of the registered component.
    sources: Vec<Source<'p>>,
    /// Rows of the kept one.
    rows: Vec<&'p KeptRow>,
}

enum PlannedKind<'p, 'r> {
    Registered(&'r Entry<Ops>),
    Kept(&'p ComponentSchema),
}

impl<'p, 'r> Planned<'p, 'r> {
    fn new(kind: PlannedKind<'p, 'r>) -> Self {
        Self { kind, sources: Vec::new(), rows: Vec::new() }
    }

    fn name(&self) -> &str {
        match self.kind {
            PlannedKind::Registered(entry) => entry.name(),
            PlannedKind::Kept(schema) => &schema.name,
        }
    }

    fn has_rows(&self) -> bool {
        !(self.sources.is_empty() && self.rows.is_empty())
    }

    fn capture(&self, ordinals: &mut Ordinals<'_>) -> Result<Column<'static>, Error> {
        match self.kind {
            PlannedKind::Registered(entry) => {
                let (encoding, data) = (entry.ops().capture)(&self.sources, ordinals)
                    .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
                let schema = ComponentSchema::new(entry.name(), entry.version(), false, encoding);
                Ok(Column { schema, data })
            }
            PlannedKind::Kept(schema) => {
                Ok(Column { schema: schema.clone(), data: kept::join(schema, &self.rows, ordinals) })
            }
        }
    }
}

struct Plan<'p, 'r> {
    columns: Vec<Planned<'p, 'r>>,
    /// The places in `columns` of registered components.
    by_type: HashMap<TypeId, usize>,
    /// And of what is kept.
    by_name: HashMap<&'p str, usize>,
    /// Rows of each table to be, and the places of its columns in `columns`.
    tables: Vec<(u32, Vec<usize>)>,
    ordinals: Ordinals<'p>,
    left_out: Vec<LeftOut>,
    /// By type: its place in `left_out`.
    not_registered: HashMap<TypeId, usize>,
    entities_left_out: u64,
}

impl<'p, 'r> Plan<'p, 'r> {
    fn new(world: &'p World, registry: &'r Registry, archetypes: &'p [Stored<'p>]) -> Result<Self, Error> {
        let mut plan = Self {
            columns: registry.iter().map(|entry| Planned::new(PlannedKind::Registered(entry))).collect(),
            by_type: HashMap::new(),
            by_name: HashMap::new(),
            tables: Vec::new(),
            ordinals: Ordinals::new(world),
            left_out: Vec::new(),
            not_registered: HashMap::new(),
            entities_left_out: 0,
        };
        plan.add_kept(registry, archetypes)?;
        plan.columns.sort_by(|a, b| a.name().cmp(b.name()));
        for (at, column) in plan.columns.iter().enumerate() {
            match column.kind {
                PlannedKind::Registered(entry) => plan.by_type.insert(entry.type_id(), at).map(|_| ()),
                PlannedKind::Kept(schema) => plan.by_name.insert(&schema.name, at).map(|_| ()),
            };
        }
        Ok(plan)
    }

    /// Plans the columns of what is kept and not registered by now.
    fn add_kept(&mut self, registry: &Registry, archetypes: &'p [Stored<'p>]) -> Result<(), Error> {
        let mut schemas: BTreeMap<&str, &'p Arc<ComponentSchema>> = BTreeMap::new();
        let mut before: BTreeMap<&str, u64> = BTreeMap::new();
        for row in archetypes.iter().flat_map(Stored::kept_rows) {
            if registry.get(row.name()).is_some() {
                *before.entry(row.name()).or_default() += 1;
                continue;
            }
            let schema = schemas.entry(row.name()).or_insert(&row.schema);
            if !Arc::ptr_eq(schema, &row.schema) && **schema != row.schema {
                return Err(Error::KeptOtherwise { name: row.name().to_owned() });
            }
        }
        self.columns.extend(schemas.values().map(|&schema| Planned::new(PlannedKind::Kept(schema))));
        let mut resources: BTreeMap<&str, &'p KeptRow> = BTreeMap::new();
        for row in archetypes.iter().flat_map(Stored::resource_rows) {
            let is_component = schemas.contains_key(row.name())
                || registry.get(row.name()).is_some_and(|entry| {
                    archetypes.iter().any(|stored| stored.archetype.has_dynamic(entry.type_id()))
                });
            if is_component || resources.contains_key(row.name()) {
                *before.entry(row.name()).or_default() += 1;
            } else {
                resources.insert(row.name(), row);
            }
        }
        for row in resources.into_values() {
            let kind = PlannedKind::Kept(&row.schema);
            self.columns.push(Planned { kind, sources: Vec::new(), rows: vec![row] });
        }
        let left_out = |(name, count): (&str, u64)| LeftOut::new(name.to_owned(), count, Reason::KeptBefore);
        self.left_out.extend(before.into_iter().map(left_out));
        Ok(())
    }

    fn add_archetype(&mut self, stored: &'p Stored<'p>) {
        let len = stored.archetype.len();
        let mut saved: Vec<usize> = stored.types().filter_map(|id| self.by_type.get(&id)).copied().collect();
        saved.sort_unstable();
        for id in stored.types() {
            if !self.by_type.contains_key(&id) {
                self.leave_out(id, len, &saved);
            }
        }
        if let Some(kept) = &stored.kept {
            self.add_groups(stored.archetype, kept, &saved);
        } else if !saved.is_empty() || stored.archetype.component_types().len() == 0 {
            self.add_whole(stored.archetype, saved);
        } else if stored.types().next().is_some() {
            self.entities_left_out += u64::from(len);
        }
    }

    /// Adds an archetype as one table.
    fn add_whole(&mut self, archetype: &'p Archetype, saved: Vec<usize>) {
        self.ordinals.add_ids(archetype.ids().iter().copied());
        self.add_table(archetype.len(), saved, &Source { archetype, rows: None });
    }

    /// Adds an archetype as a table for each set of kept components that its entities have.
    fn add_groups(&mut self, archetype: &'p Archetype, kept: &'p [Kept], saved: &[usize]) {
        let mut groups: BTreeMap<Vec<usize>, Vec<u32>> = BTreeMap::new();
        for (row, kept) in (0..).zip(kept) {
            let place = |row: &KeptRow| self.by_name.get(row.name()).copied();
            let mut places: Vec<usize> = kept.rows.iter().filter_map(place).collect();
            places.sort_unstable();
            groups.entry(places).or_default().push(row);
        }
        for (places, rows) in groups {
            let at = |&row: &u32| kept.get(row as usize);
            for row in rows.iter().filter_map(at).flat_map(|kept| &kept.rows) {
                let place = self.by_name.get(row.name());
                if let Some(column) = place.and_then(|&place| self.columns.get_mut(place)) {
                    column.rows.push(row);
                }
            }
            self.ordinals.add_ids(rows.iter().filter_map(|&row| archetype.ids().get(row as usize)).copied());
            let mut table: Vec<usize> = saved.iter().chain(&places).copied().collect();
            table.sort_unstable();
            let len = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            self.add_table(len, table, &Source { archetype, rows: Some(rows) });
        }
    }

    fn add_table(&mut self, rows: u32, saved: Vec<usize>, source: &Source<'p>) {
        for &place in &saved {
            if let Some(column) = self.columns.get_mut(place)
                && matches!(column.kind, PlannedKind::Registered(_))
            {
                column.sources.push(source.clone());
            }
        }
        self.tables.push((rows, saved));
    }

    /// Counts values of a type that is not registered, on entities that have these columns.
    fn leave_out(&mut self, id: TypeId, count: u32, saved: &[usize]) {
        let place = *self.not_registered.entry(id).or_insert_with(|| {
            let beside = saved.iter().filter_map(|&place| self.columns.get(place)).map(Planned::name);
            let name = name_of(id, &beside.take(3).collect::<Vec<_>>());
            self.left_out.push(LeftOut::new(name, 0, Reason::NotRegistered));
            self.left_out.len() - 1
        });
        if let Some(left) = self.left_out.get_mut(place) {
            left.count += u64::from(count);
        }
    }

    fn finish<'w>(mut self) -> Result<Capture<'w, Entity>, Error> {
        let mut doc = WorldDoc::default();
        // Columns without rows are not written: places move up.
        let mut places: Vec<Option<u16>> = Vec::with_capacity(self.columns.len());
        let mut dangling = 0;
        for column in &self.columns {
            let place = u16::try_from(doc.columns.len()).ok().filter(|_| column.has_rows());
            places.push(place);
            if place.is_some() {
                let column = column.capture(&mut self.ordinals)?;
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
            // Those that are spawned were counted as left out before something referred to them.
            self.entities_left_out = self.entities_left_out.saturating_sub(u64::from(bare));
        }
        let mut capture = Capture::new(doc, vec![Cow::Owned(self.ordinals.finish())]);
        capture.left_out = self.left_out;
        capture.entities_left_out = self.entities_left_out;
        capture.dangling = dangling;
        Ok(capture)
    }
}

/// What to call a type: hecs keeps no names.
fn name_of(id: TypeId, beside: &[&str]) -> String {
    let derived = derived::registry().ok().and_then(|registry| registry.get_by_type(id));
    match (derived, beside) {
        (Some(entry), _) => entry.type_name().to_owned(),
        (None, []) => format!("{id:?}, whose name hecs doesn't keep"),
        (None, beside) => {
            format!("{id:?}, whose name hecs doesn't keep, on entities with {}", beside.join(", "))
        }
    }
}
