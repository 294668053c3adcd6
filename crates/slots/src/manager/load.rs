use std::{path::Path, sync::Arc};

use keepstone_format::{Error as FormatError, Kind, Limits, Reader, SectionId, tag};
use keepstone_storage::{Error as StorageError, Files, generation::Content, spare};
use keepstone_store::{FromPayload, Shapes};

use super::{
    SaveManager, Shared,
    folder::Folder,
    results::{Loaded, Lost, Recovered},
};
use crate::{
    Error,
    entry::SaveEntry,
    id::SaveId,
    migrate::Migrations,
    options::Schema,
    planted::{self, Plant},
    player::Player,
    root::dir_of,
    stem::Stem,
};

/// How often a load begins anew because the save that it had chosen was rotated out meanwhile.
const TRIES_MAX: u32 = 16;

/// The container of a save that is held for reading.
pub(crate) type Container = Reader<Content>;

impl SaveManager {
    /// Loads the latest save of a slot, or, where that is damaged, the latest that is not; then [`Loaded::recovered`] says what was lost, and damaged files are set aside.
    ///
    /// Only damage is a reason to take an earlier save: one that a newer program has written, or that is of another type, is an error.
    ///
    /// # Errors
    /// [`Error::EmptySlot`]; [`Error::Damaged`] if all saves are damaged, which are then left where they are; [`Error::Newer`], [`Error::NoMigration`], [`Error::OtherType`], [`Error::Payload`];
    /// [`Error::Storage`].
    pub fn load_latest<T: FromPayload>(&self, player: &str, slot: u8) -> Result<Loaded<T>, Error> {
        self.shared.load_latest(player, Some(slot), &|entry, reader| self.shared.read(entry, reader))
    }

    /// As [`SaveManager::load_latest`], and brings saves of earlier versions to that of the program. The file is left as it is: see
    /// [`SaveManager::migrate`](Self::migrate).
    ///
    /// # Errors
    /// As there, and those of the steps.
    pub fn load_latest_migrated<T: FromPayload + 'static>(
        &self,
        player: &str,
        slot: u8,
        migrations: &Migrations<T>,
    ) -> Result<Loaded<T>, Error> {
        self.shared.load_latest(player, Some(slot), &|entry, reader| {
            migrations.read(entry, reader, &self.shared.shapes)
        })
    }

    /// Loads one save.
    ///
    /// # Errors
    /// [`Error::NoSave`]; as [`SaveManager::load_latest`], with that of the kind `Damaged` if it is damaged: nothing else is loaded in its place.
    pub fn load<T: FromPayload>(&self, id: SaveId) -> Result<Loaded<T>, Error> {
        self.shared.load(id, &|entry, reader| self.shared.read(entry, reader))
    }

    /// As [`SaveManager::load`], and brings a save of an earlier version to that of the program.
    ///
    /// # Errors
    /// As there, and those of the steps.
    pub fn load_migrated<T: FromPayload + 'static>(
        &self,
        id: SaveId,
        migrations: &Migrations<T>,
    ) -> Result<Loaded<T>, Error> {
        self.shared.load(id, &|entry, reader| migrations.read(entry, reader, &self.shared.shapes))
    }

    /// Reads the thumbnail of a save, if it has one.
    ///
    /// # Errors
    /// [`Error::NoSave`], and what is wrong with the file.
    pub fn thumbnail(&self, save: &SaveEntry) -> Result<Option<Vec<u8>>, Error> {
        let player = Player::new(save.player())?;
        thumbnail(&*self.shared.options.files, &self.shared.dir, &player, save)
    }
}

/// What makes a value of a save, and says which version was migrated.
pub(crate) type Read<'r, T> = dyn Fn(&SaveEntry, &Container) -> Result<(T, Option<u32>), Error> + 'r;

