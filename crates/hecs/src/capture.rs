use std::{
    any::TypeId,
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use hecs::{Archetype, ArchetypeColumn, Entity, World};
use keepstone_ecs_persist::{
    Capture, Column, ComponentSchema, Entry, Error, IdSource, LeftOut, Reason, Table, WorldDoc,
};
use keepstone_value::Entities;

use crate::{
    builtin,
    column::{AnyColumn, Rows, Source},
    derived, handles,
    kept::{self, Kept, KeptResources, KeptRow},
    ordinals::Ordinals,
    registry::{Ops, Registry},
};

/// Captures a world: see [`EcsWorld::capture`](keepstone_ecs_persist::EcsWorld::capture).
pub(crate) fn capture<'w>(world: &'w World, registry: &Registry) -> Result<Capture<'w, Entity>, Error> {
    let archetypes = Stored::all(world);
    Plan::of(registry, &archetypes, Ordinals::new(world))?.finish()
}

/// An archetype, and what its entities keep.
pub(crate) struct Stored<'w> {
    archetype: &'w Archetype,
    kept: Option<ArchetypeColumn<'w, Kept>>,
    resources: Option<ArchetypeColumn<'w, KeptResources>>,
}

impl<'w> Stored<'w> {
    /// What a world stores.
    pub(crate) fn all(world: &'w World) -> Vec<Self> {
        world.archetypes().filter(|archetype| !archetype.is_empty()).map(Self::new).collect()
    }

    fn new(archetype: &'w Archetype) -> Self {
        Self { archetype, kept: archetype.get::<&Kept>(), resources: archetype.get::<&KeptResources>() }
    }

    /// All rows of components that are kept.
    fn kept_rows(&self) -> impl Iterator<Item = &KeptRow> {
        self.kept.iter().flat_map(|column| column.iter()).flat_map(|kept| &kept.rows)
    }

