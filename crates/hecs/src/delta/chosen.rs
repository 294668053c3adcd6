use std::{
    any::TypeId,
    borrow::Cow,
    collections::{BTreeMap, HashMap, hash_map},
};

use hecs::{Entity, Ref, World};
use keepstone_ecs_persist::{
    Capture, Column, ComponentSchema, Entry, Error, LeftOut, NONE, PersistId, Reason, Table, WorldDoc,
};
use keepstone_value::{Entities, EntityType};

use crate::{
    builtin,
    capture::name_of,
    handles::Handle,
    kept::{self, Kept, KeptResources, KeptRow},
    registry::{Ops, Registry},
};

/// Captures some entities: see [`DeltaWorld::capture_entities`](keepstone_ecs_persist::DeltaWorld::capture_entities).
pub(super) fn capture<'w>(
    world: &'w World,
    entities: &[Entity],
    registry: &Registry,
) -> Result<Capture<'w, Entity>, Error> {
    let mut plan = Plan::new(world, registry);
    let mut entities_left_out = 0;
    for &entity in entities {
        let is_there = world.contains(entity) && world.get::<&KeptResources>(entity).is_err();
        if !is_there {
            entities_left_out += 1;
        } else if plan.names.add(entity) {
            plan.add(entity);
        }
    }
    let kept: Vec<Option<Ref<'_, Kept>>> =
        plan.names.entities.iter().map(|&entity| world.get::<&Kept>(entity).ok()).collect();
    let mut capture = plan.finish(&kept)?;
    capture.dangling = capture.doc.columns.iter().map(Column::dangling).sum();
    capture.entities_left_out = entities_left_out;
    if builtin::knows_foreign(registry) {
        capture.doc.column_as_foreign()?;
    }
    Ok(capture)
}

/// The ordinals of entities: those that were asked for, then those that they refer to.
struct Names<'w> {
    world: &'w World,
    ordinals: HashMap<Entity, u32>,
    entities: Vec<Entity>,
}

impl Names<'_> {
    /// Gives an entity the next ordinal, unless it has one.
    fn add(&mut self, entity: Entity) -> bool {
        // A document with 2^32 entities is refused before it is written.
        let next = u32::try_from(self.entities.len()).unwrap_or(NONE);
        let hash_map::Entry::Vacant(slot) = self.ordinals.entry(entity) else { return false };
        slot.insert(next);
        self.entities.push(entity);
        true
    }
}

impl Entities for Names<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::from_bits(bits) else { return NONE };
        if let Some(&ordinal) = self.ordinals.get(&entity) {
            return ordinal;
        }
        if self.world.contains(entity) && self.world.get::<&KeptResources>(entity).is_err() {
            self.add(entity);
        }
        self.ordinals.get(&entity).copied().unwrap_or(NONE)
    }
}

struct Plan<'w, 'r> {
    registry: &'r Registry,
    names: Names<'w>,
    /// Registered components, and the entities that have them.
    columns: Vec<(&'r Entry<Ops>, Vec<Entity>)>,
    by_type: HashMap<TypeId, usize>,
    /// The places in `columns` that each entity has, ascending.
    sets: Vec<Vec<usize>>,
    left_out: Vec<LeftOut>,
    /// By type, its place there.
    left_out_of: HashMap<TypeId, usize>,
}

impl<'w, 'r> Plan<'w, 'r> {
    fn new(world: &'w World, registry: &'r Registry) -> Self {
        Self {
            registry,
            names: Names { world, ordinals: HashMap::new(), entities: Vec::new() },
            columns: Vec::new(),
            by_type: HashMap::new(),
            sets: Vec::new(),
            left_out: Vec::new(),
            left_out_of: HashMap::new(),
        }
    }

    /// Adds the registered components of an entity.
    fn add(&mut self, entity: Entity) {
        let world = self.names.world;
        let mut set = Vec::new();
        for id in world.entity(entity).into_iter().flat_map(|entity| entity.component_types()) {
            if id == TypeId::of::<Kept>() {
                continue;
            }
            let entry = self.registry.get_by_type(id).filter(|_| id != TypeId::of::<Handle>());
            let is_saved = entry.is_some_and(|entry| entry.ops().column.has(world, entity));
            let (Some(entry), true) = (entry, is_saved) else {
                self.leave_out(id, entry);
                continue;
            };
            let at = *self.by_type.entry(id).or_insert_with(|| {
                self.columns.push((entry, Vec::new()));
                self.columns.len() - 1
            });
            set.push(at);
            if let Some((_, holders)) = self.columns.get_mut(at) {
                holders.push(entity);
            }
        }
        set.sort_unstable();
        self.sets.push(set);
    }

    fn leave_out(&mut self, id: TypeId, entry: Option<&Entry<Ops>>) {
        let place = *self.left_out_of.entry(id).or_insert_with(|| {
            let is_transient = entry.is_some() || self.registry.is_transient(id);
            let reason = if is_transient { Reason::Transient } else { Reason::NotRegistered };
            let name = entry.map_or_else(|| name_of(id, &[]), |entry| entry.type_name().to_owned());
            self.left_out.push(LeftOut::new(name, 0, reason));
            self.left_out.len() - 1
        });
        if let Some(left) = self.left_out.get_mut(place) {
            left.count += 1;
        }
    }

