//! The roots of saves, and single files of them: FORMAT.md, section 13.

mod file;
mod folder;
mod index;
mod summary;

use std::path::{Path, PathBuf};

use keepstone::{
    format::{FileKind, Limits, Metadata, Reader, detect, tag},
    slots::{self, Player, SaveEntry, SaveId, SaveReader, directory::Name},
    storage::{self, Files, OsFiles, spare},
};

use crate::error::Error;

pub(crate) use file::{Alone, Behind, Content, content, find_file, may_hold_save};
pub(crate) use folder::Folder;
pub(crate) use index::IndexState;
pub(crate) use summary::{Save, table};

const ROOT: &str = "ROOT";
/// More than a `ROOT` has.
const ROOT_LEN_MAX: u64 = 1 << 16;

/// A root of saves, or the directory of one player in it.
#[derive(Debug)]
pub(crate) struct Found {
    dir: PathBuf,
    /// In the order of their names.
    pub(crate) players: Vec<Player>,
    /// What `ROOT` says; none: there is no such file.
    pub(crate) id: Option<Result<[u8; 16], Error>>,
    /// Whether one player is looked at, not all.
    pub(crate) alone: bool,
}

/// Finds saves at a path: a root, or the directory of a player in one.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, Error> {
    if !path.is_dir() {
        return Ok(None);
    }
    let mut players = players(path)?;
    let id = root_id(path);
    let is_root = !players.is_empty() || id.as_ref().is_some_and(|(is_container, _)| *is_container);
    if is_root {
        players.sort_unstable();
        let id = id.map(|(_, id)| id);
        return Ok(Some(Found { dir: path.to_owned(), players, id, alone: false }));
    }
    // Under its own name alone it is known whose it is.
    let (Some(player), Some(root)) = (path.file_name().and_then(Player::from_dir_name), path.parent()) else {
        return Ok(None);
    };
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let id = root_id(root).map(|(_, id)| id);
    let has_saves = OsFiles.list(path)?.iter().any(|name| Name::parse(name) != Name::Other);
    let found = Found { dir: root.to_owned(), players: vec![player], id, alone: true };
    Ok(has_saves.then_some(found))
}

/// As [`find`], where there have to be saves.
pub(crate) fn named(path: &Path) -> Result<Found, Error> {
    match find(path)? {
        Some(found) => Ok(found),
        None => Err(slots::Error::NoRoot { path: path.to_owned() }.into()),
    }
}

/// The players that have a directory.
fn players(root: &Path) -> Result<Vec<Player>, Error> {
    let names = OsFiles.list(root)?;
    let player = |name| Player::from_dir_name(name).filter(|player| root.join(player.dir_name()).is_dir());
    Ok(names.iter().filter_map(|name| player(name.as_os_str())).collect())
}

/// What `ROOT` says, if it is there, and whether it is a container at all.
fn root_id(dir: &Path) -> Option<(bool, Result<[u8; 16], Error>)> {
    let path = dir.join(ROOT);
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    if let Err(error) = storage::read(&OsFiles, &path, ROOT_LEN_MAX, &mut bytes) {
        return Some((false, Err(error.into())));
    }
    let is_container = detect(&bytes).is_some();
    let keep = |source| Error::Keep { path: path.clone(), source };
    let reader = Reader::open(&bytes[..], Limits::for_file_len(bytes.len() as u64)).map_err(keep);
    let id = reader.and_then(|reader| match reader.header() {
        header if header.kind == FileKind::SAVE_ROOT && header.store_id != [0; 16] => Ok(header.store_id),
        header => Err(Error::NoSaveRoot { path: path.clone(), found: header.kind.to_string() }),
    });
    Some((is_container, id))
}

impl Found {
    /// The root.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of a player.
    pub(crate) fn dir_of(&self, player: &Player) -> PathBuf {
        self.dir.join(player.dir_name())
    }

    /// Finds a save and the path of its file.
    pub(crate) fn find(&self, id: SaveId) -> Result<(PathBuf, SaveEntry), Error> {
        let save = SaveReader::open(&self.dir)?.find(id)?.ok_or(slots::Error::NoSave { id })?;
        let path = self.dir_of(&Player::new(save.player())?).join(save.file_name());
        Ok((path, save))
    }
}

/// Opens the container of a save, whatever the name of its file.
pub(crate) fn open(path: &Path) -> Result<Reader<Content>, Error> {
    let held = spare::open(&OsFiles, path)?;
    let limits = Limits::for_file_len(held.bytes());
    Ok(held.reader(limits)?)
}

/// The head of a save as it leaves its root: with the name that it has now.
pub(crate) fn exported_head(save: &SaveEntry, codec: keepstone::format::Codec) -> Metadata {
    let mut head = save.head();
    if let Some(name) = save.name() {
        head.set_name(name);
    }
    head.set(tag::CODEC, &[codec.id()]);
    head
}
