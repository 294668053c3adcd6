//! Some entities of a world, as a document of their own.

use std::{
    any::TypeId,
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use bevy_ecs::{archetype::ArchetypeId, entity::Entity, world::World};
use keepstone_ecs_persist::{
    Capture, Column, ColumnData, ComponentSchema, Encoding, Error, NONE, Table, WorldDoc,
};
use keepstone_value::{Entities, EntityType};

use crate::{
    builtin,
    capture::{Plan, Planned, PlannedKind},
    identity::PersistId,
    kept::{self, KeptRows},
    ordinals::Ordinals,
    registry::Registry,
    relationship,
    source::Source,
};

/// Captures entities: see [`DeltaWorld::capture_entities`](keepstone_ecs_persist::DeltaWorld::capture_entities).
pub(super) fn capture<'w>(
    world: &'w World,
    entities: &[Entity],
    registry: &Registry,
) -> Result<Capture<'w, Entity>, Error> {
    let mut plan = Plan::new(world, registry, Ordinals::unlisted(world));
    // Those are of the whole world.
    plan.left_out.clear();
    let mut chosen = Chosen { plan, naming: Selected::new(world), tables: Vec::new(), entities_left_out: 0 };
    let mut holders: Vec<Vec<Entity>> = vec![Vec::new(); chosen.plan.columns.len()];
    chosen.choose(world, entities, &mut holders);
    let mut columns: Vec<Option<Column<'w>>> = holders.iter().map(|_| None).collect();
    let mut ids = None;
    for (at, own) in holders.iter_mut().enumerate() {
        let (Some(planned), Some(slot)) = (chosen.plan.columns.get(at), columns.get_mut(at)) else {
            continue;
        };
        if is_ids(planned) {
            ids = Some(at);
        } else if !own.is_empty() {
            *slot = Some(values(world, planned, std::mem::take(own), &mut chosen.naming)?);
        }
    }
    // Who is referred to is known now.
    let chosen_count = chosen.tables.iter().map(|(rows, _)| *rows as usize).sum();
    let bare: Vec<Entity> = chosen.naming.entities.get(chosen_count..).unwrap_or_default().to_vec();
    for entity in bare {
        let has_id = ids.filter(|_| world.get::<PersistId>(entity).is_some());
        if let Some(own) = has_id.and_then(|at| holders.get_mut(at)) {
            own.push(entity);
        }
        chosen.add(has_id.into_iter().collect());
    }
    if let Some((at, own)) =
        ids.and_then(|at| Some((at, holders.get_mut(at)?))).filter(|(_, own)| !own.is_empty())
        && let (Some(planned), Some(slot)) = (chosen.plan.columns.get(at), columns.get_mut(at))
    {
        *slot = Some(values(world, planned, std::mem::take(own), &mut chosen.naming)?);
    }
    let Chosen { plan, naming, tables, entities_left_out } = chosen;
    let mut doc = WorldDoc::default();
    let mut places: Vec<Option<u16>> = Vec::with_capacity(columns.len());
    for column in columns {
        places.push(column.as_ref().and_then(|_| u16::try_from(doc.columns.len()).ok()));
        doc.columns.extend(column);
    }
    let place = |at: &usize| places.get(*at).copied().flatten();
    doc.tables = tables
        .iter()
        .map(|(rows, set)| Table { rows: *rows, components: set.iter().filter_map(place).collect() })
        .collect();
    let dangling = doc.columns.iter().map(Column::dangling).sum();
    if builtin::knows_foreign(registry) {
        doc.column_as_foreign()?;
    }
    let mut capture = Capture::new(doc, vec![Cow::Owned(naming.entities)]);
    capture.left_out = plan.left_out;
    capture.entities_left_out = entities_left_out;
    capture.dangling = dangling;
    Ok(capture)
}

fn is_ids(planned: &Planned<'_, '_>) -> bool {
    matches!(planned.kind, PlannedKind::Registered(_, entry) if entry.type_id() == TypeId::of::<PersistId>())
}

/// The values that these entities have of a component.
fn values<'w>(
    world: &'w World,
    planned: &Planned<'w, '_>,
    holders: Vec<Entity>,
    naming: &mut Selected<'w>,
) -> Result<Column<'w>, Error> {
    match planned.kind {
        PlannedKind::Registered(_, entry) if entry.ops().target.is_some() => {
            let ops = entry.ops().target.expect("a relationship by the guard");
            let schema = ComponentSchema::new(
                entry.name(),
                entry.version(),
                false,
                Encoding::Reference { linked: true },
            );
            Ok(Column { schema, data: related(world, ops, &holders, naming) })
        }
        _ => planned.capture_from(world, &[Source::of(holders)], naming),
    }
}

