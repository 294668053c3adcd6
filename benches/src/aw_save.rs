//! A floor: what aw-save does to save, load and list, in its order and by its libraries, written by hand.
//!
//! A save is postcard of the bundle, LZ4, a CRC-32 and a header of 16 bytes, in a file that is written under another name,
//! synced and renamed; then `index.json` is read and written anew. Neither the directory nor the index is synced, so a save
//! that was acknowledged may be gone after a power cut. The latest save of a slot is the last of its file names. Clock and
//! ids are counted here, and the bundle is lent where aw-save takes a copy.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::bundle::{SaveBundle, SaveBundleV1, SaveId};

const MAGIC: [u8; 4] = *b"ASVS";
const VERSION: u16 = 2;
const LZ4: u8 = 1;
const HEADER_LEN: usize = 16;
/// Syncs of files and directories in one save.
pub const SYNCS: u64 = 1;
const INDEX: &str = "index.json";

/// The saves of one player in a directory.
#[derive(Debug)]
pub struct AwSave {
    dir: PathBuf,
    /// What was saved and is still there, oldest first.
    saved: VecDeque<IndexEntry>,
    count: u32,
}

/// What the index says of a save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Its id, as a UUID is written.
    pub save_id: String,
    /// Its file name.
    pub file: String,
    /// When it was made.
    pub created_at: String,
    /// Whose it is.
    pub player_id: String,
    /// Where it was saved.
    pub slot: u8,
    /// The version of its fields.
    pub schema: u16,
}

impl AwSave {
    /// Saves into a directory, which is made by the first save.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), saved: VecDeque::new(), count: 0 }
    }

    /// Saves the bundle under an id of its own, and returns how many bytes its file has.
    ///
    /// The file is on the disk when this returns; its name may not be.
    ///
    /// # Errors
    /// Those of the system.
    #[expect(clippy::disallowed_methods, reason = "this is what save slots are compared with")]
    pub fn save(&mut self, slot: u8, bundle: &mut SaveBundle<Vec<u8>>) -> Result<u64> {
        fs::create_dir_all(&self.dir)?;
        self.count += 1;
        let entry = self.name(slot, bundle);
        let bytes = encode(bundle)?;
        write(&self.dir.join(&entry.file), &bytes)?;

        let mut index = self.list().unwrap_or_default();
        index.retain(|other| other.save_id != entry.save_id);
        index.push(entry.clone());
        index.sort_by(|a, b| (a.slot, &a.created_at).cmp(&(b.slot, &b.created_at)));
        fs::write(self.dir.join(INDEX), serde_json::to_vec_pretty(&index)?)?;
        self.saved.push_back(entry);
        Ok(bytes.len() as u64)
    }

    /// Loads the save of a slot whose file name is the last.
    ///
    /// # Errors
    /// When there is none, or it isn't what was saved.
    pub fn load_latest(&self, slot: u8) -> Result<SaveBundle<Vec<u8>>> {
        let start = format!("slot{slot:02}_");
        let mut candidates = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let is_of_slot = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start));
            if is_of_slot && path.extension().is_some_and(|extension| extension == "awsv") {
                candidates.push(path);
            }
        }
        candidates.sort();
        let (version, body) = read(candidates.last().context("no save in the slot")?)?;
        ensure!(version == VERSION, "version {version}");
        Ok(postcard::from_bytes(&body)?)
    }

    /// Lists the saves of the player, as the index has them.
    ///
    /// # Errors
    /// When there is no index.
    #[expect(clippy::disallowed_methods, reason = "this is what save slots are compared with")]
    pub fn list(&self) -> Result<Vec<IndexEntry>> {
        Ok(serde_json::from_slice(&fs::read(self.dir.join(INDEX))?)?)
    }

    /// Removes the oldest saves but so many, which aw-save leaves to its users: between two samples, so that the directory stays
    /// as large as it is. It is synced then: no save pays for what another has left to be written.
    ///
    /// # Errors
    /// Those of the system.
    #[expect(clippy::disallowed_methods, reason = "what is measured here need not survive a crash")]
    pub fn keep(&mut self, count: usize) -> Result<()> {
        while self.saved.len() > count {
            let Some(oldest) = self.saved.pop_front() else { break };
            fs::remove_file(self.dir.join(oldest.file))?;
        }
        fs::write(self.dir.join(INDEX), serde_json::to_vec_pretty(&self.saved)?)?;
        Ok(File::open(&self.dir)?.sync_all()?)
    }

    /// Gives the save an id and a time.
    fn name(&self, slot: u8, bundle: &mut SaveBundle<Vec<u8>>) -> IndexEntry {
        bundle.save_id = SaveId(u128::from(self.count).to_be_bytes());
        bundle.slot = slot;
        let (minutes, second) = (self.count / 60, self.count % 60);
        let (hour, minute) = (minutes / 60, minutes % 60);
        let save_id = format!("00000000-0000-4000-8000-{:012x}", self.count);
        IndexEntry {
            file: format!("slot{slot:02}_2026-11-21T{hour:02}-{minute:02}-{second:02}Z_{save_id}.awsv"),
            save_id,
            created_at: format!("2026-11-21 {hour:02}:{minute:02}:{second:02}.0 +00:00:00"),
            player_id: bundle.player_id.clone(),
            slot,
            schema: bundle.schema,
        }
    }
}

