use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use keepstone_ecs_persist::{
    DeltaWorld, EntityRecord, EntityStore, Error as WorldError, Mark, PersistId, StoreBatch, WorldDelta,
    WorldDoc, records as encode,
};

use crate::error::Error;

/// The records of entities that have ids. What they refer to gets ids where it has none.
pub(super) fn records<M, W>(
    world: &mut W,
    entities: &[W::Entity],
    registry: &W::Registry,
) -> Result<Vec<(PersistId, Vec<u8>)>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let mut seen = HashSet::with_capacity(entities.len());
    let wanted: Vec<W::Entity> = entities.iter().copied().filter(|entity| seen.insert(*entity)).collect();
    loop {
        match once(world, &wanted, registry)? {
            Encoded::Records(records) => return Ok(records),
            Encoded::Unnamed(others) => world.ensure_ids(&others)?,
        };
    }
}

/// The record of an entity that was touched.
pub(super) struct Made<E> {
    pub(super) id: PersistId,
    pub(super) entity: E,
    pub(super) record: Vec<u8>,
    /// Whether it got its id for this.
    pub(super) is_new: bool,
}

/// The records of entities that have ids, and of what they refer to and has none yet.
pub(super) fn closed<M, W>(
    world: &mut W,
    mut entities: Vec<W::Entity>,
    registry: &W::Registry,
) -> Result<Vec<Made<W::Entity>>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let named = entities.len();
    loop {
        match once(world, &entities, registry)? {
            Encoded::Records(records) => {
                let made = records.into_iter().zip(entities).zip(0..);
                let made =
                    made.map(|(((id, record), entity), at)| Made { id, entity, record, is_new: at >= named });
                return Ok(made.collect());
            }
            Encoded::Unnamed(others) => {
                world.ensure_ids(&others)?;
                entities.extend(others);
            }
        }
    }
}

enum Encoded<E> {
    /// In the order of the entities.
    Records(Vec<(PersistId, Vec<u8>)>),
    /// Entities that they refer to and that have no ids.
    Unnamed(Vec<E>),
}

fn once<M, W>(world: &W, wanted: &[W::Entity], registry: &W::Registry) -> Result<Encoded<W::Entity>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let whole = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    let capture = world.capture_entities(wanted, registry)?;
    let others = capture.entities().zip(with_id(&capture.doc)).skip(wanted.len());
    let unnamed: Vec<W::Entity> = others.filter(|(_, named)| !named).map(|(entity, _)| entity).collect();
    if unnamed.is_empty() {
        Ok(Encoded::Records(encode(&capture.doc, whole)?))
    } else {
        Ok(Encoded::Unnamed(unnamed))
    }
}

/// Whether a record has no component.
pub(super) fn is_bare(record: &[u8]) -> bool {
    let schema = EntityRecord::decode(record).and_then(|record| record.schema());
    schema.is_ok_and(|schema| schema.components().is_empty())
}

/// Those of some entities that have nothing that is saved but an id.
pub(super) fn bare<M, W>(
    world: &W,
    entities: &[W::Entity],
    registry: &W::Registry,
) -> Result<HashSet<W::Entity>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let capture = world.capture_entities(entities, registry)?;
    let tables = capture.doc.tables.iter();
    let is_bare =
        tables.flat_map(|table| std::iter::repeat_n(table.components.len() <= 1, table.rows as usize));
    let asked = capture.entities().zip(is_bare).take(entities.len());
    Ok(asked.filter(|(_, is_bare)| *is_bare).map(|(entity, _)| entity).collect())
}

/// What may have changed since a mark.
pub(super) struct Touched<E, D> {
    /// Entities that have an id, each once.
    pub(super) entities: Vec<E>,
    /// Entities that are gone, or have no id any more.
    pub(super) despawned: Vec<E>,
    /// The present moment.
    pub(super) mark: Mark<D>,
}

