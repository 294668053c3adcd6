use std::fmt;

use keepstone::checkpoint::{CheckpointReader, Query, Sequence};
use serde::Serialize;

use super::{
    entry::{Entry, Heads},
    store,
};
use crate::args::PointArgs;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::{Grid, Shown, count, size};

/// What `checkpoint show` says.
#[derive(Debug, Serialize)]
pub(super) struct Shows {
    checkpoint: Entry,
    /// Whether the checkpoint that it goes on from is still there.
    parent_is_there: bool,
    /// The numbers of those that go on from it.
    children: Vec<u64>,
}

pub(super) fn run(args: &PointArgs) -> Result<Shows, Error> {
    let reader = CheckpointReader::open(&args.store)?;
    let checkpoint = store::find(&reader, args.id)?;
    let in_session = Query::new().session(&*checkpoint.session);
    let all = reader.list(&in_session)?;
    let is_there = |sequence: Sequence| all.iter().any(|other| other.sequence == sequence);
    let children = all.iter().filter(|other| other.parent == Some(checkpoint.sequence));
    let children = children.map(|child| child.sequence.0).collect();
    let parent_is_there = checkpoint.parent.is_some_and(is_there);
    let checkpoint = Entry::new(&checkpoint, &Heads::of(&reader.sessions()));
    Ok(Shows { checkpoint, parent_is_there, children })
}

impl Report for Shows {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = &self.checkpoint;
        writeln!(f, "checkpoint #{}", entry.number)?;
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("id", entry.id.clone());
        line("session", Shown(&entry.session).to_string());
        line("branch", Shown(&entry.branch).to_string());
        if !entry.heads.is_empty() {
            line("head of", Shown(&entry.heads.join(", ")).to_string());
        }
        line(
            "goes on from",
            match entry.parent {
                None => "nothing".to_owned(),
                Some(parent) if self.parent_is_there => format!("#{parent}"),
                Some(parent) => format!("#{parent}, which is gone"),
            },
        );
        if !self.children.is_empty() {
            let children = self.children.iter().map(|number| format!("#{number}"));
            line("is gone on from by", children.collect::<Vec<_>>().join(", "));
        }
        line("made", entry.created_at.clone().unwrap_or_else(|| "at a time that nobody told".to_owned()));
        let cause = entry.cause.as_deref().map(|cause| format!(": {}", Shown(cause)));
        line("trigger", format!("{}{}", entry.trigger, cause.unwrap_or_default()));
        if !entry.tags.is_empty() {
            line("tags", Shown(&entry.tags.join(", ")).to_string());
        }
        if entry.locked {
            line("locked", "no prune takes it".to_owned());
        }
        if let Some(tick) = entry.tick {
            line("tick", count(tick));
        }
        if let Some(hash) = &entry.state_hash {
            line("state hash", hash.clone());
        }
        line("state", format!("{}, {} ({} bytes)", entry.layout, size(entry.bytes), count(entry.bytes)));
        line("content", entry.content.clone());
        let how = entry.base.map_or_else(|| "whole".to_owned(), |base| format!("as a difference to #{base}"));
        line("stored", format!("{how}, {} bytes", count(entry.stored_bytes)));
        for (key, value) in &entry.annotations {
            line(&Shown(key).to_string(), Shown(value).to_string());
        }
        write!(f, "{grid}")?;
        if !entry.message.is_empty() {
            writeln!(f)?;
            entry.message.lines().try_for_each(|line| writeln!(f, "  {}", Shown(line)))?;
        }
        Ok(())
    }
}
