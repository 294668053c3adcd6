use std::{collections::VecDeque, sync::Arc};

use crate::{
    Error,
    checkpoint::Checkpoint,
    delta::{DeltaKind, DeltaRef},
    form::Form,
    id::{CheckpointId, ContentId},
    store::{heads::Chain, restore::limits},
    whole,
};

/// States that others may stand on, the last ones.
#[derive(Debug)]
pub(super) struct States {
    recent: VecDeque<(CheckpointId, Kept)>,
    bytes: u64,
    bytes_max: u64,
}

/// A state, and what it takes to put it together.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) state: Arc<Vec<u8>>,
    pub(super) chain: Chain,
}

/// How many are kept: each is looked at when one is looked for.
const COUNT_MAX: usize = 64;

impl States {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { recent: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(super) fn get(&mut self, id: CheckpointId) -> Option<Kept> {
        let place = self.recent.iter().position(|(found, _)| *found == id)?;
        let (id, kept) = self.recent.remove(place)?;
        self.recent.push_front((id, kept.clone()));
        Some(kept)
    }

    pub(super) fn put(&mut self, id: CheckpointId, kept: Kept) {
        self.bytes += kept.state.len() as u64;
        self.recent.push_front((id, kept));
        while self.recent.len() > 1 && (self.bytes > self.bytes_max || self.recent.len() > COUNT_MAX) {
            let Some((_, gone)) = self.recent.pop_back() else { break };
            self.bytes -= gone.state.len() as u64;
        }
    }
}

impl Kept {
    /// Puts the state of a checkpoint together from its bytes and the state that it stands on, and sees that it is the one that the checkpoint says.
    pub(super) fn of(
        checkpoint: &Checkpoint,
        bytes: &[u8],
        base: Option<&Self>,
        state_bytes_max: u64,
    ) -> Result<Self, Error> {
        let kept = Self::made(checkpoint, bytes, base, state_bytes_max)?;
        check(checkpoint, &kept.state)?;
        Ok(kept)
    }

    /// Puts the state of a checkpoint together, and doesn't look at it.
    pub(super) fn made(
        checkpoint: &Checkpoint,
        bytes: &[u8],
        base: Option<&Self>,
        state_bytes_max: u64,
    ) -> Result<Self, Error> {
        let id = checkpoint.id;
        Ok(match (checkpoint.body.form, base) {
            (Form::Full(codec), _) => {
                let state = whole::decode(codec, bytes, checkpoint.len, state_bytes_max)
                    .map_err(|source| Error::format(&format!("checkpoint {id}"), source))?;
                let chain = Chain { keyframe: bytes.len() as u64, deltas: 0, prefixed: 0 };
                Self { state: Arc::new(state), chain }
            }
            (Form::Same(_), Some(base)) => base.clone(),
            (Form::Delta(_), Some(base)) => {
                let broken = |source| Error::Delta { id, source: Box::new(source) };
                let delta = DeltaRef::decode(bytes, limits(state_bytes_max)).map_err(broken)?;
                let state = delta.apply(&base.state).map_err(broken)?;
                let chain = Chain {
                    keyframe: base.chain.keyframe,
                    deltas: base.chain.deltas.saturating_add(bytes.len() as u64),
                    prefixed: base
                        .chain
                        .prefixed
                        .saturating_add(u32::from(delta.kind() == DeltaKind::Prefixed)),
                };
                Self { state: Arc::new(state), chain }
            }
            (Form::Same(base) | Form::Delta(base), None) => return Err(Error::MissingBase { id, base }),
        })
    }
}

/// Sees that a state is the one that a checkpoint says.
pub(super) fn check(checkpoint: &Checkpoint, state: &[u8]) -> Result<(), Error> {
    if state.len() as u64 != checkpoint.len || ContentId::of(state) != checkpoint.content {
        return Err(Error::state(checkpoint.id, "its bytes don't make the state that it says"));
    }
    Ok(())
}
