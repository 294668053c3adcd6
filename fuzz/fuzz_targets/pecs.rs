//! `.pecs` files, most of them with right checksums.
#![no_main]

#[path = "../../crates/compat/tests/corpus/pecs.rs"]
mod pecs;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| pecs::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let len = fuzzer_mutate(data, size, max_size);
    if let (false, Some(bytes)) = (seed % 8 == 0, data.get_mut(..len)) {
        pecs::reseal(bytes);
    }
    len
});
