use keepstone_format::Kind;

use crate::support::{decode, encode, small_world};

#[test]
fn a_file_cut_at_any_length_is_refused() {
    let bytes = encode(&small_world());
    for len in 0..bytes.len() {
        let error = decode(&bytes[..len]).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{len}: {error}");
    }
}

#[test]
fn a_flip_of_any_bit_is_refused() {
    let bytes = encode(&small_world());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = decode(&flipped).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "bit {bit}: {error}");
    }
}