impl Shared {
    /// Loads the latest good save of a slot, or of the profile.
    pub(crate) fn load_latest<T>(
        &self,
        player: &str,
        slot: Option<u8>,
        read: &Read<'_, T>,
    ) -> Result<Loaded<T>, Error> {
        let empty = || match slot {
            Some(slot) => Error::EmptySlot { player: player.to_owned(), slot },
            None => Error::NoProfile { player: player.to_owned() },
        };
        let folder = self.folder_if_there(player)?.ok_or_else(empty)?;
        let mut last = None;
        for _ in 0..TRIES_MAX {
            let mut saves: Vec<SaveEntry> = folder.refreshed(self)?.listing.of_slot(slot).cloned().collect();
            if planted::is(Plant::LatestByClock) {
                saves.sort_by_key(|save| std::cmp::Reverse(save.created_at()));
            }
            if saves.is_empty() {
                return Err(empty());
            }
            let chosen = choose(&*self.options.files, &folder.dir, &folder.player, &saves, read);
            match chosen {
                Ok(Chosen { value, migrated_from, save, damaged }) => {
                    let recovered = self.lost(&folder, damaged);
                    return Ok(Loaded { value, save, recovered, migrated_from });
                }
                Err(err) if is_gone(&err) => last = Some(err),
                Err(err) => return Err(err),
            }
        }
        Err(last.unwrap_or_else(empty))
    }

    fn load<T>(&self, id: SaveId, read: &Read<'_, T>) -> Result<Loaded<T>, Error> {
        let (folder, save) = self.found(id)?;
        let files = &*self.options.files;
        let (value, migrated_from) = open(files, &folder.dir, &folder.player, &save)
            .and_then(|reader| read(&save, &reader))
            .map_err(|err| if is_gone(&err) { Error::NoSave { id } } else { err })?;
        Ok(Loaded { value, save, recovered: None, migrated_from })
    }

    /// Sets damaged saves aside: a later one is loaded in their place from now on.
    fn lost(&self, folder: &Arc<Folder>, damaged: Vec<(SaveEntry, Error)>) -> Option<Recovered> {
        if damaged.is_empty() {
            return None;
        }
        let lost = damaged.into_iter().map(|(save, err)| {
            let (path, set_aside) = folder.set_aside(&self.options, &save);
            Lost { save, path, set_aside, reason: reason(&err) }
        });
        Some(Recovered { lost: lost.collect() })
    }

    /// Makes a value of a save of the version that the program writes.
    pub(crate) fn read<T: FromPayload>(
        &self,
        entry: &SaveEntry,
        reader: &Container,
    ) -> Result<(T, Option<u32>), Error> {
        read(entry, reader, self.options.schema_of(entry.slot()), &self.shapes)
    }
}

/// Makes a value of a save that has to be of a type and version.
pub(crate) fn read<T: FromPayload>(
    entry: &SaveEntry,
    reader: &Container,
    schema: Option<&Schema>,
    shapes: &Shapes,
) -> Result<(T, Option<u32>), Error> {
    check_schema(entry, schema)?;
    let value = T::from_payload_with(reader, shapes).map_err(|source| Error::loading(entry, source))?;
    Ok((value, None))
}

/// Reads every byte of a save and returns how many there are.
pub(crate) fn verify(files: &dyn Files, dir: &Path, player: &Player, save: &SaveEntry) -> Result<u64, Error> {
    let reader = open(files, dir, player, save)?;
    super::transfer::verify(&reader).map_err(|source| Error::format(&dir.join(save.file_name()), source))?;
    Ok(reader.bytes())
}

/// A save that could be read.
pub(crate) struct Chosen<T> {
    pub(crate) value: T,
    pub(crate) migrated_from: Option<u32>,
    pub(crate) save: SaveEntry,
    /// Later ones that could not.
    pub(crate) damaged: Vec<(SaveEntry, Error)>,
}

