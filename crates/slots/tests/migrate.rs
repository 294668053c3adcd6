mod background;
mod bulk;
mod crash;
mod dynamic;
mod faults;
mod lazy;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use keepstone_slots::{Error, Migrations, SaveManager, SaveOptions};
use keepstone_storage::{Files, MemFiles};
use serde::{Deserialize, Serialize};

pub(crate) const TYPE: &str = "test.game";
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot really";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct V1 {
    pub(crate) gold: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct V2 {
    pub(crate) copper: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct V3 {
    pub(crate) purse: V2,
    pub(crate) lives: u8,
}

impl V3 {
    pub(crate) fn of(gold: u32) -> Self {
        Self { purse: V2 { copper: u64::from(gold) * 100 }, lives: 3 }
    }
}

/// How often each step ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran(Arc<[AtomicU32; 2]>);

impl Ran {
    fn count(&self, step: usize) {
        self.0[step].fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn counts(&self) -> [u32; 2] {
        [0, 1].map(|step| self.0[step].load(Ordering::SeqCst))
    }
}

/// From version 1 over 2 to 3. A purse of 13 gold can't be migrated.
pub(crate) fn migrations() -> (Migrations<V3>, Ran) {
    let ran = Ran::default();
    let (first, second) = (ran.clone(), ran.clone());
    let migrations = Migrations::new(TYPE, 3)
        .try_step(1, move |old: V1| {
            first.count(0);
            if old.gold == 13 { Err("bad luck") } else { Ok(V2 { copper: u64::from(old.gold) * 100 }) }
        })
        .step(2, move |purse: V2| {
            second.count(1);
            V3 { purse, lives: 3 }
        });
    (migrations, ran)
}

pub(crate) fn files() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

pub(crate) fn options(files: &Arc<dyn Files>, version: u32) -> SaveOptions {
    SaveOptions::default().files(Arc::clone(files)).schema(TYPE, version).background(false)
}

pub(crate) fn open(files: &Arc<dyn Files>, version: u32) -> SaveManager {
    SaveManager::open("saves", options(files, version)).unwrap()
}

/// The names and bytes of all files of a player, but those of the index and of files without a save.
pub(crate) fn saved_files(files: &Arc<dyn Files>) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for dir in files.list("saves".as_ref()).unwrap() {
        let dir = std::path::Path::new("saves").join(dir);
        if files.metadata(&dir).unwrap().is_file {
            continue;
        }
        for name in files.list(&dir).unwrap() {
            let name = name.into_string().unwrap();
            if [".save", ".note"].iter().any(|end| name.ends_with(end)) {
                let mut bytes = Vec::new();
                keepstone_storage::read(&**files, &dir.join(&name), u64::MAX >> 1, &mut bytes).unwrap();
                found.push((name, bytes));
            }
        }
    }
    found.sort();
    found
}

/// The first step that does not fit, as an error.
pub(crate) fn misfit<T: keepstone_slots::FromPayload + 'static>(migrations: &Migrations<T>) -> Error {
    migrations.check().unwrap_err()
}
