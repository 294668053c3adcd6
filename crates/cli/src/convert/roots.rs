//! Directories of aw-save that become roots of saves, and the other way.

use std::path::{Path, PathBuf};

use keepstone::{
    compat::awsv::{
        Converted, File, INDEX_NAME, Root, RootSave, SaveBundle, WorldState, file_name, player_dir,
    },
    compat::{self, awsv},
    format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, tag},
    slots::{self, ImportMode, Keep, Player, SaveEntry, SaveManager, SaveOptions, SaveReader},
    storage::{Durability, Files as _, OsFiles, atomic},
};

use super::{Written, copy_with};
use crate::error::{Error, with_causes};
use crate::log::refuse_out;
use crate::progress::Progress;
use crate::saves::{self, Found};
use crate::slot;
use crate::verify::awsv::{limits, read};

/// Version and schema of what aw-save writes.
const VERSION: u16 = 2;

/// The directories at and below `path` that hold saves of aw-save; it gives each player one of their own.
pub(super) fn find_aw_saves(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut dirs = vec![path.to_owned()];
    let mut names = OsFiles.list(path)?;
    names.sort_unstable();
    dirs.extend(names.iter().map(|name| path.join(name)).filter(|below| below.is_dir()));
    let has_saves = |dir: &PathBuf| {
        let names = OsFiles.list(dir).unwrap_or_default();
        names.iter().any(|name| is_aw_save(name.as_ref()))
    };
    dirs.retain(has_saves);
    Ok(dirs)
}

/// Makes a root of saves of the directories of aw-save, with the ids of the saves and in the order in which they were made.
pub(super) fn to_slots(
    path: &Path,
    dirs: &[PathBuf],
    out: &Path,
    codec: Codec,
    progress: &Progress,
) -> Result<(Written, u64, u64), Error> {
    refuse_out(path, out)?;
    let mut written = written(codec);
    let mut saves: Vec<(PathBuf, RootSave)> = Vec::new();
    for dir in dirs {
        let root = read_root(dir)?;
        for unreadable in root.unreadable() {
            written.damage_count += 1;
            let (place, error) = (dir.join(&unreadable.file), with_causes(&unreadable.error));
            written.warnings.push(format!("{}: {error}", place.display()));
        }
        let warnings = root.warnings();
        written.warnings.extend(warnings.iter().map(|warning| format!("{}: {warning}", dir.display())));
        saves.extend(root.saves().iter().map(|save| (dir.join(&save.file), save.clone())));
    }
    saves.sort_by(|(_, a), (_, b)| (a.created_at, &a.file).cmp(&(b.created_at, &b.file)));
    // What a program keeps of them is up to the program.
    let manager = slot::open(out, SaveOptions::default().keep(Keep::all(u32::MAX)))?;
    let (mut bytes_out, mut count) = (0, 0);
    for (path, save) in &saves {
        progress.step(&path.display().to_string());
        let bytes = read(path)?;
        written.bytes_in += bytes.len() as u64;
        match take(&manager, path, save, &bytes, codec, &mut written.warnings)? {
            Some(bytes) => {
                bytes_out += bytes;
                count += 1;
            }
            None => written.lost.push(format!(
                "{}: its player has a name of {} bytes, and 1 to 128 are allowed",
                path.display(),
                save.player_id.len()
            )),
        }
    }
    manager.maintain()?;
    Ok((written, bytes_out, count))
}

/// Whether a file is called as saves of aw-save are: as it tells them.
fn is_aw_save(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "awsv")
}

/// Reads the saves of a directory, one at a time.
fn read_root(dir: &Path) -> Result<Root, Error> {
    let mut names = OsFiles.list(dir)?;
    names.sort_unstable();
    let mut failed = None;
    let files = names.iter().filter_map(|name| {
        let name = name.to_str()?;
        let is_wanted = name == INDEX_NAME || is_aw_save(name.as_ref());
        if !is_wanted || failed.is_some() || !dir.join(name).is_file() {
            return None;
        }
        match read(&dir.join(name)) {
            Ok(bytes) => Some((name, bytes)),
            Err(error) => {
                failed = Some(error);
                None
            }
        }
    });
    let root = Root::read(files, &Limits::for_file_len(u32::MAX.into()));
    match failed {
        Some(error) => Err(error),
        None => Ok(root),
    }
}

