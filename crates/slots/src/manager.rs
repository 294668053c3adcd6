mod background;
mod batch;
mod edit;
mod exchange;
mod folder;
pub(crate) mod load;
mod maintain;
mod pending;
mod results;
mod save;
mod transfer;
mod unsynced;
mod verify;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use keepstone_format::Memory;
use keepstone_storage::Lock;
use keepstone_store::{Shapes, Worker};

pub use background::Handed;
pub use batch::BatchItem;
pub(crate) use exchange::{Fate, Survey};
pub use results::{Loaded, Lost, Quota, Recovered, Saved};
pub use transfer::ImportMode;
pub(crate) use transfer::verify as verify_container;
pub use verify::{Verified, VerifyReport};

pub(crate) use folder::Folder;
pub(crate) use load::{Container, is_gone, open, thumbnail_of};

use crate::{Error, entry::SaveEntry, id::SaveId, options::SaveOptions, player::Player, root};

/// The saves of all players of one program, in a directory that this handle alone writes to.
///
/// All methods take `&self`: share it, between threads too. Saves of one slot are done one after the other, those of different slots at the same time.
/// Which save is the latest is decided by a number that each save takes, not by a clock or a name.
///
/// What a save waits for is what has to reach the disk, mostly one sync: the file that it goes to was made ready before, by a thread of the manager's own.
/// That thread also writes the index, which is a cache: what is in the directory counts.
///
/// Dropping it waits for the saves in the background and writes the indexes.
pub struct SaveManager {
    shared: Arc<Shared>,
    /// Saves in the background, in the order in which they came.
    saver: OnceLock<Worker<Error>>,
    /// What can wait: spares, indexes.
    keeper: maintain::Keeper,
    /// Buffers of finished saves, for copies that are made on the caller's thread.
    buffers: Arc<background::Buffers>,
}

/// What threads share.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) root_id: [u8; 16],
    pub(crate) options: SaveOptions,
    pub(crate) pending: Arc<pending::Pending>,
    pub(crate) shapes: Shapes,
    /// What payloads were compressed in.
    memory: Mutex<Vec<Memory>>,
    folders: Mutex<HashMap<Player, Arc<Door>>>,
    _lock: Lock,
}

/// The way to the directory of a player, which is opened once; nobody else waits for that.
#[derive(Default)]
struct Door {
    opening: Mutex<()>,
    folder: OnceLock<Arc<Folder>>,
}

impl SaveManager {
    /// Opens the saves in a directory, which is made if it is missing, for writing.
    ///
    /// Nothing of the players is looked at before it is asked for, so it takes no longer with many.
    ///
    /// # Errors
    /// [`Error::Storage`] of the kind `Busy` if another handle or process has it open for writing, and of the kind `Newer` or `Damaged` in [`Error::Format`] if its
    /// `ROOT` can't be read by this build.
    pub fn open(root: impl AsRef<Path>, options: SaveOptions) -> Result<Self, Error> {
        let dir = root.as_ref().to_owned();
        let lock = Lock::acquire(&options.files, &dir.join("LOCK"))?;
        let root_id = root::make(&*options.files, &dir)?;
        let shared = Shared {
            dir,
            root_id,
            options,
            pending: Arc::default(),
            shapes: Shapes::default(),
            memory: Mutex::default(),
            folders: Mutex::default(),
            _lock: lock,
        };
        Ok(Self {
            shared: Arc::new(shared),
            saver: OnceLock::new(),
            keeper: maintain::Keeper::default(),
            buffers: Arc::default(),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// How it was opened.
    pub fn options(&self) -> &SaveOptions {
        &self.shared.options
    }

    /// The number of this root: machines and copies of a root are told apart by it.
    pub fn root_id(&self) -> [u8; 16] {
        self.shared.root_id
    }

    /// Lists the players that have saved, in the order of their names.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn players(&self) -> Result<Vec<Player>, Error> {
        root::players(&*self.shared.options.files, &self.shared.dir)
    }

    /// Lists the saves of a player, the newest first: backups and damaged ones too, unless a load has set them aside; deleted ones not. No payload is read.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        let Some(folder) = self.shared.folder_if_there(player)? else { return Ok(Vec::new()) };
        Ok(folder.refreshed(&self.shared)?.listing.newest_first())
    }

    /// Lists the saves of a player that were deleted and can be brought back, the newest first.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list_deleted(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        let Some(folder) = self.shared.folder_if_there(player)? else { return Ok(Vec::new()) };
        Ok(folder.refreshed(&self.shared)?.listing.deleted())
    }

