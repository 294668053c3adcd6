//! The ids that the entities of a document bring along.

use std::collections::HashMap;

use hecs::{Entity, World};
use keepstone_ecs_persist::{Error, IdConflict, IdSource, PersistId};

use crate::{identity, kept};

/// Decides which id each entity of a document gets, part by part, before any of them is spawned.
pub(crate) struct Claims {
    conflict: IdConflict,
    /// Whether ids of the world are no conflict.
    is_alone: bool,
    /// The ids of the world, and those that were handed out instead of others: none of them is the document's. Looked up when the
    /// first id comes.
    taken: Option<HashMap<u64, Entity>>,
    /// Those of the document.
    seen: Vec<u64>,
    /// What becomes of the world's source.
    source: Option<IdSource>,
    pub(crate) remapped: Vec<(PersistId, PersistId)>,
    /// Entities of the world that give way.
    pub(crate) victims: Vec<Entity>,
}

impl Claims {
    pub(crate) fn new(world: &World, conflict: IdConflict) -> Self {
        let source = kept::source(world);
        Self {
            conflict,
            is_alone: false,
            taken: None,
            seen: Vec::new(),
            source,
            remapped: Vec::new(),
            victims: Vec::new(),
        }
    }

    /// For entities that are those of the world: nothing gives way.
    pub(crate) fn of_document(world: &World) -> Self {
        Self { is_alone: true, ..Self::new(world, IdConflict::Refuse) }
    }

    /// For a document of which some entities are in the world: the ids of those that are its `own` are no conflict.
    pub(crate) fn beside(world: &World, conflict: IdConflict, own: impl Fn(Entity) -> bool) -> Self {
        let mut claims = Self::new(world, conflict);
        claims.look_up(world);
        if let Some(taken) = &mut claims.taken {
            taken.retain(|_, entity| !own(*entity));
        }
        claims
    }

    /// Where the source of a document stands.
    pub(crate) fn join(&mut self, world: &World, source: IdSource) {
        match &mut self.source {
            Some(own) if *own != IdSource::default() => own.join(source),
            own => {
                *own = Some(source);
                self.look_up(world);
            }
        }
    }

    /// Makes sure that the ids of the world are known, and never handed out.
    fn look_up(&mut self, world: &World) {
        let taken = self.taken.get_or_insert_with(|| identity::taken(world));
        let source = self.source.get_or_insert_default();
        for &id in taken.keys() {
            source.observe(PersistId(id));
        }
    }

    /// What the ids of a column become.
    pub(crate) fn claim(&mut self, world: &World, mut ids: Vec<PersistId>) -> Result<Vec<PersistId>, Error> {
        if self.taken.is_none() && !(self.is_alone && self.source.is_some()) {
            self.look_up(world);
        }
        let (source, taken) = (self.source.get_or_insert_default(), self.taken.get_or_insert_default());
        for &id in &ids {
            source.observe(id);
        }
        self.seen.extend(ids.iter().map(|id| id.0));
        if taken.is_empty() || self.is_alone {
            return Ok(ids);
        }
        for id in &mut ids {
            let Some(&entity) = taken.get(&id.0) else { continue };
            match self.conflict {
                IdConflict::Remap => {
                    let new = next_free(source, taken).ok_or_else(exhausted)?;
                    taken.insert(new.0, Entity::DANGLING);
                    self.remapped.push((*id, new));
                    *id = new;
                }
                IdConflict::Replace => self.victims.push(entity),
                _ => return Err(Error::DuplicateId { id: *id, place: "in the file and in the world" }),
            }
        }
        Ok(ids)
    }

    /// Checks that no id came twice, and returns what becomes of the world's source: none if it stays as it is.
    pub(crate) fn finish(&mut self) -> Result<Option<IdSource>, Error> {
        self.seen.sort_unstable();
        let twice = self.seen.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(PersistId(*a)),
            _ => None,
        });
        match twice {
            Some(id) => Err(Error::DuplicateId { id, place: "both are in the file" }),
            None => Ok(self.source),
        }
    }
}

fn next_free(source: &mut IdSource, taken: &HashMap<u64, Entity>) -> Option<PersistId> {
    loop {
        let id = source.next_id()?;
        if !taken.contains_key(&id.0) {
            return Some(id);
        }
    }
}

pub(crate) fn exhausted() -> Error {
    Error::Limit { what: "ids that a source hands out", needs: 1 << 44, allowed: (1 << 44) - 1 }
}
