//! Exports as JSON, FORMAT.md section 14.8.

pub(crate) mod base64;
mod document;
mod number;
mod state;
mod text;
mod value;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use document::{Document, each_checkpoint};
pub(crate) use state::{StateIn, StateOut};

use super::ImportedCheckpoint;
use crate::{
    Error,
    checkpoint::{Checkpoint, Fields},
    id::CheckpointId,
    state::State,
    trigger::Trigger,
};

/// What errors call one.
const EXPORT: &str = "a JSON export";
/// What the member `format` says.
const FORMAT: &str = "keepstone checkpoints";
/// What the member `version` says.
const VERSION: u32 = 1;

/// What stands before sessions and checkpoints.
#[derive(Serialize)]
pub(crate) struct Head {
    format: &'static str,
    version: u32,
}

/// A session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) time: Option<i64>,
    pub(crate) metadata: Fields,
    pub(crate) branches: Vec<Branch>,
}

/// A branch that has not ended.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Branch {
    pub(crate) name: String,
    pub(crate) head: Option<Id>,
}

/// An id as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(pub(crate) CheckpointId);

/// Why a checkpoint was made.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Why<'d> {
    Manual,
    Scheduled,
    #[serde(borrow)]
    Automatic(Cow<'d, str>),
}

/// A checkpoint that is written.
#[derive(Serialize)]
pub(crate) struct CheckpointOut<'c> {
    id: Id,
    sequence: u64,
    session: &'c str,
    branch: &'c str,
    parent: Option<Id>,
    time: Option<i64>,
    trigger: Why<'c>,
    message: &'c str,
    tags: Vec<&'c str>,
    annotations: &'c Fields,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tick: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_hash: Option<u64>,
    state: StateOut<'c>,
}

/// A checkpoint that is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointIn<'d> {
    id: Id,
    #[serde(rename = "sequence")]
    _sequence: Option<u64>,
    session: String,
    branch: String,
    parent: Option<Id>,
    time: Option<i64>,
    #[serde(borrow)]
    trigger: Why<'d>,
    message: String,
    tags: Vec<String>,
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    locked: bool,
    tick: Option<u64>,
    state_hash: Option<u64>,
    #[serde(borrow)]
    state: StateIn<'d>,
}

/// What a checkpoint goes on from, and nothing else of it.
#[derive(Deserialize)]
pub(crate) struct Link {
    pub(crate) id: Id,
    pub(crate) parent: Option<Id>,
}

impl Head {
    pub(crate) fn new() -> Self {
        Self { format: FORMAT, version: VERSION }
    }
}

/// What a checkpoint goes on from.
pub(crate) fn link(raw: &RawValue) -> Result<Link, Error> {
    serde_json::from_str(raw.get()).map_err(failed)
}

impl ImportedCheckpoint {
    /// Reads a checkpoint of a document.
    pub(crate) fn of_json(raw: &RawValue) -> Result<Self, Error> {
        let read: CheckpointIn<'_> = serde_json::from_str(raw.get()).map_err(failed)?;
        let id = read.id.0;
        let (layout, state) = read.state.into_bytes().map_err(|what| Error::state(id, what))?;
        let mut imported = Self::new(id, read.session, state);
        imported.branch = read.branch.into();
        imported.parent = read.parent.map(|parent| parent.0);
        imported.time = read.time;
        imported.trigger = match read.trigger {
            Why::Manual => Trigger::Manual,
            Why::Scheduled => Trigger::Scheduled,
            Why::Automatic(cause) => Trigger::Automatic(cause.into()),
        };
        imported.message = read.message.into();
        imported.tags = read.tags.into_iter().map(Into::into).collect();
        imported.annotations = read.annotations;
        imported.locked = read.locked;
        (imported.facts.tick, imported.facts.state_hash) = (read.tick, read.state_hash);
        imported.layout = layout;
        Ok(imported)
    }
}

impl<'c> CheckpointOut<'c> {
    /// A checkpoint with its state, and the id of its parent if that is exported too.
    pub(crate) fn new(checkpoint: &'c Checkpoint, parent: Option<CheckpointId>, state: &'c State) -> Self {
        Self {
            id: Id(checkpoint.id),
            sequence: checkpoint.sequence.0,
            session: &checkpoint.session,
            branch: &checkpoint.branch,
            parent: parent.map(Id),
            time: checkpoint.time,
            trigger: match &checkpoint.trigger {
                Trigger::Manual => Why::Manual,
                Trigger::Scheduled => Why::Scheduled,
                Trigger::Automatic(cause) => Why::Automatic(Cow::Borrowed(cause)),
            },
            message: &checkpoint.message,
            tags: checkpoint.tags.iter().map(AsRef::as_ref).collect(),
            annotations: &checkpoint.annotations,
            locked: checkpoint.locked,
            tick: checkpoint.facts.tick,
            state_hash: checkpoint.facts.state_hash,
            state: StateOut::of(state),
        }
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Why text is no export, or can't be read.
fn failed(source: serde_json::Error) -> Error {
    if source.is_io() {
        let source = keepstone_format::Error::Io { op: "read", source: source.into() };
        return Error::format(EXPORT, source);
    }
    Error::damaged(EXPORT, source.to_string())
}