    /// Lists the saves of a player that were found damaged and set aside, the newest first.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list_damaged(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        let Some(folder) = self.shared.folder_if_there(player)? else { return Ok(Vec::new()) };
        Ok(folder.refreshed(&self.shared)?.listing.damaged())
    }

    /// The latest save of a slot, whatever its kind.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn latest(&self, player: &str, slot: u8) -> Result<Option<SaveEntry>, Error> {
        let Some(folder) = self.shared.folder_if_there(player)? else { return Ok(None) };
        Ok(folder.refreshed(&self.shared)?.listing.latest(Some(slot)))
    }

    /// Finds a save by its id, among the saves of all players.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn find(&self, id: SaveId) -> Result<Option<SaveEntry>, Error> {
        Ok(self.shared.find(id)?.map(|(_, entry)| entry))
    }
}

impl Shared {
    /// The directory of a player, which is opened and made if need be.
    pub(crate) fn folder(&self, player: &str) -> Result<Arc<Folder>, Error> {
        let player = Player::new(player)?;
        if let Some(folder) = self.known(&player) {
            return Ok(folder);
        }
        let door = {
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(folders.entry(player.clone()).or_default())
        };
        let _opening = door.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = door.folder.get() {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(Folder::open(self, player)?);
        Ok(Arc::clone(door.folder.get_or_init(|| folder)))
    }

    /// The directory of a player, if it is open.
    fn known(&self, player: &Player) -> Option<Arc<Folder>> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.get(player).and_then(|door| door.folder.get()).map(Arc::clone)
    }

    /// The directory of a player, if there is one.
    pub(crate) fn folder_if_there(&self, player: &str) -> Result<Option<Arc<Folder>>, Error> {
        let name = Player::new(player)?;
        if let Some(known) = self.known(&name) {
            return Ok(Some(known));
        }
        match self.options.files.metadata(&root::dir_of(&self.dir, &name)) {
            Ok(_) => self.folder(player).map(Some),
            Err(err) if root::is_not_found(&err) => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    /// The directories that are open.
    pub(crate) fn open_folders(&self) -> Vec<Arc<Folder>> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.values().filter_map(|door| door.folder.get()).map(Arc::clone).collect()
    }

    /// Finds a save, deleted or not.
    pub(crate) fn find(&self, id: SaveId) -> Result<Option<(Arc<Folder>, SaveEntry)>, Error> {
        for folder in self.open_folders() {
            let found = folder.state().listing.get(id).cloned();
            if let Some(entry) = found {
                return Ok(Some((folder, entry)));
            }
        }
        let look = |folder: Arc<Folder>| -> Result<_, Error> {
            let found = folder.refreshed(self)?.listing.get(id).cloned();
            Ok(found.map(|entry| (folder, entry)))
        };
        let mut first = None;
        for player in root::players(&*self.options.files, &self.dir)? {
            match self.folder(player.as_str()).and_then(look) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                // It may be with another player.
                Err(err) => {
                    first.get_or_insert(err);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// Whether another player than `player` has a save, as far as is known without looking again.
    pub(crate) fn has_another(&self, player: &str, id: SaveId) -> Result<bool, Error> {
        for other in root::players(&*self.options.files, &self.dir)? {
            let has_it = || Ok::<_, Error>(self.folder(other.as_str())?.state().listing.get(id).is_some());
            if other.as_str() != player && has_it()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As [`Shared::find`], where it has to be there.
    pub(crate) fn found(&self, id: SaveId) -> Result<(Arc<Folder>, SaveEntry), Error> {
        self.find(id)?.ok_or(Error::NoSave { id })
    }
}

impl std::fmt::Debug for SaveManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaveManager")
            .field("dir", &self.shared.dir)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}
