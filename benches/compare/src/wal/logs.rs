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
use keepstone_benches::{Job, machine};
use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};
use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use rusqlite::Connection;

const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
const INSERT: &str = "INSERT INTO log (record) VALUES (?1)";

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Keepstone,
    OkayWal,
    RaftEngine,
    Redb,
    Fjall,
    Sqlite,
}

/// What a record has reached once it is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The disk, after a sync.
    Disk,
    /// The operating system: it survives the death of the program.
    System,
    /// The memory of the program.
    Memory,
}

/// A log that is open.
pub(crate) trait Log {
    /// What a thread does that appends `record` over and over.
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job>;

    /// Closes the log; most are closed by being dropped.
    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Kind {
    pub(crate) const RIVALS: [Self; 5] =
        [Self::OkayWal, Self::RaftEngine, Self::Redb, Self::Fjall, Self::Sqlite];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keepstone => "keepstone",
            Self::OkayWal => "okaywal",
            Self::RaftEngine => "raft-engine",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Sqlite => "SQLite",
        }
    }

    /// What it is called in a table: with what makes it promise as much, where that is a choice; none if it has no such promise.
    pub(crate) fn told(self, reach: Reach) -> Option<&'static str> {
        match (self, reach) {
            (Self::Keepstone, _) => Some(self.name()),
            (Self::OkayWal, Reach::Disk) => Some("okaywal"),
            (Self::RaftEngine, Reach::Disk) => Some("raft-engine, sync"),
            (Self::RaftEngine, Reach::System) => Some("raft-engine, no sync"),
            (Self::Redb, Reach::Disk) => Some("redb, Immediate"),
            (Self::Redb, Reach::Memory) => Some("redb, None"),
            (Self::Fjall, Reach::Disk) => Some("fjall, SyncData"),
            (Self::Fjall, Reach::System) => Some("fjall, not persisted"),
            (Self::Sqlite, Reach::Disk) => Some("SQLite, WAL, FULL"),
            (Self::Sqlite, Reach::System) => Some("SQLite, WAL, NORMAL"),
            _ => None,
        }
    }

    /// The least that it can promise: the way to fill it soon.
    pub(crate) fn least(self) -> Reach {
        let reaches = [Reach::Memory, Reach::System];
        reaches.into_iter().find(|reach| self.told(*reach).is_some()).unwrap_or(Reach::Disk)
    }

    /// Opens a log that appends with a reach; `keeps_all` if nothing of it may be given up.
    pub(crate) fn open(self, dir: &Path, reach: Reach, keeps_all: bool) -> Result<Box<dyn Log>> {
        machine::create_dir(dir)?;
        Ok(match self {
            Self::Keepstone => {
                let options = WalOptions::default();
                let options = if reach == Reach::System { options.buffer_bytes(0) } else { options };
                Box::new(Keepstone { wal: Arc::new(Wal::open(dir, options)?), keeps_all })
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
                sqlite.connect(Reach::Disk)?.execute_batch(
                    "CREATE TABLE log (lsn INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL)",
                )?;
                Box::new(sqlite)
            }
        })
    }

    /// Opens what an earlier run left, reads all records, closes it, and returns how many there were.
    pub(crate) fn recover(self, dir: &Path) -> Result<u64> {
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
                let connection = Sqlite(dir.join("log.sqlite")).connect(Reach::Disk)?;
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
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job> {
        let (wal, keeps_all) = (Arc::clone(&self.wal), self.keeps_all);
        let is_durable = reach == Reach::Disk;
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
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job> {
        ensure!(reach == Reach::Disk, "okaywal syncs every entry");
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
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job> {
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
            engine.write(&mut batch, reach == Reach::Disk)?;
            Ok(())
        }))
    }
}

struct Redb {
    database: Arc<Database>,
    next: Arc<AtomicU64>,
}

impl Log for Redb {
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job> {
        let (database, next) = (Arc::clone(&self.database), Arc::clone(&self.next));
        Ok(Box::new(move || {
            let mut write = database.begin_write()?;
            if reach != Reach::Disk {
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
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job> {
        let (database, log, next) = (self.database.clone(), self.log.clone(), Arc::clone(&self.next));
        Ok(Box::new(move || {
            log.insert(next.fetch_add(1, Relaxed).to_be_bytes(), &*record)?;
            if reach == Reach::Disk {
                database.persist(fjall::PersistMode::SyncData)?;
            }
            Ok(())
        }))
    }
}

struct Sqlite(PathBuf);

impl Sqlite {
    fn connect(&self, reach: Reach) -> Result<Connection> {
        let connection = Connection::open(&self.0)?;
        connection.busy_timeout(Duration::from_mins(1))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(
            None,
            "synchronous",
            if reach == Reach::Disk { "FULL" } else { "NORMAL" },
        )?;
        Ok(connection)
    }
}

impl Log for Sqlite {
    fn job(&self, record: Arc<[u8]>, reach: Reach) -> Result<Job> {
        let connection = self.connect(reach)?;
        Ok(Box::new(move || {
            connection.prepare_cached(INSERT)?.execute([&*record])?;
            Ok(())
        }))
    }
}
