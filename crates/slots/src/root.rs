use std::path::{Path, PathBuf};

use keepstone_format::{FileKind, Head, Header, Metadata, Writer, WriterOptions};
use keepstone_storage::{Durability, Files, atomic};

use crate::{Error, id::SaveId, player::Player};

/// The file that says which root a directory is.
const ROOT: &str = "ROOT";
/// More than a `ROOT` has.
const LEN_MAX: u64 = 1 << 16;

/// The id of the root in a directory; none if it is none yet.
pub(crate) fn id_of(files: &dyn Files, dir: &Path) -> Result<Option<[u8; 16]>, Error> {
    let path = dir.join(ROOT);
    match files.metadata(&path) {
        Ok(_) => {}
        Err(err) if is_not_found(&err) => return Ok(None),
        Err(err) => return Err(err.into()),
    }
    let mut bytes = Vec::new();
    keepstone_storage::read(files, &path, LEN_MAX, &mut bytes)?;
    let Head { header: Header { kind, store_id, .. }, .. } =
        Head::read(&bytes).map_err(|source| Error::format(&path, source))?;
    if kind != FileKind::SAVE_ROOT || store_id == [0; 16] {
        let source = keepstone_format::Error::Invalid {
            what: "ROOT",
            rule: "it is no container of kind save root with an id; give another directory",
            offset: 0,
        };
        return Err(Error::format(&path, source));
    }
    Ok(Some(store_id))
}

/// The id of the root in a directory, which is made one if it is none yet.
pub(crate) fn make(files: &dyn Files, dir: &Path) -> Result<[u8; 16], Error> {
    if let Some(id) = id_of(files, dir)? {
        return Ok(id);
    }
    let path = dir.join(ROOT);
    let id = *SaveId::random().as_bytes();
    let failed = |source| Error::format(&path, source);
    let writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE_ROOT).store(id, 0));
    let (bytes, _) = writer.and_then(|writer| writer.finish(Metadata::new())).map_err(failed)?;
    atomic::replace(files, &path, Durability::Durable, &bytes)?;
    Ok(id)
}

/// The players that have a directory, in the order of their names.
pub(crate) fn players(files: &dyn Files, dir: &Path) -> Result<Vec<Player>, Error> {
    let names = match files.list(dir) {
        Ok(names) => names,
        Err(err) if is_not_found(&err) => Vec::new(),
        Err(err) => return Err(err.into()),
    };
    let mut players: Vec<Player> = names.iter().filter_map(|name| Player::from_dir_name(name)).collect();
    players.sort_unstable();
    Ok(players)
}

/// The directory of a player.
pub(crate) fn dir_of(root: &Path, player: &Player) -> PathBuf {
    root.join(player.dir_name())
}

pub(crate) fn is_not_found(err: &keepstone_storage::Error) -> bool {
    err.io_kind() == Some(std::io::ErrorKind::NotFound)
}
