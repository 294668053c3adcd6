//! Write-ahead logs of EdgeVec, a quarter of them with right checksums.
#![no_main]

#[path = "../../crates/compat/tests/corpus/edgevec.rs"]
mod edgevec;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| edgevec::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let len = fuzzer_mutate(data, size, max_size);
    if let (0, Some(bytes)) = (seed % 4, data.get_mut(..len)) {
        edgevec::reseal(bytes);
    }
    len
});
