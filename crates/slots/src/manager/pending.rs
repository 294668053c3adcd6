use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::player::Player;

/// Slots that saves in the background are on their way to.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they were handed over. They are few, and adding one is what a caller waits for, so it is a list.
    on_their_way: Vec<Way>,
    last: u64,
}

#[derive(Debug)]
struct Way {
    player: Player,
    slot: u8,
    /// Counts up.
    order: u64,
}

/// A save on its way. Dropped, it is there, was superseded, or was taken back.
pub(super) struct OnItsWay {
    pending: Arc<Pending>,
    order: u64,
}

impl Pending {
    /// Remembers that a save was handed over.
    pub(super) fn add(self: &Arc<Self>, player: &Player, slot: u8) -> OnItsWay {
        let mut known = self.lock();
        known.last += 1;
        let order = known.last;
        known.on_their_way.push(Way { player: player.clone(), slot, order });
        OnItsWay { pending: Arc::clone(self), order }
    }

    /// When a save was handed over that is on its way to a slot: later ones have higher numbers; none: 0.
    pub(super) fn order(&self, player: &Player, slot: u8) -> u64 {
        let known = self.lock();
        let is_it = |way: &&Way| way.slot == slot && way.player == *player;
        known.on_their_way.iter().rev().find(is_it).map_or(0, |way| way.order)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.pending.lock().on_their_way.retain(|way| way.order != self.order);
    }
}
