use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use keepstone_ecs_persist::{DeltaWorld, PersistId};

use crate::{
    error::Error,
    stored::{Member, StoredEntities, compared, outgoing, outgoing::Made},
};

impl<M, W> StoredEntities<M, W>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    /// Remembers entities whose records are in a store.
    pub(super) fn keep(
        &mut self,
        records: &[(PersistId, Vec<u8>)],
        entities: &[W::Entity],
        ids: &[PersistId],
        store: &str,
    ) {
        let store: Arc<str> = Arc::from(store);
        let hashes: HashMap<PersistId, u64> =
            records.iter().map(|(id, record)| (*id, outgoing::hash(record))).collect();
        for (entity, id) in entities.iter().zip(ids) {
            let Some(&hash) = hashes.get(id) else { continue };
            let member = Member { entity: *entity, store: Arc::clone(&store), hash, is_later: true };
            self.members.insert(*id, member);
            self.ids.insert(*entity, *id);
            self.pending.remove(id);
        }
    }

    /// Remembers entities that are in the world in another way. Whether a store has them as they are is not known.
    pub(super) fn adopt(&mut self, entities: &[W::Entity], ids: &[PersistId], store: &str) {
        for (&entity, &id) in entities.iter().zip(ids) {
            let is_known = self.is_entity(id, entity);
            let store = match self.members.get(&id) {
                Some(_) if is_known => continue,
                Some(member) => Arc::clone(&member.store),
                None => Arc::from(store),
            };
            self.members.insert(id, Member { entity, store, hash: 0, is_later: true });
            self.ids.insert(entity, id);
        }
    }

    /// The entities of these ids that are in the world as more than pending ones.
    pub(super) fn present(
        &self,
        world: &W,
        ids: &[PersistId],
    ) -> Result<HashMap<PersistId, W::Entity>, Error> {
        let found = ids.iter().zip(world.entities_of(ids)).filter_map(|(id, entity)| Some((*id, entity?)));
        let mut here: HashMap<PersistId, W::Entity> =
            found.filter(|(id, _)| !self.pending.contains(id)).collect();
        let strange = here.iter().filter(|(id, entity)| !self.is_entity(**id, **entity));
        let strange: Vec<W::Entity> = strange.map(|(_, entity)| *entity).collect();
        if !strange.is_empty() {
            // They came with a file that has pending ones, perhaps.
            let bare = outgoing::bare(world, &strange, self.registry_of()?)?;
            here.retain(|_, entity| !bare.contains(entity));
        }
        Ok(here)
    }

    /// The ids of entities that are gone: `despawned` since the mark, and those that came after it.
    pub(super) fn gone(&self, world: &W, despawned: &[W::Entity]) -> Vec<PersistId> {
        let later = self.members.iter().filter(|(_, member)| member.is_later);
        let (later, entities): (Vec<_>, Vec<_>) = later.map(|(id, member)| (*id, member.entity)).unzip();
        let found = later.iter().zip(world.entities_of(&later)).zip(entities);
        let lost = found.filter(|((_, found), entity)| *found != Some(*entity)).map(|((id, _), _)| *id);
        // One that was despawned and loaded again is another entity by now.
        let ids = despawned.iter().filter_map(|entity| Some((*self.ids.get(entity)?, *entity)));
        ids.filter(|(id, entity)| self.is_entity(*id, *entity)).map(|(id, _)| id).chain(lost).collect()
    }

    pub(super) fn is_entity(&self, id: PersistId, entity: W::Entity) -> bool {
        self.members.get(&id).is_some_and(|member| member.entity == entity)
    }

    /// Of these entities, those that another store has.
    pub(super) fn elsewhere(
        &self,
        records: &[(PersistId, Vec<u8>)],
        store: &str,
    ) -> HashMap<Arc<str>, Vec<PersistId>> {
        let mut found: HashMap<Arc<str>, Vec<PersistId>> = HashMap::new();
        for (id, _) in records {
            if let Some(member) = self.members.get(id).filter(|member| *member.store != *store) {
                found.entry(Arc::clone(&member.store)).or_default().push(*id);
            }
        }
        found
    }

    /// Those whose records are others and whose values are those that their stores have: a serde value may be written in another shape because of
    /// those beside it. Only of records that were written or read after the mark is there reason to look.
    pub(super) fn same_as_stored(
        &self,
        world: &W,
        made: &[Made<W::Entity>],
    ) -> Result<BTreeSet<PersistId>, Error> {
        let mut by_store: HashMap<&str, Vec<(PersistId, W::Entity)>> = HashMap::new();
        for Made { id, entity, record, .. } in made {
            let is_later =
                |member: &&Member<W::Entity>| member.is_later && member.hash != outgoing::hash(record);
            if let Some(member) = self.members.get(id).filter(is_later) {
                by_store.entry(&member.store).or_default().push((*id, *entity));
            }
        }
        let mut same = BTreeSet::new();
        for (store, suspects) in by_store {
            let ids: Vec<PersistId> = suspects.iter().map(|(id, _)| *id).collect();
            let found = ids.iter().zip(self.stores.store(store)?.load_batch(&ids)?);
            let records: Vec<(PersistId, Vec<u8>)> = found
                .filter_map(|(id, record)| Some((*id, record?)))
                .filter(|(id, record)| {
                    self.members.get(id).is_some_and(|member| member.hash == outgoing::hash(record))
                })
                .collect();
            same.extend(compared::same(world, &suspects, &records, self.registry_of()?)?);
        }
        Ok(same)
    }
}
