//! The `PersistId`s of a delta on their way into a world.

use std::collections::HashSet;

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Codec, Column, Error, IdConflict, PersistId as Id, WorldDelta};

use crate::{
    builtin::AsId,
    delta::apply::ByRow,
    identity::{PersistId, PersistIds, PersistIndex},
    incoming, spawn,
};

/// The ids that the rows of a delta get.
pub(super) struct Ids {
    /// By row of the column.
    pub(super) of_rows: Vec<PersistId>,
    /// The ordinals of entities that have their ids already.
    pub(super) same: HashSet<u32>,
    /// Entities of the world that make room.
    pub(super) replaced: Vec<Entity>,
}

impl Ids {
    /// # Errors
    /// [`Error::DuplicateId`] when an entity that the delta doesn't name has one of the ids and the caller refuses that, or two of the delta have
    /// one.
    pub(super) fn of(
        world: &World,
        delta: &WorldDelta<'_>,
        column: &Column<'_>,
        rows: &mut ByRow<'_>,
        conflict: IdConflict,
    ) -> Result<Self, Error> {
        let ordinals: Vec<u32> = spawn::row_ordinals(&delta.doc, column).collect();
        let ids = AsId::decode(column, ordinals.len(), rows)?;
        incoming::refuse_duplicates(&ids)?;
        let mut found = Self { of_rows: ids, same: HashSet::new(), replaced: Vec::new() };
        let mut leaving: Option<HashSet<Entity>> = None;
        let mut source = world.get_resource::<PersistIndex>().map(PersistIndex::source).unwrap_or_default();
        for &id in &found.of_rows {
            source.observe(id.into());
        }
        for (id, &ordinal) in found.of_rows.iter_mut().zip(&ordinals) {
            let (Some(holder), Some(own)) = (world.entity_of(*id), rows.of_ordinal(delta, ordinal)) else {
                continue;
            };
            if holder == own {
                found.same.insert(ordinal);
                continue;
            }
            if leaving.get_or_insert_with(|| leave(delta, rows, &ordinals)).contains(&holder) {
                continue;
            }
            match conflict {
                IdConflict::Replace => found.replaced.push(holder),
                IdConflict::Remap => *id = incoming::next_id(&mut source)?,
                _ => {
                    let place = "in the delta and in the world";
                    return Err(Error::DuplicateId { id: (*id).into(), place });
                }
            }
        }
        Ok(found)
    }
}

/// Entities that lose their ids by the delta.
fn leave(delta: &WorldDelta<'_>, rows: &ByRow<'_>, ordinals: &[u32]) -> HashSet<Entity> {
    let removed = delta.removed.iter().filter(|(name, _)| name == Id::COMPONENT).flat_map(|(_, rows)| rows);
    let gone = delta.despawned.iter().chain(removed).filter_map(|&row| rows.entity(row));
    gone.chain(ordinals.iter().filter_map(|&ordinal| rows.of_ordinal(delta, ordinal))).collect()
}
