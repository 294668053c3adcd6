use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
};

use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, DeltaWorld, Encoding, LiveRows, Mark, NONE, PersistId, SpawnOptions,
    StateId, StoredDoc, Table, WorldDelta, WorldDoc, from_records,
};
use keepstone_format::plain::{OwnedLayout, Primitive};

use crate::{error::Error, stored::references};

/// What became of records.
pub(super) struct Placed<E> {
    /// The entities of the records.
    pub(super) loaded: Vec<(PersistId, E)>,
    /// Ids that they refer to, and that are in the world for that alone.
    pub(super) pending: Vec<PersistId>,
}

/// Puts the entities of records into a world: onto those that are pending there, else onto new ones.
pub(super) fn place<M, W>(
    world: &mut W,
    records: &[(PersistId, Vec<u8>)],
    registry: &W::Registry,
    options: &SpawnOptions,
) -> Result<Placed<W::Entity>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let borrowed: Vec<(PersistId, &[u8])> =
        records.iter().map(|(id, record)| (*id, record.as_slice())).collect();
    let stored = from_records(&borrowed)?;
    let all: BTreeSet<PersistId> = stored.docs.iter().flat_map(|stored| stored.ids.iter().copied()).collect();
    let all: Vec<PersistId> = all.into_iter().collect();
    let mut entities: HashMap<PersistId, W::Entity> = HashMap::with_capacity(all.len());
    for (id, found) in all.iter().zip(world.entities_of(&all)) {
        if let Some(entity) = found {
            entities.insert(*id, entity);
        }
    }
    let pending = stored.pending.iter().copied().filter(|id| !entities.contains_key(id)).collect();
    if let ([only], true) = (stored.docs.as_slice(), entities.is_empty()) {
        let spawned = world.spawn_doc(&only.doc, registry, options)?;
        let loaded = only.ids.iter().copied().zip(spawned.entities).take(only.whole as usize).collect();
        return Ok(Placed { loaded, pending });
    }
    let new: Vec<PersistId> = all.iter().copied().filter(|id| !entities.contains_key(id)).collect();
    let spawned = world.spawn_doc(&named(&new), registry, options)?.entities;
    entities.extend(new.iter().copied().zip(spawned.iter().copied()));
    let mut placed = Vec::new();
    for doc in &stored.docs {
        match onto(world, doc, &entities, registry, options) {
            Ok(loaded) => placed.extend(loaded),
            Err(error) => {
                let new: HashSet<W::Entity> = spawned.iter().copied().collect();
                let was_pending: Vec<W::Entity> =
                    placed.iter().map(|(_, entity)| *entity).filter(|entity| !new.contains(entity)).collect();
                references::leave(world, (&spawned, &was_pending), registry)?;
                return Err(error);
            }
        }
    }
    Ok(Placed { loaded: placed, pending })
}

/// Entities with nothing but ids.
fn named(ids: &[PersistId]) -> WorldDoc<'static> {
    let mut doc = WorldDoc::default();
    if ids.is_empty() {
        return doc;
    }
    let encoding = Encoding::Plain(OwnedLayout::Primitive(Primitive::U64));
    let schema = ComponentSchema::new(PersistId::COMPONENT, PersistId::VERSION, false, encoding);
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.0.to_le_bytes()).collect();
    doc.columns = vec![Column { schema, data: ColumnData::Plain(vec![Cow::Owned(bytes)]) }];
    doc.tables = vec![Table { rows: u32::try_from(ids.len()).unwrap_or(u32::MAX), components: vec![0] }];
    doc
}

/// Writes the components of a document onto entities that are there and have their ids.
fn onto<M, W: DeltaWorld<M>>(
    world: &mut W,
    stored: &StoredDoc,
    entities: &HashMap<PersistId, W::Entity>,
    registry: &W::Registry,
    options: &SpawnOptions,
) -> Result<Vec<(PersistId, W::Entity)>, Error> {
    let count = stored.doc.entity_count();
    let mut delta = WorldDelta::since(&Mark::base(StateId::default(), count, ()));
    delta.rows = (0..count).collect();
    delta.doc = without_ids(&stored.doc);
    delta.doc.columns.iter_mut().for_each(rank);
    let mut rows = LiveRows::of_base(StateId::default(), []);
    rows.entities = stored.ids.iter().map(|id| entities.get(id).copied()).collect();
    world.apply_delta(&mut rows, &delta, registry, options)?;
    let whole = stored.ids.iter().take(stored.whole as usize);
    Ok(whole.filter_map(|id| Some((*id, *entities.get(id)?))).collect())
}

/// The document without the column of ids.
fn without_ids(doc: &WorldDoc<'static>) -> WorldDoc<'static> {
    let mut doc = doc.clone();
    let Some(at) = doc.columns.iter().position(|column| column.schema.name == PersistId::COMPONENT) else {
        return doc;
    };
    doc.columns.remove(at);
    for table in &mut doc.tables {
        table.components.retain(|&component| usize::from(component) != at);
        for component in &mut table.components {
            *component -= u16::from(usize::from(*component) > at);
        }
    }
    doc
}

/// Gives the rows of a relationship the ranks that a delta has: without any, the order of the rows is that of each target.
fn rank(column: &mut Column<'static>) {
    if column.schema.encoding != (Encoding::Reference { linked: true }) {
        return;
    }
    let ColumnData::References { targets, ranks } = &mut column.data else { return };
    if ranks.is_none() {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        let next = |target: &u32| {
            let count = counts.entry(*target).or_default();
            let rank = *count;
            *count += u32::from(*target != NONE);
            rank
        };
        *ranks = Some(Cow::Owned(targets.iter().map(next).collect()));
    }
}
