use std::{collections::BTreeMap, fmt, path::Path};

use keepstone::{
    forge::{Checksum, Export, Secrets, Shape},
    format::Limits,
};
use serde::Serialize;

use crate::checkpoint::read_of_forge;
use crate::error::Error;
use crate::text::{Grid, count, date, plural, size};

/// What an export of forge holds.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    bytes: u64,
    kind: &'static str,
    exported_at: String,
    checkpoints: u64,
    sessions: Vec<Line>,
    /// Bytes of all states, without environment variables.
    state_bytes: u64,
    /// Environment variables in the states. Their names and values are not shown.
    env_vars: u64,
    /// Checkpoints by what their checksums fit.
    checksums: Checksums,
    /// Members that forge writes none of, and how often each is there.
    unknown: BTreeMap<String, u64>,
}

/// The checkpoints of a session.
#[derive(Debug, Serialize)]
struct Line {
    session: String,
    checkpoints: u64,
    first: String,
    last: String,
}

#[derive(Debug, Default, Serialize)]
struct Checksums {
    all: u64,
    all_but_the_tags: u64,
    nothing: u64,
}

/// Reads a whole export.
pub(super) fn inspect(path: &Path) -> Result<Found, Error> {
    let bytes = read_of_forge(path)?;
    let limits = Limits::for_file_len(bytes.len() as u64);
    let export = Export::read(&bytes, &limits, Secrets::Drop)
        .map_err(|source| Error::Foreign { path: path.to_owned(), source })?;
    let mut times: BTreeMap<String, (u64, i64, i64)> = BTreeMap::new();
    let mut checksums = Checksums::default();
    for checkpoint in &export.checkpoints {
        let session = times.entry(checkpoint.session.to_string()).or_insert((0, i64::MAX, i64::MIN));
        let (number, first, last) = *session;
        *session = (number + 1, first.min(checkpoint.time), last.max(checkpoint.time));
        match checkpoint.checksum {
            Checksum::Whole => checksums.all += 1,
            Checksum::WithoutTags => checksums.all_but_the_tags += 1,
            Checksum::Unfit => checksums.nothing += 1,
        }
    }
    let sessions = times.into_iter().map(|(session, (checkpoints, first, last))| Line {
        session,
        checkpoints,
        first: date(first),
        last: date(last),
    });
    Ok(Found {
        bytes: bytes.len() as u64,
        kind: match export.shape {
            Shape::Session(_) => "session",
            Shape::All { .. } => "all checkpoints",
        },
        exported_at: date(export.exported_at),
        checkpoints: export.checkpoints.len() as u64,
        sessions: sessions.collect(),
        state_bytes: export.checkpoints.iter().map(|checkpoint| checkpoint.state.len() as u64).sum(),
        env_vars: export.checkpoints.iter().map(|checkpoint| checkpoint.env_vars_dropped).sum(),
        checksums,
        unknown: export.unknown,
    })
}

/// What an export of forge says of itself, for which a store has no place.
pub(crate) fn about(export: &Export<'_>) -> Vec<String> {
    let mut about = vec![format!("that it was exported at {}", date(export.exported_at))];
    if let Shape::All { global_sequence } = export.shape {
        about.push(format!("that the last number of forge was {}", count(global_sequence)));
    }
    about
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", format!("export of forge, {}", self.kind));
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        line("exported", self.exported_at.clone());
        let sessions = plural(self.sessions.len() as u64, "session");
        line("checkpoints", format!("{} of {sessions}", count(self.checkpoints)));
        line(
            "states",
            format!("{} without {}", size(self.state_bytes), plural(self.env_vars, "environment variable")),
        );
        let Checksums { all, all_but_the_tags, nothing } = self.checksums;
        line(
            "checksums",
            format!(
                "{} fit, {} fit but for the tags, {} fit nothing",
                count(all),
                count(all_but_the_tags),
                count(nothing)
            ),
        );
        for (member, times) in &self.unknown {
            line("unknown", format!("member {}, {}", crate::text::Shown(member), plural(*times, "time")));
        }
        write!(f, "{grid}")?;
        if self.sessions.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nsessions")?;
        let mut grid = Grid::new("<><<");
        grid.line(["session", "checkpoints", "first", "last"].map(str::to_owned));
        for session in &self.sessions {
            let Line { session, checkpoints, first, last } = session;
            grid.line([session.clone(), count(*checkpoints), first.clone(), last.clone()]);
        }
        write!(f, "{grid}")
    }
}