    /// The source of ids.
    fn source(&self) -> Option<IdSource> {
        self.resources.iter().flat_map(|column| column.iter()).find_map(|kept| kept.source)
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
pub(crate) struct Planned<'p, 'r> {
    pub(crate) kind: PlannedKind<'p, 'r>,
    /// Rows of the registered component.
    pub(crate) sources: Vec<Source<'p>>,
    /// Rows of the kept one.
    pub(crate) rows: Vec<&'p KeptRow>,
}

pub(crate) enum PlannedKind<'p, 'r> {
    Registered(&'r Entry<Ops>),
    Kept(&'p ComponentSchema),
    /// The source of ids.
    Source(IdSource),
}

impl<'p, 'r> Planned<'p, 'r> {
    fn new(kind: PlannedKind<'p, 'r>) -> Self {
        Self { kind, sources: Vec::new(), rows: Vec::new() }
    }

    fn name(&self) -> &str {
        match self.kind {
            PlannedKind::Registered(entry) => entry.name(),
            PlannedKind::Kept(schema) => &schema.name,
            PlannedKind::Source(_) => IdSource::RESOURCE,
        }
    }

    pub(crate) fn has_rows(&self) -> bool {
        let is_source = matches!(self.kind, PlannedKind::Source(_));
        is_source || !(self.sources.is_empty() && self.rows.is_empty())
    }

    fn registered(&self) -> Option<(TypeId, &dyn AnyColumn)> {
        match self.kind {
            PlannedKind::Registered(entry) => Some((entry.type_id(), &*entry.ops().column)),
            _ => None,
        }
    }

    /// Whether values are asked if they are to be saved.
    fn persistent(&self, archetype: &Archetype) -> Option<Vec<bool>> {
        match self.kind {
            PlannedKind::Registered(entry) => entry.ops().column.persistent(archetype),
            _ => None,
        }
    }

    fn capture(&self, ordinals: &mut Ordinals<'_>) -> Result<Column<'static>, Error> {
        match self.kind {
            PlannedKind::Registered(entry) => {
                let (encoding, data) = entry
                    .ops()
                    .column
                    .capture(&self.sources, ordinals)
                    .map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
                let schema = ComponentSchema::new(entry.name(), entry.version(), false, encoding);
                Ok(Column { schema, data })
            }
            PlannedKind::Kept(schema) => {
                Ok(Column { schema: schema.clone(), data: kept::join(schema, &self.rows, ordinals) })
            }
            PlannedKind::Source(source) => {
                builtin::source_column(source).ok_or(Error::NotSupported { what: "sources of ids" })
            }
        }
    }
}

/// Gives entities their ordinals.
pub(crate) trait Numbering<'w>: Entities {
    /// Gives the next ordinals to the rows of an archetype, of which these components are saved.
    fn add_archetype(
        &mut self,
        archetype: &'w Archetype,
        columns: &mut dyn Iterator<Item = (TypeId, &dyn AnyColumn)>,
    );

    /// Gives the next ordinals to the entities with these raw ids.
    fn add_ids(&mut self, ids: &mut dyn Iterator<Item = u32>);

    /// The ordinal that the next entity gets: how many there are.
    fn next(&self) -> u32;
}

/// What a capture will hold.
pub(crate) struct Plan<'p, 'r, O> {
    registry: &'r Registry,
    /// Ascending by name.
    pub(crate) columns: Vec<Planned<'p, 'r>>,
    /// The places in `columns` of registered components.
    by_type: HashMap<TypeId, usize>,
    /// And of what is kept.
    by_name: HashMap<&'p str, usize>,
    /// Rows of each table to be, and the places of its columns in `columns`.
    pub(crate) tables: Vec<(u32, Vec<usize>)>,
    pub(crate) ordinals: O,
    pub(crate) left_out: Vec<LeftOut>,
    /// By type: its place in `left_out`.
    not_registered: HashMap<TypeId, usize>,
    pub(crate) entities_left_out: u64,
}

impl<'p, 'r, O: Numbering<'p>> Plan<'p, 'r, O> {
    /// Plans the capture of all that is stored.
    pub(crate) fn of(
        registry: &'r Registry,
        archetypes: &'p [Stored<'p>],
        ordinals: O,
    ) -> Result<Self, Error> {
        let mut plan = Self::new(registry, archetypes, ordinals)?;
        for archetype in archetypes {
            plan.add_archetype(archetype);
        }
        Ok(plan)
    }

    fn new(registry: &'r Registry, archetypes: &'p [Stored<'p>], ordinals: O) -> Result<Self, Error> {
        let mut plan = Self {
            registry,
            columns: registry.iter().map(|entry| Planned::new(PlannedKind::Registered(entry))).collect(),
            by_type: HashMap::new(),
            by_name: HashMap::new(),
            tables: Vec::new(),
            ordinals,
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
                PlannedKind::Source(_) => None,
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
        let mut source = archetypes.iter().find_map(Stored::source).filter(|_| builtin::knows_ids(registry));
        for row in archetypes.iter().flat_map(Stored::resource_rows) {
            if builtin::is_source(&row.schema, registry) {
                // It was kept by a program that knew no ids.
                source = join_sources(source, kept::source_of(row)?);
                continue;
            }
            if handles::is_own(&row.schema) && handles::are_kept(registry) {
                // It was kept by a program that kept no handles: what is free is known better now.
                continue;
            }
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
        self.columns.extend(source.map(|source| Planned::new(PlannedKind::Source(source))));
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
        let transient = self.transient(stored.archetype, &saved);
        if stored.kept.is_some() || !transient.is_empty() {
            self.add_groups(stored, &saved, &transient);
        } else if !saved.is_empty() || stored.archetype.component_types().len() == 0 {
            self.add_whole(stored.archetype, saved);
        } else if stored.types().next().is_some() {
            self.entities_left_out += u64::from(len);
        }
    }

    /// The columns of which some values say that they are not to be saved, and which are.
    fn transient(&mut self, archetype: &Archetype, saved: &[usize]) -> Vec<(usize, Vec<bool>)> {
        let mut transient = Vec::new();
        for &at in saved {
            let Some(column) = self.columns.get(at) else { continue };
            let Some(persistent) = column.persistent(archetype) else { continue };
            let count = persistent.iter().filter(|saved| !**saved).count() as u64;
            if let (true, PlannedKind::Registered(entry)) = (count > 0, &column.kind) {
                let name = entry.type_name();
                match self.left_out.iter_mut().find(|left| left.component == name) {
                    Some(left) => left.count += count,
                    None => self.left_out.push(LeftOut::new(name.to_owned(), count, Reason::Transient)),
                }
                transient.push((at, persistent));
            }
        }
        transient
    }

    /// Adds an archetype as one table.
    fn add_whole(&mut self, archetype: &'p Archetype, saved: Vec<usize>) {
        let columns = &self.columns;
        let any = |&at: &usize| columns.get(at).and_then(Planned::registered);
        self.ordinals.add_archetype(archetype, &mut saved.iter().filter_map(any));
        let rows = Rows::Range(0..archetype.len() as usize);
        self.add_table(archetype.len(), saved, &Source { archetype, rows });
    }

    /// Adds an archetype as a table for each set of components that its entities save: by what they keep, and by what says of itself that
    /// it is not to be saved.
    fn add_groups(&mut self, stored: &'p Stored<'p>, saved: &[usize], transient: &[(usize, Vec<bool>)]) {
        let archetype = stored.archetype;
        let kept: &[Kept] = stored.kept.as_deref().unwrap_or_default();
        let mut groups: BTreeMap<Vec<usize>, Vec<u32>> = BTreeMap::new();
        for row in 0..archetype.len() {
            let place = |row: &KeptRow| self.by_name.get(row.name()).copied();
            let kept = kept.get(row as usize).into_iter().flat_map(|kept| &kept.rows).filter_map(place);
            let mut places: Vec<usize> = saved.iter().copied().chain(kept).collect();
            for (at, persistent) in transient {
                if persistent.get(row as usize) == Some(&false) {
                    places.retain(|place| place != at);
                }
            }
            places.sort_unstable();
            groups.entry(places).or_default().push(row);
        }
        for (table, rows) in groups {
            let at = |&row: &u32| kept.get(row as usize);
            for row in rows.iter().filter_map(at).flat_map(|kept| &kept.rows) {
                let place = self.by_name.get(row.name());
                if let Some(column) = place.and_then(|&place| self.columns.get_mut(place)) {
                    column.rows.push(row);
                }
            }
            let ids = |&row: &u32| archetype.ids().get(row as usize).copied();
            self.ordinals.add_ids(&mut rows.iter().filter_map(ids));
            let len = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            let rows = Rows::Listed(rows.into(), 0..len as usize);
            self.add_table(len, table, &Source { archetype, rows });
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
            let transient = self.registry.is_transient(id);
            let reason = if transient { Reason::Transient } else { Reason::NotRegistered };
            self.left_out.push(LeftOut::new(name, 0, reason));
            self.left_out.len() - 1
        });
        if let Some(left) = self.left_out.get_mut(place) {
            left.count += u64::from(count);
        }
    }

    /// Drops columns without rows: they are not written, and places move up.
    pub(crate) fn columns_with_rows(&mut self) {
        let mut places: Vec<usize> = Vec::with_capacity(self.columns.len());
        let mut next = 0;
        for column in &self.columns {
            places.push(next);
            next += usize::from(column.has_rows());
        }
        self.columns.retain(Planned::has_rows);
        for place in self.tables.iter_mut().flat_map(|(_, saved)| saved) {
            // A column that a table names has rows.
            *place = places.get(*place).copied().unwrap_or(usize::MAX);
        }
    }

    /// Adds the entities that were found through references alone.
    pub(crate) fn add_bare(&mut self) {
        let before = self.tables.iter().fold(0_u32, |sum, (rows, _)| sum.saturating_add(*rows));
        let bare = self.ordinals.next().saturating_sub(before);
        if bare > 0 {
            self.tables.push((bare, Vec::new()));
            // Those that are spawned were counted as left out before something referred to them.
            self.entities_left_out = self.entities_left_out.saturating_sub(u64::from(bare));
        }
    }
}

impl<'p> Plan<'p, '_, Ordinals<'p>> {
    fn finish<'w>(mut self) -> Result<Capture<'w, Entity>, Error> {
        self.columns_with_rows();
        let mut doc = WorldDoc::default();
        let mut dangling = 0;
        for column in &self.columns {
            let column = column.capture(&mut self.ordinals)?;
            dangling += column.dangling();
            doc.columns.push(column);
        }
        self.add_bare();
        let place = |at: &usize| u16::try_from(*at).unwrap_or(u16::MAX);
        let table = |(rows, saved): &(u32, Vec<usize>)| Table {
            rows: *rows,
            components: saved.iter().map(place).collect(),
        };
        doc.tables = self.tables.iter().map(table).collect();
        if handles::are_kept(self.registry) {
            handles::add_to(&mut doc, &mut self.ordinals)?;
        }
        let mut capture = Capture::new(doc, vec![Cow::Owned(self.ordinals.finish())]);
        capture.left_out = self.left_out;
        capture.entities_left_out = self.entities_left_out;
        capture.dangling = dangling;
        Ok(capture)
    }
}

fn join_sources(one: Option<IdSource>, other: Option<IdSource>) -> Option<IdSource> {
    match (one, other) {
        (Some(mut one), Some(other)) => {
            one.join(other);
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

/// What to call a type: hecs keeps no names.
pub(crate) fn name_of(id: TypeId, beside: &[&str]) -> String {
    let derived = derived::registry().ok().and_then(|registry| registry.get_by_type(id));
    match (derived, beside) {
        (Some(entry), _) => entry.type_name().to_owned(),
        (None, []) => format!("{id:?}, whose name hecs doesn't keep"),
        (None, beside) => {
            format!("{id:?}, whose name hecs doesn't keep, on entities with {}", beside.join(", "))
        }
    }
}
