use std::collections::BTreeSet;

use keepstone_checkpoint::{CheckpointId, CheckpointStore, Error, Query};

/// What a store shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    sessions: Vec<String>,
    checkpoints: Vec<String>,
    moves: Vec<String>,
}

/// The session of what goes on after a fault: no view has it.
pub(crate) const AFTER: &str = "after a fault";

impl View {
    /// Looks at a store, at all states too. Ids that are not known beforehand differ from run to run: they are left out.
    pub(crate) fn of(store: &CheckpointStore, known: &BTreeSet<CheckpointId>) -> Result<Self, Error> {
        let mut view = Self::default();
        let mut first_after = None;
        for session in store.sessions()? {
            if &*session.name != AFTER {
                view.sessions.push(format!("{session:?}"));
            }
        }
        for found in store.list(&Query::new())? {
            if &*found.session == AFTER {
                first_after = first_after.or(Some(found.sequence));
                continue;
            }
            let state = store.state(&found)?;
            let id = known.get(&found.id).map_or_else(|| "new".to_owned(), ToString::to_string);
            let place = (found.sequence, &found.session, &found.branch, found.parent, found.time);
            let said = (&found.trigger, &found.message, &found.tags, &found.annotations, found.locked);
            let content = (state.bytes().len(), hash(state.bytes()), found.content);
            view.checkpoints.push(format!("{id} {place:?} {said:?} {content:?}"));
        }
        for moved in store.moves()? {
            if first_after.is_none_or(|first| moved.to.is_none_or(|to| to < first)) {
                view.moves.push(format!("{:?}", (moved.number, moved.from, moved.to, moved.cause)));
            }
        }
        Ok(view)
    }

    /// The first thing that two views don't have in common.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let pairs = [
            ("sessions", &self.sessions, &other.sessions),
            ("checkpoints", &self.checkpoints, &other.checkpoints),
            ("moves", &self.moves, &other.moves),
        ];
        for (what, found, expected) in pairs {
            for at in 0..found.len().max(expected.len()) {
                let (found, expected) = (found.get(at), expected.get(at));
                if found != expected {
                    return format!("{what}: {found:?}, expected {expected:?}");
                }
            }
        }
        "nothing".to_owned()
    }
}

/// FNV-1a.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The ids of all checkpoints.
pub(crate) fn ids(store: &CheckpointStore) -> Result<BTreeSet<CheckpointId>, Error> {
    Ok(store.list(&Query::new())?.iter().map(|found| found.id).collect())
}

impl View {
    /// Whether all of one is there, and nothing that another doesn't have.
    pub(crate) fn is_between(&self, before: &Self, after: &Self) -> bool {
        before.checkpoints.iter().all(|line| self.checkpoints.contains(line))
            && self.checkpoints.iter().all(|line| after.checkpoints.contains(line))
            && self.moves.starts_with(&before.moves)
    }
}
