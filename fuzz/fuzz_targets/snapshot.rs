//! Snapshots: opened with one thread and with several, all arrays viewed. Three of four inputs have right checksums.
#![no_main]

#[path = "../../crates/storage/tests/corpus/snapshot.rs"]
mod snapshot;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| snapshot::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let len = fuzzer_mutate(data, size, max_size);
    if let (false, Some(bytes)) = (seed % 4 == 0, data.get_mut(..len)) {
        snapshot::reseal(bytes, seed % 4 == 1);
    }
    len
});
