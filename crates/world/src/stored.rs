//! Entities that are kept in stores and are in a world while it needs them.

mod compared;
mod given;
mod incoming;
mod members;
mod outgoing;
mod references;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::Hash,
    sync::Arc,
};

use keepstone_ecs_persist::{
    DeltaWorld, EntityStore, Mark, PersistId, PersistenceManager, SpawnOptions, StoreBatch, StoreError,
};

use crate::{
    error::Error,
    stored::{given::Notes, outgoing::Made},
};

/// Which entities of a world are kept in stores, for worlds that are larger than what is loaded: chunks around a player, inventories of players
/// that are away.
///
/// An entity is kept under its [`PersistId`], with references to others by theirs. One that is referred to and not loaded is *pending*: it
/// is in the world without components but for its id, so that references to it are real, and gets its components when it is loaded.
///
/// Under the id 0, which no entity has, each store keeps the highest ids that were given, so that a world which is new to it never gives one of them to
/// another entity. It counts as a record of the store.
///
/// It belongs to one world; its methods are given that world each time, as a game holds both. The first of the stores is the default.
#[doc(alias = "KeyValueEntityPlugin")]
#[doc(alias = "EntityPersistencePlugin")]
pub struct StoredEntities<M, W: DeltaWorld<M>> {
    stores: PersistenceManager,
    registry: Option<Arc<W::Registry>>,
    /// The loaded entities by id.
    members: HashMap<PersistId, Member<W::Entity>>,
    /// Their ids, also of those that were despawned since the last look.
    ids: HashMap<W::Entity, PersistId>,
    pending: BTreeSet<PersistId>,
    /// What each store that was used knows of the ids that were handed out.
    given: Notes,
    mark: Option<Mark<W::Detail>>,
}

struct Member<E> {
    entity: E,
    /// The name of its store.
    store: Arc<str>,
    /// Of the record that the store has.
    hash: u64,
    /// Whether that record was written or read after the mark: what changed since the mark then tells nothing of it.
    is_later: bool,
}

/// What [`StoredEntities::save_changed`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreReport {
    /// Entities whose records were written.
    pub saved: u64,
    /// Entities that were touched, and whose records would be what the store has.
    pub unchanged: u64,
    /// Entities that were despawned, and were deleted from their store.
    pub deleted: u64,
}

