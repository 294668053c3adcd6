use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crate::{
    catalog::Catalog,
    id::Sequence,
    op::{Cause, Move},
};

/// A move of a head that can be taken back, and no longer once a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndoStep {
    /// The session.
    pub session: Arc<str>,
    /// The branch.
    pub branch: Arc<str>,
    /// The move.
    pub taken_back: Move,
}

/// The steps of undo that end when something goes, by branch, the next one first: those that lead to what goes, and those behind.
pub(super) fn ended(catalog: &Catalog, goes: impl Fn(Sequence) -> bool) -> Vec<UndoStep> {
    let mut ended = Vec::new();
    for (branch, steps) in steps(catalog) {
        let Some(state) = catalog.branch(branch) else { continue };
        let Some(session) = catalog.session(state.session) else { continue };
        let possible =
            steps.into_iter().take_while(|step| step.from.is_none_or(|from| catalog.get(from).is_some()));
        let ending = possible.skip_while(|step| !step.from.is_some_and(&goes));
        ended.extend(ending.map(|step| UndoStep {
            session: Arc::clone(&session.name),
            branch: Arc::clone(&state.name),
            taken_back: *step,
        }));
    }
    ended
}

/// The moves of each branch that undo takes back, in the order in which it does.
fn steps(catalog: &Catalog) -> BTreeMap<u32, Vec<&Move>> {
    let mut taken_back = HashSet::new();
    let mut steps: BTreeMap<u32, Vec<&Move>> = BTreeMap::new();
    for step in catalog.moves().iter().rev() {
        if let Cause::Undo(number) = step.cause {
            taken_back.insert(number);
        } else if !taken_back.contains(&step.number) {
            steps.entry(step.branch).or_default().push(step);
        }
    }
    steps
}
