use std::path::Path;

use anyhow::{Result, ensure};
use keepstone::{
    Codec, SaveOptions,
    format::{Limits, Reader},
    prelude::*,
};

use crate::{
    case::{Case, Plan},
    mixed,
};

/// A file that is read from memory and checked to the last byte, beside a CRC-32 of what was read.
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    let mut bytes = Vec::new();
    mixed::world(plan.amount).save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    let same = bytes.clone();
    let mut ours = Vec::new();
    let mut floor = Vec::new();
    Ok(plan
        .case()
        .ours(move |watch| {
            watch.note_bytes(bytes.len() as u64);
            watch.together(|| {
                ours.clear();
                ours.extend_from_slice(&bytes);
                let reader = Reader::open(ours.as_slice(), Limits::for_file_len(ours.len() as u64))?;
                let report = reader.verify(&mut |_| {})?;
                ensure!(report.damaged == 0, "the file is damaged");
                Ok(report.bytes)
            })
        })
        .floor(1.0, "memcpy + CRC-32 of the file", move |watch| {
            watch.together(|| {
                floor.clear();
                floor.extend_from_slice(&same);
                Ok(crc32fast::hash(&floor))
            })
        }))
}
