use std::{fmt, path::Path};

use keepstone::checkpoint::{CheckpointReader, Fields, Query, SessionInfo};
use serde::Serialize;

use super::entry::{Entry, table};
use crate::args::FindArgs;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::{Grid, Shown, count, date, plural, to_second};

/// What `checkpoint list` shows, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    #[serde(skip)]
    name: String,
    checkpoints: Vec<Entry>,
}

/// What `checkpoint sessions` shows, in the order in which they began.
#[derive(Debug, Serialize)]
pub(super) struct Sessions {
    #[serde(skip)]
    name: String,
    sessions: Vec<Session>,
}

/// A session and where its branches stand.
#[derive(Debug, Serialize)]
pub(crate) struct Session {
    #[serde(rename = "session")]
    pub(super) name: String,
    created_at_ns: Option<i64>,
    created_at: Option<String>,
    metadata: Fields,
    checkpoints: usize,
    branches: Vec<Branch>,
}

#[derive(Debug, Serialize)]
struct Branch {
    #[serde(rename = "branch")]
    name: String,
    /// The number of the checkpoint that the next one goes on from.
    head: Option<u64>,
}

/// Lists checkpoints.
pub(super) fn run(args: &FindArgs) -> Result<Listed, Error> {
    let reader = CheckpointReader::open(&args.store)?;
    let mut query = Query::new().newest_first();
    if let Some(session) = &args.session {
        query = query.session(session);
    }
    if let Some(branch) = &args.branch {
        query = query.branch(branch);
    }
    query = args.tag.iter().fold(query, Query::tag);
    if let Some(limit) = args.limit {
        query = query.limit(limit);
    }
    let checkpoints = Entry::all(&reader.list(&query)?, &reader.sessions());
    Ok(Listed { name: args.store.display().to_string(), checkpoints })
}

/// Lists sessions.
pub(super) fn sessions(store: &Path) -> Result<Sessions, Error> {
    let reader = CheckpointReader::open(store)?;
    let sessions = reader.sessions().iter().map(Session::new).collect();
    Ok(Sessions { name: store.display().to_string(), sessions })
}

impl Session {
    pub(crate) fn new(info: &SessionInfo) -> Self {
        let branches = info.branches.iter();
        let branches =
            branches.map(|(branch, head)| Branch { name: branch.to_string(), head: head.map(|head| head.0) });
        Self {
            name: info.name.to_string(),
            created_at_ns: info.time,
            created_at: info.time.map(date),
            metadata: info.metadata.clone(),
            checkpoints: info.checkpoints,
            branches: branches.collect(),
        }
    }

    /// The branches that stand before their first checkpoint.
    pub(super) fn headless(&self) -> impl Iterator<Item = &str> {
        self.branches.iter().filter(|branch| branch.head.is_none()).map(|branch| branch.name.as_str())
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let metadata = self.metadata.iter().map(|(key, value)| format!("{key}={value}"));
        [
            Shown(&self.name).to_string(),
            count(self.checkpoints as u64),
            self.created_at.as_deref().map(to_second).unwrap_or_default(),
            self.branches.iter().map(Branch::to_string).collect::<Vec<_>>().join(", "),
            Shown(&metadata.collect::<Vec<_>>().join(", ")).to_string(),
        ]
    }
}

/// The columns of a table of sessions, and how each is aligned.
const COLUMNS: [(&str, char); 5] =
    [("session", '<'), ("checkpoints", '>'), ("begun (UTC)", '<'), ("branches", '<'), ("metadata", '<')];

/// Sessions as a table.
pub(crate) fn sessions_table(sessions: &[Session]) -> Grid {
    Grid::with_heads(&COLUMNS, sessions.iter().map(Session::cells).collect())
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.head {
            Some(head) => write!(f, "{} at #{head}", Shown(&self.name)),
            None => write!(f, "{} at nothing", Shown(&self.name)),
        }
    }
}

impl Report for Listed {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.checkpoints.is_empty() {
            return writeln!(f, "{}: no checkpoints", Shown(&self.name));
        }
        writeln!(f, "{}: {}", Shown(&self.name), plural(self.checkpoints.len() as u64, "checkpoint"))?;
        write!(f, "{}", table(&self.checkpoints))
    }
}

impl Report for Sessions {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sessions.is_empty() {
            return writeln!(f, "{}: no sessions", Shown(&self.name));
        }
        writeln!(f, "{}: {}", Shown(&self.name), plural(self.sessions.len() as u64, "session"))?;
        write!(f, "{}", sessions_table(&self.sessions))
    }
}
