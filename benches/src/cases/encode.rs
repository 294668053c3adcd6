use std::path::Path;

use anyhow::Result;
use keepstone::{Codec, SaveOptions, prelude::*};

use crate::{
    case::{Case, Plan},
    columns::Columns,
    mixed,
};

/// In memory, with checksums, without a codec. Three times copying and summing the plain columns, and one and a half
/// times plain serde of the rest, may be what a file costs that says what is in it.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(against_floors(plan, Codec::None).limit(1.0))
}

/// What LZ4 adds to it.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn lz4(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(against_floors(plan, Codec::Lz4))
}

fn against_floors(plan: &Plan, codec: Codec) -> Case {
    let world = mixed::world(plan.amount);
    let columns = Columns::new(mixed::rows(plan.amount));
    let rest = columns.clone();
    let options = SaveOptions::default().codec(codec);
    let mut out = Vec::new();
    let mut copied = Vec::new();
    let mut serialized = vec![0; rest.serialized_len_max()];
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            out.clear();
            Ok(world.save_to_with(&mut out, &options)?.encoded.bytes_total)
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    case.floor(3.0, "memcpy + CRC-32 of the plain columns", move |watch| {
        watch.together(|| Ok(columns.copy_and_sum(&mut copied)))
    })
    .floor(1.5, "postcard of names and parents", move |watch| {
        watch.together(|| rest.serialize(&mut serialized))
    })
}