/// Finds the entities of stores that were touched since a mark; all of them without one, or where it is too old.
pub(super) fn touched<M, W>(
    world: &mut W,
    since: Option<&Mark<W::Detail>>,
    registry: &W::Registry,
    (known, pending): (&HashMap<W::Entity, PersistId>, &BTreeSet<PersistId>),
) -> Result<Touched<W::Entity, W::Detail>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let found = since.map(|since| world.delta(since, registry).map(|found| (since, found)));
    let mut touched = match found.transpose() {
        Ok(Some((since, found))) => {
            let entity = |row: &u32| W::entity_of_row(&found.mark, *row);
            let named = with_id(&found.delta.doc);
            let rows = found.delta.rows.iter().zip(named);
            let changed = rows.filter_map(|(row, named)| Some((entity(row)?, named)));
            let removed = found.delta.removed.iter().flat_map(|(_, rows)| rows).filter_map(entity);
            let unnamed = found.delta.removed.iter().filter(|(name, _)| name == PersistId::COMPONENT);
            let unnamed: Vec<W::Entity> = unnamed.flat_map(|(_, rows)| rows).filter_map(entity).collect();
            let mut seen: HashSet<W::Entity> = unnamed.iter().copied().collect();
            let entities = changed
                .chain(removed.map(|entity| (entity, false)))
                .filter(|(entity, named)| (*named || known.contains_key(entity)) && seen.insert(*entity))
                .map(|(entity, _)| entity)
                .collect();
            let despawned = despawned::<M, W>(&found.delta, since).into_iter().chain(unnamed).collect();
            Touched { entities, despawned, mark: found.mark }
        }
        Ok(None) | Err(WorldError::MarkTooOld { .. }) => all(world, registry, known)?,
        Err(error) => return Err(error.into()),
    };
    let ids = world.ensure_ids(&touched.entities)?;
    let mut is_pending = ids.iter().map(|id| pending.contains(id));
    touched.entities.retain(|_| !is_pending.next().unwrap_or(false));
    Ok(touched)
}

fn despawned<M, W: DeltaWorld<M>>(delta: &WorldDelta<'_>, since: &Mark<W::Detail>) -> Vec<W::Entity> {
    delta.despawned.iter().filter_map(|row| W::entity_of_row(since, *row)).collect()
}

/// All entities that have an id, and those that had one and are gone.
fn all<M, W>(
    world: &mut W,
    registry: &W::Registry,
    known: &HashMap<W::Entity, PersistId>,
) -> Result<Touched<W::Entity, W::Detail>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let (capture, mark) = world.mark(registry)?;
    let named = with_id(&capture.doc);
    let entities: Vec<W::Entity> =
        capture.entities().zip(named).filter(|(_, named)| *named).map(|(entity, _)| entity).collect();
    let there: HashSet<W::Entity> = entities.iter().copied().collect();
    let despawned = known.keys().copied().filter(|entity| !there.contains(entity)).collect();
    Ok(Touched { entities, despawned, mark })
}

/// Of each entity of a document, whether it has a [`PersistId`] there.
fn with_id(doc: &WorldDoc<'_>) -> impl Iterator<Item = bool> + use<> {
    let place = doc.columns.iter().position(|column| column.schema.name == PersistId::COMPONENT);
    let has = |components: &[u16]| components.iter().any(|&component| Some(usize::from(component)) == place);
    let tables: Vec<(bool, usize)> =
        doc.tables.iter().map(|table| (has(&table.components), table.rows as usize)).collect();
    tables.into_iter().flat_map(|(has, rows)| std::iter::repeat_n(has, rows))
}

/// Tells records apart.
pub(super) fn hash(record: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.hash(&mut hasher);
    hasher.finish()
}

/// Writes a batch, in one transaction where the store has them.
pub(super) fn write(store: &dyn EntityStore, batch: &StoreBatch) -> Result<(), Error> {
    if store.is_transactional() {
        return Ok(store.apply(batch)?);
    }
    let (mut saved, mut deleted) = (Vec::new(), Vec::new());
    for (id, record) in batch.changes() {
        match record {
            Some(record) => saved.push((id, record)),
            None => deleted.push(id),
        }
    }
    store.save_batch(&saved)?;
    store.delete_batch(&deleted)?;
    Ok(())
}
