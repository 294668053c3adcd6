//! Deltas: read, written again and applied to a base. Most mutations change what a section holds and seal it again.
#![no_main]

#[expect(dead_code, reason = "worlds are another target")]
#[path = "../../crates/ecs-persist/tests/corpus/columns.rs"]
mod columns;
mod common;
#[path = "../../crates/ecs-persist/tests/corpus/delta.rs"]
mod delta;
#[expect(dead_code, reason = "rows of their own are another target")]
#[path = "../../crates/ecs-persist/tests/corpus/rows.rs"]
mod rows;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| delta::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut sections = data.get(..size).and_then(columns::sections).unwrap_or_default();
    // A mixed seed: libFuzzer's consecutive ones shall not walk through the sections in order.
    let choice = (seed.wrapping_mul(0x9E37_79B1) >> 8) as usize;
    let count = sections.len();
    match sections.get_mut(choice.checked_rem(count).unwrap_or(0)) {
        Some(section) if choice % 8 == 1 => section.instance ^= 1 << (16 + seed % 2),
        Some(section) if choice % 8 != 0 => common::mutate_part(&mut section.payload),
        _ => return fuzzer_mutate(data, size, max_size),
    }
    let made = delta::sealed(&sections);
    if made.len() > max_size { size } else { common::deliver(&made, data, max_size) }
});
