//! A file that was built from FORMAT.md by a reader of it, not by this code.

use crate::support::{decode, encode, small_world};

#[test]
fn the_specification_and_the_code_agree_on_every_byte() {
    let golden = include_bytes!("golden/world-v1-small.bin");
    assert_eq!(encode(&small_world()), golden);
    assert_eq!(decode(golden).unwrap(), small_world());
}
