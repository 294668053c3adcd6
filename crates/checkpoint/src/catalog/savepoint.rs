use super::Catalog;
use crate::{
    id::{Prefix, Sequence},
    op::Op,
};

/// Where a catalog stood before operations that may have to be taken back. It takes no memory for what the catalog holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Savepoint {
    checkpoints: usize,
    sessions: usize,
    branches: usize,
    moves: usize,
    next_move: u64,
    next_sequence: Sequence,
    prefix: Option<Prefix>,
    last_time: Option<i64>,
}

impl Savepoint {
    /// Whether an operation only adds to a catalog or moves heads, so that it can be taken back.
    pub(crate) fn covers(op: &Op) -> bool {
        matches!(
            op,
            Op::Writer(_)
                | Op::Session { .. }
                | Op::Branch { .. }
                | Op::EndedBranch { .. }
                | Op::Checkpoint(_)
                | Op::Head { .. }
        )
    }
}

impl Catalog {
    /// Where it stands.
    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint {
            checkpoints: self.all.len(),
            sessions: self.sessions.len(),
            branches: self.branches.len(),
            moves: self.moves.len(),
            next_move: self.next_move,
            next_sequence: self.next_sequence,
            prefix: self.prefix,
            last_time: self.last_time,
        }
    }

    /// Takes back what was done since, which a savepoint [covers](Savepoint::covers). It takes time for that alone.
    pub(crate) fn roll_back(&mut self, to: &Savepoint) {
        // Every other change of a head is a move.
        while self.moves.len() > to.moves
            && let Some(moved) = self.moves.pop()
        {
            if let Some(branch) = self.branch_mut(moved.branch) {
                branch.head = moved.from;
            }
        }
        while self.all.len() > to.checkpoints
            && let Some(checkpoint) = self.all.pop()
        {
            if checkpoint.id.sequence() != checkpoint.sequence {
                self.imported.remove(&checkpoint.id);
            }
            if let Some(session) = self.session_mut(checkpoint.session_number) {
                session.checkpoints.pop();
            }
        }
        while self.branches.len() > to.branches
            && let Some(branch) = self.branches.pop()
        {
            if !branch.ended
                && let Some(session) = self.session_mut(branch.session)
            {
                session.branches.remove(&branch.name);
            }
        }
        while self.sessions.len() > to.sessions
            && let Some(session) = self.sessions.pop()
        {
            if !session.ended {
                self.session_names.remove(&session.name);
            }
        }
        (self.next_move, self.next_sequence) = (to.next_move, to.next_sequence);
        (self.prefix, self.last_time) = (to.prefix, to.last_time);
    }
}
