use std::sync::Arc;

use super::Catalog;
use crate::id::Sequence;

/// A branch of a session.
#[derive(Debug, Clone)]
pub(crate) struct BranchState {
    pub(crate) session: u32,
    pub(crate) name: Arc<str>,
    /// The checkpoint that the next one goes on from.
    pub(crate) head: Option<Sequence>,
    pub(crate) ended: bool,
}

impl Catalog {
    /// A branch that has not ended, by its number.
    pub(crate) fn branch(&self, number: u32) -> Option<&BranchState> {
        self.branches.get(usize::try_from(number).ok()?).filter(|branch| !branch.ended)
    }

    /// The name of a branch, also of one that has ended.
    pub(crate) fn branch_name(&self, number: u32) -> Option<&Arc<str>> {
        self.branches.get(usize::try_from(number).ok()?).map(|branch| &branch.name)
    }

    /// The name of a branch if it is one of this session, also of one that has ended.
    pub(crate) fn branch_name_of(&self, session: u32, number: u32) -> Option<&Arc<str>> {
        let branch = self.branches.get(usize::try_from(number).ok()?)?;
        (branch.session == session).then_some(&branch.name)
    }

    /// The number that the next branch gets.
    pub(crate) fn next_branch(&self) -> Option<u32> {
        u32::try_from(self.branches.len()).ok()
    }

    /// The branches that have not ended, in the order in which they began.
    pub(crate) fn branches(&self) -> impl Iterator<Item = (u32, &BranchState)> {
        (0..).zip(&self.branches).filter(|(_, branch)| !branch.ended)
    }

    pub(super) fn branch_mut(&mut self, number: u32) -> Option<&mut BranchState> {
        self.branches.get_mut(usize::try_from(number).ok()?).filter(|branch| !branch.ended)
    }
}
