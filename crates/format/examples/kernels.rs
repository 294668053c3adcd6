//! How fast this build sums bytes, in GB/s, the best of many rounds: `cargo xtask native` runs it built for any processor of its kind and
//! built for this one alone.
#![expect(clippy::print_stdout, reason = "an example that says what it measured")]

use std::{hint::black_box, time::Instant};

use keepstone_format::{crc32, crc64};

const LEN: u32 = 1 << 20;
const ROUNDS: usize = 400;

fn main() {
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(usize::try_from(LEN).unwrap_or_default())
    .collect();
    told("CRC-32", &bytes, |bytes| u64::from(crc32(bytes)));
    told("CRC-64", &bytes, crc64);
    told("BLAKE3", &bytes, |bytes| u64::from(blake3::hash(bytes).as_bytes()[0]));
}

fn told(name: &str, bytes: &[u8], sum: impl Fn(&[u8]) -> u64) {
    let rounds = (0..ROUNDS).map(|_| {
        let begin = Instant::now();
        black_box(sum(black_box(bytes)));
        begin.elapsed().as_secs_f64()
    });
    let best = rounds.fold(f64::INFINITY, f64::min);
    println!("{name} {:.2}", f64::from(LEN) / best / 1e9);
}
