use std::{fmt, path::Path};

use keepstone::checkpoint::{Cause, Error as StoreError, Sequence};
use serde::Serialize;

use super::{
    create::on,
    entry::{Entry, Heads},
    store,
};
use crate::args::{BranchArgs, PointArgs};
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::Shown;

/// A checkpoint that has other tags.
#[derive(Debug, Serialize)]
pub(super) struct Tagged {
    id: String,
    checkpoint: Entry,
}

/// A branch that was begun.
#[derive(Debug, Serialize)]
pub(super) struct Begun {
    session: String,
    branch: String,
    /// The number of the checkpoint that it begins at.
    head: u64,
    id: String,
}

/// A move of a head that was taken back.
#[derive(Debug, Serialize)]
pub(super) struct Undone {
    session: String,
    branch: String,
    /// What was taken back: `checkpoint`, `restore`, `fork` or `prune`.
    cause: &'static str,
    /// The number of the checkpoint that the head was, and of the one that it is again; none: it stood before the first.
    before: Option<u64>,
    head: Option<u64>,
}

pub(super) fn tag(args: &PointArgs, tags: &[String], remove: bool) -> Result<Tagged, Error> {
    let store = store::open_existing(&args.store)?;
    let id = store::find_in(&store, args.id)?.id;
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    if remove {
        store.untag(id, &tags)?;
    } else {
        store.tag(id, &tags)?;
    }
    let heads = Heads::of(&store.sessions()?);
    Ok(Tagged { id: id.to_string(), checkpoint: Entry::new(&*store.checkpoint(id)?, &heads) })
}

pub(super) fn branch(args: &BranchArgs) -> Result<Begun, Error> {
    let store = store::open_existing(&args.store)?;
    let from = store::find_in(&store, args.from)?;
    let session = session(&store, &args.session)?;
    if *from.session != *args.session {
        return Err(Error::ElsewhereMade { id: from.id, session: from.session.to_string() });
    }
    let branch = session.fork(&args.name, from.id)?;
    Ok(Begun {
        session: branch.name().to_owned(),
        branch: branch.branch_name().to_owned(),
        head: from.sequence.0,
        id: from.id.to_string(),
    })
}

pub(super) fn undo(path: &Path, name: &str, branch: Option<&str>) -> Result<Undone, Error> {
    let store = store::open_existing(path)?;
    let session = on(session(&store, name)?, branch)?;
    let undone = session.undo()?;
    let number = |sequence: Option<Sequence>| sequence.map(|sequence| sequence.0);
    Ok(Undone {
        session: session.name().to_owned(),
        branch: session.branch_name().to_owned(),
        cause: match undone.cause {
            Cause::Checkpoint => "checkpoint",
            Cause::Restore => "restore",
            Cause::Fork => "fork",
            Cause::Prune => "prune",
            _ => "move",
        },
        before: number(undone.to),
        head: number(undone.from),
    })
}

fn session(
    store: &keepstone::checkpoint::CheckpointStore,
    name: &str,
) -> Result<keepstone::checkpoint::Session, Error> {
    Ok(store.find_session(name)?.ok_or_else(|| StoreError::NoSession { name: name.to_owned() })?)
}

impl Report for Tagged {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = self.checkpoint.tags.join(", ");
        match self.checkpoint.tags.len() {
            0 => writeln!(f, "#{}: no tags", self.checkpoint.number),
            1 => writeln!(f, "#{}: tag {}", self.checkpoint.number, Shown(&tags)),
            _ => writeln!(f, "#{}: tags {}", self.checkpoint.number, Shown(&tags)),
        }
    }
}

impl Report for Begun {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (branch, session) = (Shown(&self.branch), Shown(&self.session));
        writeln!(f, "branch {branch} of session {session} begins at #{}", self.head)
    }
}

impl Report for Undone {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (branch, session) = (Shown(&self.branch), Shown(&self.session));
        write!(f, "branch {branch} of session {session} ")?;
        match self.head {
            Some(head) => write!(f, "is at #{head} again")?,
            None => write!(f, "is before its first checkpoint again")?,
        }
        match self.before {
            Some(before) => writeln!(f, "; the {} that had moved it to #{before} is taken back", self.cause),
            None => writeln!(f, "; the {} that had moved it is taken back", self.cause),
        }
    }
}
