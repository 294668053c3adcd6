//! A root whose saves have the same ids, numbers and bytes each time.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use keepstone_format::{FileKind, Metadata, SectionId, Writer, WriterOptions, tag};
use keepstone_slots::{
    Bytes, Codec, Compression, Files, ImportMode, MemFiles, Player, SaveEntry, SaveId, SaveManager,
    SaveOptions, SaveReader,
};

pub(crate) const ROOT: &str = "saves";
pub(crate) const PLAYER: &str = "ada";
const NOW: i64 = 1_760_000_000_000_000_000;

type Content = Vec<(PathBuf, Vec<u8>)>;

/// The id of a save of the root.
pub(crate) fn id(number: u8) -> SaveId {
    SaveId::from_bytes([number; 16]).unwrap()
}

/// The directory of the player.
pub(crate) fn dir() -> PathBuf {
    Path::new(ROOT).join(Player::new(PLAYER).unwrap().dir_name())
}

pub(crate) fn options(files: &Arc<dyn Files>) -> SaveOptions {
    let options = SaveOptions::default().files(Arc::clone(files)).background(false);
    options.spares(0).clock(|| NOW).compression(Compression::NONE)
}

/// A root with saves 1, 2 and 5 of slot 0, of which 2 has a note, a deleted save 3, a damaged save 4 and the profile 6; without an index, and with what is
/// given in the directory of the player.
pub(crate) fn with(name: &str, bytes: &[u8]) -> Arc<dyn Files> {
    static CONTENT: OnceLock<Content> = OnceLock::new();
    let files = MemFiles::new();
    for dir in [Path::new(ROOT), &dir()] {
        files.create_dir(dir).unwrap();
    }
    let put = |path: &Path, bytes: &[u8]| files.create_new(path).unwrap().write_all_at(bytes, 0).unwrap();
    for (path, bytes) in CONTENT.get_or_init(made) {
        put(path, bytes);
    }
    put(&dir().join(name), bytes);
    Arc::new(files)
}

fn made() -> Content {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let manager = SaveManager::open(ROOT, options(&files)).unwrap();
    for (number, slot) in [(1, Some(0)), (2, Some(0)), (3, Some(3)), (4, Some(3)), (5, Some(0)), (6, None)] {
        manager.import_bytes(PLAYER, slot, &exported(number), ImportMode::Same).unwrap();
    }
    manager.rename(id(2), "Mine").unwrap();
    manager.lock(id(2)).unwrap();
    manager.delete(id(3)).unwrap();
    let torn = manager.find(id(4)).unwrap().unwrap();
    drop(manager);
    // In the head.
    files.open_rw(&dir().join(torn.file_name())).unwrap().write_all_at(&[0xFF; 8], 4096 + 64).unwrap();
    let names = files.list(&dir()).unwrap().into_iter();
    let kept = names.filter(|name| name != "index").map(|name| dir().join(name));
    kept.chain([Path::new(ROOT).join("ROOT")])
        .map(|path| {
            let bytes = content(&*files, &path);
            (path, bytes)
        })
        .collect()
}

fn exported(number: u8) -> Vec<u8> {
    let mut head = Metadata::new();
    head.set_name(&format!("Save {number}")).set_tick(number.into());
    head.set(tag::SAVE_ID, id(number).as_bytes()).set(tag::SEQUENCE, &1_u64.to_le_bytes());
    head.set(tag::PLAYER, PLAYER.as_bytes()).set(tag::SLOT, &[0]).set(tag::SAVE_KIND, &[1]);
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[&[b'0' + number]]).unwrap();
    writer.finish(Metadata::new()).unwrap().0
}

/// The content of a file.
pub(crate) fn content(files: &dyn Files, path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, path, u64::MAX >> 1, &mut bytes).unwrap();
    bytes
}

/// All saves of the player.
pub(crate) fn all(files: &Arc<dyn Files>) -> Vec<SaveEntry> {
    let reader = SaveReader::open_with(ROOT, Arc::clone(files), None).unwrap();
    let lists = [reader.list(PLAYER), reader.list_deleted(PLAYER), reader.list_damaged(PLAYER)];
    lists.into_iter().flat_map(Result::unwrap).collect()
}

/// All saves where nothing was added.
pub(crate) fn untouched() -> &'static [SaveEntry] {
    static ALL: OnceLock<Vec<SaveEntry>> = OnceLock::new();
    ALL.get_or_init(|| all(&with("unknown", &[])))
}

/// All that is told of a save.
pub(crate) fn shown(entry: &SaveEntry) -> String {
    let note = (entry.name(), entry.comment(), entry.deleted_at(), entry.is_note_damaged());
    format!("{entry:?} {note:?} {:?} {:?} {:?}", entry.head(), entry.mods(), entry.ancestors())
}

/// What the latest save of slot 0 holds.
pub(crate) fn latest(files: &Arc<dyn Files>) -> Vec<u8> {
    let reader = SaveReader::open_with(ROOT, Arc::clone(files), None).unwrap();
    reader.load_latest::<Bytes<'static>>(PLAYER, 0).unwrap().value.0.into_owned()
}
