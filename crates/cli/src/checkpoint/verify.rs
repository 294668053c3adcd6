use std::{fmt, ops::ControlFlow, path::Path};

use keepstone::{
    checkpoint::{
        CheckpointReader, CheckpointStore, Finding, ObjectFault, StoreOptions, Validate, Validated,
        Validation,
    },
    format::Kind,
};
use serde::Serialize;

use super::store;
use crate::args::CheckpointVerifyArgs;
use crate::error::{Error, kind_name};
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Shown, count, plural};

/// Faults that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What `verify` found in a store of checkpoints.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    #[serde(skip)]
    name: String,
    format: &'static str,
    kind: &'static str,
    sessions: usize,
    /// Checkpoints whose states are those that were checkpointed.
    checkpoints: u64,
    /// Bytes of these states.
    bytes: u64,
    bytes_read: u64,
    damage: Vec<Fault>,
    /// What is wrong with manifests, packs and the journal.
    objects: Vec<Object>,
    /// Commits that are lost, with all that was in them.
    lost_commits: Vec<Commits>,
    /// Checkpoints that this build or the system can't read, of which nothing else is known to be wrong.
    unread: Vec<Fault>,
    warnings: Vec<String>,
}

/// A checkpoint whose state can't be had.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub(super) id: String,
    pub(super) number: u64,
    session: String,
    tags: Vec<String>,
    kind: &'static str,
    message: String,
    object: Option<String>,
    offset: Option<u64>,
    /// The checkpoint whose bytes are at fault, if its own are not.
    stands_on: Option<u64>,
    dependents: u64,
}

/// An object in which something is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Object {
    #[serde(rename = "object")]
    name: String,
    offset: Option<u64>,
    kind: &'static str,
    message: String,
}

/// Commits of the journal that are lost.
#[derive(Debug, Serialize)]
pub(crate) struct Commits {
    first: u64,
    last: Option<u64>,
    message: String,
}

/// Checks the whole store at a path.
pub(crate) fn verify(path: &Path, progress: &Progress) -> Result<Checked, Error> {
    check(path, Validate::all(), progress)
}

/// Checks what is asked for.
pub(crate) fn run(args: &CheckpointVerifyArgs, progress: &Progress) -> Result<Checked, Error> {
    let path = &args.store;
    let which = match (args.id, args.sample) {
        (Some(point), _) => {
            let (reader, _) = CheckpointReader::open_what_is_left(path, StoreOptions::new())?;
            Validate::one(store::find(&reader, point)?.id)
        }
        (None, Some(count)) => Validate::sample(count, args.seed),
        (None, None) => Validate::all(),
    };
    check(path, which, progress)
}

/// Puts states together, and compares them with what was taken down of them.
fn check(path: &Path, which: Validate, progress: &Progress) -> Result<Checked, Error> {
    let mut tell = |validated: Validated<'_>| {
        progress.step(&format!("{} of {}", validated.done, validated.total));
        ControlFlow::Continue(())
    };
    let found = CheckpointStore::validate_dir(path, &StoreOptions::new(), &which, &mut tell)?;
    let (reader, _) = CheckpointReader::open_what_is_left(path, StoreOptions::new())?;
    Ok(Checked::new(path, reader.sessions().len(), &found))
}

impl Checked {
    fn new(path: &Path, sessions: usize, found: &Validation) -> Self {
        let is_damage = |finding: &&Finding| matches!(finding.kind, Kind::Damaged | Kind::NotFound);
        let (damage, unread): (Vec<_>, Vec<_>) = found.findings.iter().partition(is_damage);
        let warnings = found.torn.iter().map(shown);
        Self {
            name: path.display().to_string(),
            format: "checkpoints",
            kind: "checkpoint store",
            sessions,
            checkpoints: found.good,
            bytes: found.state_bytes,
            bytes_read: found.bytes_read,
            damage: damage.into_iter().map(Fault::new).collect(),
            objects: found.faults.iter().map(Object::new).collect(),
            lost_commits: found.lost_commits.iter().map(Commits::new).collect(),
            unread: unread.into_iter().map(Fault::new).collect(),
            warnings: warnings.collect(),
        }
    }

    /// What is wrong, a line each.
    fn lines(&self) -> impl Iterator<Item = String> {
        let objects = self.objects.iter().map(Object::to_string);
        let commits = self.lost_commits.iter().map(Commits::to_string);
        let damage = self.damage.iter().map(Fault::to_string);
        let unread = self.unread.iter().map(|fault| format!("not read: {fault}"));
        damage.chain(commits).chain(objects).chain(unread)
    }
}

impl Fault {
    pub(crate) fn new(finding: &Finding) -> Self {
        let checkpoint = &finding.checkpoint;
        Self {
            id: checkpoint.id.to_string(),
            number: checkpoint.sequence.0,
            session: checkpoint.session.to_string(),
            tags: checkpoint.tags.iter().map(ToString::to_string).collect(),
            kind: kind_name(finding.kind),
            message: finding.what.clone(),
            object: finding.object.clone(),
            offset: finding.offset,
            stands_on: finding.stands_on.map(|sequence| sequence.0),
            dependents: finding.dependents,
        }
    }
}

impl Object {
    pub(crate) fn new(fault: &ObjectFault) -> Self {
        Self {
            name: fault.object.clone(),
            offset: fault.offset,
            kind: kind_name(fault.kind),
            message: fault.what.clone(),
        }
    }
}

impl Commits {
    pub(crate) fn new(lost: &keepstone::checkpoint::LostCommits) -> Self {
        let message = shown(&lost.fault);
        Self { first: lost.first, last: lost.behind.map(|behind| behind.saturating_sub(1)), message }
    }
}

/// What is wrong with an object, with its name in front.
pub(crate) fn shown(fault: &ObjectFault) -> String {
    Object::new(fault).text()
}

impl Object {
    fn text(&self) -> String {
        if self.message.starts_with(&self.name) {
            self.message.clone()
        } else {
            format!("{}: {}", self.name, self.message)
        }
    }
}

impl Report for Checked {
    fn exit(&self) -> Exit {
        let is_sound = self.damage.is_empty() && self.objects.is_empty() && self.lost_commits.is_empty();
        match (is_sound, self.unread.is_empty()) {
            (true, true) => Exit::Good,
            (true, false) => Exit::Failed,
            (false, _) => Exit::Bad,
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} of session {}: {}", self.number, Shown(&self.session), Shown(&self.message))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.text()).fmt(f)
    }
}

impl fmt::Display for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = Shown(&self.message);
        match self.last {
            Some(last) => write!(f, "commits {} to {last} are lost: {message}", self.first),
            None => write!(f, "commits from {} on are lost, if there were any: {message}", self.first),
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Shown(&self.name);
        match (self.exit(), self.damage.len()) {
            (Exit::Good, _) => writeln!(f, "{name}: good")?,
            (Exit::Failed, _) => writeln!(f, "{name}: nothing is damaged, but not all can be read")?,
            (Exit::Bad, 0) => writeln!(f, "{name}: damaged")?,
            (Exit::Bad, damaged) => writeln!(f, "{name}: {} damaged", plural(damaged as u64, "checkpoint"))?,
        }
        let lines = self.lines().count();
        for line in self.lines().take(SHOWN_MAX) {
            writeln!(f, "  {line}")?;
        }
        if let Some(more) = lines.checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
        }
        writeln!(
            f,
            "  {} of {}, {} bytes: each state is the one that was checkpointed",
            plural(self.checkpoints, "checkpoint"),
            plural(self.sessions as u64, "session"),
            count(self.bytes),
        )
    }
}
