//! `.pecs` files with the rows of a world, most of them with right checksums.
#![no_main]

#[path = "../../crates/compat/tests/corpus/pecs_rows.rs"]
mod pecs_rows;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| pecs_rows::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let len = fuzzer_mutate(data, size, max_size);
    if let (false, Some(bytes)) = (seed % 8 == 0, data.get_mut(..len)) {
        pecs_rows::reseal(bytes);
    }
    len
});
