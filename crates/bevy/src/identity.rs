use std::{
    cell::Cell,
    collections::{HashMap, hash_map},
    hash::{BuildHasher, Hasher, RandomState},
};

use bevy_ecs::{
    bundle::Bundle,
    component::Component,
    entity::Entity,
    lifecycle::HookContext,
    resource::Resource,
    world::{DeferredWorld, World, WorldId},
};
use keepstone_ecs_persist::{Error, IdSource};

/// What an entity is called across saves and processes: [`keepstone_ecs_persist::PersistId`] as a component.
///
/// It can't be changed in its place, so that [`PersistIndex`] knows of every change. An entity that is cloned keeps its id for itself.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[component(immutable, on_insert = inserted, on_discard = discarded, clone_behavior = Ignore)]
pub struct PersistId(pub u64);

impl From<keepstone_ecs_persist::PersistId> for PersistId {
    fn from(id: keepstone_ecs_persist::PersistId) -> Self {
        Self(id.0)
    }
}

impl From<PersistId> for keepstone_ecs_persist::PersistId {
    fn from(id: PersistId) -> Self {
        Self(id.0)
    }
}

impl std::fmt::Display for PersistId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        keepstone_ecs_persist::PersistId::from(*self).fmt(f)
    }
}

/// What another system calls an entity, such as the stable id of PECS: [`keepstone_ecs_persist::ForeignId`] as a component.
///
/// A load gives it to the entities of files that have such ids, and a save puts it back. An entity that is cloned keeps its id for itself.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[component(clone_behavior = Ignore)]
pub struct ForeignId(pub u128);

impl From<keepstone_ecs_persist::ForeignId> for ForeignId {
    fn from(id: keepstone_ecs_persist::ForeignId) -> Self {
        Self(id.0)
    }
}

impl From<ForeignId> for keepstone_ecs_persist::ForeignId {
    fn from(id: ForeignId) -> Self {
        Self(id.0)
    }
}

impl std::fmt::Display for ForeignId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        keepstone_ecs_persist::ForeignId::from(*self).fmt(f)
    }
}

/// Which entity has which [`PersistId`], and the source of new ones. It is there once the first entity has an id, and saved as the
/// resource [`IdSource::RESOURCE`].
///
/// A load never turns the source back, and it hands out no id that an entity of this world had.
#[derive(Resource, Debug, Clone, Default)]
pub struct PersistIndex {
    entities: HashMap<u64, Entity, Seeds>,
    source: IdSource,
}

impl PersistIndex {
    /// The entity with this id.
    pub fn entity_of(&self, id: PersistId) -> Option<Entity> {
        self.entities.get(&id.0).copied()
    }

    /// All ids with their entities, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (PersistId, Entity)> + '_ {
        self.entities.iter().map(|(&id, &entity)| (PersistId(id), entity))
    }

    /// How many entities have an id.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// The source of new ids.
    pub fn source(&self) -> IdSource {
        self.source
    }

    /// Takes new ids from this source from now on, behind those that are in use.
    pub fn set_source(&mut self, source: IdSource) {
        self.source = source;
        for &id in self.entities.keys() {
            self.source.observe(keepstone_ecs_persist::PersistId(id));
        }
    }

    /// Goes on where a saved source stands, or takes its place if no id was handed out or seen here.
    pub(crate) fn join(&mut self, source: IdSource) {
        if self.source == IdSource::default() {
            self.set_source(source);
        } else {
            self.source.join(source);
        }
    }

    pub(crate) fn from_source(source: IdSource) -> Self {
        Self { entities: HashMap::default(), source }
    }

    fn add(&mut self, id: PersistId, entity: Entity) {
        self.entities.insert(id.0, entity);
        self.source.observe(id.into());
    }

    fn remove(&mut self, id: PersistId, entity: Entity) {
        if let hash_map::Entry::Occupied(entry) = self.entities.entry(id.0)
            && *entry.get() == entity
        {
            entry.remove();
        }
    }

    /// Adds the entities of a document that will have these ids, before they do.
    pub(crate) fn fill(&mut self, ids: impl ExactSizeIterator<Item = (PersistId, Entity)>) {
        self.entities.reserve(ids.len());
        for (id, entity) in ids {
            self.add(id, entity);
        }
    }
}

/// Gives entities of a world ids that stay with them.
pub trait PersistIds {
    /// The id of an entity, if it has one.
    fn persist_id(&self, entity: Entity) -> Option<PersistId>;

    /// The id of an entity, which it gets if it has none. None when there is no such entity, or when the source has handed out
    /// all of its ids.
    fn assign_persist_id(&mut self, entity: Entity) -> Option<PersistId>;

    /// Spawns an entity under an id that was given elsewhere.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when another entity has it.
    fn spawn_with_id(&mut self, id: PersistId, bundle: impl Bundle) -> Result<Entity, Error>;

