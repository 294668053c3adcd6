use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::Hash,
};

use keepstone_ecs_persist::{
    DeltaWorld, LiveRows, Mark, NONE, PersistId, SpawnOptions, StateId, WorldDelta, WorldDoc, targets_by_row,
};

use crate::error::Error;

/// What taking entities out of a world made of others.
pub(super) struct Leaving {
    /// Ids of entities that stay without components, as others refer to them.
    pub(super) pending: Vec<PersistId>,
    /// Ids that were pending, and that nobody refers to any more.
    pub(super) gone: BTreeSet<PersistId>,
}

/// Takes entities out of a world: those that others refer to lose their components, the rest is despawned, and so is what was pending for
/// them alone.
pub(super) fn take_out<M, W>(
    world: &mut W,
    entities: &HashMap<PersistId, W::Entity>,
    pending: &BTreeSet<PersistId>,
    registry: &W::Registry,
) -> Result<Leaving, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let ids: Vec<PersistId> = pending.iter().copied().collect();
    let found = world.entities_of(&ids);
    let waiting: Vec<(PersistId, W::Entity)> =
        ids.iter().zip(&found).filter_map(|(id, entity)| Some((*id, (*entity)?))).collect();
    let leaving: HashSet<W::Entity> =
        entities.values().copied().chain(waiting.iter().map(|(_, entity)| *entity)).collect();
    let capture = world.capture(registry)?;
    let is_leaving: Vec<bool> = capture.entities().map(|entity| leaving.contains(&entity)).collect();
    let named = referred_to(&capture.doc, &is_leaving)?;
    let still: HashSet<W::Entity> =
        capture.entities().zip(named).filter(|(_, named)| *named).map(|(entity, _)| entity).collect();
    // Those that the program despawned are gone as well.
    let gone = ids.iter().zip(&found).filter(|(_, entity)| entity.is_none()).map(|(id, _)| *id).collect();
    let mut result = Leaving { pending: Vec::new(), gone };
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    for (id, entity) in entities {
        if still.contains(entity) {
            result.pending.push(*id);
            stay.push(*entity);
        } else {
            go.push(*entity);
        }
    }
    for (id, entity) in waiting {
        if !still.contains(&entity) {
            result.gone.insert(id);
            go.push(entity);
        }
    }
    drop(capture);
    leave(world, (&go, &stay), registry)?;
    Ok(result)
}

/// Of each entity, whether one that stays refers to it.
fn referred_to(doc: &WorldDoc<'_>, is_leaving: &[bool]) -> Result<Vec<bool>, Error> {
    let mut named = vec![false; is_leaving.len()];
    for (at, column) in doc.columns.iter().enumerate() {
        let targets = targets_by_row(column)?;
        let holders = holders(doc, at);
        for (row, targets) in targets.iter().enumerate() {
            let holder = holders.get(row).and_then(|&ordinal| is_leaving.get(ordinal as usize));
            if *holder.unwrap_or(&false) {
                continue;
            }
            for &target in targets.iter().filter(|&&target| target != NONE) {
                if let Some(named) = named.get_mut(target as usize) {
                    *named = true;
                }
            }
        }
    }
    Ok(named)
}

/// The ordinal of each row of a column; none for a resource.
fn holders(doc: &WorldDoc<'_>, column: usize) -> Vec<u32> {
    let (mut holders, mut first) = (Vec::new(), 0);
    for table in &doc.tables {
        let rows = first..first + table.rows;
        first = rows.end;
        if table.components.iter().any(|&component| usize::from(component) == column) {
            holders.extend(rows);
        }
    }
    holders
}

/// Despawns entities and takes all that is saved but their ids from others.
pub(super) fn leave<M, W: DeltaWorld<M>>(
    world: &mut W,
    (go, stay): (&[W::Entity], &[W::Entity]),
    registry: &W::Registry,
) -> Result<(), Error> {
    let mut removed: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let capture = world.capture_entities(stay, registry)?;
    let stays = u32::try_from(stay.len()).unwrap_or(u32::MAX);
    let mut ordinal = 0;
    for table in &capture.doc.tables {
        let rows = ordinal..ordinal + table.rows;
        ordinal = rows.end;
        for &component in &table.components {
            let Some(column) = capture.doc.columns.get(usize::from(component)) else { continue };
            let name = &column.schema.name;
            let own = rows.start..rows.end.min(stays);
            if name != PersistId::COMPONENT && !own.is_empty() {
                removed.entry(name.clone()).or_default().extend(own);
            }
        }
    }
    drop(capture);
    let count = u32::try_from(go.len().saturating_add(stay.len())).unwrap_or(u32::MAX);
    let mut delta = WorldDelta::since(&Mark::base(StateId::default(), count, ()));
    delta.despawned = (stays..count).collect();
    delta.removed = removed.into_iter().collect();
    let mut rows = LiveRows::of_base(StateId::default(), stay.iter().chain(go).copied());
    world.apply_delta(&mut rows, &delta, registry, &SpawnOptions::default())?;
    Ok(())
}
