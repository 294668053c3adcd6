use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use keepstone_slots::{Bytes, SaveEntry, SaveManager, SaveOptions};
use keepstone_storage::{Durability, Files, MemFiles, atomic};

/// Where saves are, on whatever files.
pub(crate) const ROOT: &str = "saves";

pub(crate) fn files() -> Arc<dyn Files> {
    Arc::new(MemFiles::default())
}

/// Options without threads, so that everything happens when it is asked for.
pub(crate) fn quiet(files: &Arc<dyn Files>) -> SaveOptions {
    SaveOptions::default().files(Arc::clone(files)).background(false)
}

pub(crate) fn open(files: &Arc<dyn Files>) -> SaveManager {
    SaveManager::open(ROOT, quiet(files)).unwrap()
}

pub(crate) fn bytes(text: &str) -> Bytes<'_> {
    Bytes::from(text.as_bytes())
}

/// What the latest good save of a slot holds.
pub(crate) fn latest(manager: &SaveManager, player: &str, slot: u8) -> String {
    text(manager.load_latest::<Bytes<'static>>(player, slot).unwrap().value)
}

pub(crate) fn text(bytes: Bytes<'static>) -> String {
    String::from_utf8(bytes.0.into_owned()).unwrap()
}

/// Where the file of a save is.
pub(crate) fn path_of(save: &SaveEntry) -> PathBuf {
    let dir = keepstone_slots::Player::new(save.player()).unwrap().dir_name();
    Path::new(ROOT).join(dir).join(save.file_name())
}

/// The content of a file.
pub(crate) fn content(files: &Arc<dyn Files>, path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(&**files, path, u64::MAX, &mut bytes).unwrap();
    bytes
}

/// Changes one byte of a file.
pub(crate) fn damage(files: &Arc<dyn Files>, path: &Path, at: usize) {
    let mut bytes = content(files, path);
    bytes[at] ^= 0x10;
    let file = files.open_rw(path).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
}

/// Puts a file there.
pub(crate) fn put(files: &Arc<dyn Files>, path: &Path, bytes: &[u8]) {
    atomic::replace(&**files, path, Durability::Durable, bytes).unwrap();
}

/// A clock that is set by hand.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn set(&self, nanoseconds: i64) {
        self.0.store(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn on(&self, options: SaveOptions) -> SaveOptions {
        let clock = self.clone();
        options.clock(move || clock.0.load(Ordering::Relaxed))
    }
}
