//! Makes hostile inputs from good ones. All of it follows from a seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Larger inputs are replayed, not mutated: the time goes to variety.
const SEED_LEN_MAX: usize = 8192;

/// Values at which lengths, counts and flags tend to break.
const INTERESTING: [u64; 16] = [
    0,
    1,
    2,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x00FF_FFFF,
    0x0100_0001,
    0x7FFF_FFFF,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    u64::MAX,
];

/// A splitmix generator: any seed is a good one.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap().checked_rem(bound).unwrap_or(0)
    }

    fn interesting(&mut self) -> u64 {
        INTERESTING[self.below(INTERESTING.len())]
    }

    /// A part of `bytes` that is seldom long.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let longest = if self.below(4) == 0 { len } else { 16 };
        let start = self.below(len + 1);
        start..(start + 1 + self.below(longest)).min(len)
    }
}

/// Changes `bytes` in one place or a few, sometimes with what `other` holds.
pub(crate) fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(3) {
        mutate_once(random, bytes, other);
    }
}

fn mutate_once(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len());
    match random.below(10) {
        0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
        2 => {
            let value = random.next().to_le_bytes()[0];
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = value);
        }
        3 => overwrite_integer(random, bytes, at),
        4 => {
            let varint = varint(random.interesting());
            let replaced = random.below(2).min(bytes.len() - at);
            bytes.splice(at..at + replaced, varint);
        }
        5 => bytes.truncate(at),
        6 => drop(bytes.drain(random.range(bytes.len()))),
        7 => {
            let copy = bytes[random.range(bytes.len())].to_vec();
            bytes.splice(at..at, copy);
        }
        8 => {
            let piece = other[random.range(other.len())].to_vec();
            let end = (at + random.below(2) * piece.len()).min(bytes.len());
            bytes.splice(at..end, piece);
        }
        _ => {
            let value = random.interesting().to_le_bytes()[0];
            let count = 1 + random.below(8);
            bytes.splice(at..at, std::iter::repeat_n(value, count));
        }
    }
}

/// Puts an interesting value, or one close to what stands there, over 1, 2, 4 or 8 bytes.
fn overwrite_integer(random: &mut Random, bytes: &mut [u8], at: usize) {
    let width = 1 << random.below(4);
    let Some(field) = bytes.get_mut(at..at + width) else { return };
    let mut before = [0; 8];
    before[..width].copy_from_slice(field);
    let close = u64::from_le_bytes(before).wrapping_add(random.next() % 5).wrapping_sub(2);
    let value = if random.below(2) == 0 { close } else { random.interesting() };
    field.copy_from_slice(&value.to_le_bytes()[..width]);
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7F {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

/// Runs every input of a corpus folder through `check` and returns the inputs.
#[expect(clippy::disallowed_methods, reason = "a corpus is read from the source tree")]
pub(crate) fn replay(folder: &str, check: fn(&[u8])) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|err| panic!("{folder}: {err}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let input = std::fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        guarded(check, &input, || path.display().to_string());
        input
    };
    let corpus: Vec<_> = paths.iter().map(read).collect();
    assert!(!corpus.is_empty(), "{folder} has no inputs");
    corpus
}

/// Runs `rounds` inputs that `forge` makes of `corpus` through `check`; each has a seed of its own.
///
/// `KEEPSTONE_FUZZ_ROUNDS` asks for more of them, `KEEPSTONE_FUZZ_SEED` for others.
pub(crate) fn storm(
    target: &str,
    corpus: &[Vec<u8>],
    rounds: u64,
    check: fn(&[u8]),
    forge: impl Fn(&mut Random, &mut Vec<u8>, &[u8]),
) {
    let seeds: Vec<&Vec<u8>> = corpus.iter().filter(|input| input.len() <= SEED_LEN_MAX).collect();
    let setting = |name: &str| std::env::var(name).ok().map(|value| value.parse().unwrap());
    let rounds = setting("KEEPSTONE_FUZZ_ROUNDS").unwrap_or(rounds);
    let first = setting("KEEPSTONE_FUZZ_SEED").unwrap_or(1);
    for seed in first..first + rounds {
        let mut random = Random(seed);
        let mut input = seeds[random.below(seeds.len())].clone();
        let other = seeds[random.below(seeds.len())];
        forge(&mut random, &mut input, other);
        guarded(check, &input, || format!("{target}, seed {seed}, {}", hex(&input)));
    }
}

fn guarded(check: fn(&[u8]), input: &[u8], name: impl Fn() -> String) {
    let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
    assert!(outcome.is_ok(), "the input that failed: {}", name());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(format!("{} bytes: ", bytes.len()), |text, byte| format!("{text}{byte:02x}"))
}
