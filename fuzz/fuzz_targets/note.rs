//! Notes of saves: listed, put into an index and changed. Most mutations change the metadata and seal it again.
#![no_main]

mod common;
#[expect(dead_code, reason = "containers are another target")]
#[path = "../../crates/format/tests/corpus/container.rs"]
mod container;
#[path = "../../crates/slots/tests/corpus/note.rs"]
mod note;
#[path = "../../crates/slots/tests/corpus/root.rs"]
mod root;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| note::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let head = data.get(..size).and_then(note::head).filter(|_| seed % 8 != 0);
    let Some(mut head) = head else {
        let len = fuzzer_mutate(data, size, max_size);
        if let Some(bytes) = data.get_mut(..len) {
            container::reseal(bytes, true);
        }
        return len;
    };
    common::mutate_part(&mut head);
    let made = note::sealed(&head);
    if made.len() > max_size { size } else { common::deliver(&made, data, max_size) }
});