impl<M, W> StoredEntities<M, W>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    /// Keeps entities in the stores of a manager.
    pub fn new(stores: PersistenceManager) -> Self {
        Self {
            stores,
            registry: None,
            members: HashMap::new(),
            ids: HashMap::new(),
            pending: BTreeSet::new(),
            given: Notes::new(),
            mark: None,
        }
    }

    /// Keeps entities in one store.
    ///
    /// # Errors
    /// As [`PersistenceManager::register_store`].
    pub fn in_store(store: impl EntityStore + 'static) -> Result<Self, Error> {
        let mut stores = PersistenceManager::new();
        stores.register_store(Arc::new(store))?;
        Ok(Self::new(stores))
    }

    /// Saves and loads the components of this registry instead of the derived ones.
    pub fn registry(mut self, registry: Arc<W::Registry>) -> Self {
        self.registry = Some(registry);
        self
    }

    /// The stores, by name.
    pub fn stores(&self) -> &PersistenceManager {
        &self.stores
    }

    /// Saves an entity to the default store. One without a [`PersistId`] gets one, and so do those that it refers to, which are not saved by
    /// this.
    ///
    /// # Errors
    /// When the entity doesn't exist, can't be captured, or the store fails.
    pub fn save_entity(&mut self, world: &mut W, entity: W::Entity) -> Result<PersistId, Error> {
        let ids = self.save_entities(world, &[entity])?;
        first(ids)
    }

    /// Saves an entity to the store with this name. It is kept there from then on, and no longer in the one it was kept in.
    ///
    /// # Errors
    /// As [`StoredEntities::save_entity`]; when there is no such store.
    pub fn save_entity_with(
        &mut self,
        world: &mut W,
        entity: W::Entity,
        store: &str,
    ) -> Result<PersistId, Error> {
        let ids = self.save_entities_with(world, &[entity], store)?;
        first(ids)
    }

    /// Saves entities to the default store, in one batch, and returns their ids in this order.
    ///
    /// # Errors
    /// As [`StoredEntities::save_entity`].
    pub fn save_entities(&mut self, world: &mut W, entities: &[W::Entity]) -> Result<Vec<PersistId>, Error> {
        let store = self.stores.default_store()?.name().to_owned();
        self.save_entities_with(world, entities, &store)
    }

    /// Saves entities to the store with this name, in one batch. Pending ones have nothing to save, and what was saved of them stays; one that the
    /// program has given components is saved as it is.
    ///
    /// # Errors
    /// As [`StoredEntities::save_entity_with`]. When the store fails, they are kept where they were kept.
    pub fn save_entities_with(
        &mut self,
        world: &mut W,
        entities: &[W::Entity],
        store: &str,
    ) -> Result<Vec<PersistId>, Error> {
        let kept = Arc::clone(self.stores.store(store)?);
        self.go_on_behind(world, store)?;
        let ids = world.ensure_ids(entities)?;
        let mut records = outgoing::records(world, entities, self.registry_of()?)?;
        records.retain(|(id, record)| !(self.pending.contains(id) && outgoing::is_bare(record)));
        let note = self.note(store, records.iter().map(|(id, _)| *id));
        let mut borrowed: Vec<(PersistId, &[u8])> =
            records.iter().map(|(id, record)| (*id, record.as_slice())).collect();
        borrowed.extend(note.iter().map(|(id, note, _)| (*id, note.as_slice())));
        kept.save_batch(&borrowed)?;
        if let Some((_, _, given)) = note {
            self.noted(store, given);
        }
        // Last: whatever fails before, each is in one store at least.
        for (old, ids) in self.elsewhere(&records, store) {
            self.stores.store(&old)?.delete_batch(&ids)?;
        }
        self.keep(&records, entities, &ids, store);
        Ok(ids)
    }

    /// Loads an entity from the default store and returns it; one that is loaded is returned as it is.
    ///
    /// # Errors
    /// As [`StoredEntities::load_entities_with`].
    pub fn load_entity(&mut self, world: &mut W, id: PersistId) -> Result<W::Entity, Error> {
        let loaded = self.load_entities(world, &[id])?;
        first(loaded)
    }

    /// Loads an entity from the store with this name.
    ///
    /// # Errors
    /// As [`StoredEntities::load_entities_with`].
    pub fn load_entity_with(
        &mut self,
        world: &mut W,
        id: PersistId,
        store: &str,
    ) -> Result<W::Entity, Error> {
        let loaded = self.load_entities_with(world, &[id], store)?;
        first(loaded)
    }

    /// Loads entities from the default store, in one batch.
    ///
    /// # Errors
    /// As [`StoredEntities::load_entities_with`].
    pub fn load_entities(&mut self, world: &mut W, ids: &[PersistId]) -> Result<Vec<W::Entity>, Error> {
        let store = self.stores.default_store()?.name().to_owned();
        self.load_entities_with(world, ids, &store)
    }

    /// Loads entities from the store with this name, in one batch, and returns them in this order. Those that are in the world already, loaded or not,
    /// are not touched. What they refer to and isn't loaded is pending from then on.
    ///
    /// The ids are looked up in the world, which some adapters go through for that: load many at a time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the store has no such entity; when a record is damaged, of a later version, or doesn't fit the registry. The world is
    /// then as it was.
    pub fn load_entities_with(
        &mut self,
        world: &mut W,
        ids: &[PersistId],
        store: &str,
    ) -> Result<Vec<W::Entity>, Error> {
        let kept = Arc::clone(self.stores.store(store)?);
        self.go_on_behind(world, store)?;
        let mut here = self.present(world, ids)?;
        let mut seen = BTreeSet::new();
        let wanted: Vec<PersistId> =
            ids.iter().copied().filter(|id| !here.contains_key(id) && seen.insert(*id)).collect();
        let mut records = Vec::with_capacity(wanted.len());
        if !wanted.is_empty() {
            for (id, record) in wanted.iter().zip(kept.load_batch(&wanted)?) {
                records.push((*id, record.ok_or(StoreError::Missing { id: *id })?));
            }
            let placed = incoming::place(world, &records, self.registry_of()?, &SpawnOptions::default())?;
            self.pending.extend(placed.pending);
            here.extend(placed.loaded);
        }
        let found = |id: &PersistId| here.get(id).copied().ok_or(StoreError::Missing { id: *id });
        let entities = ids.iter().map(found).collect::<Result<Vec<_>, _>>()?;
        self.keep(&records, &entities, ids, store);
        self.adopt(&entities, ids, store);
        Ok(entities)
    }

    /// Saves entities to the stores they are kept in (those that are in none, to the default one) and takes them out of the world. One that
    /// others refer to, which stay, stays as a pending one. Pending ones that nobody refers to any more go.
    ///
    /// Who refers to them is looked up in the whole world: unload many at a time. What isn't saved is not looked at: components that aren't
    /// registered stay on an entity that stays, and references in them don't keep one.
    ///
    /// # Errors
    /// As [`StoredEntities::save_entities`]; the world is then as it was, and what was saved is saved.
    pub fn unload(&mut self, world: &mut W, entities: &[W::Entity]) -> Result<(), Error> {
        let default: Arc<str> = Arc::from(self.stores.default_store()?.name());
        let ids = world.ensure_ids(entities)?;
        let mut by_store: HashMap<Arc<str>, Vec<W::Entity>> = HashMap::new();
        for (id, entity) in ids.iter().zip(entities) {
            let store = self.members.get(id).map_or(&default, |member| &member.store);
            by_store.entry(Arc::clone(store)).or_default().push(*entity);
        }
        for (store, entities) in &by_store {
            self.save_entities_with(world, entities, store)?;
        }
        // Those that are pending were not saved: there is nothing to take out.
        let leaving: HashMap<PersistId, W::Entity> = (ids.into_iter().zip(entities.iter().copied()))
            .filter(|(id, _)| self.members.contains_key(id))
            .collect();
        let left = references::take_out(world, &leaving, &self.pending, self.registry_of()?)?;
        for (id, entity) in &leaving {
            self.members.remove(id);
            self.ids.remove(entity);
        }
        self.pending.retain(|id| !left.gone.contains(id));
        self.pending.extend(left.pending);
        Ok(())
    }

    /// Despawns an entity and deletes it from its store; one that is in none, or pending, from the default store.
    ///
    /// # Errors
    /// When the store fails: the entity is then in both still.
    pub fn delete_entity(&mut self, world: &mut W, entity: W::Entity) -> Result<(), Error> {
        let ids = world.ensure_ids(&[entity])?;
        let id = first(ids.clone())?;
        let store = match self.members.get(&id) {
            Some(member) => self.stores.store(&member.store)?,
            None => self.stores.default_store()?,
        };
        Arc::clone(store).delete(id)?;
        self.members.remove(&id);
        self.ids.remove(&entity);
        self.pending.remove(&id);
        references::leave(world, (&[entity], &[]), self.registry_of()?)
    }

    /// Writes what has changed since the last call, found by change detection: entities that are kept in a store and were touched, whole; new
    /// entities that have a [`PersistId`] and what they refer to, into the default store. Those that were despawned, or no longer have their id, are
    /// deleted. For each store it is one batch, all or nothing where the store has transactions. The first call writes every entity that has an id.
    ///
    /// # Errors
    /// When the changes can't be told or a store fails; the next call then writes these changes as well.
    pub fn save_changed(&mut self, world: &mut W) -> Result<StoreReport, Error> {
        let default: Arc<str> = Arc::from(self.stores.default_store()?.name());
        self.go_on_behind(world, &default)?;
        let (registry, known) = (self.registry_of()?, (&self.ids, &self.pending));
        let touched = outgoing::touched(world, self.mark.as_ref(), registry, known)?;
        let made = outgoing::closed(world, touched.entities, registry)?;
        let same = self.same_as_stored(world, &made)?;
        let mut batches: HashMap<Arc<str>, StoreBatch> = HashMap::new();
        let (mut report, mut written, mut gone) = (StoreReport::default(), Vec::new(), BTreeSet::new());
        for Made { id, entity, record, is_new } in made {
            let before = self.ids.get(&entity).filter(|before| **before != id);
            gone.extend(before.filter(|before| self.is_entity(**before, entity)));
            let (hash, member) = (outgoing::hash(&record), self.members.get(&id));
            let store = Arc::clone(member.map_or(&default, |member| &member.store));
            let is_same = member.is_some_and(|member| member.hash == hash) || same.contains(&id);
            if is_same {
                report.unchanged += 1;
            } else {
                batches.entry(Arc::clone(&store)).or_default().save(id, record);
                report.saved += 1;
            }
            let hash = member.filter(|_| is_same).map_or(hash, |member| member.hash);
            written.push((id, Member { entity, store, hash, is_later: is_new }));
        }
        gone.extend(self.gone(world, &touched.despawned));
        for id in written.iter().map(|(id, _)| id) {
            gone.remove(id);
        }
        for id in &gone {
            let Some(member) = self.members.get(id) else { continue };
            batches.entry(Arc::clone(&member.store)).or_default().delete(*id);
            report.deleted += 1;
        }
        let mut notes = Vec::new();
        for (store, batch) in &mut batches {
            let saved: Vec<PersistId> =
                batch.changes().filter(|(_, record)| record.is_some()).map(|(id, _)| id).collect();
            if let Some((id, note, given)) = self.note(store, saved) {
                batch.save(id, note);
                notes.push((Arc::clone(store), given));
            }
            outgoing::write(&**self.stores.store(store)?, batch)?;
        }
        for (store, given) in notes {
            self.noted(&store, given);
        }
        for entity in &touched.despawned {
            self.ids.remove(entity);
        }
        for id in &gone {
            self.members.remove(id);
        }
        self.members.values_mut().for_each(|member| member.is_later = false);
        for (id, member) in written {
            self.ids.insert(member.entity, id);
            self.members.insert(id, member);
        }
        self.mark = Some(touched.mark);
        Ok(report)
    }

    /// The entity of an id, if it is loaded. It may have been despawned since.
    pub fn entity(&self, id: PersistId) -> Option<W::Entity> {
        self.members.get(&id).map(|member| member.entity)
    }

    /// The ids of entities that are referred to and not loaded, ascending.
    pub fn pending(&self) -> impl Iterator<Item = PersistId> + '_ {
        self.pending.iter().copied()
    }

    /// How many entities are loaded.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn registry_of(&self) -> Result<&W::Registry, Error> {
        match &self.registry {
            Some(registry) => Ok(registry),
            None => Ok(W::derived_registry()?),
        }
    }
}

impl<M, W: DeltaWorld<M>> fmt::Debug for StoredEntities<M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEntities")
            .field("stores", &self.stores)
            .field("loaded", &self.members.len())
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

fn first<T>(items: Vec<T>) -> Result<T, Error> {
    items.into_iter().next().ok_or(Error::NoEntity)
}
