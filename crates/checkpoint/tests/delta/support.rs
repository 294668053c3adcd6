//! Random states and what happens to them.

use keepstone_checkpoint::delta::{Delta, DeltaRef, Options};
use keepstone_format::{Codec, Limits};
use keepstone_testkit::Random;

/// A state of random bytes, of records, or of few values.
pub(crate) fn state(random: &mut Random, len: usize) -> Vec<u8> {
    match random.index(4) {
        0 => vec![0x42; len],
        1 => (0_u32..)
            .take(len)
            .map(|at| (at / 24 * 7 + at % 24).to_le_bytes()[usize::from(at % 3 == 0)])
            .collect(),
        2 => (0..len).map(|_| random.bytes(1)[0] & 1).collect(),
        _ => random.bytes(len),
    }
}

/// Does one thing to a state: replaces, inserts, deletes, moves, swaps or repeats.
pub(crate) fn edit(random: &mut Random, state: &mut Vec<u8>, longest: usize) {
    let from = random.index(state.len() + 1);
    let len = random.index(longest + 1).min(state.len() - from);
    match random.index(7) {
        0 | 1 => {
            let new = random.bytes(len);
            state[from..from + len].copy_from_slice(&new);
        }
        2 => {
            let new = random.bytes(len);
            state.splice(from..from, new);
        }
        3 => drop(state.drain(from..from + len)),
        4 => {
            let moved: Vec<u8> = state.drain(from..from + len).collect();
            let to = random.index(state.len() + 1);
            state.splice(to..to, moved);
        }
        5 => state[from..from + len].rotate_left(len / 3),
        _ => {
            let again = state[from..from + len].to_vec();
            let to = random.index(state.len() + 1);
            state.splice(to..to, again);
        }
    }
}

/// Options under which no delta is too long for short states.
pub(crate) fn between(source: &[u8], target: &[u8]) -> Option<Delta> {
    Delta::between(source, target, &Options::new())
}

pub(crate) fn encode(delta: &Delta, codec: Codec) -> Vec<u8> {
    let mut bytes = Vec::new();
    delta.encode_into(codec, &mut bytes).unwrap();
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> DeltaRef<'_> {
    DeltaRef::decode(bytes, Limits::default()).unwrap()
}

/// Codecs that this build has.
pub(crate) fn codecs() -> impl Iterator<Item = Codec> {
    let is_built = |codec: &Codec| {
        let (has_lz4, has_zstd) = (cfg!(feature = "lz4"), cfg!(feature = "zstd"));
        (has_lz4 || *codec != Codec::Lz4) && (has_zstd || *codec != Codec::Zstd)
    };
    [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().filter(is_built)
}
