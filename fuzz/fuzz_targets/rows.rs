//! Shapes, and rows read by them as nothing, as dynamic values and as types.
#![no_main]

#[path = "../../crates/ecs-persist/tests/corpus/rows.rs"]
mod rows;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rows::check(bytes));
