//! The cases: each against the least that anybody would have to do.

mod codec;
mod durable;
mod encode;
mod large;
mod load;
mod verify;

use crate::case::Plan;

/// Entities of the mixed world.
const SIZES: [(&str, u32); 4] =
    [("mixed 1k", 1000), ("mixed 10k", 10_000), ("mixed 100k", 100_000), ("mixed 1M", 1_000_000)];

/// Returns all cases, in the order of the table.
pub fn all() -> Vec<Plan> {
    let mut plans = Vec::new();
    plans.extend(SIZES.map(|(size, count)| Plan::new("encode", size, count, encode::case)));
    plans.push(Plan::new("encode lz4", "mixed 100k", 100_000, encode::lz4));
    plans.extend(SIZES.map(|(size, count)| Plan::new("load", size, count, load::case)));
    plans.push(Plan::new("load lz4", "mixed 100k", 100_000, load::lz4));
    plans.extend(SIZES.map(|(size, count)| Plan::new("verify", size, count, verify::case)));
    plans.push(Plan::new("write lz4", "columns 12 MB", 500_000, codec::write_lz4));
    plans.push(Plan::new("write lz4", "names, parents 1.7 MB", 1_000_000, codec::write_lz4_rows));
    plans.push(Plan::new("write lz4, summed", "columns 12 MB", 500_000, codec::write_lz4_summed));
    plans.push(Plan::new("write lz4, shuffled", "columns 12 MB", 500_000, codec::write_lz4_shuffled));
    plans.push(Plan::new("write zstd", "columns 12 MB", 500_000, codec::write_zstd));
    plans.push(Plan::new("read lz4", "columns 12 MB", 500_000, codec::read_lz4));
    plans.push(Plan::new("read zstd", "columns 12 MB", 500_000, codec::read_zstd));
    plans.push(Plan::new("references", "column 4 MB", 1_000_000, codec::references));
    plans.push(Plan::new("inspect", "world 100 MB", 8_400_000, large::inspect));
    plans.push(Plan::new("verify file", "100 MB, 1 thread", 8_400_000, large::verify_alone));
    plans.push(Plan::new("verify file", "100 MB, 2 threads", 8_400_000, large::verify_in_two));
    plans.push(Plan::new("durable save", "1 MB", 1_000_000, durable::case));
    plans
}
