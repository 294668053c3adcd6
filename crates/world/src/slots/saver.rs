use std::{sync::Arc, time::Instant};

use keepstone_ecs_persist::{EcsWorld, WorldDoc};
use keepstone_slots::{Handed, SaveManager, SaveRequest};

use super::{
    report::{CaptureReport, SlotHanded},
    save,
};
use crate::{
    captured::{Left, with_capture},
    error::Error,
    options::SaveOptions,
    owned::copy,
    payload::{HasDoc, Outgoing, check},
    saver::{Lent, Spare},
};

/// Saves worlds to slots in the background: what a game keeps for its automatic saves.
///
/// A save captures the world on the caller's thread into memory that is kept from one save to the next; hashing, encoding, writing and syncing
/// happen on the thread of the [`SaveManager`], and a ticket tells how it went. Saves are done in the order in which they were called; one whose slot has a save in
/// the queue that has not begun takes its place, and that one's ticket ends with
/// [`is_superseded`](keepstone_slots::Error::is_superseded).
///
/// Dropping it, and every other owner of its manager, waits for the saves that were accepted.
#[derive(Debug)]
pub struct SlotSaver {
    manager: Arc<SaveManager>,
    spare: Arc<Spare>,
}

impl HasDoc for Lent {
    fn doc(&self) -> &WorldDoc<'_> {
        self.lent()
    }
}

impl SlotSaver {
    /// Saves with this manager.
    pub fn new(manager: impl Into<Arc<SaveManager>>) -> Self {
        Self { manager: manager.into(), spare: Arc::default() }
    }

    /// The manager.
    pub fn manager(&self) -> &Arc<SaveManager> {
        &self.manager
    }

    /// Saves a world to a slot; waits while the queue is full of other slots.
    ///
    /// # Errors
    /// When the world can't be captured; [`Error::Slots`] with those of [`SaveManager::save_in_background`]. All else is on the ticket.
    pub fn save<M, W: EcsWorld<M>>(&self, world: &W, player: &str, slot: u8) -> Result<SlotHanded, Error> {
        self.save_with(world, player, slot, &SaveOptions::default(), &SaveRequest::default())
    }

    /// Saves a world as the options say, to a slot as the request says: on the ticket as
    /// [`WorldSlots::save_to_slot_with`](crate::WorldSlots::save_to_slot_with).
    ///
    /// # Errors
    /// As [`SlotSaver::save`]; what the options demand; [`Error::NotInStore`].
    pub fn save_with<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        player: &str,
        slot: u8,
        options: &SaveOptions<'_, W::Registry>,
        request: &SaveRequest,
    ) -> Result<SlotHanded, Error> {
        let (payload, captured) = self.capture(world, options)?;
        let request = save::asked(request, &payload.doc.doc().meta);
        let Handed { ticket, earlier } = self.manager.save_in_background(player, slot, payload, request)?;
        Ok(SlotHanded { ticket, captured, earlier })
    }

    /// As [`SlotSaver::save_with`], unless it would have to wait: for a frame that must not. Whether there is room is known once the world is captured.
    ///
    /// # Errors
    /// As there; [`Error::Slots`] of the kind `Busy` when the queue is full of other slots.
    pub fn try_save_with<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        player: &str,
        slot: u8,
        options: &SaveOptions<'_, W::Registry>,
        request: &SaveRequest,
    ) -> Result<SlotHanded, Error> {
        let (payload, captured) = self.capture(world, options)?;
        let request = save::asked(request, &payload.doc.doc().meta);
        let Handed { ticket, earlier } =
            self.manager.try_save_in_background(player, slot, payload, request)?;
        Ok(SlotHanded { ticket, captured, earlier })
    }

    /// Captures on this thread what is written on the other.
    fn capture<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        options: &SaveOptions<'_, W::Registry>,
    ) -> Result<(Outgoing<Lent>, CaptureReport), Error> {
        check(options)?;
        let begin = Instant::now();
        let mut lent = self.spare.lend();
        let omitted = with_capture(world, options, |capture| {
            copy(&capture.doc, lent.lent_mut());
            let (entities, dangling) = (capture.entities_left_out, capture.dangling);
            Ok(Left { values: capture.left_out, entities, dangling })
        })?;
        let captured = CaptureReport::of(lent.lent(), omitted, begin.elapsed());
        Ok((save::outgoing(lent, options), captured))
    }
}
