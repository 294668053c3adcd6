use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::{FileKind, Metadata, SectionId, WriterOptions};
use keepstone_storage::{
    Durability, File, Files, MemFiles, atomic,
    spare::{Spares, Synced},
};

use super::{Listing, Look, Name, Note, Player, SaveEntry, Stem};
use crate::entry::tests::head_of;

/// A directory of player `ada`, in memory.
pub(super) struct Disk {
    pub(super) files: MemFiles,
    pub(super) dir: PathBuf,
    pub(super) player: Player,
    spares: Spares,
}

impl Disk {
    pub(super) fn new() -> Self {
        let (files, dir) = (MemFiles::new(), PathBuf::from("p-mfsge"));
        let (spares, _) = Spares::open(Arc::new(files.clone()), &dir, None).unwrap();
        Self { files, dir, player: Player::new("ada").unwrap(), spares }
    }

    /// Writes a save that has no name yet.
    pub(super) fn sealed(&self, stem: Stem) -> (Synced, u64) {
        let mut draft = self.spares.begin(stem.sequence, 100).unwrap();
        let options = WriterOptions::new(FileKind::SAVE).head(head_of(stem));
        let mut writer = draft.container(options).unwrap();
        writer
            .coded_from(SectionId::BYTES, 0, &[&vec![7; usize::try_from(stem.sequence % 90).unwrap()]])
            .unwrap();
        let (_, written) = writer.finish(Metadata::new()).unwrap();
        let bytes = written.bytes;
        (draft.seal(written).unwrap().sync().unwrap(), bytes)
    }

    /// Writes a save and answers the length of its container.
    pub(super) fn save(&self, stem: Stem) -> u64 {
        let name = Name::Save(stem);
        let _ = self.files.remove(&self.path(&name));
        let (synced, bytes) = self.sealed(stem);
        assert!(synced.publish(OsStr::new(&name.to_string())).unwrap().is_named());
        bytes
    }

    /// The bytes of a save, which is not kept.
    pub(super) fn bytes_of(&self, stem: Stem) -> Vec<u8> {
        self.save(stem);
        let bytes = self.bytes(&Name::Save(stem));
        self.remove(&Name::Save(stem));
        bytes
    }

    pub(super) fn write_note(&self, stem: Stem, number: u16, note: &Note) {
        self.overwrite(&Name::Note(stem, number), &note.encode(stem.id).unwrap());
    }

    pub(super) fn write_index(&self) {
        self.overwrite(&Name::Index, &self.read().encode_index().unwrap());
    }

    pub(super) fn overwrite(&self, name: &Name, bytes: &[u8]) {
        atomic::replace(&self.files, &self.path(name), Durability::Buffered, bytes).unwrap();
    }

    pub(super) fn copy(&self, from: &Name, to: &Name) {
        self.overwrite(to, &self.bytes(from));
    }

    pub(super) fn rename(&self, from: &Name, to: &Name) {
        atomic::rename(&self.files, &self.path(from), &self.path(to)).unwrap();
    }

    pub(super) fn remove(&self, name: &Name) {
        self.files.remove(&self.path(name)).unwrap();
    }

    pub(super) fn read(&self) -> Listing {
        Listing::read(&self.files, &self.dir, &self.player, Look::Skip).unwrap()
    }

    pub(super) fn refresh(&self, listing: &mut Listing) -> bool {
        listing.refresh(&self.files, &self.dir, &self.player, Look::Skip).unwrap()
    }

    /// What a reader lists.
    pub(super) fn shown_to_readers(&self) -> Vec<SaveEntry> {
        Listing::read(&self.files, &self.dir, &self.player, Look::Spares).unwrap().newest_first()
    }

    pub(super) fn path(&self, name: &Name) -> PathBuf {
        self.dir.join(name.to_string())
    }

    fn bytes(&self, name: &Name) -> Vec<u8> {
        let mut bytes = Vec::new();
        keepstone_storage::read(&self.files, &self.path(name), 1 << 20, &mut bytes).unwrap();
        bytes
    }

    /// Opens a file of the directory.
    pub(super) fn open(&self, path: &Path) -> Box<dyn File> {
        self.files.open_rw(path).unwrap()
    }
}
