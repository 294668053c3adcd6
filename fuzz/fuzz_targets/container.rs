//! Containers: opened, verified and read in every way, as a stream too, salvaged, then copied. Three of four inputs have right checksums.
#![no_main]

#[path = "../../crates/format/tests/corpus/container.rs"]
mod container;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| container::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let len = fuzzer_mutate(data, size, max_size);
    if let (false, Some(bytes)) = (seed % 4 == 0, data.get_mut(..len)) {
        container::reseal(bytes, seed % 4 == 1);
    }
    len
});