/// Takes a save of aw-save in; none: its player can't have a directory.
fn take(
    manager: &SaveManager,
    path: &Path,
    save: &RootSave,
    bytes: &[u8],
    codec: Codec,
    warnings: &mut Vec<String>,
) -> Result<Option<u64>, Error> {
    let Ok(player) = Player::new(&save.player_id) else { return Ok(None) };
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let file = File::read(bytes, &limits(bytes)).map_err(foreign)?;
    let mut bundle = file.bundle;
    bundle.save_id = Some(save.save_id);
    let (plain, _) = bundle.write_keep(Vec::new(), codec).map_err(foreign)?;
    let reader = Reader::open(&plain[..], Limits::for_file_len(plain.len() as u64)).map_err(keep)?;
    let mut head = reader.head().clone();
    head.set(tag::SAVE_ID, &save.save_id.0)
        .set(tag::SEQUENCE, &1_u64.to_le_bytes())
        .set(tag::SLOT, &[save.slot])
        .set(tag::PLAYER, player.as_str().as_bytes());
    let (container, _) = copy_with(&reader, Vec::new(), None, head).map_err(keep)?;
    let id = slots::SaveId::from_bytes(save.save_id.0);
    let is_there = match id {
        Some(id) => manager.find(id)?.is_some(),
        None => true,
    };
    let mode = if is_there { ImportMode::New } else { ImportMode::Same };
    let saved = manager.import_bytes(player.as_str(), Some(save.slot), &container, mode)?;
    if is_there {
        let (path, id) = (path.display(), saved.id());
        warnings.push(format!("{path}: its id is that of another save, or zero; it is given {id}"));
    }
    Ok(Some(saved.save.bytes()))
}

