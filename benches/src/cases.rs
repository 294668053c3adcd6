//! The cases: each against the least that anybody would have to do.

mod durable;
mod encode;
mod load;
mod verify;

use crate::case::Plan;

/// Entities of the mixed world.
const SIZES: [(&str, u32); 3] = [("mixed 1k", 1000), ("mixed 10k", 10_000), ("mixed 100k", 100_000)];

/// Returns all cases, in the order of the table.
pub fn all() -> Vec<Plan> {
    let mut plans = Vec::new();
    plans.extend(SIZES.map(|(size, count)| Plan::new("encode", size, count, encode::case)));
    plans.push(Plan::new("encode lz4", "mixed 100k", 100_000, encode::lz4));
    plans.extend(SIZES.map(|(size, count)| Plan::new("load", size, count, load::case)));
    plans.push(Plan::new("load lz4", "mixed 100k", 100_000, load::lz4));
    plans.extend(SIZES.map(|(size, count)| Plan::new("verify", size, count, verify::case)));
    plans.push(Plan::new("durable save", "1 MB", 1_000_000, durable::case));
    plans
}
