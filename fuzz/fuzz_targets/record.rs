//! Records of entities, one or several: read, joined and written again. Their checksums are made right.
#![no_main]

#[path = "../../crates/ecs-persist/tests/corpus/record.rs"]
mod record;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| record::check(bytes));
