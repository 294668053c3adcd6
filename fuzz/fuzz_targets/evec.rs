//! Snapshots of EdgeVec, seven of eight with right checksums.
#![no_main]

#[path = "../../crates/compat/tests/corpus/evec.rs"]
mod evec;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| evec::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let len = fuzzer_mutate(data, size, max_size);
    if let (1.., Some(bytes)) = (seed % 8, data.get_mut(..len)) {
        evec::reseal(bytes);
    }
    len
});
