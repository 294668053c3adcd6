//! What automatic checkpoints ask a store for.

use keepstone_store::Payload;

use super::{Session, commit::capture_into, heads::HeadState};
use crate::{
    Error,
    delta::{Delta, Options},
    trigger::Trigger,
};

impl Session {
    /// By how many bytes a payload differs from the state of the head: those that a difference to it takes before it is packed, but at least as many as it is shorter. All of the state's if there is no
    /// head or nothing is alike; none if they are the same. Nothing is made.
    ///
    /// It costs what a checkpoint does apart from the disk: the payload is captured and compared with the head's state, which is in memory unless it was long ago.
    ///
    /// # Errors
    /// [`Error::Payload`], [`Error::Length`], [`Error::NoBranch`], as [`Draft::commit`](crate::Draft::commit); what [`CheckpointStore::get`](crate::CheckpointStore::get) says of the head.
    pub fn difference<P: Payload + ?Sized>(&self, payload: &P) -> Result<u64, Error> {
        let shared = &*self.store.shared;
        let prepared = payload.prepare_with(&shared.shapes).map_err(|source| {
            let what = format!("session {:?}", self.name());
            Error::Payload { what, source: Box::new(source) }
        })?;
        let mut state = shared.buffers.take();
        capture_into(&mut state, prepared, shared.options.state_bytes_max)?;
        let turn = shared.turn(self.branch)?;
        let mut head = turn.lock();
        let at = {
            let live = shared.live()?;
            live.catalog.branch(self.branch).ok_or_else(|| self.ended())?.head
        };
        head.follow(shared, at)?;
        let before = head.state.clone();
        drop(head);
        let differs = before.as_ref().map_or(state.len(), |before| differs(before, &state));
        if let Some((of, bytes)) = at.zip(before) {
            let kept = HeadState { of, bytes };
            let mut live = shared.known();
            // The store may have been read again, and the sequence be that of another one.
            if turn.is_of(&live) {
                live.heads.keep([(self.branch, kept)], shared.options.cache_bytes_max);
            }
        }
        shared.buffers.give(Some(state));
        Ok(differs as u64)
    }

    /// The times of the last automatic checkpoints on the branch, the newest first; at most so many.
    pub(crate) fn automatic_times(&self, count: usize) -> Result<Vec<i64>, Error> {
        let live = self.store.shared.live()?;
        let Some(session) = live.catalog.session(self.number) else { return Ok(Vec::new()) };
        let own = session.checkpoints.iter().rev().filter(|checkpoint| {
            checkpoint.branch_number == self.branch && matches!(checkpoint.trigger, Trigger::Automatic(_))
        });
        Ok(own.filter_map(|checkpoint| checkpoint.time).take(count).collect())
    }
}

/// By how many bytes a state differs from the one before.
fn differs(before: &[u8], state: &[u8]) -> usize {
    if before == state {
        return 0;
    }
    let delta = Delta::between(before, state, &Options::new().prefix(false));
    let shorter = before.len().saturating_sub(state.len());
    delta.map_or(state.len(), |delta| delta.plain_len()).max(shorter)
}
