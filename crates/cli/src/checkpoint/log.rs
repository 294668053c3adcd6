use std::{collections::HashSet, fmt, path::Path};

use keepstone::checkpoint::{CheckpointReader, Error as StoreError, Query};
use serde::Serialize;

use super::{
    Session,
    entry::{Entry, Heads},
    graph::{Drawn, Graph},
};
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::{Shown, plural};

/// What `checkpoint log` draws.
#[derive(Debug, Serialize)]
pub(super) struct Log {
    #[serde(skip)]
    name: String,
    sessions: Vec<Line>,
}

/// A session and its checkpoints, the newest first.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    session: Session,
    #[serde(rename = "log")]
    entries: Vec<Entry>,
}

pub(super) fn run(store: &Path, session: Option<&str>) -> Result<Log, Error> {
    let reader = CheckpointReader::open(store)?;
    let infos = reader.sessions();
    let heads = Heads::of(&infos);
    let mut sessions = Vec::new();
    for info in infos.iter().filter(|info| session.is_none_or(|session| session == &*info.name)) {
        let checkpoints = reader.list(&Query::new().session(&*info.name).newest_first())?;
        let entries = checkpoints.iter().map(|checkpoint| Entry::new(checkpoint, &heads)).collect();
        sessions.push(Line { session: Session::new(info), entries });
    }
    if let (Some(name), []) = (session, sessions.as_slice()) {
        return Err(StoreError::NoSession { name: name.to_owned() }.into());
    }
    Ok(Log { name: store.display().to_string(), sessions })
}

impl Report for Log {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sessions.is_empty() {
            return writeln!(f, "{}: no sessions", Shown(&self.name));
        }
        for (place, line) in self.sessions.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Shown(&self.session.name);
        writeln!(f, "session {name}: {}", plural(self.entries.len() as u64, "checkpoint"))?;
        let there: HashSet<u64> = self.entries.iter().map(|entry| entry.number).collect();
        let mut graph = Graph::default();
        for entry in &self.entries {
            let parent = entry.parent.filter(|parent| there.contains(parent));
            let Drawn { above, line } = graph.next(entry.number, parent);
            if let Some(above) = above {
                writeln!(f, "{above}")?;
            }
            writeln!(f, "{line}{}", beside(entry, parent))?;
        }
        for branch in self.session.headless() {
            writeln!(f, "branch {} is before its first checkpoint", Shown(branch))?;
        }
        Ok(())
    }
}

/// What stands beside the star of a checkpoint.
fn beside(entry: &Entry, parent: Option<u64>) -> String {
    let mut words = vec![format!("#{}", entry.number), entry.made()];
    if !entry.heads.is_empty() {
        words.push(format!("({})", Shown(&entry.heads.join(", "))));
    }
    if !entry.tags.is_empty() {
        words.push(format!("[{}]", Shown(&entry.tags.join(", "))));
    }
    words.push(entry.title());
    if let (Some(gone), None) = (entry.parent, parent) {
        words.push(format!("(went on from #{gone}, which is gone)"));
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}