/// Reads the first of `saves` that isn't damaged.
pub(crate) fn choose<T>(
    files: &dyn Files,
    dir: &Path,
    player: &Player,
    saves: &[SaveEntry],
    read: &Read<'_, T>,
) -> Result<Chosen<T>, Error> {
    let mut damaged = Vec::new();
    for save in saves {
        match open(files, dir, player, save).and_then(|reader| read(save, &reader)) {
            Ok((value, migrated_from)) => {
                return Ok(Chosen { value, migrated_from, save: save.clone(), damaged });
            }
            Err(err) if is_damage(&err) => damaged.push((save.clone(), err)),
            Err(err) => return Err(err),
        }
    }
    let Some((save, err)) = damaged.first() else {
        return Err(Error::Misuse { what: "there is no save to choose from" });
    };
    Err(Error::Damaged { path: dir.join(save.file_name()), reason: reason(err) })
}

/// Opens the container of a save and sees that it is the one that its name tells of.
pub(crate) fn open(
    files: &dyn Files,
    dir: &Path,
    player: &Player,
    save: &SaveEntry,
) -> Result<Container, Error> {
    let path = dir.join(save.file_name());
    let held = spare::open(files, &path)?;
    let limits = Limits::for_file_len(held.bytes());
    let reader = held.reader(limits)?;
    let is_of_player = reader.head().get(tag::PLAYER) == Some(player.as_str().as_bytes());
    if Stem::of_head(reader.head()) != Some(save.stem()) || !is_of_player {
        let rule = "it is not the save that its name tells of";
        let source = FormatError::Invalid { what: "save", rule, offset: 0 };
        return Err(Error::format(&path, source));
    }
    Ok(reader)
}

/// Reads the thumbnail of a save in a root.
pub(crate) fn thumbnail(
    files: &dyn Files,
    root: &Path,
    player: &Player,
    save: &SaveEntry,
) -> Result<Option<Vec<u8>>, Error> {
    if save.thumbnail_len().is_none() {
        return Ok(None);
    }
    let dir = dir_of(root, player);
    let reader = open(files, &dir, player, save)
        .map_err(|err| if is_gone(&err) { Error::NoSave { id: save.id() } } else { err })?;
    thumbnail_of(&reader, &dir.join(save.file_name()))
}

/// Reads the thumbnail that a container holds.
pub(crate) fn thumbnail_of(reader: &Container, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let section = match reader.find(SectionId::THUMBNAIL, 0) {
        Ok(section) => section,
        Err(FormatError::MissingSection { .. }) => return Ok(None),
        Err(source) => return Err(Error::format(path, source)),
    };
    let mut bytes = Vec::new();
    reader.read_into(section, &mut bytes).map_err(|source| Error::format(path, source))?;
    Ok(Some(bytes))
}

/// Whether a save is of the type and version that a program reads.
pub(crate) fn check_schema(entry: &SaveEntry, known: Option<&Schema>) -> Result<(), Error> {
    let (Some(known), Some(found)) = (known, entry.schema()) else { return Ok(()) };
    let id = entry.id();
    if found.name != known.name {
        return Err(Error::OtherType { id, found: found.name, wanted: known.name.clone() });
    }
    if found.version > known.version {
        let (name, found, known) = (found.name, found.version, known.version);
        return Err(Error::Newer { id, name, found, known });
    }
    if found.version < known.version {
        let (name, found, wanted) = (found.name, found.version, known.version);
        return Err(Error::NoMigration { id, name, found, wanted });
    }
    Ok(())
}

/// Whether a save is damaged, so that an earlier one may be loaded in its place.
pub(crate) fn is_damage(err: &Error) -> bool {
    match err {
        // Something else has its name.
        Error::Storage(source) if matches!(**source, StorageError::NotAFile { .. }) => true,
        Error::Storage(_) | Error::Format { .. } | Error::Payload { .. } => err.kind() == Kind::Damaged,
        _ => false,
    }
}

/// Whether a file was rotated out, or is being written over, since it was listed.
pub(crate) fn is_gone(err: &Error) -> bool {
    match err {
        Error::Storage(source) => {
            matches!(**source, StorageError::Superseded { .. }) || crate::root::is_not_found(source)
        }
        _ => false,
    }
}

/// An error and its causes, in one line.
pub(crate) fn reason(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
