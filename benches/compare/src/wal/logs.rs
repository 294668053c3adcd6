//! Each log behind one interface, used as its documentation shows it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use keepstone::storage::{Durability, Wal, WalOptions};
use keepstone_benches::Job;
use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};
use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use rusqlite::Connection;

const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
const INSERT: &str = "INSERT INTO log (record) VALUES (?1)";

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Keepstone,
    OkayWal,
    RaftEngine,
    Redb,
    Fjall,
    Sqlite,
}

/// A log that is open.
pub trait Log {
    /// What a thread does that appends `record` over and over.
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job>;

    /// Closes the log; most are closed by being dropped.
    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Kind {
    pub const RIVALS: [Self; 5] = [Self::OkayWal, Self::RaftEngine, Self::Redb, Self::Fjall, Self::Sqlite];

    pub fn name(self) -> &'static str {
        match self {
            Self::Keepstone => "keepstone",
            Self::OkayWal => "okaywal",
            Self::RaftEngine => "raft-engine",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Sqlite => "SQLite",
        }
    }

    /// Whether it can append without a sync.
    pub fn has_buffered(self) -> bool {
        self != Self::OkayWal
    }

    /// Opens a log; `keeps_all` if nothing of it may be given up.
    pub fn open(self, dir: &Path, keeps_all: bool) -> Result<Box<dyn Log>> {
        std::fs::create_dir(dir)?;
        Ok(match self {
            Self::Keepstone => {
                let wal = Arc::new(Wal::open(dir, WalOptions::default())?);
                Box::new(Keepstone { wal, keeps_all })
            }
            Self::OkayWal => {
                let mut config = Configuration::default_for(dir);
                if keeps_all {
                    config = config.checkpoint_after_bytes(u64::MAX);
                }
                Box::new(config.open(Counting::default())?)
            }
            Self::RaftEngine => Box::new(Raft { engine: raft(dir)?, regions: AtomicU64::new(1) }),
            Self::Redb => {
                let database = Database::create(dir.join("log.redb"))?;
                Box::new(Redb { database: Arc::new(database), next: Arc::default() })
            }
            Self::Fjall => {
                let database = fjall::Database::builder(dir).open()?;
                let log = database.keyspace("log", fjall::KeyspaceCreateOptions::default)?;
                Box::new(Fjall { database, log, next: Arc::default() })
            }
            Self::Sqlite => {
                let sqlite = Sqlite(dir.join("log.sqlite"));
                sqlite.connect(true)?.execute_batch(
                    "CREATE TABLE log (lsn INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL)",
                )?;
                Box::new(sqlite)
            }
        })
    }

    /// Opens what an earlier run left, reads all records, closes it, and returns how many there were.
    pub fn recover(self, dir: &Path) -> Result<u64> {
        let mut count = 0;
        match self {
            Self::Keepstone => {
                let wal = Wal::open(dir, WalOptions::default())?;
                let mut records = wal.read_from(wal.start())?;
                while records.next()?.is_some() {
                    count += 1;
                }
            }
            Self::OkayWal => {
                let manager = Counting::default();
                let counted = Arc::clone(&manager.0);
                Configuration::default_for(dir).checkpoint_after_bytes(u64::MAX).open(manager)?.shutdown()?;
                count = *counted.lock().ok().context("the manager panicked")?;
            }
            Self::RaftEngine => {
                let engine = raft(dir)?;
                for region in engine.raft_groups() {
                    let (first, last) = (engine.first_index(region), engine.last_index(region));
                    let (first, last) = first.zip(last).context("an empty region")?;
                    let mut entries = Vec::new();
                    engine.fetch_entries_to::<Records>(region, first, last + 1, None, &mut entries)?;
                    count += entries.len() as u64;
                }
            }
            Self::Redb => {
                let database = Database::create(dir.join("log.redb"))?;
                for entry in database.begin_read()?.open_table(TABLE)?.iter()? {
                    count += u64::from(!entry?.1.value().is_empty());
                }
            }
            Self::Fjall => {
                let database = fjall::Database::builder(dir).open()?;
                for entry in database.keyspace("log", fjall::KeyspaceCreateOptions::default)?.iter() {
                    count += u64::from(!entry.value()?.is_empty());
                }
            }
            Self::Sqlite => {
                let connection = Sqlite(dir.join("log.sqlite")).connect(true)?;
                let mut select = connection.prepare("SELECT record FROM log ORDER BY lsn")?;
                let mut rows = select.query([])?;
                while let Some(row) = rows.next()? {
                    count += u64::from(!row.get_ref(0)?.as_blob()?.is_empty());
                }
            }
        }
        Ok(count)
    }
}

