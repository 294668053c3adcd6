//! Hashes of 128 bits that add up: the sum of a file is that of its sectors, so a change costs one sector.

use std::hash::{BuildHasherDefault, Hasher};

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// Stirs `word` into `hash`.
pub(crate) fn mix(hash: u128, word: u128) -> u128 {
    let mixed = (hash ^ word).wrapping_mul(MULTIPLIER);
    (mixed ^ (mixed >> 71)).wrapping_mul(MULTIPLIER).rotate_left(47)
}

/// Hashes bytes, at most 16 at a step.
pub(crate) fn bytes(seed: u128, bytes: &[u8]) -> u128 {
    let (words, rest) = bytes.as_chunks::<16>();
    let hash = words.iter().fold(mix(seed, bytes.len() as u128), |hash, word| {
        let mixed = (hash ^ u128::from_le_bytes(*word)).wrapping_mul(MULTIPLIER);
        mixed ^ (mixed >> 67)
    });
    rest.iter().fold(mix(hash, 1), |hash, byte| mix(hash, u128::from(*byte)))
}

/// A set or map of hashes, which need not be hashed again.
pub(crate) type Map<V> = std::collections::HashMap<u128, V, BuildHasherDefault<Taken>>;

/// Takes the low half of a hash as it is.
#[derive(Debug, Default)]
pub(crate) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |low| u64::from_le_bytes(*low));
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}
