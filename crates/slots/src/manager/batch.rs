use std::sync::{Arc, Mutex, PoisonError};

use keepstone_store::Payload;

use super::{SaveManager, folder::Folder, results::Saved, save::Identity};
use crate::{Error, request::SaveRequest};

/// One save of a batch.
#[derive(Clone, Copy)]
pub struct BatchItem<'a> {
    /// The player.
    pub player: &'a str,
    /// The slot.
    pub slot: u8,
    /// What is saved.
    pub payload: &'a dyn Payload,
    /// What else is said about it.
    pub request: &'a SaveRequest,
}

impl SaveManager {
    /// Saves for several players at once: all are written before the first is waited for, so that the disk is at work on all of them.
    ///
    /// Each save is whole or absent, and has a result of its own, in the order of the items; one that fails keeps none of the others from being saved. When it
    /// returns, those that are `Ok` are on the disk, as their requests say.
    pub fn save_batch(&self, items: &[BatchItem<'_>]) -> Vec<Result<Saved, Error>> {
        let folders: Vec<Result<Arc<Folder>, Error>> =
            items.iter().map(|item| self.shared.folder(item.player)).collect();
        // Turns are taken in one order, so that two batches never wait for each other.
        let mut turns: Vec<(String, u8, Arc<Mutex<()>>)> = Vec::new();
        for (item, folder) in items.iter().zip(&folders) {
            if let Ok(folder) = folder {
                turns.push((item.player.to_owned(), item.slot, folder.turn(Some(item.slot))));
            }
        }
        turns.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        turns.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
        let _held: Vec<_> =
            turns.iter().map(|(_, _, turn)| turn.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        let begun: Vec<_> = items
            .iter()
            .zip(folders)
            .map(|(item, folder)| {
                let slot = Some(item.slot);
                let folder = folder?;
                let prepared = item.payload.prepare_with(&self.shared.shapes);
                let prepared = prepared.map_err(|source| Error::payload(item.player, slot, source))?;
                self.shared.begin(&folder, slot, prepared, item.request, &Identity::New)
            })
            .collect();
        let saved = begun.into_iter().map(|begun| self.shared.complete(begun?)).collect();
        for item in items {
            self.keep_up(item.player);
        }
        saved
    }
}

impl std::fmt::Debug for BatchItem<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchItem")
            .field("player", &self.player)
            .field("slot", &self.slot)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
