use std::sync::Arc;

use super::{Catalog, SessionState};
use crate::{
    checkpoint::Checkpoint,
    id::{CheckpointId, Prefix, Sequence},
    op::{NewCheckpoint, Op},
};

impl Catalog {
    /// The operations that make this catalog out of an empty one.
    pub(crate) fn ops(&self) -> impl Iterator<Item = Op> {
        // One that has ended has no name.
        let sessions = self.sessions.iter().map(|session| {
            let SessionState { name, time, metadata, .. } = session;
            Op::Session { name: Arc::clone(name), time: *time, metadata: metadata.clone() }
        });
        let branches = self.branches.iter().map(|branch| {
            let (session, name) = (branch.session, Arc::clone(&branch.name));
            if branch.ended {
                Op::EndedBranch { session, name }
            } else {
                Op::Branch { session, name, head: None }
            }
        });
        let mut at = At { prefix: None, next: Sequence::default() };
        let checkpoints = self.all.iter().flat_map(move |checkpoint| at.ops(checkpoint));
        let prefix = self.prefix.into_iter().map(Op::Writer);
        let skip = Op::Skip { next: self.next_sequence };
        let moves = self.moves.iter().copied().map(Op::Moved);
        let counters = Op::Counters { next_move: self.next_move(), last_time: self.last_time };
        let heads = self.branches().filter_map(|(branch, state)| {
            let to = Some(state.head?);
            Some(Op::HeadIs { branch, to })
        });
        sessions
            .chain(branches)
            .chain(checkpoints)
            .chain(prefix)
            .chain([skip])
            .chain(moves)
            .chain([counters])
            .chain(heads)
    }
}

/// What the operations so far have made of prefix and next sequence.
struct At {
    prefix: Option<Prefix>,
    next: Sequence,
}

impl At {
    /// What makes a checkpoint.
    fn ops(&mut self, checkpoint: &Checkpoint) -> impl Iterator<Item = Op> + use<> {
        let sequence = checkpoint.sequence;
        let skip = (sequence != self.next).then_some(Op::Skip { next: sequence });
        self.next = sequence.next();
        let prefix = checkpoint.id.prefix();
        let is_native = CheckpointId::new(prefix, sequence) == checkpoint.id;
        let writer = (is_native && self.prefix != Some(prefix)).then_some(Op::Writer(prefix));
        if is_native {
            self.prefix = Some(prefix);
        }
        let id = (!is_native).then_some(checkpoint.id);
        let (branch, parent) = (checkpoint.branch_number, checkpoint.parent);
        let new = NewCheckpoint::again(checkpoint, id, branch, parent, &checkpoint.body);
        [skip, writer, Some(Op::Checkpoint(Box::new(new)))].into_iter().flatten()
    }
}
