use std::{collections::HashMap, sync::Arc};

use keepstone::checkpoint::{Checkpoint, Fields, Sequence, SessionInfo, StateLayout, Trigger};
use serde::Serialize;

use crate::text::{Grid, Shown, cut, date, size, to_second};

/// What is shown of a checkpoint.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) session: String,
    pub(super) branch: String,
    /// The number of the checkpoint that it goes on from.
    pub(super) parent: Option<u64>,
    created_at_ns: Option<i64>,
    pub(super) created_at: Option<String>,
    pub(super) trigger: &'static str,
    /// What a trigger says of itself.
    pub(super) cause: Option<String>,
    pub(super) message: String,
    pub(super) tags: Vec<String>,
    pub(super) annotations: Fields,
    pub(super) locked: bool,
    pub(super) tick: Option<u64>,
    pub(super) state_hash: Option<String>,
    /// What its state is: `bytes`, `value` or `sections`.
    pub(super) layout: &'static str,
    pub(super) bytes: u64,
    pub(super) content: String,
    pub(super) stored_bytes: u64,
    /// The number of the checkpoint whose state its own is a difference to; none: it is kept whole.
    pub(super) base: Option<u64>,
    /// The branches whose head it is.
    pub(super) heads: Vec<String>,
}

/// Which branches stand at which checkpoint.
pub(super) struct Heads(HashMap<Sequence, Vec<String>>);

impl Heads {
    pub(super) fn of(sessions: &[SessionInfo]) -> Self {
        let mut heads: HashMap<Sequence, Vec<String>> = HashMap::new();
        for (branch, head) in sessions.iter().flat_map(|session| &session.branches) {
            if let Some(head) = head {
                heads.entry(*head).or_default().push(branch.to_string());
            }
        }
        Self(heads)
    }

    fn at(&self, sequence: Sequence) -> Vec<String> {
        self.0.get(&sequence).cloned().unwrap_or_default()
    }
}

impl Entry {
    pub(super) fn new(checkpoint: &Checkpoint, heads: &Heads) -> Self {
        let (trigger, cause) = match &checkpoint.trigger {
            Trigger::Manual => ("manual", None),
            Trigger::Automatic(cause) => ("automatic", Some(cause.to_string())),
            Trigger::Scheduled => ("scheduled", None),
        };
        Self {
            id: checkpoint.id.to_string(),
            number: checkpoint.sequence.0,
            session: checkpoint.session.to_string(),
            branch: checkpoint.branch.to_string(),
            parent: checkpoint.parent.map(|parent| parent.0),
            created_at_ns: checkpoint.time,
            created_at: checkpoint.time.map(date),
            trigger,
            cause,
            message: checkpoint.message.to_string(),
            tags: checkpoint.tags.iter().map(ToString::to_string).collect(),
            annotations: checkpoint.annotations.clone(),
            locked: checkpoint.locked,
            tick: checkpoint.facts.tick,
            state_hash: checkpoint.facts.state_hash.map(|hash| format!("{hash:016x}")),
            layout: layout_name(checkpoint.layout),
            bytes: checkpoint.len,
            content: checkpoint.content.to_string(),
            stored_bytes: checkpoint.stored_bytes(),
            base: checkpoint.base().map(|base| base.0),
            heads: heads.at(checkpoint.sequence),
        }
    }

    pub(super) fn all(checkpoints: &[Arc<Checkpoint>], sessions: &[SessionInfo]) -> Vec<Self> {
        let heads = Heads::of(sessions);
        checkpoints.iter().map(|checkpoint| Self::new(checkpoint, &heads)).collect()
    }

    /// The first line of its message, for one line of a terminal.
    pub(super) fn title(&self) -> String {
        Shown(&cut(self.message.lines().next().unwrap_or_default())).to_string()
    }

    /// When it was made, for people; empty if nobody told.
    pub(super) fn made(&self) -> String {
        self.created_at.as_deref().map(to_second).unwrap_or_default()
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        [
            format!("#{}", self.number),
            Shown(&self.session).to_string(),
            Shown(&self.branch).to_string(),
            self.made(),
            size(self.bytes),
            size(self.stored_bytes),
            self.remarks(),
            Shown(&self.tags.join(", ")).to_string(),
            self.title(),
            self.id.clone(),
        ]
    }

    fn remarks(&self) -> String {
        let mut remarks = Vec::new();
        if !self.heads.is_empty() {
            remarks.push(format!("head of {}", Shown(&self.heads.join(", "))));
        }
        if self.locked {
            remarks.push("locked".to_owned());
        }
        remarks.join(", ")
    }
}

/// What the layout of a state is called.
pub(in crate::checkpoint) fn layout_name(layout: StateLayout) -> &'static str {
    match layout {
        StateLayout::Bytes => "bytes",
        StateLayout::Value => "value",
        _ => "sections",
    }
}

/// The columns of a table of checkpoints, and how each is aligned.
const COLUMNS: [(&str, char); 10] = [
    ("number", '>'),
    ("session", '<'),
    ("branch", '<'),
    ("made (UTC)", '<'),
    ("size", '>'),
    ("stored", '>'),
    ("state", '<'),
    ("tags", '<'),
    ("message", '<'),
    ("id", '<'),
];

/// Checkpoints as a table, without the columns that are empty for all of them.
pub(super) fn table(entries: &[Entry]) -> Grid {
    Grid::with_heads(&COLUMNS, entries.iter().map(Entry::cells).collect())
}
