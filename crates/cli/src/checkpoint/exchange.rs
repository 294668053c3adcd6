use std::fmt;

use keepstone::{
    checkpoint::Selection,
    format::{FileKind, Limits, ReadAt as _, Reader},
};
use serde::Serialize;

use super::store;
use crate::args::{CheckpointExportArgs, CheckpointImportArgs};
use crate::convert;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::{Shown, count, plural};

/// What `checkpoint export` wrote.
#[derive(Debug, Serialize)]
pub(super) struct Exported {
    out: String,
    checkpoints: u64,
    sessions: u64,
    branches: u64,
    /// Checkpoints whose states were written whole, since what they stand on was not.
    rebased: u64,
    bytes: u64,
}

/// What `checkpoint import` took in.
#[derive(Debug, Serialize)]
pub(super) struct TakenIn {
    input: String,
    imported: u64,
    /// Checkpoints that were there.
    known: u64,
    /// Sessions that were begun.
    sessions: Vec<String>,
    /// Branches that have another name here.
    renamed: Vec<Renamed>,
}

#[derive(Debug, Serialize)]
struct Renamed {
    session: String,
    branch: String,
    to: String,
}

/// Writes checkpoints to a file of their own.
pub(super) fn export(args: &CheckpointExportArgs) -> Result<Exported, Error> {
    let selection = match (&args.session, &args.branch) {
        (None, _) => Selection::All,
        (Some(session), None) => Selection::Session(session.clone()),
        (Some(session), Some(branch)) => {
            Selection::Branch { session: session.clone(), branch: branch.clone() }
        }
    };
    convert::refuse_special(&args.out)?;
    let store = store::open_existing(&args.store)?;
    let (exported, bytes) = convert::replace(&args.out, |mut out| {
        let exported = store.export(&selection, &mut out)?;
        Ok((out, exported))
    })?;
    Ok(Exported {
        out: args.out.display().to_string(),
        checkpoints: exported.checkpoints,
        sessions: exported.sessions,
        branches: exported.branches,
        rebased: exported.rebased,
        bytes,
    })
}

/// Takes checkpoints in.
pub(super) fn import(args: &CheckpointImportArgs, progress: &Progress) -> Result<TakenIn, Error> {
    // Looked at before a store is made: what is no export makes none.
    let (source, _) = Source::open(&args.input, progress)?;
    let keep = |source| Error::Keep { path: args.input.clone(), source };
    let reader = Reader::open(&source, Limits::for_file_len(source.len())).map_err(keep)?;
    let kind = reader.header().kind;
    if kind != FileKind::CHECKPOINT_EXPORT {
        return Err(Error::NoExport { path: args.input.clone(), found: kind.to_string() });
    }
    let imported = store::open(&args.store)?.import(&source)?;
    let renamed = imported.renamed.iter().map(|renamed| Renamed {
        session: renamed.session.to_string(),
        branch: renamed.branch.to_string(),
        to: renamed.to.to_string(),
    });
    Ok(TakenIn {
        input: args.input.display().to_string(),
        imported: imported.imported,
        known: imported.known,
        sessions: imported.sessions.iter().map(ToString::to_string).collect(),
        renamed: renamed.collect(),
    })
}

impl Report for Exported {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checkpoints = plural(self.checkpoints, "checkpoint");
        let sessions = plural(self.sessions, "session");
        writeln!(f, "{checkpoints} of {sessions} -> {}, {} bytes", Shown(&self.out), count(self.bytes))
    }
}

impl Report for TakenIn {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for TakenIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let imported = plural(self.imported, "checkpoint");
        writeln!(f, "{}: {imported} imported, {} there already", Shown(&self.input), count(self.known))?;
        for session in &self.sessions {
            writeln!(f, "  session {} begun", Shown(session))?;
        }
        for renamed in &self.renamed {
            let Renamed { session, branch, to } = renamed;
            let (session, branch, to) = (Shown(session), Shown(branch), Shown(to));
            writeln!(f, "  branch {branch} of session {session} is {to} here: its own {branch} has gone on")?;
        }
        Ok(())
    }
}
