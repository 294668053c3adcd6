use std::{fmt, path::Path};

use keepstone::{
    checkpoint::{CheckpointReader, CheckpointStore, Error as StoreError, Imported, Selection},
    forge::{self, Export, Secrets},
    format::Limits,
};
use serde::Serialize;

use super::{shape::Shape, store};
use crate::args::{CheckpointExportArgs, CheckpointImportArgs, ExportFormat};
use crate::convert;
use crate::error::Error;
use crate::inspect;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source;
use crate::text::{Shown, count, plural};

/// What `checkpoint export` wrote.
#[derive(Debug, Serialize)]
pub(super) struct Exported {
    out: String,
    /// The format that was written.
    format: &'static str,
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
    /// The format that was read.
    format: &'static str,
    imported: u64,
    /// Checkpoints that were there.
    known: u64,
    /// Sessions that were begun.
    sessions: Vec<String>,
    /// Branches that have another name here.
    renamed: Vec<Renamed>,
    /// What of an export of forge is not in the store.
    lost: Vec<String>,
    /// The ids of those of forge's checkpoints whose checksum fits nothing; they are imported.
    unfit: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Renamed {
    session: String,
    branch: String,
    to: String,
}

/// How often an export begins again because a program that writes has swept what it was about to read.
const TRIES_MAX: u32 = 4;

/// Writes checkpoints to a file of their own. A program may have the store open for writing meanwhile.
pub(super) fn export(args: &CheckpointExportArgs) -> Result<Exported, Error> {
    let selection = match (&args.session, &args.branch) {
        (None, _) => Selection::All,
        (Some(session), None) => Selection::Session(session.clone()),
        (Some(session), Some(branch)) => {
            Selection::Branch { session: session.clone(), branch: branch.clone() }
        }
    };
    convert::refuse_special(&args.out)?;
    let reader = CheckpointReader::open(&args.store)?;
    let format = args.format.unwrap_or_else(|| ExportFormat::of(&args.out));
    let mut tries = 0;
    let (exported, bytes) = loop {
        let written = convert::replace(&args.out, |mut out| {
            let exported = match format {
                ExportFormat::Keep => reader.export(&selection, &mut out),
                ExportFormat::Json => reader.export_json(&selection, &mut out),
            }?;
            Ok((out, exported))
        });
        tries += 1;
        match written {
            Err(Error::Checkpoints(err)) if tries < TRIES_MAX && is_swept(&err) => reader.refresh()?,
            written => break written?,
        }
    };
    Ok(Exported {
        out: args.out.display().to_string(),
        format: format.name(),
        checkpoints: exported.checkpoints,
        sessions: exported.sessions,
        branches: exported.branches,
        rebased: exported.rebased,
        bytes,
    })
}

/// Whether what was to be read is gone, perhaps because it is in another pack now.
fn is_swept(err: &StoreError) -> bool {
    matches!(err, StoreError::MissingPack { .. })
}

/// Takes checkpoints in.
pub(super) fn import(args: &CheckpointImportArgs, progress: &Progress) -> Result<TakenIn, Error> {
    // Looked at before a store is made: what is no export makes none.
    let (source, shape) = Shape::of(&args.input, progress)?;
    if args.env_vars && shape != Shape::Forge {
        return Err(Error::NoEnvVars { path: args.input.clone() });
    }
    let open = || store::open(&args.store);
    Ok(match shape {
        Shape::Keep => TakenIn::new(args, shape, &open()?.import(&source)?),
        Shape::Json => TakenIn::new(args, shape, &open()?.import_json(&source)?),
        Shape::Forge => of_forge(args, open)?,
    })
}

/// Takes in an export of forge.
fn of_forge(
    args: &CheckpointImportArgs,
    open: impl FnOnce() -> Result<CheckpointStore, Error>,
) -> Result<TakenIn, Error> {
    let foreign = |source| Error::Forge { path: args.input.clone(), source: Box::new(source) };
    let secrets = if args.env_vars { Secrets::Keep } else { Secrets::Drop };
    let bytes = read_of_forge(&args.input)?;
    let limits = Limits::for_file_len(bytes.len() as u64);
    let export = Export::read(&bytes, &limits, secrets).map_err(|source| foreign(source.into()))?;
    forge::checkpoints(&export).map_err(foreign)?;
    let imported = forge::import_read(&open()?, &export).map_err(foreign)?;
    let mut taken = TakenIn::new(args, Shape::Forge, &imported.checkpoints);
    if imported.env_vars_dropped > 0 {
        let dropped = plural(imported.env_vars_dropped, "environment variable");
        taken.lost.push(format!("{dropped}; --env-vars takes them"));
    }
    taken.lost.extend(inspect::about_export(&export));
    let times = |(member, count): (&String, &u64)| format!("member {member}, {}", plural(*count, "time"));
    taken.lost.extend(imported.unknown.iter().map(times));
    taken.unfit = imported.unfit.iter().map(ToString::to_string).collect();
    Ok(taken)
}

/// The bytes of an export of forge, which is read whole.
pub(crate) fn read_of_forge(path: &Path) -> Result<Vec<u8>, Error> {
    source::read(path, Limits::default().decoded_max)
}

impl TakenIn {
    fn new(args: &CheckpointImportArgs, shape: Shape, imported: &Imported) -> Self {
        let renamed = imported.renamed.iter().map(|renamed| Renamed {
            session: renamed.session.to_string(),
            branch: renamed.branch.to_string(),
            to: renamed.to.to_string(),
        });
        Self {
            input: args.input.display().to_string(),
            format: shape.name(),
            imported: imported.imported,
            known: imported.known,
            sessions: imported.sessions.iter().map(ToString::to_string).collect(),
            renamed: renamed.collect(),
            lost: Vec::new(),
            unfit: Vec::new(),
        }
    }
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
        for lost in &self.lost {
            writeln!(f, "  not kept: {}", Shown(lost))?;
        }
        for id in &self.unfit {
            writeln!(f, "  checkpoint {id}: its checksum fits nothing; it is imported as it is")?;
        }
        Ok(())
    }
}