/// Makes directories of aw-save of a root of saves. What aw-save has no place for is said to be lost.
pub(super) fn to_aw_save(
    path: &Path,
    found: &Found,
    out: &Path,
    codec: Option<Codec>,
    progress: &Progress,
) -> Result<(Written, u64, u64), Error> {
    if codec.is_some_and(|codec| codec != Codec::Lz4) {
        return Err(Error::AlwaysLz4 { path: out.to_owned() });
    }
    refuse_out(path, out)?;
    let saves = SaveReader::open(found.dir())?;
    create_dir(out)?;
    let (mut written, mut bytes_out, mut count) = (written(Codec::Lz4), 0, 0);
    let mut dirs: Vec<PathBuf> = Vec::new();
    for player in &found.players {
        let mut entries = saves.list(player.as_str())?;
        entries.reverse();
        let deleted = saves.list_deleted(player.as_str())?.len();
        if deleted > 0 {
            written.lost.push(format!("{deleted} deleted saves of player {player}"));
        }
        for entry in entries {
            progress.step(entry.file_name());
            let place = found.dir_of(player).join(entry.file_name());
            let bundle = match bundle_of(&place, &entry, &mut written.lost) {
                Ok(Some(bundle)) => bundle,
                Ok(None) => continue,
                Err(error) if error.kind() == keepstone::Kind::Damaged => {
                    written.damage_count += 1;
                    written.warnings.push(error.message());
                    continue;
                }
                Err(error) => return Err(error),
            };
            written.bytes_in += entry.bytes();
            let foreign = |source| Error::Foreign { path: place.clone(), source };
            let bytes = bundle.to_awsv().map_err(foreign)?;
            let dir = out.join(player_dir(player.as_str()));
            create_dir(&dir)?;
            let id = awsv::SaveId(*entry.id().as_bytes());
            put(&dir.join(file_name(bundle.slot, bundle.created_at, id)), &bytes)?;
            bytes_out += bytes.len() as u64;
            count += 1;
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
    }
    for dir in dirs {
        let index = read_root(&dir)?.to_index();
        let json = index.to_json().map_err(|source| Error::Foreign { path: dir.clone(), source })?;
        put(&dir.join(INDEX_NAME), &json)?;
    }
    Ok((written, bytes_out, count))
}

/// What aw-save would keep of a save; none: it has no place for what is in it.
fn bundle_of(path: &Path, entry: &SaveEntry, lost: &mut Vec<String>) -> Result<Option<SaveBundle>, Error> {
    let Some(slot) = entry.slot() else {
        lost.push(format!("the profile of player {:?}", entry.player()));
        return Ok(None);
    };
    let reader = saves::open(path)?;
    let foreign = |source| match source {
        compat::Error::Container(source) => Error::Keep { path: path.to_owned(), source },
        source => Error::Foreign { path: path.to_owned(), source },
    };
    let save_id = Some(awsv::SaveId(*entry.id().as_bytes()));
    let player_id = entry.player().to_owned();
    let what = format!("save {} of player {player_id:?}, slot {slot}", entry.id());
    let renamed = entry.name().filter(|_| reader.head().name().is_none()).map(|_| "name");
    let unknown = unknown_to_aw_save(reader.head()).chain(renamed);
    let unknown: Vec<String> = unknown.map(|field| format!("{what}: its {field}")).collect();
    if Converted::is_in(&reader) {
        let bundle = SaveBundle::read_keep(&reader).map_err(foreign)?;
        if bundle.version != VERSION {
            lost.push(format!("{what}: that it was of version {}; it becomes version 2", bundle.version));
        }
        lost.extend(unknown);
        // It may have been copied to another slot since.
        return Ok(Some(SaveBundle { save_id, player_id, slot, ..bundle }));
    }
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let Ok(section) = reader.find(SectionId::BYTES, 0) else {
        lost.push(format!("{what}: it holds neither a save of aw-save nor bytes"));
        return Ok(None);
    };
    let ecs_blob = reader.read(section).map_err(keep)?.into_owned();
    let mut meta = std::collections::BTreeMap::new();
    for (key, value) in entry.customs() {
        match String::from_utf8(value) {
            Ok(value) => drop(meta.insert(key, value)),
            Err(_) => lost.push(format!("{what}: its entry {key:?}, which is no text")),
        }
    }
    lost.extend(unknown);
    Ok(Some(SaveBundle {
        version: VERSION,
        schema: VERSION,
        save_id,
        created_at: entry.created_at().unwrap_or_default(),
        created_at_offset_seconds: 0,
        player_id,
        slot,
        world: WorldState {
            tick: entry.tick().unwrap_or_default(),
            ecs_blob,
            state_hash: entry.state_hash().unwrap_or_default(),
        },
        companions: Vec::new(),
        inventory: awsv::PlayerInventory { credits: 0, items: Vec::new() },
        meta,
    }))
}

/// What the head of a save may say that a bundle of aw-save doesn't.
fn unknown_to_aw_save(head: &Metadata) -> impl Iterator<Item = &'static str> {
    let fields = [
        (tag::NAME, "name"),
        (tag::PLACE, "place"),
        (tag::PLAY_TIME, "time played"),
        (tag::APPLICATION, "application"),
        (tag::MODS, "modifications"),
        (tag::PAYLOAD_TYPE, "type"),
        (tag::THUMBNAIL_LEN, "thumbnail"),
    ];
    fields.into_iter().filter(|(tag, _)| head.get(*tag).is_some()).map(|(_, name)| name)
}

fn create_dir(dir: &Path) -> Result<(), Error> {
    match OsFiles.create_dir(dir) {
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => Ok(()),
        made => made.map_err(Error::Out),
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let replaced = atomic::replace(&OsFiles, path, Durability::Durable, bytes);
    replaced.map(drop).map_err(Error::Out)
}

fn written(codec: Codec) -> Written {
    Written {
        kind: FileKind::SAVE.to_string(),
        codec: Some(codec),
        bytes_in: 0,
        sections: 0,
        entities: None,
        records: None,
        damage_count: 0,
        warnings: Vec::new(),
        lost: Vec::new(),
    }
}
