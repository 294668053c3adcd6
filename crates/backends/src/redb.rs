//! Entities in a [redb](https://www.redb.org) database.

mod failed;

use std::{fmt, ops::ControlFlow, path::Path, sync::Arc};

use keepstone_ecs_persist::{EntityStore, PersistId, StoreBatch, StoreError};
use redb::{
    Database, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, Table,
    TableDefinition,
};

use self::failed::failed;

/// Entities in a table of a redb database: ids are its keys, records its values.
///
/// Every method that writes is one transaction, batches too, and has made it durable when it returns: redb has synced the file, and a crash
/// of the program or of the machine takes nothing back. What a method that failed, or was cut off by a crash, has written is not
/// there. So a batch costs about as much as one entity: whoever has many writes them together.
///
/// Writers wait for each other. Readers wait for nobody: each sees the state that was there when it began, so
/// [`EntityStore::for_each`] and [`EntityStore::load_batch`] see one moment. Going through the store keeps that state's pages in
/// the file until it ends.
///
/// redb takes a lock on the file: a second process that opens it gets [`Kind::Busy`](keepstone_format::Kind::Busy).
///
/// ```
/// use keepstone_backends::redb::RedbStore;
/// use keepstone_ecs_persist::{EntityStore, PersistId};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("entities.redb");
/// RedbStore::open(&path)?.save(PersistId(7), b"a record")?;
/// assert_eq!(RedbStore::open(&path)?.load(PersistId(7))?, b"a record");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "KeyValueEntityPlugin")]
pub struct RedbStore {
    database: Arc<Database>,
    name: String,
    table: String,
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("name", &self.name)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

type Definition<'t> = TableDefinition<'t, u64, &'static [u8]>;

impl RedbStore {
    /// Its name, unless it is given another.
    pub const NAME: &'static str = "redb";

    /// The table that [`RedbStore::open`] takes.
    pub const TABLE: &'static str = "keepstone.entities";

    /// Opens a database file, or makes it; its folder has to be there.
    ///
    /// A database that was not closed is repaired first, which goes through all of it.
    ///
    /// # Errors
    /// [`StoreError::Backend`]: [`Kind::Busy`](keepstone_format::Kind::Busy) when the database is open already, [`Kind::Damaged`](keepstone_format::Kind::Damaged)
    /// when it is no database or is damaged, [`Kind::Newer`](keepstone_format::Kind::Newer) when redb doesn't read its version of the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let database =
            Database::create(path).map_err(|error| failed(Self::NAME, "open the database", error.into()))?;
        Self::with_database(Arc::new(database), Self::TABLE)
    }

    /// Takes a table of a database that the program has open, and makes it if it is not there. Keys are u64, values are bytes.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; [`Kind::Misuse`](keepstone_format::Kind::Misuse) when the table has keys or values of other types.
    pub fn with_database(database: Arc<Database>, table: &str) -> Result<Self, StoreError> {
        let store = Self { database, name: Self::NAME.to_owned(), table: table.to_owned() };
        let read =
            store.database.begin_read().map_err(|error| store.failed("begin to read", error.into()))?;
        match read.open_table(store.definition()) {
            Ok(_) => {}
            // A transaction that writes syncs the file: only where there is something to write.
            Err(redb::TableError::TableDoesNotExist(_)) => store.write("make its table", |_| Ok(()))?,
            Err(error) => return Err(store.failed("open its table", error.into())),
        }
        Ok(store)
    }

    /// Gives it another name, for a program that has several.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The database, for tables of the program's own.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    fn definition(&self) -> Definition<'_> {
        Definition::new(&self.table)
    }

    fn failed(&self, what: &'static str, error: redb::Error) -> StoreError {
        failed(&self.name, what, error)
    }

    fn read<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&ReadOnlyTable<u64, &'static [u8]>) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let run = || {
            let read = self.database.begin_read()?;
            work(&read.open_table(self.definition())?)
        };
        run().map_err(|error| self.failed(what, error))
    }

    /// Runs one transaction, which is durable when this returns.
    fn write<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Table<'_, u64, &'static [u8]>) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let run = || {
            let write = self.database.begin_write()?;
            let mut table = write.open_table(self.definition())?;
            // Whoever returns before the commit drops the transaction, which takes everything back.
            let answer = work(&mut table)?;
            drop(table);
            write.commit()?;
            Ok(answer)
        };
        run().map_err(|error| self.failed(what, error))
    }
}

impl EntityStore for RedbStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
        self.write("save an entity", |table| {
            table.insert(id.0, record)?;
            Ok(())
        })
    }

    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
        let found =
            self.read("load an entity", |table| Ok(table.get(id.0)?.map(|kept| kept.value().to_vec())))?;
        found.ok_or(StoreError::Missing { id })
    }

    fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
        // Nothing is written, and nothing synced, for an entity that is not there.
        if !self.exists(id)? {
            return Ok(false);
        }
        self.write("delete an entity", |table| Ok(table.remove(id.0)?.is_some()))
    }

    fn exists(&self, id: PersistId) -> Result<bool, StoreError> {
        self.read("look for an entity", |table| Ok(table.get(id.0)?.is_some()))
    }

    fn save_batch(&self, records: &[(PersistId, &[u8])]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        self.write("save a batch", |table| {
            for (id, record) in records {
                table.insert(id.0, *record)?;
            }
            Ok(())
        })
    }

    fn load_batch(&self, ids: &[PersistId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read("load a batch", |table| {
            ids.iter().map(|id| Ok(table.get(id.0)?.map(|kept| kept.value().to_vec()))).collect()
        })
    }

    fn delete_batch(&self, ids: &[PersistId]) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.write("delete a batch", |table| {
            let mut count = 0;
            for id in ids {
                count += u64::from(table.remove(id.0)?.is_some());
            }
            Ok(count)
        })
    }

    fn is_transactional(&self) -> bool {
        true
    }

    fn apply(&self, batch: &StoreBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.write("apply a batch", |table| {
            for (id, record) in batch.changes() {
                match record {
                    Some(record) => drop(table.insert(id.0, record)?),
                    None => drop(table.remove(id.0)?),
                }
            }
            Ok(())
        })
    }

    fn for_each(&self, then: &mut dyn FnMut(PersistId, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.read("go through its entities", |table| {
            for entry in table.iter()? {
                let (id, record) = entry?;
                if then(PersistId(id.value()), record.value()).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn len(&self) -> Result<u64, StoreError> {
        self.read("count its entities", |table| Ok(table.len()?))
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }
}
