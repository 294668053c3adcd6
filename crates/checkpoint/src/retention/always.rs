use std::{collections::HashMap, sync::Arc};

use super::{Reason, choose::Reasons};
use crate::{
    catalog::Catalog,
    checkpoint::Checkpoint,
    op::Cause,
    planted::{self, Plant},
};

/// The time, and for how long undo is kept open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grace {
    pub(super) now: Option<i64>,
    pub(super) nanoseconds: i64,
}

/// Finds what stays whatever a policy says.
pub(super) fn keep(catalog: &Catalog, grace: Option<Grace>, reasons: &mut Reasons<'_>) {
    for (_, branch) in catalog.branches().filter(|_| !planted::is(Plant::HeadsGo)) {
        if let Some(head) = branch.head {
            reasons.add_at(head, Reason::Head { branch: Arc::clone(&branch.name) });
        }
    }
    for (_, session) in catalog.sessions().filter(|_| !planted::is(Plant::HeadsGo)) {
        if let Some(newest) = session.checkpoints.last() {
            reasons.add_at(newest.sequence, Reason::Newest);
        }
    }
    for (index, checkpoint) in catalog.all().iter().enumerate() {
        if checkpoint.locked {
            reasons.add(index, Reason::Locked);
        }
    }
    keep_forks(catalog, reasons);
    if let Some(grace) = grace {
        keep_left(catalog, grace, reasons);
    }
}

/// Finds where branches begin. The first checkpoint of a branch stays too: without it a later prune would not know.
fn keep_forks(catalog: &Catalog, reasons: &mut Reasons<'_>) {
    let mut firsts: HashMap<u32, &Checkpoint> = HashMap::new();
    for checkpoint in catalog.all() {
        firsts.entry(checkpoint.branch_number).or_insert(checkpoint);
    }
    for (number, branch) in catalog.branches() {
        let Some(first) = firsts.get(&number) else { continue };
        let Some(from) = first.parent.filter(|from| catalog.get(*from).is_some()) else { continue };
        reasons.add_at(from, Reason::Fork { branch: Arc::clone(&branch.name) });
        reasons.add_at(first.sequence, Reason::Fork { branch: Arc::clone(&branch.name) });
    }
}

/// Finds what was a head until that was moved elsewhere. A head that a checkpoint goes on from is part of what the branch has become, and the rules decide about it.
fn keep_left(catalog: &Catalog, grace: Grace, reasons: &mut Reasons<'_>) {
    let Some(now) = grace.now else { return };
    for left in catalog.moves() {
        let is_young = left.time.is_some_and(|time| now.saturating_sub(time) < grace.nanoseconds);
        let is_left = left.cause != Cause::Checkpoint && catalog.branch(left.branch).is_some();
        if let Some(from) = left.from.filter(|_| is_young && is_left) {
            reasons.add_at(from, Reason::Undo { number: left.number });
        }
    }
}
