//! Worlds in JSON: read by themselves and with a schema, and written again equal.
#![no_main]

#[path = "../../crates/ecs-persist/tests/corpus/json.rs"]
mod json;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| json::check(bytes));
