use std::{
    ffi::OsString,
    sync::{Arc, Mutex, PoisonError},
};

use keepstone_store::{Payload, PayloadError, Prepared, Ticket, Unclaimed, Worker, WorkerOptions};

use super::{SaveManager, results::Saved};
use crate::{Error, player::Player, request::SaveRequest};

/// Buffers that wait for the next copy.
const BUFFERS_MAX: usize = 2;

/// A save that was handed over.
#[derive(Debug)]
#[must_use = "the ticket says how the save went"]
pub struct Handed {
    /// How it goes: it can be asked, waited for, awaited, or taken back before it has begun.
    pub ticket: Ticket<Saved, Error>,
    /// Errors of earlier saves in the background whose tickets nobody has asked.
    pub earlier: Unclaimed<Error>,
}

/// Buffers of copies whose saves are done.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

/// A copy of a caller's bytes, whose buffer is used again.
struct Copied {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl SaveManager {
    /// Saves in the background, on a thread of the manager's own: the caller hands the payload over, without a copy, and goes on.
    ///
    /// Saves are done in the order in which they came. One whose slot has a save in the queue that has not begun takes its place, and that one's ticket ends with
    /// [`Error::is_superseded`]. It waits only while the queue is full of other slots.
    ///
    /// # Errors
    /// [`Error::PlayerName`]; [`Error::Background`] when the system gives no thread. All else is on the ticket, or, if nobody has the ticket any more, in [`Handed::earlier`] of the next call.
    pub fn save_in_background<P: Payload + Send + 'static>(
        &self,
        player: &str,
        slot: u8,
        payload: P,
        request: SaveRequest,
    ) -> Result<Handed, Error> {
        let (key, job) = self.job(player, slot, payload, request)?;
        let worker = self.saver()?;
        let ticket = worker.submit_latest(key, job);
        Ok(Handed { ticket, earlier: worker.take_errors() })
    }

    /// The automatic slot whose turn it is: an empty one, else that with the oldest save. For automatic saves in the background.
    ///
    /// # Errors
    /// When the directory can't be read; [`Error::Misuse`] if the layout has no automatic slot.
    pub fn auto_slot(&self, player: &str) -> Result<u8, Error> {
        self.shared.auto_slot(player)
    }

    /// As [`SaveManager::save_in_background`], unless it would have to wait: for a frame that must not.
    ///
    /// # Errors
    /// As there; [`Error::Background`] of the kind `Busy` when the queue is full. The payload is dropped then.
    pub fn try_save_in_background<P: Payload + Send + 'static>(
        &self,
        player: &str,
        slot: u8,
        payload: P,
        request: SaveRequest,
    ) -> Result<Handed, Error> {
        let (key, job) = self.job(player, slot, payload, request)?;
        let worker = self.saver()?;
        let ticket = worker.try_submit_latest(key, job)?;
        Ok(Handed { ticket, earlier: worker.take_errors() })
    }

    /// Saves bytes in the background that the caller keeps: they are copied into memory that is used again and again.
    ///
    /// # Errors
    /// As [`SaveManager::save_in_background`].
    pub fn save_bytes_in_background(
        &self,
        player: &str,
        slot: u8,
        bytes: &[u8],
        request: SaveRequest,
    ) -> Result<Handed, Error> {
        let mut copied = Copied { bytes: self.buffers.take(), home: Arc::clone(&self.buffers) };
        copied.bytes.extend_from_slice(bytes);
        self.save_in_background(player, slot, copied, request)
    }

    /// Waits until every save that was handed over is done, and everything that was saved so far is on the disk, whatever its request said.
    ///
    /// # Errors
    /// The first thing that can't be synced; then it is not known to be on the disk, and [`Error::InDoubt`] says so until its slot has a later save that is. The rest was synced. Errors of the saves are on their tickets, or returned by [`SaveManager::take_errors`].
    pub fn flush(&self) -> Result<(), Error> {
        if let Some(saver) = self.saver.get() {
            drop(saver.submit(|| Ok(())).wait());
        }
        let mut result = Ok(());
        for folder in self.shared.open_folders() {
            let synced = self.shared.sync_saves(&folder);
            result = result.and(synced);
        }
        result
    }

    /// Hands out the errors of saves in the background whose tickets were dropped, each once.
    pub fn take_errors(&self) -> Unclaimed<Error> {
        self.saver.get().map(Worker::take_errors).unwrap_or_default()
    }

    /// How many saves in the background wait, the one that is done aside.
    pub fn queued(&self) -> usize {
        self.saver.get().map_or(0, Worker::queued)
    }

    fn saver(&self) -> Result<&Worker<Error>, Error> {
        if let Some(worker) = self.saver.get() {
            return Ok(worker);
        }
        let options =
            WorkerOptions::default().name("keepstone-saves").queue_max(self.shared.options.queue_max);
        let worker = Worker::spawn(&options)?;
        // Of two that were started at once the second ends at once: it has no job.
        Ok(self.saver.get_or_init(|| worker))
    }

    fn job<P: Payload + Send + 'static>(
        &self,
        player: &str,
        slot: u8,
        payload: P,
        request: SaveRequest,
    ) -> Result<(OsString, impl FnOnce() -> Result<Saved, Error> + Send + 'static), Error> {
        let player = Player::new(player)?;
        let key = key_of(&player, slot);
        let shared = Arc::clone(&self.shared);
        let keeper = self.keeper.clone();
        let on_its_way = self.shared.pending.add(&player, slot);
        let job = move || {
            let saved = shared.save(player.as_str(), Some(slot), &payload, &request);
            // Its buffer is free for the next save before anybody is told of this one.
            drop(payload);
            drop(on_its_way);
            keeper.look_after(&shared, player.as_str());
            saved
        };
        Ok((key, job))
    }
}

/// What saves of one slot have in common in the queue, and what a superseded one is called. The caller waits for it, and after a while without a save
/// nothing of what formats text is in a cache: it would take as long as all else.
fn key_of(player: &Player, slot: u8) -> OsString {
    let (slot_text, of) = ("slot ", " of ");
    let mut key = String::with_capacity(slot_text.len() + 3 + of.len() + player.as_str().len());
    key.push_str(slot_text);
    for unit in [100, 10, 1] {
        if slot >= unit || unit == 1 {
            key.push(char::from(b'0' + slot / unit % 10));
        }
    }
    key.push_str(of);
    key.push_str(player.as_str());
    key.into()
}

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let mut buffers = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < BUFFERS_MAX {
            self.bytes.clear();
            buffers.push(std::mem::take(&mut self.bytes));
        }
    }
}

impl Payload for Copied {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        Ok(Prepared::bytes(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_key_of_its_own_that_tells_which() {
        let player = Player::new("ada").unwrap();
        for slot in 0..=u8::MAX {
            assert_eq!(key_of(&player, slot), OsString::from(format!("slot {slot} of ada")));
        }
    }
}
