use std::{fmt, path::Path};

use keepstone::{
    Kind,
    checkpoint::{CheckpointReader, Query, Stats, StoreOptions},
    storage::{Files as _, OsFiles},
};
use serde::Serialize;

use crate::checkpoint::verify::{Commits, shown};
use crate::checkpoint::{Session, sessions_table};
use crate::error::Error;
use crate::text::{Grid, Shown, count, plural, size};

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
    /// Why it can't be opened; then all else is what is left.
    damage: Vec<String>,
}

/// What is left of a store that can't be opened.
fn left(path: &Path) -> Result<(CheckpointReader, Stats, Vec<String>), Error> {
    let (reader, found) = CheckpointReader::open_what_is_left(path, StoreOptions::new())?;
    let mut stats = Stats::default();
    for checkpoint in reader.list(&Query::new())? {
        stats.checkpoints += 1;
        stats.keyframes += u64::from(checkpoint.is_keyframe());
        stats.state_bytes = stats.state_bytes.saturating_add(checkpoint.len);
        stats.stored_bytes = stats.stored_bytes.saturating_add(checkpoint.stored_bytes());
    }
    stats.packs = OsFiles.list(&path.join("packs")).unwrap_or_default().len() as u64;
    let lost = found.lost_commits.iter().map(|lost| Commits::new(lost).to_string());
    Ok((reader, stats, found.faults.iter().map(shown).chain(lost).collect()))
}

/// Counts what is in a store. No state is read.
pub(super) fn inspect(path: &Path) -> Result<Store, Error> {
    let (reader, stats, damage) = match CheckpointReader::open(path) {
        Ok(reader) => {
            let stats = reader.stats()?;
            (reader, stats, Vec::new())
        }
        Err(error) if matches!(error.kind(), Kind::Damaged | Kind::NotFound) => left(path)?,
        Err(error) => return Err(error.into()),
    };
    Ok(Store {
        kind: "checkpoint store",
        bytes: bytes_of(path),
        manifest: stats.manifest,
        packs: stats.packs,
        checkpoints: stats.checkpoints,
        whole: stats.keyframes,
        state_bytes: stats.state_bytes,
        stored_bytes: stats.stored_bytes,
        journal_bytes: stats.journal_bytes,
        sessions: reader.sessions().iter().map(Session::new).collect(),
        damage,
    })
}

/// Bytes of all files of a store.
pub(crate) fn bytes_of(path: &Path) -> u64 {
    FOLDERS.iter().fold(0, |sum: u64, folder| sum.saturating_add(bytes_in(&path.join(folder))))
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
        if !self.damage.is_empty() {
            writeln!(
                f,
                "\ndamaged, so that it can't be opened; this is what is left, which `keepstone repair` saves"
            )?;
            self.damage.iter().try_for_each(|damage| writeln!(f, "  {}", Shown(damage)))?;
        }
        if !self.sessions.is_empty() {
            write!(f, "\nsessions\n{}", sessions_table(&self.sessions))?;
        }
        writeln!(
            f,
            "\n`keepstone checkpoint list` shows each checkpoint, `log` how they go on from each other"
        )
    }
}
