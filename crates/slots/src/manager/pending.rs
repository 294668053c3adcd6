use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::player::Player;

/// Slots that saves in the background are on their way to.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Handed over last, of each slot: a number that counts up, and how many are on their way.
    slots: BTreeMap<(Player, u8), (u64, usize)>,
    next: u64,
}

/// A save on its way. Dropped, it is there, was superseded, or was taken back.
pub(super) struct OnItsWay {
    pending: Arc<Pending>,
    slot: (Player, u8),
}

impl Pending {
    /// Remembers that a save was handed over.
    pub(super) fn add(self: &Arc<Self>, player: &Player, slot: u8) -> OnItsWay {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.next += 1;
        let next = known.next;
        let slot = (player.clone(), slot);
        let (last, count) = known.slots.entry(slot.clone()).or_default();
        (*last, *count) = (next, *count + 1);
        OnItsWay { pending: Arc::clone(self), slot }
    }

    /// When a save was handed over that is on its way to a slot: later ones have higher numbers; none: 0.
    pub(super) fn order(&self, player: &Player, slot: u8) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.slots.get(&(player.clone(), slot)).map_or(0, |(last, _)| *last)
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut known = self.pending.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = known.slots.get_mut(&self.slot) {
            *count -= 1;
            if *count == 0 {
                known.slots.remove(&self.slot);
            }
        }
    }
}
