use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_storage::{Files, OsFiles};
use keepstone_store::{FromPayload, Shapes};

use crate::{
    Error, Loaded, Lost, Recovered, Schema,
    entry::SaveEntry,
    id::SaveId,
    listing::{Listing, Look},
    manager::{
        Container,
        load::{self, Chosen, Read},
        thumbnail_of,
    },
    migrate::Migrations,
    player::Player,
    root,
};

/// How often a load begins anew because the save that it had chosen was rotated out meanwhile.
const TRIES_MAX: u32 = 16;

/// The saves in a directory, for reading: while a game has them open, on a medium that can't be written to, in a tool.
///
/// Nothing is written, locked or set aside. What it finds is what is there at the moment of the call.
#[derive(Clone)]
pub struct SaveReader {
    dir: PathBuf,
    files: Arc<dyn Files>,
    schema: Option<Schema>,
    shapes: Arc<Shapes>,
}

impl SaveReader {
    /// Opens the saves in a directory.
    ///
    /// # Errors
    /// [`Error::NoRoot`] if it holds no saves; [`Error::Format`] of the kind `Newer` or `Damaged` if its `ROOT` can't be read by this build.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(root, Arc::new(OsFiles), None)
    }

    /// Opens the saves in a directory of other files, of payloads of a type and version.
    ///
    /// # Errors
    /// As [`SaveReader::open`].
    pub fn open_with(
        root: impl AsRef<Path>,
        files: Arc<dyn Files>,
        schema: Option<Schema>,
    ) -> Result<Self, Error> {
        let dir = root.as_ref().to_owned();
        // A root whose first writer was killed may have players and no id yet.
        if root::id_of(&*files, &dir)?.is_none() && root::players(&*files, &dir)?.is_empty() {
            return Err(Error::NoRoot { path: dir });
        }
        Ok(Self { dir, files, schema, shapes: Arc::default() })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Lists the players that have saved, in the order of their names.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn players(&self) -> Result<Vec<Player>, Error> {
        root::players(&*self.files, &self.dir)
    }

    /// Lists the saves of a player, as [`SaveManager::list`](crate::SaveManager::list).
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        Ok(self.listing(&Player::new(player)?)?.newest_first())
    }

    /// Lists the saves of a player that were deleted and can be brought back, the newest first.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list_deleted(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        Ok(self.listing(&Player::new(player)?)?.deleted())
    }

    /// Lists the saves of a player that were found damaged and set aside, the newest first.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list_damaged(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        Ok(self.listing(&Player::new(player)?)?.damaged())
    }

    /// Finds a save by its id.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn find(&self, id: SaveId) -> Result<Option<SaveEntry>, Error> {
        for player in self.players()? {
            if let Some(entry) = self.listing(&player)?.get(id) {
                return Ok(Some(entry.clone()));
            }
        }
        Ok(None)
    }

    /// Loads the latest save of a slot that isn't damaged, as [`SaveManager::load_latest`](crate::SaveManager::load_latest), but leaves damaged files where they are.
    ///
    /// # Errors
    /// As there.
    pub fn load_latest<T: FromPayload>(&self, player: &str, slot: u8) -> Result<Loaded<T>, Error> {
        self.latest_by(player, slot, &|entry, reader| {
            load::read(entry, reader, self.schema.as_ref(), &self.shapes)
        })
    }

    /// As [`SaveReader::load_latest`], and brings saves of earlier versions to that of the program.
    ///
    /// # Errors
    /// As there, and those of the steps.
    pub fn load_latest_migrated<T: FromPayload + 'static>(
        &self,
        player: &str,
        slot: u8,
        migrations: &Migrations<T>,
    ) -> Result<Loaded<T>, Error> {
        self.latest_by(player, slot, &|entry, reader| migrations.read(entry, reader, &self.shapes))
    }

    /// Loads one save.
    ///
    /// # Errors
    /// As [`SaveManager::load`](crate::SaveManager::load).
    pub fn load<T: FromPayload>(&self, id: SaveId) -> Result<Loaded<T>, Error> {
        let read = |save: &SaveEntry, reader: &Container| {
            load::read(save, reader, self.schema.as_ref(), &self.shapes)
        };
        let (save, (value, migrated_from)) = self.held(id, |save, reader, _| read(save, reader))?;
        Ok(Loaded { value, save, recovered: None, migrated_from })
    }

    /// Does something with a save that is held, wherever its writer has just put it.
    fn held<T>(
        &self,
        id: SaveId,
        act: impl Fn(&SaveEntry, &Container, &Path) -> Result<T, Error>,
    ) -> Result<(SaveEntry, T), Error> {
        for _ in 0..TRIES_MAX {
            let save = self.find(id)?.ok_or(Error::NoSave { id })?;
            let player = Player::new(save.player())?;
            let dir = root::dir_of(&self.dir, &player);
            let opened = load::open(&*self.files, &dir, &player, &save);
            match opened.and_then(|reader| act(&save, &reader, &dir.join(save.file_name()))) {
                Err(err) if load::is_gone(&err) => {}
                done => return done.map(|done| (save, done)),
            }
        }
        Err(Error::NoSave { id })
    }

    /// Reads the thumbnail of a save, if it has one.
    ///
    /// # Errors
    /// [`Error::NoSave`], and what is wrong with the file.
    pub fn thumbnail(&self, save: &SaveEntry) -> Result<Option<Vec<u8>>, Error> {
        match load::thumbnail(&*self.files, &self.dir, &Player::new(save.player())?, save) {
            // It may have another file by now.
            Err(Error::NoSave { id }) => {
                self.held(id, |_, reader, path| thumbnail_of(reader, path)).map(|(_, thumbnail)| thumbnail)
            }
            done => done,
        }
    }

    /// Reads every byte of a save.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, save: &SaveEntry) -> Result<u64, Error> {
        let player = Player::new(save.player())?;
        let dir = root::dir_of(&self.dir, &player);
        load::verify(&*self.files, &dir, &player, save)
    }

    fn listing(&self, player: &Player) -> Result<Listing, Error> {
        Listing::read(&*self.files, &root::dir_of(&self.dir, player), player, Look::Spares)
    }

    fn latest_by<T>(&self, player: &str, slot: u8, read: &Read<'_, T>) -> Result<Loaded<T>, Error> {
        let player = Player::new(player)?;
        let dir = root::dir_of(&self.dir, &player);
        let empty = || Error::EmptySlot { player: player.as_str().to_owned(), slot };
        let mut gone = None;
        for _ in 0..TRIES_MAX {
            let saves: Vec<SaveEntry> = self.listing(&player)?.of_slot(Some(slot)).cloned().collect();
            if saves.is_empty() {
                return Err(empty());
            }
            match load::choose(&*self.files, &dir, &player, &saves, read) {
                Ok(Chosen { value, migrated_from, save, damaged }) => {
                    let damaged = damaged.into_iter().map(|(save, err)| {
                        let path = dir.join(save.file_name());
                        Lost { save, path, set_aside: false, reason: load::reason(&err) }
                    });
                    let lost: Vec<Lost> = damaged.collect();
                    let recovered = (!lost.is_empty()).then_some(Recovered { lost });
                    return Ok(Loaded { value, save, recovered, migrated_from });
                }
                Err(err) if load::is_gone(&err) => gone = Some(err),
                Err(err) => return Err(err),
            }
        }
        Err(gone.unwrap_or_else(empty))
    }
}

impl std::fmt::Debug for SaveReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaveReader").field("dir", &self.dir).finish_non_exhaustive()
    }
}