/// What these entities relate to, in the order of the lists as far as they hold them.
fn related(
    world: &World,
    ops: relationship::Ops,
    holders: &[Entity],
    naming: &mut Selected<'_>,
) -> ColumnData<'static> {
    let mut targets = Vec::with_capacity(holders.len());
    let mut lists: HashMap<Entity, HashMap<Entity, u32>> = HashMap::new();
    let mut ranks = Vec::with_capacity(holders.len());
    let saved: HashSet<Entity> = holders.iter().copied().collect();
    for &holder in holders {
        let target = (ops.target)(world, holder).unwrap_or(Entity::PLACEHOLDER);
        let ordinal = naming.ordinal(target.to_bits());
        let list = lists.entry(target).or_insert_with(|| {
            let own =
                |source: &Entity| saved.contains(source) && (ops.target)(world, *source) == Some(target);
            (ops.sources)(world, target).into_iter().filter(own).zip(0..).collect()
        });
        ranks.push(if ordinal == NONE { 0 } else { list.get(&holder).copied().unwrap_or(0) });
        targets.push(ordinal);
    }
    ColumnData::References { targets: targets.into(), ranks: Some(ranks.into()) }
}

/// Entities that were chosen, with what they have.
struct Chosen<'w, 'r> {
    plan: Plan<'w, 'r>,
    naming: Selected<'w>,
    /// Rows of each table to be, and places of the plan's columns.
    tables: Vec<(u32, Vec<usize>)>,
    entities_left_out: u64,
}

impl<'w> Chosen<'w, '_> {
    fn choose(&mut self, world: &'w World, entities: &[Entity], holders: &mut [Vec<Entity>]) {
        let kept_rows = world.component_id::<KeptRows>();
        let mut last: Option<(ArchetypeId, Vec<usize>)> = None;
        for &entity in entities {
            if self.naming.ordinals.contains_key(&entity) {
                continue;
            }
            let archetype = world.entities().get_spawned(entity).ok();
            let Some(archetype) = archetype.and_then(|at| world.archetypes().get(at.archetype_id)) else {
                self.entities_left_out += 1;
                continue;
            };
            self.naming.push(entity);
            if last.as_ref().is_none_or(|(known, _)| *known != archetype.id()) {
                let saved = (0..).zip(&self.plan.columns).filter(|(_, column)| column.is_in(archetype));
                last = Some((archetype.id(), saved.map(|(at, _)| at).collect()));
            }
            let mut set = last.as_ref().map(|(_, set)| set.clone()).unwrap_or_default();
            for id in archetype.iter_components().filter(|&id| Some(id) != kept_rows) {
                let saved =
                    |at: &usize| self.plan.columns.get(*at).is_some_and(|column| column.is_registered(id));
                if !set.iter().any(saved) {
                    self.plan.leave_out(id, 1);
                }
            }
            let asks = |at: &usize| self.plan.columns.get(*at).and_then(Planned::asks);
            let transient: Vec<_> = set
                .iter()
                .filter_map(|at| Some((*at, asks(at)?)))
                .filter(|(_, (_, ops))| !ops.persists(world, entity))
                .map(|(at, (id, _))| (at, id))
                .collect();
            for (at, id) in transient {
                set.retain(|&other| other != at);
                self.plan.leave_out_transient(id, 1);
            }
            let kept = kept::columns_of(world, entity);
            if !kept.is_empty() {
                let is_kept = |column: &Planned<'_, '_>| matches!(column.kind, PlannedKind::Kept(number, _) if kept.contains(&number));
                set.extend(
                    (0..).zip(&self.plan.columns).filter(|(_, column)| is_kept(column)).map(|(at, _)| at),
                );
                set.sort_unstable();
            }
            for &at in &set {
                if let Some(own) = holders.get_mut(at) {
                    own.push(entity);
                }
            }
            self.add(set);
        }
    }

    /// Adds an entity to the last table, or to one of its own.
    fn add(&mut self, set: Vec<usize>) {
        match self.tables.last_mut() {
            Some((rows, last)) if *last == set => *rows = rows.saturating_add(1),
            _ => self.tables.push((1, set)),
        }
    }
}

/// Ordinals of the chosen entities, and of those that they refer to.
struct Selected<'w> {
    world: &'w World,
    entities: Vec<Entity>,
    ordinals: HashMap<Entity, u32>,
}

impl<'w> Selected<'w> {
    fn new(world: &'w World) -> Self {
        Self { world, entities: Vec::new(), ordinals: HashMap::new() }
    }

    fn push(&mut self, entity: Entity) -> u32 {
        // A document with 2^32 entities is refused before it is written.
        let ordinal = u32::try_from(self.entities.len()).unwrap_or(NONE);
        self.entities.push(entity);
        self.ordinals.insert(entity, ordinal);
        ordinal
    }
}

impl Entities for Selected<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::try_from_bits(bits) else { return NONE };
        if let Some(&ordinal) = self.ordinals.get(&entity) {
            return ordinal;
        }
        if self.world.entities().contains_spawned(entity) { self.push(entity) } else { NONE }
    }
}
