//! `.awsv` files, most of them with right lengths and checksums.
#![no_main]

#[path = "../../crates/compat/tests/corpus/awsv.rs"]
mod awsv;
mod common;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| awsv::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut bytes = data.get(..size).unwrap_or_default().to_vec();
    if seed % 2 == 0 {
        awsv::unpack(&mut bytes);
    }
    common::mutate_part(&mut bytes);
    bytes.truncate(max_size);
    if seed % 8 != 1 {
        awsv::reseal(&mut bytes);
    }
    common::deliver(&bytes, data, max_size)
});
