use std::sync::{Arc, PoisonError};

use super::{SaveManager, folder::Folder};
use crate::{Error, entry::SaveEntry, id::SaveId, note::Note, stem::Name};

impl SaveManager {
    /// Deletes a save. It can be brought back with [`SaveManager::undelete`] until it is purged.
    ///
    /// When it returns, that is on the disk. A crash half-way leaves the save as it was, or deleted.
    ///
    /// # Errors
    /// [`Error::NoSave`], [`Error::Locked`], [`Error::Storage`].
    pub fn delete(&self, id: SaveId) -> Result<(), Error> {
        self.edit(id, |folder, entry| {
            if entry.is_locked() {
                return Err(Error::Locked { id });
            }
            if entry.has_name_of_deleted() {
                return Err(Error::NoSave { id });
            }
            let options = &self.shared.options;
            if let Some(now) = options.now() {
                folder.write_note(options, entry, &Note { deleted_at: Some(now), ..entry.note() })?;
            }
            folder.move_file(options, entry.file_name(), &Name::Deleted(entry.stem())).map(drop)
        })
    }

    /// Deletes all saves of a slot that are not locked, and returns how many.
    ///
    /// # Errors
    /// As [`SaveManager::delete`]; those that were deleted before stay deleted.
    pub fn delete_slot(&self, player: &str, slot: u8) -> Result<usize, Error> {
        let Some(folder) = self.shared.folder_if_there(player)? else { return Ok(0) };
        let saves: Vec<SaveEntry> =
            folder.refreshed(&self.shared)?.listing.of_slot(Some(slot)).cloned().collect();
        // The oldest first: until the last is gone, the latest is.
        let unlocked = saves.iter().rev().filter(|entry| !entry.is_locked());
        unlocked.map(|entry| self.delete(entry.id())).try_fold(0, |count, done| done.map(|()| count + 1))
    }

    /// Brings a deleted save back to its slot, with its place in the order.
    ///
    /// When it returns, that is on the disk.
    ///
    /// # Errors
    /// [`Error::NoSave`] if there is none, or it was purged; [`Error::Storage`].
    pub fn undelete(&self, id: SaveId) -> Result<(), Error> {
        self.edit(id, |folder, entry| {
            if !entry.has_name_of_deleted() {
                return Ok(());
            }
            let options = &self.shared.options;
            folder.move_file(options, entry.file_name(), &Name::Save(entry.stem()))?;
            if entry.deleted_at().is_some() {
                folder.write_note(options, entry, &Note { deleted_at: None, ..entry.note() })?;
            }
            Ok(())
        })
    }

    /// Removes the deleted saves of all players whose time is over at `now` (nanoseconds UTC since 1970), and returns how many. Without a time of deletion they go at once. Those that are locked, or whose note can't be read, stay.
    ///
    /// # Errors
    /// The first time that a directory can't be read, or a file not be removed; the other players' were dealt with.
    pub fn purge(&self, now: i64) -> Result<usize, Error> {
        let mut result = Ok(0);
        for player in self.players()? {
            let folder = self.shared.folder(player.as_str());
            let purged = folder.and_then(|folder| self.shared.purge(&folder, now, true));
            result = match (result, purged) {
                (Ok(count), Ok(more)) => Ok(count + more),
                (Err(err), _) | (Ok(_), Err(err)) => Err(err),
            };
        }
        result
    }

    /// Gives a save another name to display.
    ///
    /// When it returns, that is on the disk; the save itself is not touched.
    ///
    /// # Errors
    /// [`Error::NoSave`]; [`Error::Format`] of the kind `Limit` if the name is longer than a head can hold; [`Error::Storage`].
    pub fn rename(&self, id: SaveId, name: &str) -> Result<(), Error> {
        self.note(id, |note| note.name = Some(name.to_owned()))
    }

    /// Gives a save a comment; an empty one takes it away.
    ///
    /// # Errors
    /// As [`SaveManager::rename`].
    pub fn comment(&self, id: SaveId, comment: &str) -> Result<(), Error> {
        self.note(id, |note| note.comment = (!comment.is_empty()).then(|| comment.to_owned()))
    }

    /// Locks a save: it is neither rotated out nor deleted, and doesn't count among those that are kept.
    ///
    /// # Errors
    /// As [`SaveManager::rename`].
    pub fn lock(&self, id: SaveId) -> Result<(), Error> {
        self.note(id, |note| note.locked = true)
    }

    /// Unlocks a save.
    ///
    /// # Errors
    /// As [`SaveManager::rename`].
    pub fn unlock(&self, id: SaveId) -> Result<(), Error> {
        self.note(id, |note| note.locked = false)
    }

    fn note(&self, id: SaveId, change: impl FnOnce(&mut Note)) -> Result<(), Error> {
        self.edit(id, |folder, entry| {
            let before = folder.note_of(&self.shared.options, entry)?;
            let mut note = before.clone();
            change(&mut note);
            if note == before && !entry.is_note_damaged() {
                return Ok(());
            }
            folder.write_note(&self.shared.options, entry, &note)
        })
    }

    /// Does something to a save while its slot is not saved to.
    fn edit(
        &self,
        id: SaveId,
        act: impl FnOnce(&Arc<Folder>, &SaveEntry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (folder, entry) = self.shared.found(id)?;
        let turn = folder.turn(entry.slot());
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have been rotated out while this waited.
        let entry = folder.state().listing.get(id).cloned().ok_or(Error::NoSave { id })?;
        act(&folder, &entry)?;
        self.keep_up(folder.player.as_str());
        Ok(())
    }
}
