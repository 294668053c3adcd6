use std::sync::Arc;

use keepstone::checkpoint::{Cause, Move, Sequence};
use serde::Serialize;

use crate::checkpoint::{entry::Entry, list::Session};
use crate::text::date;

/// The shape of the data of a page.
pub(super) const FORMAT: u32 = 1;

/// What a page shows, but for what checkpoints changed.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    pub(super) format: u32,
    /// The store, as it was called.
    pub(super) store: String,
    /// When it was read.
    pub(super) made_at: String,
    /// The number of the newest checkpoint of the store then.
    pub(super) up_to: Option<u64>,
    /// The only session that was asked for.
    pub(super) only: Option<String>,
    /// Checkpoints of the sessions that were asked for, those that are left out as well.
    pub(super) checkpoints: usize,
    /// Checkpoints that there is no room for: the oldest.
    pub(super) left_out: usize,
    pub(super) sessions_left_out: usize,
    /// Bytes of all these states, as they were checkpointed.
    pub(super) state_bytes: u64,
    /// Bytes that they take in the store.
    pub(super) stored_bytes: u64,
    pub(super) diffs: DiffNote,
    pub(super) sessions: Vec<Line>,
}

/// How much of what checkpoints changed a page has.
#[derive(Debug, Serialize)]
pub(super) struct DiffNote {
    /// Bytes that are shown of each at most; none: nothing was asked for.
    pub(super) bytes_max: Option<usize>,
    pub(super) included: usize,
    pub(super) left_out: usize,
}

/// A session, its checkpoints and how its heads moved.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    #[serde(flatten)]
    pub(super) session: Session,
    /// The newest first.
    pub(super) log: Vec<Entry>,
    /// The oldest first.
    pub(super) moves: Vec<Moved>,
}

/// A move of a head that was no checkpoint.
#[derive(Debug, Serialize)]
pub(super) struct Moved {
    number: u64,
    branch: String,
    at: Option<String>,
    cause: &'static str,
    /// The number of the move that it took back.
    undoes: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
    /// The newest checkpoint that there was then, as far as heads were moved to it.
    pub(super) after: Option<u64>,
}

/// Moves that are shown, each after the checkpoints that were made before it.
pub(super) fn moves(all: &[(Arc<str>, Move)]) -> Vec<Moved> {
    let mut newest: Option<Sequence> = None;
    let mut moves = Vec::new();
    for (branch, found) in all {
        newest = newest.max(found.from).max(found.to);
        let (cause, undoes) = match found.cause {
            Cause::Checkpoint => continue,
            Cause::Restore => ("restore", None),
            Cause::Fork => ("fork", None),
            Cause::Undo(number) => ("undo", Some(number)),
            Cause::Prune => ("prune", None),
            _ => ("other", None),
        };
        moves.push(Moved {
            number: found.number,
            branch: branch.to_string(),
            at: found.time.map(date),
            cause,
            undoes,
            from: found.from.map(|from| from.0),
            to: found.to.map(|to| to.0),
            after: newest.map(|newest| newest.0),
        });
    }
    moves
}
