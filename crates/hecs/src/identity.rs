use std::collections::{BTreeMap, HashMap};

use hecs::{DynamicBundle, Entity, World};
use keepstone_ecs_persist::{Error, IdSource, PersistId};

use crate::kept;

/// Which entity has which [`PersistId`].
///
/// hecs tells nobody of changes: an index knows what was there when it was made or [refreshed](PersistIndex::refresh), and what was
/// done through it since. Entities that were despawned or whose id was taken away are not found.
#[derive(Debug, Clone, Default)]
pub struct PersistIndex {
    by_id: BTreeMap<PersistId, Entity>,
}

impl PersistIndex {
    /// Goes through a world once. Of two entities with one id the first is found.
    pub fn of(world: &World) -> Self {
        let mut index = Self::default();
        index.refresh(world);
        index
    }

    /// Goes through the world again.
    pub fn refresh(&mut self, world: &World) {
        self.by_id.clear();
        for (entity, &id) in &mut world.query::<(Entity, &PersistId)>() {
            self.by_id.entry(id).or_insert(entity);
        }
    }

    /// The entity with this id.
    pub fn entity_of(&self, world: &World, id: PersistId) -> Option<Entity> {
        let entity = *self.by_id.get(&id)?;
        (world.persist_id(entity) == Some(id)).then_some(entity)
    }

    /// The id of an entity, if it has one.
    pub fn id_of(&self, world: &World, entity: Entity) -> Option<PersistId> {
        world.persist_id(entity)
    }

    /// All ids, ascending, with their entities.
    pub fn iter(&self) -> impl Iterator<Item = (PersistId, Entity)> + '_ {
        self.by_id.iter().map(|(&id, &entity)| (id, entity))
    }

    /// How many entities had an id.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none had.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// As [`PersistIds::assign_persist_id`].
    pub fn assign(&mut self, world: &mut World, entity: Entity) -> Option<PersistId> {
        let id = world.assign_persist_id(entity)?;
        self.by_id.insert(id, entity);
        Some(id)
    }

    /// As [`PersistIds::spawn_with_id`].
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when another entity has it.
    pub fn spawn_with_id(
        &mut self,
        world: &mut World,
        id: PersistId,
        bundle: impl DynamicBundle,
    ) -> Result<Entity, Error> {
        self.refuse_duplicate(world, id)?;
        let entity = spawn(world, id, bundle);
        self.by_id.insert(id, entity);
        Ok(entity)
    }

    /// As [`PersistIds::remap`].
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when another entity has the new id.
    pub fn remap(&mut self, world: &mut World, old: PersistId, new: PersistId) -> Result<bool, Error> {
        let Some(entity) = self.entity_of(world, old) else { return Ok(false) };
        if old != new {
            self.refuse_duplicate(world, new)?;
            set(world, entity, new);
            self.by_id.remove(&old);
            self.by_id.insert(new, entity);
        }
        Ok(true)
    }

    fn refuse_duplicate(&self, world: &World, id: PersistId) -> Result<(), Error> {
        self.entity_of(world, id).map_or(Ok(()), |_| Err(duplicate_in_world(id)))
    }
}

/// Gives entities of a world ids that stay with them.
///
/// hecs has no index of its own: what looks for an id goes through all entities that have one. [`PersistIndex`] does it once.
pub trait PersistIds {
    /// The id of an entity, if it has one.
    fn persist_id(&self, entity: Entity) -> Option<PersistId>;

    /// The id of an entity, which it gets if it has none. None when there is no such entity, or when the source has handed out
    /// all of its ids. The first id that is handed out adds an entity to the world, which holds the source of ids.
    fn assign_persist_id(&mut self, entity: Entity) -> Option<PersistId>;

    /// Spawns an entity under an id that was given elsewhere.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when another entity has it.
    fn spawn_with_id(&mut self, id: PersistId, bundle: impl DynamicBundle) -> Result<Entity, Error>;

    /// The entity with this id.
    fn entity_of(&self, id: PersistId) -> Option<Entity>;

    /// Gives the entity with the id `old` the id `new`, and says whether there is one.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when another entity has the new id.
    fn remap(&mut self, old: PersistId, new: PersistId) -> Result<bool, Error>;

