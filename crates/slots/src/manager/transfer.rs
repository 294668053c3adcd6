use std::{
    io::Write,
    path::Path,
    sync::{Arc, PoisonError},
};

use keepstone_format::{
    Error as FormatError, FileKind, Limits, Metadata, ReadAt, Reader, Section, Writer, WriterOptions, tag,
};
use keepstone_storage::{Durability, atomic};
use keepstone_store::Prepared;

use super::{
    SaveManager, Shared,
    folder::Folder,
    load::{self, Container},
    results::Saved,
    save::{Identity, Origin},
};
use crate::{
    Error,
    entry::{EntryState, SaveEntry},
    id::SaveId,
    options::Compression,
    request::SaveRequest,
};

/// What an imported save is: a new one, or the one that was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImportMode {
    /// The save that was exported, with its id, unless there is one with that id already.
    #[default]
    Same,
    /// A new save with the same payload.
    New,
}

impl SaveManager {
    /// Copies a save to a slot of the same player, as its latest. Name, thumbnail and everything else is that of the original; id and place in the order are new.
    ///
    /// When it returns, the copy is on the disk. A crash half-way leaves the saves before it, or the copy as well.
    ///
    /// # Errors
    /// [`Error::NoSave`]; what is wrong with the original if it is damaged; as [`SaveManager::save_with`].
    pub fn copy(&self, id: SaveId, slot: u8) -> Result<Saved, Error> {
        let (folder, entry) = self.shared.found(id)?;
        self.copy_to(&entry, folder.player.as_str(), slot)
    }

    /// Copies a save to a slot of another player.
    ///
    /// # Errors
    /// As [`SaveManager::copy`].
    pub fn copy_to_player(&self, id: SaveId, player: &str, slot: u8) -> Result<Saved, Error> {
        let (_, entry) = self.shared.found(id)?;
        self.copy_to(&entry, player, slot)
    }

    fn copy_to(&self, entry: &SaveEntry, player: &str, slot: u8) -> Result<Saved, Error> {
        let reader = self.shared.open_entry(entry)?;
        let origin = Origin::of(entry);
        let saved = self.shared.take_in(player, Some(slot), &reader, &origin, ImportMode::New);
        self.keep_up(player);
        saved
    }

    /// Writes a save to a file of its own: a container that other tools read, and that [`SaveManager::import`] takes. Comment and lock stay here; a name that was given later goes with it.
    ///
    /// When it returns, the file is on the disk. A crash half-way leaves the file that was there, or the new one.
    ///
    /// # Errors
    /// [`Error::NoSave`], what is wrong with the save, [`Error::Storage`].
    pub fn export(&self, id: SaveId, path: impl AsRef<Path>, compression: Compression) -> Result<u64, Error> {
        let path = path.as_ref();
        let (_, entry) = self.shared.found(id)?;
        let reader = self.shared.open_entry(&entry)?;
        let files = &*self.shared.options.files;
        let out = atomic::Writer::create(files, path, Durability::Durable)?;
        let out = std::io::BufWriter::with_capacity(64 << 10, out);
        let copied = copy_container(&reader, exported_head(&entry), compression, out);
        let out = copied.map_err(|source| Error::writing_file(path, source))?;
        let out = out.into_inner().map_err(|err| {
            let source = FormatError::Io { op: "writing the container", source: err.into_error() };
            Error::writing_file(path, source)
        })?;
        Ok(out.commit()?.bytes)
    }

    /// As [`SaveManager::export`], into memory.
    ///
    /// # Errors
    /// [`Error::NoSave`], what is wrong with the save.
    pub fn export_to_bytes(&self, id: SaveId, compression: Compression) -> Result<Vec<u8>, Error> {
        let (folder, entry) = self.shared.found(id)?;
        let reader = self.shared.open_entry(&entry)?;
        let failed = |source| Error::format(&folder.path_of(entry.file_name()), source);
        copy_container(&reader, exported_head(&entry), compression, Vec::new()).map_err(failed)
    }

