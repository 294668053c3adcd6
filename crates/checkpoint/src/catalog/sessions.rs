use std::{collections::HashMap, sync::Arc};

use super::{Catalog, place_of};
use crate::checkpoint::{Checkpoint, Fields};

/// A session.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionState {
    pub(crate) name: Arc<str>,
    pub(crate) time: Option<i64>,
    pub(crate) metadata: Fields,
    /// Its checkpoints, by sequence.
    pub(crate) checkpoints: Vec<Arc<Checkpoint>>,
    /// Its branches, by name.
    pub(crate) branches: HashMap<Arc<str>, u32>,
    pub(crate) ended: bool,
}

impl Catalog {
    /// The sessions that have not ended, in the order in which they began.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (u32, &SessionState)> {
        (0..).zip(&self.sessions).filter(|(_, session)| !session.ended)
    }

    /// A session that has not ended, by its number.
    pub(crate) fn session(&self, number: u32) -> Option<&SessionState> {
        self.sessions.get(usize::try_from(number).ok()?).filter(|session| !session.ended)
    }

    /// The number that the next session gets.
    pub(crate) fn next_session(&self) -> Option<u32> {
        u32::try_from(self.sessions.len()).ok()
    }

    /// A session that has not ended, by its name.
    pub(crate) fn session_named(&self, name: &str) -> Option<u32> {
        self.session_names.get(name).copied()
    }

    pub(super) fn session_mut(&mut self, number: u32) -> Option<&mut SessionState> {
        self.sessions.get_mut(usize::try_from(number).ok()?).filter(|session| !session.ended)
    }
}

impl SessionState {
    /// One that has ended keeps nothing.
    pub(super) fn ended() -> Self {
        Self { ended: true, ..Self::default() }
    }

    /// Puts in what a checkpoint has become.
    pub(super) fn replace(&mut self, checkpoint: Arc<Checkpoint>) {
        if let Ok(place) = place_of(&self.checkpoints, checkpoint.sequence)
            && let Some(known) = self.checkpoints.get_mut(place)
        {
            *known = checkpoint;
        }
    }

    /// Puts in a new checkpoint.
    pub(super) fn insert(&mut self, checkpoint: Arc<Checkpoint>) {
        if let Err(place) = place_of(&self.checkpoints, checkpoint.sequence) {
            self.checkpoints.insert(place, checkpoint);
        }
    }
}
