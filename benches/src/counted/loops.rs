#![expect(clippy::unnecessary_wraps, reason = "building another loop can fail")]

use std::sync::Arc;

use anyhow::{Context, Result};
use bevy_ecs::world::World;
use keepstone::{
    Codec, SaveOptions,
    format::{FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions},
    prelude::*,
    storage::{Durability, MemFiles, Wal, WalOptions},
    value::{Decoder, Options, encode},
};
use keepstone_checkpoint::delta::{self, Delta, DeltaRef};

use super::{Loop, Work};
use crate::{
    bundle::Data,
    columns::Columns,
    in_hecs,
    mixed::{self, Name, SplitMix},
};

const ENTITIES: u32 = 1000;
const RECORDS: usize = 100;
const RECORD_LEN: usize = 1024;

pub(super) const ALL: [Loop; 13] = [
    Loop { name: "value encode, 1000 rows", build: value_encode },
    Loop { name: "value decode, 1000 rows", build: value_decode },
    Loop { name: "container write, columns 24 KB", build: container_write },
    Loop { name: "container read, columns 24 KB", build: container_read },
    Loop { name: "wal append, 100 x 1 KB", build: wal_append },
    Loop { name: "delta between, 1 KB", build: || delta_between(1000) },
    Loop { name: "delta between, 10 KB", build: || delta_between(10_000) },
    Loop { name: "delta encode, 10 KB", build: delta_encode },
    Loop { name: "delta apply, 10 KB", build: delta_apply },
    Loop { name: "bevy encode, mixed 1k", build: bevy_encode },
    Loop { name: "bevy load, mixed 1k", build: bevy_load },
    Loop { name: "hecs encode, mixed 1k", build: hecs_encode },
    Loop { name: "hecs load, mixed 1k", build: hecs_load },
];

/// Names and numbers, as serde components have them.
fn rows() -> Vec<(Name, u32, Option<u32>)> {
    let rows = (0_u32..).zip(mixed::rows(ENTITIES));
    rows.map(|(index, row)| (row.name.unwrap_or(Name(String::new())), index, row.parent)).collect()
}

fn value_encode() -> Result<Work> {
    let (rows, options) = (rows(), Options::default());
    Ok(Box::new(move || Ok(encode(rows.iter(), None, &options)?.data.len())))
}

fn value_decode() -> Result<Work> {
    let options = Options::default();
    let rows = encode(rows().iter(), None, &options)?;
    Ok(Box::new(move || {
        let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
        let mut bytes = 0;
        for len in &rows.lens {
            let (name, ..) = decoder.row::<(Name, u32, Option<u32>)>(*len)?;
            bytes += name.0.len();
        }
        decoder.finish()?;
        Ok(bytes)
    }))
}

fn container(mut out: Vec<u8>, data: &[u8]) -> Result<Vec<u8>> {
    out.clear();
    let mut writer = Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
    writer.coded_from(SectionId::BYTES, 0, &[data])?;
    Ok(writer.finish(Metadata::new())?.0)
}

fn container_write() -> Result<Work> {
    let data = Columns::new(mixed::rows(ENTITIES)).plain_bytes();
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out = container(std::mem::take(&mut out), &data)?;
        Ok(out.len())
    }))
}

fn container_read() -> Result<Work> {
    let file = container(Vec::new(), &Columns::new(mixed::rows(ENTITIES)).plain_bytes())?;
    let mut out = Vec::new();
    Ok(Box::new(move || {
        let reader = Reader::open(file.as_slice(), Limits::for_file_len(file.len() as u64))?;
        out.clear();
        reader.read_into(reader.find(SectionId::BYTES, 0)?, &mut out)?;
        Ok(out.len())
    }))
}

/// Frames, in memory and to files in memory.
fn wal_append() -> Result<Work> {
    let options = WalOptions::default().files(Arc::new(MemFiles::new())).background(false);
    let wal = Wal::open("log", options)?;
    let record = Data::Mixed.bytes(RECORD_LEN);
    Ok(Box::new(move || {
        for _ in 0..RECORDS {
            wal.append(&record, Durability::Buffered)?;
        }
        Ok(RECORDS)
    }))
}

/// A state, and the same with one byte in a hundred changed, each by itself.
fn states(len: usize) -> [Vec<u8>; 2] {
    let before = Data::Mixed.bytes(len);
    let mut after = before.clone();
    let mut random = SplitMix::new(7);
    for _ in 0..len / 100 {
        let at = usize::from(random.next_u16()) % len;
        if let Some(byte) = after.get_mut(at) {
            *byte ^= 0x55;
        }
    }
    [before, after]
}

fn between([before, after]: &[Vec<u8>; 2]) -> Result<Delta> {
    Delta::between(before, after, &delta::Options::new()).context("few bytes have changed")
}

fn delta_between(len: usize) -> Result<Work> {
    let states = states(len);
    Ok(Box::new(move || Ok(between(&states)?.plain_len())))
}

fn delta_encode() -> Result<Work> {
    let delta = between(&states(10_000))?;
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out.clear();
        delta.encode_into(Codec::None, &mut out)?;
        Ok(out.len())
    }))
}

fn delta_apply() -> Result<Work> {
    let states = states(10_000);
    let mut bytes = Vec::new();
    between(&states)?.encode_into(Codec::None, &mut bytes)?;
    let [before, _] = states;
    Ok(Box::new(move || Ok(DeltaRef::decode(&bytes, Limits::default())?.apply(&before)?.len())))
}

fn bevy_encode() -> Result<Work> {
    let (world, options) = (mixed::world(ENTITIES), SaveOptions::default().codec(Codec::None));
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out.clear();
        world.save_to_with(&mut out, &options)?;
        Ok(out.len())
    }))
}

fn bevy_load() -> Result<Work> {
    let mut bytes = Vec::new();
    mixed::world(ENTITIES).save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    Ok(Box::new(move || {
        Ok(World::load_from(&mut bytes.as_slice())?.entities().count_spawned().try_into()?)
    }))
}

fn hecs_encode() -> Result<Work> {
    let world = in_hecs::world(&mixed::rows(ENTITIES));
    let options = SaveOptions::default().codec(Codec::None);
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out.clear();
        world.save_to_with(&mut out, &options)?;
        Ok(out.len())
    }))
}

fn hecs_load() -> Result<Work> {
    let mut bytes = Vec::new();
    in_hecs::world(&mixed::rows(ENTITIES))
        .save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    Ok(Box::new(move || Ok(hecs::World::load_from(&mut bytes.as_slice())?.len().try_into()?)))
}