    /// The entity with this id.
    fn entity_of(&self, id: PersistId) -> Option<Entity>;

    /// Gives the entity with the id `old` the id `new`, and says whether there is one.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] when another entity has the new id.
    fn remap(&mut self, old: PersistId, new: PersistId) -> Result<bool, Error>;

    /// All ids with their entities, in no order.
    fn persist_ids(&self) -> impl Iterator<Item = (PersistId, Entity)>;
}

impl PersistIds for World {
    fn persist_id(&self, entity: Entity) -> Option<PersistId> {
        self.get::<PersistId>(entity).copied()
    }

    fn assign_persist_id(&mut self, entity: Entity) -> Option<PersistId> {
        if let Some(id) = self.persist_id(entity) {
            return Some(id);
        }
        self.get_entity(entity).ok()?;
        let mut index = self.get_resource_or_init::<PersistIndex>();
        let id = index.source.next_id()?.into();
        self.entity_mut(entity).insert(id);
        Some(id)
    }

    fn spawn_with_id(&mut self, id: PersistId, bundle: impl Bundle) -> Result<Entity, Error> {
        refuse_duplicate(self, id)?;
        Ok(self.spawn((bundle, id)).id())
    }

    fn entity_of(&self, id: PersistId) -> Option<Entity> {
        let entity = self.get_resource::<PersistIndex>()?.entity_of(id)?;
        // The index knows nothing of worlds whose resources or entities were exchanged as a whole.
        (self.persist_id(entity) == Some(id)).then_some(entity)
    }

    fn remap(&mut self, old: PersistId, new: PersistId) -> Result<bool, Error> {
        let Some(entity) = self.entity_of(old) else { return Ok(false) };
        if old != new {
            refuse_duplicate(self, new)?;
            self.entity_mut(entity).insert(new);
        }
        Ok(true)
    }

    fn persist_ids(&self) -> impl Iterator<Item = (PersistId, Entity)> {
        let index = self.get_resource::<PersistIndex>();
        let pairs = index.into_iter().flat_map(PersistIndex::iter);
        pairs.filter(|&(id, entity)| self.persist_id(entity) == Some(id))
    }
}

fn refuse_duplicate(world: &World, id: PersistId) -> Result<(), Error> {
    match world.entity_of(id) {
        None => Ok(()),
        Some(_) => Err(Error::DuplicateId { id: id.into(), place: "in the world" }),
    }
}

thread_local! {
    /// The row that a load inserts next: its id is in the index already.
    static EXPECTED: Cell<Option<(WorldId, Entity)>> = const { Cell::new(None) };
}

/// Says that the next id that this entity gets is in the index already: so a load of many ids looks for the index once.
pub(crate) fn expect(world: WorldId, entity: Entity) {
    EXPECTED.set(Some((world, entity)));
}

/// While this lives, rows may be expected.
pub(crate) struct Expecting;

impl Drop for Expecting {
    fn drop(&mut self) {
        EXPECTED.set(None);
    }
}

fn inserted(mut world: DeferredWorld<'_>, context: HookContext) {
    let entity = context.entity;
    if EXPECTED.get() == Some((world.id(), entity)) {
        EXPECTED.set(None);
        return;
    }
    let Some(&id) = world.get::<PersistId>(entity) else { return };
    match world.get_resource_mut::<PersistIndex>() {
        Some(mut index) => index.add(id, entity),
        None => world.commands().queue(make_index),
    }
}

/// Makes the index, of what is there.
fn make_index(world: &mut World) {
    let pairs: Vec<(PersistId, Entity)> =
        world.query::<(&PersistId, Entity)>().iter(world).map(|(&id, entity)| (id, entity)).collect();
    world.get_resource_or_init::<PersistIndex>().fill(pairs.into_iter());
}

fn discarded(mut world: DeferredWorld<'_>, context: HookContext) {
    let Some(&id) = world.get::<PersistId>(context.entity) else { return };
    if let Some(mut index) = world.get_resource_mut::<PersistIndex>() {
        index.remove(id, context.entity);
    }
}

/// Hashes ids with numbers that no file knows: a file can't choose ids that fall together.
#[derive(Debug, Clone)]
struct Seeds {
    before: u64,
    factor: u64,
}

impl Default for Seeds {
    fn default() -> Self {
        let random = RandomState::new();
        Self { before: random.hash_one(1), factor: random.hash_one(2) | 1 }
    }
}

impl BuildHasher for Seeds {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.before, factor: self.factor }
    }
}

struct Folded {
    state: u64,
    factor: u64,
}

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.state ^ value) * u128::from(self.factor);
        // Both halves fit.
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
        let high = u64::try_from(product >> 64).unwrap_or(0);
        self.state = low ^ high;
    }
}
