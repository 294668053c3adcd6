use std::{fmt, ops::ControlFlow, path::Path};

use keepstone::checkpoint::{CheckpointStore, Repaired, StoreOptions};
use serde::Serialize;

use crate::checkpoint::verify::{Commits, Fault, Object, shown};
use crate::error::Error;
use crate::log::refuse_out;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Shown, count, plural};

/// Lost checkpoints that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What `repair` saved of a store of checkpoints and what it could not.
#[derive(Debug, Serialize)]
pub(crate) struct Mended {
    #[serde(skip)]
    name: String,
    out: String,
    kind: &'static str,
    sessions: u64,
    checkpoints: u64,
    /// Those of them that were put together from something else than the newest manifest says.
    found_elsewhere: u64,
    bytes_out: u64,
    /// The number that the next checkpoint gets.
    next_number: Option<u64>,
    lost: Vec<Fault>,
    lost_commits: Vec<Commits>,
    /// Checkpoints behind lost commits, under new ids.
    recovered: Vec<Stray>,
    /// Others behind lost commits.
    strays_lost: u64,
    /// Branches whose heads are lost.
    moved: Vec<Moved>,
    /// What is wrong with the old store, also where nothing is lost by it.
    damaged: Vec<Object>,
    is_older: bool,
    #[serde(skip)]
    is_whole: bool,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Moved {
    session: String,
    branch: String,
    from: u64,
    to: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Stray {
    id: String,
    number: u64,
    session: String,
    commit: u64,
}

/// Writes every checkpoint that can be put together to a new store in `out`.
pub(super) fn run(path: &Path, out: &Path, progress: &Progress) -> Result<Mended, Error> {
    refuse_out(path, out)?;
    let repaired = CheckpointStore::repair(path, out, &StoreOptions::new(), &mut |step| {
        progress.step(&format!("checkpoint {} of {}", step.done + 1, step.total));
        ControlFlow::Continue(())
    })?;
    Ok(Mended::new(path, out, &repaired))
}

impl Mended {
    fn new(path: &Path, out: &Path, repaired: &Repaired) -> Self {
        let moved = repaired.moved.iter().map(|moved| Moved {
            session: moved.session.to_string(),
            branch: moved.branch.to_string(),
            from: moved.from.0,
            to: moved.to.map(|to| to.0),
        });
        let recovered = repaired.recovered.iter().map(|found| Stray {
            id: found.id.to_string(),
            number: found.sequence.0,
            session: found.session.to_string(),
            commit: found.commit,
        });
        Self {
            name: path.display().to_string(),
            out: out.display().to_string(),
            kind: "checkpoint store",
            sessions: repaired.sessions,
            checkpoints: repaired.checkpoints,
            found_elsewhere: repaired.found_elsewhere,
            bytes_out: repaired.bytes_written,
            next_number: repaired.next_sequence.map(|next| next.0),
            lost: repaired.lost.iter().map(Fault::new).collect(),
            lost_commits: repaired.lost_commits.iter().map(Commits::new).collect(),
            recovered: recovered.collect(),
            strays_lost: repaired.strays_lost,
            moved: moved.collect(),
            damaged: repaired.faults.iter().map(Object::new).collect(),
            is_older: repaired.is_older,
            is_whole: repaired.is_whole(),
            warnings: repaired.torn.iter().map(shown).collect(),
        }
    }

    /// What people are told, a line each.
    fn lines(&self) -> impl Iterator<Item = String> {
        let damaged = self.damaged.iter().map(|object| format!("damaged: {object}"));
        let older = self.is_older.then(|| {
            "the newest manifest can't be read: an older one was gone by, or the journal; what was pruned since may be back".to_owned()
        });
        let commits = self.lost_commits.iter().map(|commits| format!("lost: {commits}"));
        let lost = self.lost.iter().map(|fault| format!("lost: {fault}"));
        let moved = self.moved.iter().map(Moved::to_string);
        damaged.chain(older).chain(commits).chain(lost).chain(moved)
    }
}

impl Report for Mended {
    fn exit(&self) -> Exit {
        if self.is_whole { Exit::Good } else { Exit::Bad }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (session, branch) = (Shown(&self.session), Shown(&self.branch));
        write!(f, "branch {branch} of session {session} stood at #{}, and ", self.from)?;
        match self.to {
            Some(to) => write!(f, "goes back to #{to}"),
            None => write!(f, "is empty now"),
        }
    }
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Shown(&self.name), Shown(&self.out))?;
        writeln!(
            f,
            "  {} of {}, {} bytes",
            plural(self.checkpoints, "checkpoint"),
            plural(self.sessions, "session"),
            count(self.bytes_out),
        )?;
        for line in self.lines().take(SHOWN_MAX) {
            writeln!(f, "  {line}")?;
        }
        if let Some(more) = self.lines().count().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
        }
        if let Some(found) = self.recovered.first() {
            let (number, session) =
                (plural(self.recovered.len() as u64, "checkpoint"), Shown(&found.session));
            writeln!(f, "  {number} from behind lost commits: in session {session}, under new ids")?;
        }
        if self.strays_lost > 0 {
            writeln!(f, "  lost: {} behind lost commits", plural(self.strays_lost, "checkpoint"))?;
        }
        if self.is_whole {
            writeln!(f, "  nothing was lost")?;
        }
        Ok(())
    }
}
