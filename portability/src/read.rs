//! Golden files, which programs that share no code with the readers have made: what is read from them, and the same written again.

use anyhow::Result;
use keepstone_ecs_persist::{EncodeOptions, WorldDelta, WorldDoc};
use keepstone_format::{Codec, Limits, Reader};

use crate::Named;

/// Containers whose sections are read; what is compressed was compressed elsewhere.
const CONTAINERS: [(&str, &[u8]); 3] = [
    ("read/container", include_bytes!("../../crates/format/tests/golden/container-v1-mixed.keep")),
    ("read/container-lz4", include_bytes!("../../crates/format/tests/golden/container-v1-lz4.keep")),
    ("read/container-shuffled", include_bytes!("../../crates/format/tests/golden/container-v1-shuffle.keep")),
];
const WORLD: &[u8] = include_bytes!("../../crates/ecs-persist/tests/golden/world-v1-small.bin");
const PARTS: &[u8] = include_bytes!("../../crates/world/tests/golden/game-v3-hecs.bin");
const DELTA: &[u8] = include_bytes!("../../crates/ecs-persist/tests/golden/delta-v1-small.bin");

pub(crate) fn all() -> Result<Vec<Named>> {
    let mut all = Vec::new();
    for (name, bytes) in CONTAINERS {
        let reader = open(bytes)?;
        let mut read = Vec::new();
        for section in reader.sections() {
            read.extend_from_slice(&reader.read(section)?);
        }
        all.push((name, read));
    }
    let plain = EncodeOptions::default().codec(Codec::None);
    for (name, bytes) in [("read/world", WORLD), ("read/game", PARTS)] {
        let reader = open(bytes)?;
        all.push((name, WorldDoc::decode(&reader, 0)?.encode(Vec::new(), &plain)?.0));
    }
    let reader = open(DELTA)?;
    all.push(("read/delta", WorldDelta::decode(&reader)?.encode(Vec::new(), &plain)?.0));
    Ok(all)
}

fn open(bytes: &[u8]) -> Result<Reader<&[u8]>> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    let mut first = None;
    reader.verify(&mut |error| first = first.take().or(Some(error)))?;
    match first {
        Some(error) => Err(error.into()),
        None => Ok(reader),
    }
}
