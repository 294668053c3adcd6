//! Databases that keep one value which is written over and over, beside recycled generations.

use std::{path::Path, rc::Rc};

use anyhow::{Context, Result};
use keepstone::{
    Codec,
    format::{FileKind, Metadata, SectionId, WriterOptions},
    storage::{GenerationOptions, Generations},
};
use keepstone_benches::{Case, Scratch, mixed::SplitMix};
use redb::{Database, TableDefinition};
use rusqlite::Connection;

const STATE_LEN: usize = 1_000_000;
const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("states");
const REPLACE: &str = "INSERT OR REPLACE INTO states (id, state) VALUES (1, ?1)";

/// What is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Redb,
    Sqlite,
}

/// All that are compared with.
pub const PLANS: [Plan; 2] = [Plan::Redb, Plan::Sqlite];

type Job = Box<dyn FnMut(&[u8]) -> Result<()>>;

impl Plan {
    /// The name that a filter looks into.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redb => "generation commit/redb",
            Self::Sqlite => "generation commit/SQLite",
        }
    }

    /// Builds the case in a directory.
    pub fn case(self, dir: &Path) -> Result<Case> {
        let scratch = Rc::new(Scratch::new(dir, "generation-rivals")?);
        let (mut ours, mut rival) = (ours(&scratch.path().join("ours"))?, self.job(scratch.path())?);
        let (mut states, mut same) = (States::new(), States::new());
        let case = Case::new(self.name(), "1 MB").ours(move |watch| {
            // The directory is there as long as the case.
            let _ = scratch.path();
            watch.together(|| ours(states.next_state()))
        });
        Ok(case.floor(1.0, "rival", move |watch| watch.together(|| rival(same.next_state()))))
    }

    fn job(self, dir: &Path) -> Result<Job> {
        Ok(match self {
            Self::Redb => {
                let database = Database::create(dir.join("states.redb"))?;
                Box::new(move |state| {
                    let write = database.begin_write()?;
                    write.open_table(TABLE)?.insert(1, state)?;
                    Ok(write.commit()?)
                })
            }
            Self::Sqlite => {
                let connection = Connection::open(dir.join("states.sqlite"))?;
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "synchronous", "FULL")?;
                connection
                    .execute_batch("CREATE TABLE states (id INTEGER PRIMARY KEY, state BLOB NOT NULL)")?;
                Box::new(move |state| {
                    connection.prepare_cached(REPLACE)?.execute([state]).map(drop).context("replacing")
                })
            }
        })
    }
}

/// One section without a codec, with its checksums, made and committed.
fn ours(dir: &Path) -> Result<Job> {
    let mut generations = Generations::open(dir, GenerationOptions::default())?;
    Ok(Box::new(move |state| {
        let mut draft = generations.begin()?;
        let mut writer = draft.container(WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
        writer.coded_from(SectionId::BYTES, 0, &[state])?;
        let (_, written) = writer.finish(Metadata::new())?;
        draft.commit(written)?;
        Ok(())
    }))
}

/// States of one length that nothing can make smaller; each differs from the one before.
struct States {
    bytes: Vec<u8>,
    at: usize,
}

impl States {
    fn new() -> Self {
        let mut random = SplitMix::new(1);
        let bytes = (0..2 * STATE_LEN / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect();
        Self { bytes, at: 0 }
    }

    fn next_state(&mut self) -> &[u8] {
        self.at = (self.at + 4099) % STATE_LEN;
        &self.bytes[self.at..self.at + STATE_LEN]
    }
}
