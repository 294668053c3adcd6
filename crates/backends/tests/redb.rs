use std::{path::Path, sync::Arc};

use keepstone_backends::redb::RedbStore;
use keepstone_ecs_persist::{
    EntityStore, PersistId, PersistenceManager, StoreBatch, StoreError, conformance,
};
use keepstone_format::Kind;
use redb::{Database, TableDefinition, backends::InMemoryBackend};
use tempfile::tempdir;

#[test]
fn it_keeps_every_promise_of_a_store() {
    // In memory, as it syncs some thousand times.
    conformance::check(|| Box::new(RedbStore::with_database(in_memory(), RedbStore::TABLE).unwrap()))
        .unwrap();
}

#[test]
fn it_has_what_it_had_when_it_is_opened_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("entities.redb");
    conformance::check_reopening(|| Box::new(RedbStore::open(&path).unwrap())).unwrap();
}

fn in_memory() -> Arc<Database> {
    Arc::new(Database::builder().create_with_backend(InMemoryBackend::new()).unwrap())
}

#[test]
fn tables_of_one_database_are_stores_of_their_own() {
    let database = in_memory();
    let [near, far] =
        ["near", "far"].map(|name| RedbStore::with_database(database.clone(), name).unwrap().named(name));
    near.save(PersistId(1), b"near").unwrap();
    assert!(matches!(far.load(PersistId(1)), Err(StoreError::Missing { id: PersistId(1) })));
    let mut manager = PersistenceManager::new();
    manager.register_store(Arc::new(near)).unwrap();
    manager.register_store(Arc::new(far)).unwrap();
    assert!(manager.store("near").unwrap().exists(PersistId(1)).unwrap());
    assert_eq!(manager.store("far").unwrap().len().unwrap(), 0);
}

#[test]
fn keys_are_numbers_and_values_bytes_for_whoever_else_reads_the_table() {
    let database = in_memory();
    let store = RedbStore::with_database(database.clone(), RedbStore::TABLE).unwrap();
    store.save(PersistId(u64::MAX), b"bytes").unwrap();
    let read = redb::ReadableDatabase::begin_read(&*database).unwrap();
    let table = read.open_table(TableDefinition::<u64, &[u8]>::new("keepstone.entities")).unwrap();
    assert_eq!(table.get(u64::MAX).unwrap().unwrap().value(), b"bytes");
}

fn kind_of(opened: Result<RedbStore, StoreError>) -> Kind {
    let error = opened.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Backend { .. }), "{error}");
    error.kind()
}

#[test]
fn what_can_not_be_opened_is_told_apart() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("entities.redb");
    let first = RedbStore::open(&path).unwrap();
    assert_eq!(kind_of(RedbStore::open(&path)), Kind::Busy);
    drop(first);
    RedbStore::open(&path).unwrap();
    assert_eq!(kind_of(RedbStore::open(folder.path().join("no/such/folder"))), Kind::NotFound);
    let other = folder.path().join("other");
    overwrite(&other, &[b'x'; 10_000]);
    assert_eq!(kind_of(RedbStore::open(&other)), Kind::Damaged);

    let database = in_memory();
    let write = database.begin_write().unwrap();
    write.open_table(TableDefinition::<&str, u64>::new("words")).unwrap();
    write.commit().unwrap();
    assert_eq!(kind_of(RedbStore::with_database(database, "words")), Kind::Misuse);
}

#[expect(clippy::disallowed_methods, reason = "a file that is no database")]
fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the file as a crash would leave it")]
fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

#[test]
fn what_a_method_has_returned_from_is_in_the_file() {
    let folder = tempdir().unwrap();
    let (path, taken) = (folder.path().join("entities.redb"), folder.path().join("taken.redb"));
    let store = RedbStore::open(&path).unwrap();
    let mut batch = StoreBatch::new();
    for id in 0..100 {
        batch.save(PersistId(id), vec![1; 500]);
    }
    store.apply(&batch).unwrap();
    store.save(PersistId(3), b"over").unwrap();
    store.delete(PersistId(4)).unwrap();
    // Not closed: as if the program had died here.
    copy(&path, &taken);
    let found = RedbStore::open(&taken).unwrap();
    assert_eq!(found.len().unwrap(), 99);
    assert_eq!(found.load(PersistId(3)).unwrap(), b"over");
    assert!(!found.exists(PersistId(4)).unwrap());
}
