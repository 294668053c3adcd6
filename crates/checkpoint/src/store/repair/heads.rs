use std::sync::Arc;

use crate::{
    catalog::{Broken, Catalog},
    id::Sequence,
    op::{Cause, Op},
};

/// A branch whose head is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MovedHead {
    /// The session.
    pub session: Arc<str>,
    /// The branch.
    pub branch: Arc<str>,
    /// The head that it had.
    pub from: Sequence,
    /// The nearest checkpoint before it that is left; none: the branch is empty.
    pub to: Option<Sequence>,
}

/// Moves heads that are about to go to the nearest checkpoint before them that stays. Those that go are in order.
pub(super) fn move_back(catalog: &mut Catalog, gone: &[Sequence]) -> Result<Vec<MovedHead>, Broken> {
    let is_gone = |sequence: &Sequence| gone.binary_search(sequence).is_ok();
    let lost = catalog.branches().filter_map(|(number, branch)| {
        let from = branch.head.filter(is_gone)?;
        let session = catalog.session(branch.session)?;
        let mut to = Some(from);
        while let Some(sequence) = to {
            // A parent comes before, so this ends.
            let found = catalog.get(sequence);
            if found.is_some_and(|found| !is_gone(&sequence) && found.session_number == branch.session) {
                break;
            }
            to = found.and_then(|found| found.parent);
        }
        let (session, branch) = (Arc::clone(&session.name), Arc::clone(&branch.name));
        Some((number, MovedHead { session, branch, from, to }))
    });
    let lost: Vec<(u32, MovedHead)> = lost.collect();
    for (branch, MovedHead { to, .. }) in &lost {
        catalog.apply(Op::Head { branch: *branch, to: *to, cause: Cause::Prune, time: None })?;
    }
    Ok(lost.into_iter().map(|(_, moved)| moved).collect())
}
