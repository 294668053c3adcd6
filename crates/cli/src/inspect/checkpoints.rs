use std::{fmt, path::Path};

use keepstone::{
    checkpoint::CheckpointReader,
    storage::{Files as _, OsFiles},
};
use serde::Serialize;

use crate::checkpoint::{Session, sessions_table};
use crate::error::Error;
use crate::text::{Grid, count, plural, size};

/// The directories of a store: FORMAT.md, section 14.
const FOLDERS: [&str; 4] = ["", "log", "manifests", "packs"];

/// What a store of checkpoints holds.
#[derive(Debug, Serialize)]
pub(super) struct Store {
    kind: &'static str,
    /// Bytes of all files.
    bytes: u64,
    /// The number of the newest manifest.
    manifest: u64,
    packs: u64,
    checkpoints: u64,
    /// Those whose states are kept whole.
    whole: u64,
    /// Bytes of all states, and what they take in packs and journal; of these, bytes in the journal.
    state_bytes: u64,
    stored_bytes: u64,
    journal_bytes: u64,
    sessions: Vec<Session>,
}

/// Counts what is in a store. No state is read.
pub(super) fn inspect(path: &Path) -> Result<Store, Error> {
    let reader = CheckpointReader::open(path)?;
    let stats = reader.stats()?;
    Ok(Store {
        kind: "checkpoint store",
        bytes: FOLDERS.iter().fold(0, |sum: u64, folder| sum.saturating_add(bytes_in(&path.join(folder)))),
        manifest: stats.manifest,
        packs: stats.packs,
        checkpoints: stats.checkpoints,
        whole: stats.keyframes,
        state_bytes: stats.state_bytes,
        stored_bytes: stats.stored_bytes,
        journal_bytes: stats.journal_bytes,
        sessions: reader.sessions().iter().map(Session::new).collect(),
    })
}

/// Bytes of the files in a directory. What is gone by now takes no room.
fn bytes_in(dir: &Path) -> u64 {
    let names = OsFiles.list(dir).unwrap_or_default();
    let files = names.iter().map(|name| dir.join(name)).filter(|path| path.is_file());
    let bytes = files.map(|path| OsFiles.metadata(&path).map_or(0, |found| found.len));
    bytes.fold(0, u64::saturating_add)
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", self.kind.to_owned());
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        let sessions = plural(self.sessions.len() as u64, "session");
        line(
            "checkpoints",
            format!("{} of {sessions}, {} kept whole", count(self.checkpoints), count(self.whole)),
        );
        let (state, stored) = (size(self.state_bytes), size(self.stored_bytes));
        line(
            "states",
            format!("{state}, kept in {stored}, {} of it in the journal", size(self.journal_bytes)),
        );
        line("manifest", format!("number {}, with {}", count(self.manifest), plural(self.packs, "pack")));
        write!(f, "{grid}")?;
        if !self.sessions.is_empty() {
            write!(f, "\nsessions\n{}", sessions_table(&self.sessions))?;
        }
        writeln!(
            f,
            "\n`keepstone checkpoint list` shows each checkpoint, `log` how they go on from each other"
        )
    }
}
