//! serde values as rows, and columns of plain values.

use anyhow::Result;
use keepstone_format::{
    Codec, FileKind, Filter, Metadata, SectionId, SectionOptions, Writer, WriterOptions, plain,
};
use keepstone_value::{Options, encode};
use serde::{Deserialize, Serialize};

use crate::Named;

#[derive(Serialize, Deserialize, Clone)]
#[serde(tag = "type")]
pub(crate) enum Effect {
    Burn { damage: u32, scale: f64 },
    Heal { amount: i64, until: Option<u16> },
    Rest,
}

/// One of each number, in widths and signs.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Item {
    name: String,
    counts: (u8, u16, u32, u64, u128),
    offsets: (i8, i16, i32, i64, i128),
    weight: f32,
    value: f64,
    effects: Vec<Effect>,
    is_worn: bool,
    letter: char,
    len: usize,
}

/// Values of which no two are alike; what they are follows from the number.
pub(crate) fn items(count: u8) -> Vec<Item> {
    let item = |at: u8| {
        let wide = u64::from(at) * 0x0102_0304_0506_0708;
        let signed = -i64::from(at) * 0x0001_0203_0405;
        let effects = [
            Effect::Burn { damage: u32::from(at) << 20, scale: f64::from(at) / 7.0 },
            Effect::Heal { amount: signed, until: at.is_multiple_of(2).then_some(u16::from(at) * 257) },
            Effect::Rest,
        ];
        Item {
            name: format!("item {at}"),
            counts: (at, u16::from(at) * 259, u32::from(at) << 23, wide, u128::from(wide) << 61),
            offsets: (-(at.min(127).cast_signed()), -300, -70_000, signed, i128::from(signed) << 60),
            weight: f32::from(at) / 3.0,
            value: -f64::from(at) / 9.0,
            effects: effects.into_iter().take(usize::from(at % 4)).collect(),
            is_worn: at.is_multiple_of(3),
            letter: char::from(b'a' + at % 26),
            len: usize::from(at) << 20,
        }
    };
    (0..count).map(item).collect()
}

pub(crate) fn all() -> Result<Vec<Named>> {
    let items = items(100);
    let rows = encode(items.iter(), None, &Options::default())?;
    let mut bytes = rows.data.clone();
    bytes.extend(rows.lens.iter().flat_map(|len| len.to_le_bytes()));
    Ok(vec![
        ("value/rows", bytes),
        ("value/shape", rows.shape.encode()),
        ("format/plain", columns()),
        ("format/container", container(Filter::None)?),
        ("format/shuffled", container(Filter::Shuffle { width: 4 })?),
    ])
}

/// Columns of all widths as they are in a file.
fn columns() -> Vec<u8> {
    let mut bytes = Vec::new();
    let counted = || (0..1000_u16).map(|at| at.wrapping_mul(257));
    bytes.extend_from_slice(&plain::to_le_bytes_cow(&counted().collect::<Vec<u16>>()));
    bytes.extend_from_slice(&plain::to_le_bytes_cow(&counted().map(|at| -i32::from(at)).collect::<Vec<_>>()));
    bytes.extend_from_slice(&plain::to_le_bytes_cow(
        &counted().map(|at| u64::from(at) << 40).collect::<Vec<_>>(),
    ));
    bytes.extend_from_slice(&plain::to_le_bytes_cow(&counted().map(f32::from).collect::<Vec<_>>()));
    let vectors: Vec<[f64; 3]> = counted().map(|at| [f64::from(at), -f64::from(at) / 3.0, 0.0]).collect();
    bytes.extend_from_slice(&plain::to_le_bytes_cow(&vectors));
    bytes
}

fn container(filter: Filter) -> Result<Vec<u8>> {
    let mut head = Metadata::new();
    head.set_name("portable").set_created_at(1_760_000_000_123_456_789).set_tick(7).set_custom("k", b"v");
    let store = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head).store(store, 3);
    let mut writer = Writer::new(Vec::new(), options)?;
    writer.coded_from(SectionId::BYTES, 0, &[b"he", b"", b"llo"])?;
    writer.raw_from(SectionId(0x1001), 0, &[&columns()])?;
    let options = SectionOptions::new(Codec::None).filter(filter);
    writer.coded_from_with(SectionId(0x8000_1002), 1, &[&columns().repeat(30)], options)?;
    Ok(writer.finish(Metadata::new())?.0)
}
