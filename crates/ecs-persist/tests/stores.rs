//! What stores of entities promise, and that those which don't keep it are told.

mod wrong;

use std::{ops::ControlFlow, sync::Arc};

use keepstone_ecs_persist::{
    EntityStore, Error, MemoryStore, PersistId, PersistenceManager, StoreBatch, StoreError, conformance,
};
use keepstone_format::Kind;

use wrong::{Fault, Wrong};

#[test]
fn entities_in_memory_keep_every_promise() {
    conformance::check(|| Box::new(MemoryStore::new())).unwrap();
    conformance::check(|| Box::new(MemoryStore::with_capacity(10_000))).unwrap();
}

#[test]
fn a_shared_store_is_a_store() {
    conformance::check(|| {
        let shared: Arc<dyn EntityStore> = Arc::new(MemoryStore::new());
        Box::new(shared)
    })
    .unwrap();
}

/// The four methods that a store has to have.
struct Least(MemoryStore);

impl EntityStore for Least {
    fn name(&self) -> &'static str {
        "least"
    }

    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
        self.0.save(id, record)
    }

    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
        self.0.load(id)
    }

    fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
        self.0.delete(id)
    }
}

#[test]
fn the_defaults_keep_every_promise_or_refuse_it() {
    conformance::check(|| Box::new(Least(MemoryStore::new()))).unwrap();
    let store = Least(MemoryStore::new());
    assert_eq!(store.version(), 1);
    let error = store.apply(&StoreBatch::new()).unwrap_err();
    assert!(matches!(&error, StoreError::NotTransactional { store } if store == "least"), "{error}");
    let error = store.for_each(&mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, StoreError::NotSupported { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Misuse);
}

#[test]
fn each_broken_promise_is_told() {
    for (fault, promise) in wrong::FAULTS {
        // What several threads do to each other is up to the system, and a busy one may let them go one by one.
        let mut runs = (0..5).map(|_| conformance::check(|| Box::new(Wrong::new(fault))));
        let violation = runs.find_map(Result::err).unwrap_or_else(|| panic!("{fault:?}")).to_string();
        assert!(violation.contains(promise), "{fault:?}: {violation}");
    }
    conformance::check(|| Box::new(Wrong::new(Fault::None))).unwrap();
}

#[test]
fn a_store_that_forgets_is_told() {
    let kept: Arc<MemoryStore> = Arc::default();
    conformance::check_reopening(|| Box::new(kept.clone())).unwrap();
    let violation = conformance::check_reopening(|| Box::new(MemoryStore::new())).unwrap_err().to_string();
    assert!(
        violation.contains("what was saved can be loaded: after the store was opened again"),
        "{violation}"
    );
    for (fault, promise) in [
        (Fault::DeleteKeeps, "an entity that is not there is Missing"),
        (Fault::CutsLong, "a record is loaded as it was saved"),
    ] {
        let kept = Arc::new(Wrong::new(fault));
        let violation = conformance::check_reopening(|| Box::new(kept.clone())).unwrap_err().to_string();
        assert!(violation.contains(promise), "{fault:?}: {violation}");
    }
}

#[test]
fn errors_say_what_to_do_and_why() {
    let source = std::io::Error::other("the disk is gone");
    let error = StoreError::backend("redb", "save an entity", Kind::Io, source);
    assert_eq!(error.to_string(), "the entity store redb could not save an entity");
    let error = Error::from(error);
    assert_eq!(error.kind(), Kind::Io);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the disk is gone");
    assert_eq!(Error::from(StoreError::Missing { id: PersistId(3) }).kind(), Kind::NotFound);
    assert!(size_of::<StoreError>() < 128);
    assert!(size_of::<Error>() <= 128);
}

#[test]
fn a_batch_is_its_changes_in_order() {
    let mut batch = StoreBatch::from(vec![(PersistId(1), vec![1])]);
    batch.delete(PersistId(1));
    batch.save(PersistId(2), *b"two");
    let changes: Vec<_> = batch.changes().collect();
    assert_eq!(
        changes,
        [(PersistId(1), Some(&[1][..])), (PersistId(1), None), (PersistId(2), Some(&b"two"[..]))]
    );
    assert_eq!((batch.len(), batch.is_empty(), StoreBatch::new().is_empty()), (3, false, true));
}

fn named(name: &str) -> Arc<dyn EntityStore> {
    Arc::new(Wrong::named(name))
}

#[test]
fn a_manager_has_stores_beside_formats() {
    let mut manager = PersistenceManager::with_default_formats();
    let error = manager.default_store().map(drop).unwrap_err();
    assert!(matches!(error, Error::UnknownPlugin { .. }), "{error}");
    manager.register_store(named("memory")).unwrap();
    manager.register_store(named("redb")).unwrap();
    // A format of that name is another matter.
    manager.register_store(named("columnar")).unwrap();
    let error = manager.register_store(named("redb")).unwrap_err();
    assert!(matches!(&error, Error::DuplicatePlugin { name, .. } if name == "redb"), "{error}");
    let names = |manager: &PersistenceManager| -> Vec<String> {
        manager.stores().map(|store| store.name().to_owned()).collect()
    };
    assert_eq!(names(&manager), ["memory", "redb", "columnar"]);
    assert_eq!(manager.default_store().unwrap().name(), "memory");

    manager.store("redb").unwrap().save(PersistId(1), b"here").unwrap();
    let old = manager.replace_store(named("redb")).unwrap().unwrap();
    assert!(old.exists(PersistId(1)).unwrap());
    assert!(!manager.store("redb").unwrap().exists(PersistId(1)).unwrap());
    assert!(manager.replace_store(named("fourth")).unwrap().is_none());

    assert_eq!(manager.remove_store("memory").unwrap().name(), "memory");
    assert!(manager.remove_store("memory").is_none());
    assert_eq!(names(&manager), ["redb", "columnar", "fourth"]);
    assert_eq!(manager.default_store().unwrap().name(), "redb");
    let error = manager.store("memory").map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an entity store named memory is not registered; registered are [redb, columnar, fourth]"
    );
    assert_eq!(manager.default_format().unwrap().name(), "columnar");
}

#[test]
fn names_of_stores_have_1_to_128_bytes() {
    let mut manager = PersistenceManager::new();
    for (len, good) in [(0, false), (1, true), (128, true), (129, false)] {
        let name = "n".repeat(len);
        let found = manager.register_store(named(&name));
        match found {
            Ok(()) => assert!(good),
            Err(error) => {
                assert!(!good);
                assert!(matches!(error, Error::BadPluginName { len: found, .. } if found == len), "{error}");
                assert!(manager.replace_store(named(&name)).is_err());
            }
        }
    }
}