    /// All ids with their entities, in no order.
    fn persist_ids(&self) -> impl Iterator<Item = (PersistId, Entity)>;

    /// The source of new ids, once there is one. It is saved as the resource [`IdSource::RESOURCE`]; a load never turns it back.
    fn id_source(&self) -> Option<IdSource>;

    /// Takes new ids from this source from now on, behind those that are in use.
    fn set_id_source(&mut self, source: IdSource);
}

impl PersistIds for World {
    fn persist_id(&self, entity: Entity) -> Option<PersistId> {
        self.get::<&PersistId>(entity).ok().map(|id| *id)
    }

    fn assign_persist_id(&mut self, entity: Entity) -> Option<PersistId> {
        if let Some(id) = self.persist_id(entity) {
            return Some(id);
        }
        if !self.contains(entity) {
            return None;
        }
        let mut source = source(self);
        let id = source.next_id()?;
        kept::set_source(self, source);
        self.insert_one(entity, id).ok()?;
        Some(id)
    }

    fn spawn_with_id(&mut self, id: PersistId, bundle: impl DynamicBundle) -> Result<Entity, Error> {
        self.entity_of(id).map_or(Ok(()), |_| Err(duplicate_in_world(id)))?;
        Ok(spawn(self, id, bundle))
    }

    fn entity_of(&self, id: PersistId) -> Option<Entity> {
        let mut query = self.query::<(Entity, &PersistId)>();
        query.iter().find(|(_, found)| **found == id).map(|(entity, _)| entity)
    }

    fn remap(&mut self, old: PersistId, new: PersistId) -> Result<bool, Error> {
        let Some(entity) = self.entity_of(old) else { return Ok(false) };
        if old != new {
            self.entity_of(new).map_or(Ok(()), |_| Err(duplicate_in_world(new)))?;
            set(self, entity, new);
        }
        Ok(true)
    }

    fn persist_ids(&self) -> impl Iterator<Item = (PersistId, Entity)> {
        let pairs: Vec<_> =
            self.query::<(Entity, &PersistId)>().iter().map(|(entity, &id)| (id, entity)).collect();
        pairs.into_iter()
    }

    fn id_source(&self) -> Option<IdSource> {
        kept::source(self)
    }

    fn set_id_source(&mut self, mut source: IdSource) {
        observe_all(self, &mut source);
        kept::set_source(self, source);
    }
}

/// The source of new ids, as it would be handed out from.
pub(crate) fn source(world: &World) -> IdSource {
    kept::source(world).unwrap_or_else(|| {
        let mut source = IdSource::default();
        observe_all(world, &mut source);
        source
    })
}

/// The ids that a world has, by number.
pub(crate) fn taken(world: &World) -> HashMap<u64, Entity> {
    world.query::<(Entity, &PersistId)>().iter().map(|(entity, id)| (id.0, entity)).collect()
}

/// As [`taken`], unless two entities have the same id.
pub(crate) fn unique(world: &World) -> Result<HashMap<u64, Entity>, Error> {
    let mut ids = HashMap::new();
    for (entity, &id) in &mut world.query::<(Entity, &PersistId)>() {
        if ids.insert(id.0, entity).is_some() {
            return Err(Error::DuplicateId { id, place: "both are in the world" });
        }
    }
    Ok(ids)
}

fn observe_all(world: &World, source: &mut IdSource) {
    world.query::<&PersistId>().iter().for_each(|&id| source.observe(id));
}

/// Spawns an entity whose id is free. A source that is there sees it; one that is made later sees it on the entity.
fn spawn(world: &mut World, id: PersistId, bundle: impl DynamicBundle) -> Entity {
    let entity = world.spawn(bundle);
    set(world, entity, id);
    entity
}

fn set(world: &mut World, entity: Entity, id: PersistId) {
    // It is there: it was just spawned or found.
    let _ = world.insert_one(entity, id);
    if let Some(mut source) = kept::source(world) {
        source.observe(id);
        kept::set_source(world, source);
    }
}

fn duplicate_in_world(id: PersistId) -> Error {
    Error::DuplicateId { id, place: "in the world" }
}