struct Keepstone {
    wal: Arc<Wal>,
    keeps_all: bool,
}

/// After so many records all before are given up, about as often as okaywal takes a checkpoint.
const GIVEN_UP_COUNT: u64 = 1024;

impl Log for Keepstone {
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job> {
        let (wal, keeps_all) = (Arc::clone(&self.wal), self.keeps_all);
        let durability = if is_durable { Durability::Durable } else { Durability::Buffered };
        Ok(Box::new(move || {
            let lsn = wal.append(&record, durability)?;
            if is_durable && !keeps_all && lsn.0.is_multiple_of(GIVEN_UP_COUNT) {
                wal.truncate(lsn)?;
            }
            Ok(())
        }))
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(Arc::into_inner(self.wal).context("a job has the log")?.close()?)
    }
}

impl Log for WriteAheadLog {
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job> {
        ensure!(is_durable, "okaywal syncs every entry");
        let log = self.clone();
        Ok(Box::new(move || {
            let mut entry = log.begin_entry()?;
            entry.write_chunk(&record)?;
            entry.commit()?;
            Ok(())
        }))
    }
}

/// Counts what is recovered, and has nowhere to put checkpoints.
#[derive(Debug, Default)]
struct Counting(Arc<Mutex<u64>>);

impl LogManager for Counting {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let chunks = entry.read_all_chunks()?.unwrap_or_default().len() as u64;
        let mut count = self.0.lock().map_err(|_| io::ErrorKind::Other)?;
        *count += chunks;
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last_checkpointed_id: EntryId,
        _checkpointed_entries: &mut SegmentReader,
        _wal: &WriteAheadLog,
    ) -> io::Result<()> {
        Ok(())
    }
}

/// Raft groups, one for each thread.
struct Raft {
    engine: Arc<Engine>,
    regions: AtomicU64,
}

/// The index of an entry stands in its first eight bytes.
struct Records;

impl MessageExt for Records {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        entry.get_value().first_chunk().map_or(0, |index| u64::from_le_bytes(*index))
    }
}

fn raft(dir: &Path) -> Result<Arc<Engine>> {
    let dir = dir.to_str().context("a path that is no text")?.to_owned();
    Ok(Arc::new(Engine::open(Config { dir, ..Config::default() })?))
}

impl Log for Raft {
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job> {
        let engine = Arc::clone(&self.engine);
        let region = self.regions.fetch_add(1, Relaxed);
        let (mut index, mut batch) = (0_u64, LogBatch::default());
        Ok(Box::new(move || {
            index += 1;
            let mut bytes = record.to_vec();
            if let Some(place) = bytes.first_chunk_mut() {
                *place = index.to_le_bytes();
            }
            let mut entry = BytesValue::new();
            entry.set_value(bytes);
            batch.add_entries::<Records>(region, &[entry])?;
            engine.write(&mut batch, is_durable)?;
            Ok(())
        }))
    }
}

struct Redb {
    database: Arc<Database>,
    next: Arc<AtomicU64>,
}

impl Log for Redb {
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job> {
        let (database, next) = (Arc::clone(&self.database), Arc::clone(&self.next));
        Ok(Box::new(move || {
            let mut write = database.begin_write()?;
            if !is_durable {
                write.set_durability(redb::Durability::None)?;
            }
            write.open_table(TABLE)?.insert(next.fetch_add(1, Relaxed), &*record)?;
            write.commit()?;
            Ok(())
        }))
    }
}

struct Fjall {
    database: fjall::Database,
    log: fjall::Keyspace,
    next: Arc<AtomicU64>,
}

impl Log for Fjall {
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job> {
        let (database, log, next) = (self.database.clone(), self.log.clone(), Arc::clone(&self.next));
        Ok(Box::new(move || {
            log.insert(next.fetch_add(1, Relaxed).to_be_bytes(), &*record)?;
            if is_durable {
                database.persist(fjall::PersistMode::SyncData)?;
            }
            Ok(())
        }))
    }
}

struct Sqlite(PathBuf);

impl Sqlite {
    fn connect(&self, is_durable: bool) -> Result<Connection> {
        let connection = Connection::open(&self.0)?;
        connection.busy_timeout(Duration::from_secs(60))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", if is_durable { "FULL" } else { "NORMAL" })?;
        Ok(connection)
    }
}

impl Log for Sqlite {
    fn job(&self, record: Arc<[u8]>, is_durable: bool) -> Result<Job> {
        let connection = self.connect(is_durable)?;
        Ok(Box::new(move || {
            connection.prepare_cached(INSERT)?.execute([&*record])?;
            Ok(())
        }))
    }
}
