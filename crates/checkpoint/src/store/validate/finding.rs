use std::{collections::HashMap, sync::Arc};

use keepstone_format::Kind;

use crate::{checkpoint::Checkpoint, form::Place, id::Sequence, object::Folder, store::walk::Unmade};

/// A checkpoint whose state can't be had, or is not the one that was checkpointed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// The checkpoint: id, sequence, session, message, tags, parent.
    pub checkpoint: Arc<Checkpoint>,
    /// What is wrong.
    pub what: String,
    /// What the caller should do: `Damaged`, or why it could not be read.
    pub kind: Kind,
    /// The object that its bytes are in, if that is known: those of commits that are in the journal are.
    pub object: Option<String>,
    /// Where they begin in it, if that is known.
    pub offset: Option<u64>,
    /// The checkpoint whose bytes are at fault, if its own are not: it stands on that one.
    pub stands_on: Option<Sequence>,
    /// How many others stand on its state, whether they are lost by it or not.
    pub dependents: u64,
}

impl Finding {
    pub(in crate::store) fn new(checkpoint: &Arc<Checkpoint>, unmade: &Unmade) -> Self {
        let (object, offset) = match (&checkpoint.body.place, unmade.of) {
            (Place::Pack(place), None) => (Some(Folder::PACKS.name(place.pack)), Some(place.offset)),
            _ => (None, None),
        };
        let kind = match unmade.error.kind() {
            // What it stands on is lost.
            Kind::NotFound => Kind::Damaged,
            kind => kind,
        };
        Self {
            checkpoint: Arc::clone(checkpoint),
            what: unmade.error.to_string(),
            kind,
            object,
            offset,
            stands_on: unmade.of,
            dependents: 0,
        }
    }

    /// Counts what stands on each.
    pub(in crate::store) fn count_dependents(findings: &mut [Self], all: &[Arc<Checkpoint>]) {
        if findings.is_empty() {
            return;
        }
        let mut counts: HashMap<Sequence, u64> = HashMap::new();
        // What stands on another one comes behind it.
        for checkpoint in all.iter().rev() {
            let own = counts.get(&checkpoint.sequence).copied().unwrap_or_default();
            if let Some(base) = checkpoint.base() {
                *counts.entry(base).or_default() += own + 1;
            }
        }
        for finding in findings {
            finding.dependents = counts.get(&finding.checkpoint.sequence).copied().unwrap_or_default();
        }
    }
}
