use std::{fmt, path::Path};

use keepstone::{
    checkpoint::{Checkpoint, CheckpointReader, Error as StoreError, Query},
    format::Kind,
};
use serde::Serialize;

use super::store;
use crate::error::{Error, kind_name};
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Shown, count, plural};

/// What `verify` found in a store of checkpoints.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    #[serde(skip)]
    name: String,
    format: &'static str,
    kind: &'static str,
    sessions: usize,
    /// Checkpoints whose states are those that were checkpointed.
    checkpoints: usize,
    /// Bytes of these states.
    bytes: u64,
    damage: Vec<Fault>,
    /// Checkpoints that this build or the system can't read, of which nothing else is known to be wrong.
    unread: Vec<Fault>,
}

/// A checkpoint whose state can't be had.
#[derive(Debug, Serialize)]
struct Fault {
    id: String,
    number: u64,
    session: String,
    kind: &'static str,
    message: String,
}

/// Puts every state together, and compares it with what was taken down of it.
pub(crate) fn verify(path: &Path, progress: &Progress) -> Result<Checked, Error> {
    let reader = CheckpointReader::open(path)?;
    let all = reader.list(&Query::new())?;
    let mut checked = Checked {
        name: path.display().to_string(),
        format: "checkpoints",
        kind: "checkpoint store",
        sessions: reader.sessions().len(),
        checkpoints: 0,
        bytes: 0,
        damage: Vec::new(),
        unread: Vec::new(),
    };
    for checkpoint in &all {
        progress.step(&format!("checkpoint #{} of {}", checkpoint.sequence, all.len()));
        match check(&reader, checkpoint) {
            Ok(()) => {
                checked.checkpoints += 1;
                checked.bytes = checked.bytes.saturating_add(checkpoint.len);
            }
            // Pruned since the list was made.
            Err(Error::Checkpoints(error)) if matches!(*error, StoreError::NoCheckpoint { .. }) => {}
            Err(error) => checked.note(checkpoint, &error),
        }
    }
    Ok(checked)
}

fn check(reader: &CheckpointReader, checkpoint: &Checkpoint) -> Result<(), Error> {
    store::check(checkpoint, &reader.state(checkpoint.id)?)
}

impl Checked {
    fn note(&mut self, checkpoint: &Checkpoint, error: &Error) {
        let fault = Fault {
            id: checkpoint.id.to_string(),
            number: checkpoint.sequence.0,
            session: checkpoint.session.to_string(),
            kind: kind_name(error.kind()),
            message: error.message(),
        };
        match error.kind() {
            Kind::Damaged | Kind::NotFound => self.damage.push(fault),
            _ => self.unread.push(fault),
        }
    }
}

impl Report for Checked {
    fn exit(&self) -> Exit {
        match (self.damage.as_slice(), self.unread.as_slice()) {
            ([], []) => Exit::Good,
            ([], _) => Exit::Failed,
            _ => Exit::Bad,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} of session {}: {}", self.number, Shown(&self.session), Shown(&self.message))
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Shown(&self.name);
        match (self.damage.len(), self.unread.len()) {
            (0, 0) => writeln!(f, "{name}: good")?,
            (0, _) => writeln!(f, "{name}: nothing is damaged, but not all can be read")?,
            (damaged, _) => writeln!(f, "{name}: {} damaged", plural(damaged as u64, "checkpoint"))?,
        }
        for fault in &self.damage {
            writeln!(f, "  {fault}")?;
        }
        for fault in &self.unread {
            writeln!(f, "  not read: {fault}")?;
        }
        writeln!(
            f,
            "  {} of {}, {} bytes: each state is the one that was checkpointed",
            plural(self.checkpoints as u64, "checkpoint"),
            plural(self.sessions as u64, "session"),
            count(self.bytes),
        )
    }
}
