//! The `PersistId`s of a document on their way into a world.

use std::any::TypeId;

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Codec, Column, Error, IdConflict, IdSource, SpawnReport, WorldDoc};

use crate::{
    builtin::{AsId, AsSource},
    identity::{PersistId, PersistIds, PersistIndex},
    ordinals::Spawned,
    registry::Registry,
    spawn,
};

/// The ids that the entities of a document will have.
pub(crate) struct Incoming {
    /// By row of the column.
    ids: Vec<PersistId>,
    /// The entity ordinal of each row.
    ordinals: Vec<u32>,
    remapped: Vec<(PersistId, PersistId)>,
    /// Entities of the world that make room, and their ids.
    replaced: Vec<(PersistId, Entity)>,
}

impl Incoming {
    /// The ids of a document as it has them, if it has any.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when two of its entities have one id.
    pub(crate) fn read(doc: &WorldDoc<'_>, registry: &Registry) -> Result<Option<Self>, Error> {
        let is_ids = |column: &&Column<'_>| {
            registry
                .get(&column.schema.name)
                .is_some_and(|entry| entry.type_id() == TypeId::of::<PersistId>())
        };
        let Some(column) = doc.columns.iter().find(is_ids) else { return Ok(None) };
        let ordinals: Vec<u32> = spawn::row_ordinals(doc, column).collect();
        let ids = AsId::decode(column, ordinals.len(), &mut Spawned { entities: &[] })?;
        refuse_duplicates(&ids)?;
        Ok(Some(Self { ids, ordinals, remapped: Vec::new(), replaced: Vec::new() }))
    }

    /// The ids of a document that is put into a world, and what becomes of those that the world has already.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when two entities of the document have one id, or the world has one of them and the caller refuses
    /// that; [`Error::Limit`] when the world's source is exhausted.
    pub(crate) fn of(
        world: &World,
        doc: &WorldDoc<'_>,
        registry: &Registry,
        conflict: IdConflict,
    ) -> Result<Option<Self>, Error> {
        let Some(mut incoming) = Self::read(doc, registry)? else { return Ok(None) };
        let Some(index) = world.get_resource::<PersistIndex>().filter(|index| !index.is_empty()) else {
            return Ok(Some(incoming));
        };
        let mut source = index.source();
        incoming.ids.iter().for_each(|&id| source.observe(id.into()));
        for id in &mut incoming.ids {
            let Some(entity) = world.entity_of(*id) else { continue };
            match conflict {
                IdConflict::Replace => incoming.replaced.push((*id, entity)),
                IdConflict::Remap => {
                    let new: PersistId = next_id(&mut source)?;
                    incoming.remapped.push((*id, new));
                    *id = new;
                }
                _ => {
                    return Err(Error::DuplicateId {
                        id: (*id).into(),
                        place: "in the file and in the world",
                    });
                }
            }
        }
        Ok(Some(incoming))
    }

    /// Who makes room, with their ids.
    pub(crate) fn replaced(&self) -> &[(PersistId, Entity)] {
        &self.replaced
    }

    /// By row of the column.
    pub(crate) fn ids(&self) -> &[PersistId] {
        &self.ids
    }

    /// The ids with the entity ordinals that have them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (PersistId, u32)> + '_ {
        self.ids.iter().copied().zip(self.ordinals.iter().copied())
    }

    /// Enters the ids into the index of the world, before the entities of the report have them. `first` is the ordinal of the document's
    /// first entity. Returns who makes room, with their ids.
    pub(crate) fn announce(
        self,
        world: &mut World,
        first: u32,
        report: &mut SpawnReport<Entity>,
    ) -> Vec<(PersistId, Entity)> {
        let pair = |(id, ordinal)| {
            (id, Spawned { entities: &report.entities }.entity_of(first.saturating_add(ordinal)))
        };
        world.get_resource_or_init::<PersistIndex>().fill(self.iter().map(pair));
        report.remapped.extend(self.remapped.into_iter().map(|(old, new)| (old.into(), new.into())));
        self.replaced
    }
}

pub(crate) fn next_id(source: &mut IdSource) -> Result<PersistId, Error> {
    source.next_id().map(PersistId::from).ok_or_else(exhausted)
}

/// The error of a source that has handed out all of its ids.
pub(crate) fn exhausted() -> Error {
    let limit = (1 << 44) - 1;
    Error::Limit { what: "ids of one allocator", needs: limit + 1, allowed: limit }
}

pub(crate) fn refuse_duplicates(ids: &[PersistId]) -> Result<(), Error> {
    // As they are handed out, most files have them.
    if ids.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        Some(&id) => Err(Error::DuplicateId { id: id.into(), place: "in the file" }),
        None => Ok(()),
    }
}

/// Where the source of ids of a document stands.
pub(crate) fn source(column: &Column<'_>) -> Result<IdSource, Error> {
    let found = AsSource::decode(column, 1, &mut Spawned { entities: &[] })?;
    Ok(found.first().map(PersistIndex::source).unwrap_or_default())
}
