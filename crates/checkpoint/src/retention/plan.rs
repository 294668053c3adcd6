use std::sync::Arc;

use super::{Policy, Reason, UndoStep, choose::Reasons, estimate::Estimate, undo};
use crate::{catalog::Catalog, checkpoint::Checkpoint, id::Sequence};

/// What a prune would do: what goes, and why what stays does.
///
/// [`CheckpointStore::plan`](crate::CheckpointStore::plan) makes it, and nothing happens before [`CheckpointStore::apply`](crate::CheckpointStore::apply). Its text is a table.
#[derive(Debug, Clone)]
#[must_use = "nothing goes before the plan is applied"]
pub struct Plan {
    policy: Policy,
    now: Option<i64>,
    grace: i64,
    gone: Vec<Arc<Checkpoint>>,
    kept: Vec<Kept>,
    ended_undo: Vec<UndoStep>,
    bytes_before: u64,
    bytes_after: u64,
}

/// A checkpoint that stays.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Kept {
    /// The checkpoint.
    pub checkpoint: Arc<Checkpoint>,
    /// Why it stays; at least one.
    pub reasons: Vec<Reason>,
    /// Whether what its state is a difference to goes, so that it is written anew first.
    pub rebased: bool,
}

impl Plan {
    /// What a policy lets go of a catalog.
    pub(crate) fn new(policy: &Policy, catalog: &Catalog, now: Option<i64>, grace: i64) -> Self {
        let all = catalog.all();
        let reasons = Reasons::of(catalog, policy, now, grace);
        let is_for = |checkpoint: &Checkpoint| policy.parts.iter().any(|part| part.is_for(checkpoint));
        // Only a bound needs to know what counts towards it.
        let mut bounded = Estimate::new(if policy.bytes_max.is_some() { all } else { &[] }, is_for);
        let mut estimate = Estimate::new(all, |_| true);
        let bytes_before = estimate.total();
        let mut goes = Vec::with_capacity(all.len());
        for (index, reasons) in reasons.found().iter().enumerate() {
            let is_gone = reasons.is_empty();
            if is_gone {
                bounded.take(index);
                estimate.take(index);
            }
            goes.push(is_gone);
        }
        if let Some(bytes_max) = policy.bytes_max {
            for (index, (is_gone, reasons)) in goes.iter_mut().zip(reasons.found()).enumerate() {
                if bounded.total() <= bytes_max {
                    break;
                }
                if !*is_gone && !reasons.iter().any(Reason::is_firm) {
                    *is_gone = true;
                    bounded.take(index);
                    estimate.take(index);
                }
            }
        }
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (index, ((checkpoint, is_gone), reasons)) in all.iter().zip(goes).zip(reasons.found()).enumerate()
        {
            let checkpoint = Arc::clone(checkpoint);
            if is_gone {
                gone.push(checkpoint);
            } else {
                let (reasons, rebased) = (reasons.clone(), estimate.is_rebased(index));
                kept.push(Kept { checkpoint, reasons, rebased });
            }
        }
        let is_gone = |sequence| place_of(&gone, sequence).is_ok();
        let ended_undo = undo::ended(catalog, is_gone);
        let bytes_after = estimate.total();
        Self { policy: policy.clone(), now, grace, gone, kept, ended_undo, bytes_before, bytes_after }
    }

    /// What goes, by sequence.
    pub fn gone(&self) -> &[Arc<Checkpoint>] {
        &self.gone
    }

    /// What stays, by sequence.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// What stays and has to be written anew first, because its state is a difference to one that goes.
    pub fn rebased(&self) -> impl Iterator<Item = &Arc<Checkpoint>> {
        self.kept.iter().filter(|kept| kept.rebased).map(|kept| &kept.checkpoint)
    }

    /// The moves of heads that [`Session::undo`](crate::Session::undo) could take back, and can't afterwards.
    pub fn ended_undo(&self) -> &[UndoStep] {
        &self.ended_undo
    }

    /// Bytes that all states take now.
    pub fn bytes_before(&self) -> u64 {
        self.bytes_before
    }

    /// Bytes that they take afterwards, estimated.
    pub fn bytes_after(&self) -> u64 {
        self.bytes_after
    }

    /// Bytes that are given back, estimated: 0 too if what is written anew takes more. A pack gives them back once it is swept, and stays as it is while half of it is needed.
    pub fn bytes_freed(&self) -> u64 {
        self.bytes_before.saturating_sub(self.bytes_after)
    }

    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty()
    }

    /// The sequences of what goes.
    pub(crate) fn sequences(&self) -> Vec<Sequence> {
        self.gone.iter().map(|checkpoint| checkpoint.sequence).collect()
    }

    /// Whether all that goes is there, and may still go.
    pub(crate) fn fits(&self, catalog: &Catalog) -> bool {
        let reasons = Reasons::of(catalog, &self.policy, self.now, self.grace);
        let is_bounded = self.policy.bytes_max.is_some();
        self.gone.iter().all(|gone| {
            let is_known = catalog.get(gone.sequence).is_some_and(|found| found.id == gone.id);
            is_known && reasons.at(gone.sequence).iter().all(|reason| is_bounded && !reason.is_firm())
        })
    }
}

fn place_of(list: &[Arc<Checkpoint>], sequence: Sequence) -> Result<usize, usize> {
    list.binary_search_by_key(&sequence, |checkpoint| checkpoint.sequence)
}
