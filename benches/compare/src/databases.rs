//! Databases that keep blobs under numbers, each as its documentation shows it, and durable: what a program has that puts its saves into
//! one.

use std::path::Path;

use anyhow::{Context, Result};
use fjall::{KeyspaceCreateOptions, PersistMode};
use keepstone::storage::{Files as _, OsFiles};
use keepstone_benches::machine;
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};
use rusqlite::Connection;

const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("blobs");
const CREATE: &str = "CREATE TABLE IF NOT EXISTS blobs (id INTEGER PRIMARY KEY, blob BLOB NOT NULL)";
const REPLACE: &str = "INSERT OR REPLACE INTO blobs (id, blob) VALUES (?1, ?2)";
const DELETE: &str = "DELETE FROM blobs WHERE id = ?1";
const LAST: &str = "SELECT id, blob FROM blobs ORDER BY id DESC LIMIT 1";

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Redb,
    Fjall,
    Sqlite,
}

/// A database that is open.
pub(crate) trait Database {
    /// Puts a blob in the place of what the number had, and takes another number away, in one durable transaction.
    fn put(&mut self, id: u64, blob: &[u8], gone: Option<u64>) -> Result<()>;

    /// The blob with the highest number.
    fn last(&self) -> Result<(u64, Vec<u8>)>;
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Redb, Self::Fjall, Self::Sqlite];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Sqlite => "SQLite",
        }
    }

    /// What it is called in a table: with what makes it as durable as ours.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Redb => "redb, Immediate",
            Self::Fjall => "fjall, SyncData",
            Self::Sqlite => "SQLite, WAL, FULL",
        }
    }

    /// Opens the database that lies in a directory, or makes it.
    pub(crate) fn open(self, dir: &Path) -> Result<Box<dyn Database>> {
        machine::create_dir(dir)?;
        Ok(match self {
            Self::Redb => Box::new(redb::Database::create(dir.join("blobs.redb"))?),
            Self::Fjall => {
                let database = fjall::Database::builder(dir.join("fjall")).open()?;
                let blobs = database.keyspace("blobs", KeyspaceCreateOptions::default)?;
                Box::new(Fjall { database, blobs })
            }
            Self::Sqlite => {
                let connection = Connection::open(dir.join("blobs.sqlite"))?;
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "synchronous", "FULL")?;
                connection.execute_batch(CREATE)?;
                Box::new(connection)
            }
        })
    }
}

impl Database for redb::Database {
    fn put(&mut self, id: u64, blob: &[u8], gone: Option<u64>) -> Result<()> {
        let write = self.begin_write()?;
        {
            let mut table = write.open_table(TABLE)?;
            table.insert(id, blob)?;
            if let Some(gone) = gone {
                table.remove(gone)?;
            }
        }
        Ok(write.commit()?)
    }

    fn last(&self) -> Result<(u64, Vec<u8>)> {
        let table = self.begin_read()?.open_table(TABLE)?;
        let (id, blob) = table.last()?.context("redb has no blob")?;
        Ok((id.value(), blob.value().to_vec()))
    }
}

struct Fjall {
    database: fjall::Database,
    blobs: fjall::Keyspace,
}

impl Database for Fjall {
    fn put(&mut self, id: u64, blob: &[u8], gone: Option<u64>) -> Result<()> {
        let mut batch = self.database.batch();
        batch.insert(&self.blobs, id.to_be_bytes(), blob);
        if let Some(gone) = gone {
            batch.remove(&self.blobs, gone.to_be_bytes());
        }
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn last(&self) -> Result<(u64, Vec<u8>)> {
        let (id, blob) = self.blobs.last_key_value().context("fjall has no blob")?.into_inner()?;
        let id = id.first_chunk().context("a key is shorter than a number")?;
        Ok((u64::from_be_bytes(*id), blob.to_vec()))
    }
}

impl Database for Connection {
    fn put(&mut self, id: u64, blob: &[u8], gone: Option<u64>) -> Result<()> {
        let id = i64::try_from(id)?;
        let transaction = self.transaction()?;
        transaction.prepare_cached(REPLACE)?.execute((id, blob))?;
        if let Some(gone) = gone {
            transaction.prepare_cached(DELETE)?.execute([i64::try_from(gone)?])?;
        }
        Ok(transaction.commit()?)
    }

    fn last(&self) -> Result<(u64, Vec<u8>)> {
        let (id, blob): (i64, Vec<u8>) =
            self.prepare_cached(LAST)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((u64::try_from(id)?, blob))
    }
}

/// The bytes of all files in a directory and those in it.
pub(crate) fn files_of(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for name in OsFiles.list(dir)? {
        let path = dir.join(name);
        let metadata = OsFiles.metadata(&path)?;
        bytes += if metadata.is_file { metadata.len } else { files_of(&path)? };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use keepstone_benches::Scratch;

    use super::*;

    #[test]
    fn each_database_has_the_last_blob_after_it_was_closed() {
        let name = format!("databases-{}", std::process::id());
        let scratch = Scratch::new(&std::env::temp_dir(), &name).unwrap();
        for kind in Kind::ALL {
            let dir = scratch.path().join(kind.name());
            let mut database = kind.open(&dir).unwrap();
            database.put(1, b"one", None).unwrap();
            database.put(1, b"uno", None).unwrap();
            database.put(2, b"two", None).unwrap();
            database.put(300, b"last", Some(300 - 298)).unwrap();
            assert_eq!(database.last().unwrap(), (300, b"last".to_vec()), "{kind:?}");
            drop(database);
            let mut database = kind.open(&dir).unwrap();
            assert_eq!(database.last().unwrap(), (300, b"last".to_vec()), "{kind:?}");
            database.put(0, b"least", Some(300)).unwrap();
            // The second was taken away and the first replaced.
            assert_eq!(database.last().unwrap(), (1, b"uno".to_vec()), "{kind:?}");
            drop(database);
            assert!(files_of(&dir).unwrap() > 0, "{kind:?}");
        }
    }
}
