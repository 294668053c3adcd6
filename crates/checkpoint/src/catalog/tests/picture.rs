use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// All that is in a catalog, to be compared.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    checkpoints: Vec<String>,
    imported: BTreeMap<CheckpointId, Sequence>,
    sessions: Vec<String>,
    session_names: BTreeMap<Arc<str>, u32>,
    branches: Vec<String>,
    moves: Vec<Move>,
    counters: (u64, Sequence, Option<Prefix>, Option<i64>),
}

impl Picture {
    /// Takes it, and sees that its parts agree.
    pub(super) fn of(catalog: &Catalog) -> Self {
        assert!(catalog.all.is_sorted_by(|left, right| left.sequence < right.sequence));
        assert!(catalog.all.iter().all(|checkpoint| checkpoint.sequence < catalog.next_sequence));
        let ids: BTreeSet<CheckpointId> = catalog.all.iter().map(|checkpoint| checkpoint.id).collect();
        assert_eq!(ids.len(), catalog.all.len());
        let mut of_sessions = Vec::new();
        for (number, session) in (0..).zip(&catalog.sessions) {
            assert_eq!(session.ended, catalog.session(number).is_none());
            assert_eq!(catalog.session_named(&session.name), (!session.ended).then_some(number));
            of_sessions.extend(session.checkpoints.iter().cloned());
            assert!(session.checkpoints.iter().all(|checkpoint| checkpoint.session_number == number));
        }
        of_sessions.sort_by_key(|checkpoint| checkpoint.sequence);
        assert_eq!(of_sessions.len(), catalog.all.len());
        assert!(of_sessions.iter().zip(&catalog.all).all(|(left, right)| Arc::ptr_eq(left, right)));
        for checkpoint in &catalog.all {
            let (session, branch) = (checkpoint.session_number, checkpoint.branch_number);
            assert_eq!(Some(&checkpoint.branch), catalog.branch_name(branch));
            assert_eq!(Some(&checkpoint.session), catalog.session(session).map(|session| &session.name));
            assert!(Arc::ptr_eq(catalog.find(checkpoint.id).unwrap(), checkpoint));
            assert!(
                checkpoint
                    .base()
                    .is_none_or(|base| base < checkpoint.sequence && catalog.get(base).is_some())
            );
        }
        for (number, branch) in catalog.branches() {
            assert_eq!(catalog.session(branch.session).unwrap().branches.get(&branch.name), Some(&number));
            let head = branch.head.map(|head| catalog.get(head).unwrap().session_number);
            assert!(head.is_none_or(|session| session == branch.session));
        }
        assert!(catalog.moves.is_sorted_by(|left, right| left.number < right.number));
        let counters = (catalog.next_move(), catalog.next_sequence, catalog.prefix, catalog.last_time);
        Self {
            checkpoints: catalog.all.iter().map(|checkpoint| format!("{checkpoint:?}")).collect(),
            imported: catalog.imported.iter().map(|(id, sequence)| (*id, *sequence)).collect(),
            sessions: catalog.sessions.iter().map(of_session).collect(),
            session_names: catalog
                .session_names
                .iter()
                .map(|(name, number)| (Arc::clone(name), *number))
                .collect(),
            branches: catalog.branches.iter().map(|branch| format!("{branch:?}")).collect(),
            moves: catalog.moves.clone(),
            counters,
        }
    }
}

fn of_session(session: &SessionState) -> String {
    let SessionState { name, time, metadata, checkpoints, branches, ended } = session;
    let sequences: Vec<Sequence> = checkpoints.iter().map(|checkpoint| checkpoint.sequence).collect();
    let branches: BTreeMap<_, _> = branches.iter().collect();
    format!("{name} {time:?} {metadata:?} {sequences:?} {branches:?} {ended}")
}
