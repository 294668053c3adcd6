use std::collections::{HashMap, HashSet};

use hecs::{Entity, World};
use keepstone_ecs_persist::{Error, IdSource, PersistId, WorldDelta};

use crate::{
    claims::{self, Claims},
    decode::Decoding,
    identity, kept,
};

/// The entity that has each id. Of two with one id the first is found.
pub(super) fn entities_of(world: &World, ids: &[PersistId]) -> Vec<Option<Entity>> {
    let mut found: HashMap<PersistId, Option<Entity>> = ids.iter().map(|&id| (id, None)).collect();
    for (entity, id) in &mut world.query::<(Entity, &PersistId)>() {
        if let Some(slot @ None) = found.get_mut(id) {
            *slot = Some(entity);
        }
    }
    ids.iter().map(|id| found.get(id).copied().flatten()).collect()
}

/// The id of each entity; all of them have one then, or nothing has changed.
pub(super) fn ensure(world: &mut World, entities: &[Entity]) -> Result<Vec<PersistId>, Error> {
    let expected = entities.len() as u64;
    let found = entities.iter().filter(|&&entity| world.contains(entity)).count() as u64;
    if found != expected {
        return Err(Error::BadSelection { what: "entities that exist", found, expected });
    }
    let mut source = None;
    let mut new: HashMap<Entity, PersistId> = HashMap::new();
    let mut ids = Vec::with_capacity(entities.len());
    for &entity in entities {
        let known = world.get::<&PersistId>(entity).map(|id| *id).ok().or(new.get(&entity).copied());
        let id = if let Some(id) = known {
            id
        } else {
            let source = source.get_or_insert_with(|| identity::source(world));
            let id = source.next_id().ok_or_else(claims::exhausted)?;
            new.insert(entity, id);
            id
        };
        ids.push(id);
    }
    for (entity, id) in new {
        // It is there: that was looked up above.
        let _ = world.insert_one(entity, id);
    }
    if let Some(source) = source {
        kept::set_source(world, source);
    }
    Ok(ids)
}

/// The ids that a delta gives, and who has to give way.
pub(super) struct Ids {
    /// The place of their column, and the ids.
    pub(super) claimed: Option<(usize, Vec<PersistId>)>,
    pub(super) source: Option<IdSource>,
    pub(super) victims: HashSet<Entity>,
}

impl Ids {
    pub(super) fn of(
        world: &World,
        decoding: &Decoding<'_, '_>,
        delta: &WorldDelta<'_>,
        known: &[Option<Entity>],
    ) -> Result<Self, Error> {
        let claimed = decoding.ids()?;
        let mut claims = match &claimed {
            // Ids of entities that get another or go are free.
            Some((column, _)) => {
                let own = without_ids(world, delta, known, *column);
                Claims::beside(world, decoding.options.ids, |entity| own.contains(&entity))
            }
            None => Claims::new(world, decoding.options.ids),
        };
        decoding.join_source(world, &mut claims)?;
        let claimed = match claimed {
            Some((column, ids)) => Some((column, claims.claim(world, ids)?)),
            None => None,
        };
        let source = claims.finish()?;
        let source = source.filter(|_| source != kept::source(world));
        Ok(Self { claimed, source, victims: claims.victims.into_iter().collect() })
    }
}

/// The entities that don't keep the id that they have.
fn without_ids(
    world: &World,
    delta: &WorldDelta<'_>,
    known: &[Option<Entity>],
    column: usize,
) -> HashSet<Entity> {
    let removed = delta.removed.iter().filter(|(name, _)| name == PersistId::COMPONENT);
    let removed = removed.flat_map(|(_, rows)| rows).chain(&delta.despawned);
    let mut ordinal = 0;
    let mut written: Vec<u32> = removed.copied().collect();
    for table in &delta.doc.tables {
        let own = ordinal..ordinal + table.rows as usize;
        ordinal = own.end;
        if u16::try_from(column).is_ok_and(|column| table.components.binary_search(&column).is_ok()) {
            written.extend_from_slice(delta.rows.get(own).unwrap_or_default());
        }
    }
    let entities = written.into_iter().filter_map(|row| known.get(row as usize).copied().flatten());
    entities.filter(|&entity| world.contains(entity)).collect()
}