    /// Takes a save in that was exported, here or elsewhere, as the latest of a slot. Everything in it is checked first.
    ///
    /// When it returns, it is on the disk. A crash half-way leaves the saves before it, or it as well.
    ///
    /// # Errors
    /// [`Error::Storage`] or [`Error::Format`] for the file; [`Error::Misuse`] if it is no save, or with [`ImportMode::Same`] one that there is already; as
    /// [`SaveManager::save_with`].
    pub fn import(
        &self,
        player: &str,
        slot: u8,
        path: impl AsRef<Path>,
        mode: ImportMode,
    ) -> Result<Saved, Error> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        keepstone_storage::read(&*self.shared.options.files, path, u64::MAX >> 1, &mut bytes)?;
        self.import_from(player, Some(slot), &bytes, mode, path)
    }

    /// As [`SaveManager::import`], from memory; without a slot, as the profile.
    ///
    /// # Errors
    /// As there.
    pub fn import_bytes(
        &self,
        player: &str,
        slot: Option<u8>,
        bytes: &[u8],
        mode: ImportMode,
    ) -> Result<Saved, Error> {
        self.import_from(player, slot, bytes, mode, Path::new("bytes in memory"))
    }

    fn import_from(
        &self,
        player: &str,
        slot: Option<u8>,
        bytes: &[u8],
        mode: ImportMode,
        path: &Path,
    ) -> Result<Saved, Error> {
        let failed = |source| Error::format(path, source);
        let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).map_err(failed)?;
        verify(&reader).map_err(failed)?;
        if reader.header().kind != FileKind::SAVE {
            return Err(Error::Misuse {
                what: "it is a container, and no save; convert or load it as what it is",
            });
        }
        let origin = Origin::of_head(reader.head());
        if let (ImportMode::Same, Some(id)) = (mode, origin.id())
            && self.shared.has_another(player, id)?
        {
            // An id is all that deleting and locking is told.
            return Err(Error::Misuse {
                what: "another player has the save with this id; import it as a new one",
            });
        }
        let saved = self.shared.take_in(player, slot, &reader, &origin, mode);
        self.keep_up(player);
        saved
    }
}

impl Shared {
    /// Opens the container of a save, of whatever player.
    pub(super) fn open_entry(&self, entry: &SaveEntry) -> Result<Container, Error> {
        let folder = self.folder(entry.player())?;
        let opened = load::open(&*self.options.files, &folder.dir, &folder.player, entry);
        opened.map_err(|err| if load::is_gone(&err) { Error::NoSave { id: entry.id() } } else { err })
    }

    /// Saves what another container holds, chunk by chunk without decoding it.
    pub(super) fn take_in<R: ReadAt + Sync>(
        &self,
        player: &str,
        slot: Option<u8>,
        reader: &Reader<R>,
        origin: &Origin,
        mode: ImportMode,
    ) -> Result<Saved, Error> {
        let folder = self.folder(player)?;
        let turn = folder.turn(slot);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_in_turn(&folder, slot, reader, origin, mode)
    }

    /// As [`Shared::take_in`], where the turn of the slot is held.
    pub(super) fn take_in_turn<R: ReadAt + Sync>(
        &self,
        folder: &Arc<Folder>,
        slot: Option<u8>,
        reader: &Reader<R>,
        origin: &Origin,
        mode: ImportMode,
    ) -> Result<Saved, Error> {
        // What isn't ours has no id to keep.
        let same = origin.id().filter(|_| mode == ImportMode::Same);
        // A whole copy of one that is damaged mends it.
        let is_lost =
            |entry: &SaveEntry| matches!(entry.state(), EntryState::SetAside | EntryState::Damaged { .. });
        if let Some(id) = same
            && folder.refreshed(self)?.listing.get(id).is_some_and(|entry| !is_lost(entry))
        {
            return Err(Error::Misuse {
                what: "there is a save with this id already; import it as a new one",
            });
        }
        let identity = if same.is_some() { Identity::Same(origin) } else { Identity::Copy(origin) };
        let request = SaveRequest::new();
        let begun = self.begin(folder, slot, copied(reader), &request, &identity)?;
        self.complete(begun)
    }
}

/// A payload that is the sections of another container, thumbnail included.
pub(super) fn copied<R: ReadAt + Sync>(reader: &Reader<R>) -> Prepared<'_> {
    let len = reader.sections().iter().map(Section::decoded_len).sum();
    Prepared::new(len, move |writer| {
        for section in reader.sections() {
            writer.copy_section(reader, section)?;
        }
        Ok(reader.tail().clone())
    })
}

/// The head of a save as it leaves this root: with the name that it has now.
pub(super) fn exported_head(entry: &SaveEntry) -> Metadata {
    let mut head = entry.head();
    if let Some(name) = entry.name() {
        head.set_name(name);
    }
    head
}

/// Writes a container anew as a plain file, with another codec.
pub(super) fn copy_container<R: ReadAt, W: Write>(
    reader: &Reader<R>,
    mut head: Metadata,
    compression: Compression,
    out: W,
) -> Result<W, FormatError> {
    head.set(tag::CODEC, &[compression.codec.id()]);
    let options = WriterOptions::of(reader).head(head).codec(compression.codec).zstd_level(compression.level);
    let mut writer = Writer::new(out, options)?;
    for section in reader.sections() {
        writer.recode_section(reader, section)?;
    }
    Ok(writer.finish(reader.tail().clone())?.0)
}

/// Reads every byte of a container.
pub(crate) fn verify<R: ReadAt>(reader: &Reader<R>) -> Result<(), FormatError> {
    let mut first = None;
    let verified = reader.verify(&mut |found| {
        first.get_or_insert(found);
    });
    match (verified, first) {
        (Err(err), _) | (Ok(_), Some(err)) => Err(err),
        (Ok(_), None) => Ok(()),
    }
}
