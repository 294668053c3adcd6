//! What is written to a disk: segments of a log, snapshots, checkpoints. The disk is one in memory.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use keepstone_checkpoint::{
    CheckpointId, CheckpointStore, Compression, ContentId, ImportedCheckpoint, Selection, StoreOptions,
    Trigger,
    delta::{Delta, DeltaRef, Options},
};
use keepstone_format::{Codec, Limits, LogPosition, Metadata};
use keepstone_storage::{Durability, Files, MemFiles, Wal, WalOptions, snapshot};

use crate::Named;

const ID: [u8; 16] = *b"0123456789abcdef";
const GOLDEN_DELTA: &[u8] = include_bytes!("../../crates/checkpoint/tests/golden/delta-v1-usual.bin");

pub(crate) fn all() -> Result<Vec<Named>> {
    let (source, target) = (state(64_000, 0), state(64_100, 9));
    let delta =
        Delta::between(&source, &target, &Options::new()).context("the states have nothing in common")?;
    let mut encoded = Vec::new();
    delta.encode_into(Codec::None, &mut encoded)?;
    let back = DeltaRef::decode(&encoded, Limits::default())?.apply(&source)?;
    ensure!(back == target, "a delta makes another state than it was made from");
    let golden = DeltaRef::decode(GOLDEN_DELTA, Limits::default())?.apply(&source_of_golden())?;
    Ok(vec![
        ("log/segments", log()?),
        ("snapshot/file", snapshot()?),
        ("checkpoint/delta", encoded),
        ("checkpoint/content", ContentId::of(&target).as_bytes().to_vec()),
        ("checkpoint/golden-delta", golden),
        ("checkpoint/export", export()?),
    ])
}

/// Bytes of which one in 50 depends on `edit`.
fn state(len: u32, edit: u8) -> Vec<u8> {
    let byte = |at: u32| (u64::from(at) * u64::from(at) * 31 + u64::from(at >> 8)).to_le_bytes()[0];
    (0..len).map(|at| byte(at) ^ if at % 50 == 0 { edit } else { 0 }).collect()
}

/// The state that the golden delta goes on from, as the program that made it says.
fn source_of_golden() -> Vec<u8> {
    (0..64_000_u64).map(|i| (i * i * 31 + i * 7 + (i >> 8)).to_le_bytes()[0]).collect()
}

/// All segments of a log that was closed, one after the other.
fn log() -> Result<Vec<u8>> {
    let (dir, files) = (Path::new("log"), Arc::new(MemFiles::new()));
    let mut options =
        WalOptions::default().files(files.clone()).segment_bytes(32 << 10, 64 << 10).background(false);
    options.log_id = Some(ID);
    let wal = Wal::open(dir, options)?;
    for len in 0..200_u16 {
        wal.append(&state(u32::from(len) * 7, 0), Durability::Durable)?;
    }
    wal.append_batch(&[b"one", b"", b"three"], Durability::Durable)?;
    wal.close()?;
    let mut names = files.list(dir)?;
    names.sort();
    let mut bytes = Vec::new();
    for name in names {
        let mut file = Vec::new();
        keepstone_storage::read(&*files, &dir.join(&name), u64::MAX, &mut file)?;
        bytes.extend_from_slice(name.as_encoded_bytes());
        bytes.extend_from_slice(&file);
    }
    Ok(bytes)
}

fn snapshot() -> Result<Vec<u8>> {
    let (files, path) = (MemFiles::new(), Path::new("vectors.keep"));
    let mut head = Metadata::new();
    head.set_log_position(LogPosition { log_id: ID, lsn: 1000 });
    let mut writer = snapshot::Writer::create(&files, path, head)?;
    let vectors: Vec<f32> = (0..4000_u16).map(|at| f32::from(at) / 7.0).collect();
    writer.rows("vectors", 4, &vectors)?;
    writer.array("ids", &(0..1000_u64).map(|at| at << 33).collect::<Vec<_>>())?;
    writer.commit()?;
    let mut bytes = Vec::new();
    keepstone_storage::read(&files, path, u64::MAX, &mut bytes)?;
    Ok(bytes)
}

/// An export of checkpoints that come with their ids.
fn export() -> Result<Vec<u8>> {
    let options = StoreOptions::new().background(false).compression(Compression::None);
    let store = CheckpointStore::in_memory_with(options);
    let id = |at: u8| CheckpointId::from_bytes([at; 16]);
    let made = (1..=20_u8).map(|at| {
        let mut made = ImportedCheckpoint::new(id(at), "agent", state(5000 + u32::from(at), at));
        made.parent = at.checked_sub(1).filter(|parent| *parent > 0).map(id);
        made.time = Some(1_760_000_000_000_000_000 + i64::from(at));
        made.trigger = Trigger::Automatic("step".into());
        made.message = format!("step {at}").into();
        made.tags = if at % 5 == 0 { vec!["fifth".into()] } else { vec![] };
        made
    });
    store.import_all(made)?;
    let mut bytes = Vec::new();
    store.export(&Selection::All, &mut bytes)?;
    Ok(bytes)
}