    fn finish(mut self, kept: &[Option<Ref<'_, Kept>>]) -> Result<Capture<'static, Entity>, Error> {
        let mut columns: Vec<Found<'_>> = Vec::new();
        for (place, (entry, holders)) in self.columns.iter_mut().enumerate() {
            columns.push(Found::Registered(entry, place, std::mem::take(holders)));
        }
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        let mut before: BTreeMap<&str, u64> = BTreeMap::new();
        for (kept, set) in kept.iter().zip(&mut self.sets) {
            for row in kept.iter().flat_map(|kept| &kept.rows) {
                if self.registry.get(row.name()).is_some() {
                    *before.entry(row.name()).or_default() += 1;
                    continue;
                }
                let at = *by_name.entry(row.name()).or_insert_with(|| {
                    columns.push(Found::Kept(columns.len(), &row.schema, Vec::new()));
                    columns.len() - 1
                });
                set.push(at);
                if let Some(Found::Kept(_, schema, rows)) = columns.get_mut(at) {
                    if **schema != *row.schema {
                        return Err(Error::KeptOtherwise { name: row.name().to_owned() });
                    }
                    rows.push(row);
                }
            }
        }
        let left_out = |(name, count): (&str, u64)| LeftOut::new(name.to_owned(), count, Reason::KeptBefore);
        self.left_out.extend(before.into_iter().map(left_out));
        let (doc, entities) = write(self.names, columns, self.sets, self.registry)?;
        let mut capture = Capture::new(doc, vec![Cow::Owned(entities)]);
        capture.left_out = self.left_out;
        Ok(capture)
    }
}

/// What becomes a column, and its place in the sets.
enum Found<'k> {
    Registered(&'k Entry<Ops>, usize, Vec<Entity>),
    Kept(usize, &'k ComponentSchema, Vec<&'k KeptRow>),
}

impl Found<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Registered(entry, ..) => entry.name(),
            Self::Kept(_, schema, _) => &schema.name,
        }
    }

    fn place(&self) -> usize {
        match self {
            Self::Registered(_, place, _) | Self::Kept(place, ..) => *place,
        }
    }

    fn capture(&self, names: &mut Names<'_>) -> Result<Column<'static>, Error> {
        let world = names.world;
        match self {
            Self::Registered(entry, _, holders) => {
                let selected = entry.ops().column.select(world, holders, names);
                let (encoding, data) =
                    selected.map_err(|source| Error::Value { component: entry.name().to_owned(), source })?;
                let schema = ComponentSchema::new(entry.name(), entry.version(), false, encoding);
                Ok(Column { schema, data })
            }
            Self::Kept(_, schema, rows) => {
                Ok(Column { schema: (*schema).clone(), data: kept::join(schema, rows, names) })
            }
        }
    }
}

/// Writes all columns: the ids last, when all entities that are referred to are known.
fn write(
    mut names: Names<'_>,
    mut columns: Vec<Found<'_>>,
    mut sets: Vec<Vec<usize>>,
    registry: &Registry,
) -> Result<(WorldDoc<'static>, Vec<Entity>), Error> {
    let ids = registry.get_by_type(TypeId::of::<PersistId>());
    let of_ids = |found: &Found<'_>| ids.is_some_and(|ids| found.name() == ids.name());
    let own = columns.iter().position(of_ids).map(|at| columns.swap_remove(at));
    let mut written: Vec<(usize, Column<'static>)> = Vec::with_capacity(columns.len() + 1);
    for found in &columns {
        written.push((found.place(), found.capture(&mut names)?));
    }
    if let Some(entry) = ids {
        let (place, mut holders) = match own {
            Some(Found::Registered(_, place, holders)) => (place, holders),
            _ => (columns.len(), Vec::new()),
        };
        for &entity in names.entities.iter().skip(sets.len()) {
            if entry.ops().column.has(names.world, entity) {
                holders.push(entity);
            }
        }
        let bare = names.entities.get(sets.len()..).unwrap_or_default();
        let has_one = |entity: &Entity| entry.ops().column.has(names.world, *entity);
        sets.extend(bare.iter().map(|entity| if has_one(entity) { vec![place] } else { Vec::new() }));
        if !holders.is_empty() {
            let found = Found::Registered(entry, place, holders);
            written.push((place, found.capture(&mut names)?));
        }
    }
    sets.resize_with(names.entities.len(), Vec::new);
    written.sort_by(|(_, a), (_, b)| a.schema.name.cmp(&b.schema.name));
    let mut places = vec![u16::MAX; written.len() + 1];
    for (&(place, _), at) in written.iter().zip(0..) {
        if let Some(slot) = places.get_mut(place) {
            *slot = at;
        }
    }
    let mut doc = WorldDoc { columns: written.into_iter().map(|(_, c)| c).collect(), ..WorldDoc::default() };
    for run in sets.chunk_by(|a, b| a == b) {
        let set = run.first().map_or(&[][..], Vec::as_slice);
        let mut components: Vec<u16> = set.iter().filter_map(|&at| places.get(at).copied()).collect();
        components.sort_unstable();
        doc.tables.push(Table { rows: u32::try_from(run.len()).unwrap_or(u32::MAX), components });
    }
    Ok((doc, names.entities))
}
