//! A store of one's own: four methods, and a check that it does what stores promise.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bevy_ecs::prelude::*;
use keepstone::{EntityStore, PersistId, StoredEntities, ecs::StoreError, prelude::*};

/// Records in a list, sorted by id.
#[derive(Default)]
struct ListStore(Mutex<Vec<(PersistId, Vec<u8>)>>);

impl ListStore {
    fn list(&self) -> MutexGuard<'_, Vec<(PersistId, Vec<u8>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntityStore for ListStore {
    fn name(&self) -> &'static str {
        "list"
    }

    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
        let mut list = self.list();
        let at = list.partition_point(|(other, _)| *other < id);
        match list.get_mut(at).filter(|(other, _)| *other == id) {
            Some((_, kept)) => *kept = record.to_vec(),
            None => list.insert(at, (id, record.to_vec())),
        }
        Ok(())
    }

    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
        let list = self.list();
        let at = list.partition_point(|(other, _)| *other < id);
        // A store that is built on something which fails says StoreError::backend then.
        let found = list.get(at).filter(|(other, _)| *other == id);
        found.map(|(_, record)| record.clone()).ok_or(StoreError::Missing { id })
    }

    fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
        let mut list = self.list();
        let found = list.binary_search_by_key(&id, |(id, _)| *id);
        Ok(found.map(|at| list.remove(at)).is_ok())
    }

    // Batches, counting and the rest have defaults. This one has none; it hands out a copy, so that nothing is locked meanwhile.
    fn for_each(&self, then: &mut dyn FnMut(PersistId, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError> {
        let copy = self.list().clone();
        let _ = copy.iter().try_for_each(|(id, record)| then(*id, record));
        Ok(())
    }
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "custom.health", pod)]
#[repr(C)]
struct Health(u32);

fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(ListStore::default());
    let mut stored = StoredEntities::in_store(Arc::clone(&store))?;
    let mut world = World::new();
    let hero = world.spawn(Health(80)).id();
    let id = stored.save_entity(&mut world, hero)?;
    stored.unload(&mut world, &[hero])?;

    let hero = stored.load_entity(&mut world, id)?;
    assert_eq!(world.get::<Health>(hero), Some(&Health(80)));
    println!("{} records are in the store {}", store.len()?, store.name());
    Ok(())
}

#[test]
fn the_store_does_what_stores_promise() {
    keepstone::ecs::conformance::check(|| Box::new(ListStore::default())).unwrap();
    main().unwrap();
}
