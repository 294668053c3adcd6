use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::PoisonError,
};

use keepstone_format::{Metadata, ReadAt, Reader};

use super::{
    SaveManager,
    save::Origin,
    transfer::{ImportMode, copy_container, exported_head},
};
use crate::{
    Error,
    entry::{EntryState, SaveEntry},
    id::SaveId,
    options::{Compression, Schema},
    player::Player,
    root,
    sync::{self, SyncOptions, SyncReport, SyncTarget},
};

/// What has become of a save here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in a slot, or the profile.
    Here(Option<u8>),
    Deleted,
    /// It is damaged.
    Lost,
    /// It has never been here, or is gone.
    Unknown,
}

/// The saves of a player at one moment.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Those that are neither deleted nor set aside, the newest first.
    pub(crate) saves: Vec<SaveEntry>,
    deleted: HashSet<SaveId>,
    set_aside: HashSet<SaveId>,
    /// Whether the player has a directory.
    pub(crate) is_there: bool,
}

impl Survey {
    /// The newest good save of a slot.
    pub(crate) fn newest(&self, slot: Option<u8>) -> Option<&SaveEntry> {
        newest(self.saves.iter().filter(|entry| entry.slot() == slot))
    }

    /// The newest good save of each other slot.
    pub(crate) fn newest_of_others(&self, slot: Option<u8>) -> impl Iterator<Item = &SaveEntry> {
        let mut seen = HashSet::from([slot]);
        self.saves.iter().filter(move |entry| entry.is_good() && seen.insert(entry.slot()))
    }

    /// The slots that have a file that is not deleted, of whatever state.
    pub(crate) fn slots(&self) -> BTreeSet<Option<u8>> {
        self.saves.iter().map(SaveEntry::slot).collect()
    }

    /// What has become of a save.
    pub(crate) fn fate(&self, id: SaveId) -> Fate {
        let mut same = self.saves.iter().filter(|entry| entry.id() == id).peekable();
        let is_lost = same.peek().is_some() || self.set_aside.contains(&id);
        let usable = same.find(|entry| !matches!(entry.state(), EntryState::Damaged { .. }));
        match usable {
            Some(entry) => Fate::Here(entry.slot()),
            None if self.deleted.contains(&id) => Fate::Deleted,
            None if is_lost => Fate::Lost,
            None => Fate::Unknown,
        }
    }
}

impl SaveManager {
    /// Brings a player's saves on this machine and on another side together: the newest good save of each slot, and the profile. Nothing is ever decided by a clock.
    ///
    /// What follows what is known from the ids that each save keeps of those before it. A save that follows the one on the other side takes its place; where neither follows the other,
    /// both are kept, as [`SyncOptions::fork`] says, and that is reported. A side without saves has no opinion: nothing is deleted for it. On the other side nothing is deleted unless
    /// [`SyncOptions::prune_remote`] asks for it.
    ///
    /// It may be called at any time, while saves are made too, and from several machines at the same time. When it returns, what was downloaded is on the disk, and what was uploaded is where
    /// the target says that it is. A crash at any point loses nothing, and the next synchronization goes on.
    ///
    /// # Errors
    /// [`Error::Target`] if the other side can't be listed, and [`Error::Storage`] if the directory here can't be read; then nothing has changed. [`Error::PlayerName`]. What fails for one slot is in the report.
    pub fn sync(
        &self,
        player: &str,
        target: &dyn SyncTarget,
        options: &SyncOptions,
    ) -> Result<SyncReport, Error> {
        let report = sync::run(self, &Player::new(player)?, target, options);
        self.keep_up(player);
        report
    }

    /// The saves of a player as they are now.
    pub(crate) fn survey(&self, player: &Player) -> Result<Survey, Error> {
        let Some(folder) = self.shared.folder_if_there(player.as_str())? else {
            return Ok(Survey::default());
        };
        let state = folder.refreshed(&self.shared)?;
        let ids = |entries: Vec<SaveEntry>| entries.iter().map(SaveEntry::id).collect();
        Ok(Survey {
            saves: state.listing.newest_first(),
            deleted: ids(state.listing.deleted()),
            set_aside: ids(state.listing.damaged()),
            is_there: true,
        })
    }

    /// The type and version of payloads that the program reads.
    pub(crate) fn schema(&self, slot: Option<u8>) -> Option<&Schema> {
        self.shared.options.schema_of(slot)
    }

    /// The head of a save as it leaves this root.
    pub(crate) fn outgoing_head(entry: &SaveEntry) -> Metadata {
        exported_head(entry)
    }

    /// A save as a file of its own, with a head of the caller's.
    pub(crate) fn pack(
        &self,
        entry: &SaveEntry,
        head: Metadata,
        compression: Compression,
    ) -> Result<Vec<u8>, Error> {
        let reader = self.shared.open_entry(entry)?;
        let packed = copy_container(&reader, head, compression, Vec::new());
        packed.map_err(|source| Error::format(Path::new(entry.file_name()), source))
    }

    /// Takes a checked container in as the latest save of a slot, with a head of the caller's, if the newest good one there is still `expected`; else none, and nothing has changed.
    ///
    /// It is durable when this returns.
    pub(crate) fn receive<R: ReadAt + Sync>(
        &self,
        player: &Player,
        slot: Option<u8>,
        reader: &Reader<R>,
        head: &Metadata,
        expected: Option<SaveId>,
    ) -> Result<Option<SaveEntry>, Error> {
        let folder = self.shared.folder(player.as_str())?;
        let turn = folder.turn(slot);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let found = newest(folder.refreshed(&self.shared)?.listing.of_slot(slot)).map(SaveEntry::id);
        if found != expected {
            return Ok(None);
        }
        let origin = Origin::of_head(head);
        let saved = self.shared.take_in_turn(&folder, slot, reader, &origin, ImportMode::Same)?;
        Ok(Some(saved.save))
    }

    /// As [`SaveManager::receive`], with the payload of a save that is here.
    pub(crate) fn derive(
        &self,
        player: &Player,
        slot: Option<u8>,
        of: &SaveEntry,
        head: &Metadata,
        expected: Option<SaveId>,
    ) -> Result<Option<SaveEntry>, Error> {
        let reader = self.shared.open_entry(of)?;
        self.receive(player, slot, &reader, head, expected)
    }

    /// The directory that a player's saves have, or would have.
    pub(crate) fn player_path(&self, player: &Player) -> PathBuf {
        root::dir_of(&self.shared.dir, player)
    }
}

fn newest<'e>(mut saves: impl Iterator<Item = &'e SaveEntry>) -> Option<&'e SaveEntry> {
    saves.find(|entry| entry.is_good())
}