/// Makes the bytes of a file: header, LZ4, CRC-32.
///
/// # Errors
/// When the bundle is longer than a file can say.
pub fn encode(bundle: &SaveBundle<Vec<u8>>) -> Result<Vec<u8>> {
    coded(VERSION, &postcard::to_allocvec(bundle)?)
}

/// The same for what version 1 had.
///
/// # Errors
/// When the bundle is longer than a file can say.
pub fn encode_v1(bundle: &SaveBundleV1<Vec<u8>>) -> Result<Vec<u8>> {
    coded(1, &postcard::to_allocvec(bundle)?)
}

/// Reads a file of version 1 and replaces it by one of version 2.
///
/// # Errors
/// When it isn't one, or can't be replaced.
pub fn migrate(path: &Path) -> Result<SaveBundle<Vec<u8>>> {
    let (version, body) = read(path)?;
    ensure!(version == 1, "version {version}");
    let old: SaveBundleV1<Vec<u8>> = postcard::from_bytes(&body)?;
    let new = old.into_v2(SaveId([1; 16]));
    write(path, &encode(&new)?)?;
    Ok(new)
}

/// Writes a file as aw-save does: under another name, synced, renamed; the directory is not synced.
///
/// # Errors
/// Those of the system.
#[expect(clippy::disallowed_methods, reason = "this is what save slots are compared with")]
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    Ok(fs::rename(&temporary, path)?)
}

fn coded(version: u16, body: &[u8]) -> Result<Vec<u8>> {
    let data = lz4_flex::compress_prepend_size(body);
    let mut bytes = Vec::with_capacity(HEADER_LEN + data.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&[LZ4, 0]);
    bytes.extend_from_slice(&u32::try_from(data.len())?.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&data).to_le_bytes());
    bytes.extend_from_slice(&data);
    Ok(bytes)
}

/// The version of a file, and what it holds.
#[expect(clippy::disallowed_methods, reason = "this is what save slots are compared with")]
fn read(path: &Path) -> Result<(u16, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut header = [0; HEADER_LEN];
    file.read_exact(&mut header)?;
    let [m0, m1, m2, m3, v0, v1, codec, _, l0, l1, l2, l3, c0, c1, c2, c3] = header;
    ensure!([m0, m1, m2, m3] == MAGIC && codec == LZ4, "{} is no save", path.display());
    let mut data = vec![0; usize::try_from(u32::from_le_bytes([l0, l1, l2, l3]))?];
    file.read_exact(&mut data)?;
    ensure!(crc32fast::hash(&data) == u32::from_le_bytes([c0, c1, c2, c3]), "{} is damaged", path.display());
    Ok((u16::from_le_bytes([v0, v1]), lz4_flex::decompress_size_prepended(&data)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, bundle::Data};

    #[test]
    fn the_last_save_is_loaded_all_are_listed_and_the_oldest_go() {
        let scratch =
            Scratch::new(&std::env::temp_dir(), &format!("aw-save-{}", std::process::id())).unwrap();
        let mut saves = AwSave::new(scratch.path().join("player"));
        let mut bundle = SaveBundle::new(Data::Mixed.bytes(1000));
        for tick in 0..5 {
            bundle.world.tick = tick;
            saves.save(3, &mut bundle).unwrap();
        }
        saves.save(4, &mut SaveBundle::new(Vec::new())).unwrap();
        assert_eq!(saves.load_latest(3).unwrap(), bundle);
        assert_eq!(saves.list().unwrap().len(), 6);
        saves.keep(2).unwrap();
        let left: Vec<u8> = saves.list().unwrap().iter().map(|entry| entry.slot).collect();
        assert_eq!((left, fs::read_dir(scratch.path().join("player")).unwrap().count()), (vec![3, 4], 3));
    }

    #[test]
    fn a_file_of_version_1_becomes_one_of_version_2() {
        let scratch =
            Scratch::new(&std::env::temp_dir(), &format!("aw-save-v1-{}", std::process::id())).unwrap();
        let path = scratch.path().join("slot00_a.awsv");
        write(&path, &encode_v1(&SaveBundleV1::new(vec![7; 100])).unwrap()).unwrap();
        let migrated = migrate(&path).unwrap();
        assert_eq!(AwSave::new(scratch.path()).load_latest(0).unwrap(), migrated);
        assert_eq!(migrated.world.ecs_blob, [7; 100]);
    }
}
