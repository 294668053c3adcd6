//! Random worlds of both ECS. A failure names its seed.

mod background;
mod build;
mod canonical;
#[cfg(all(feature = "compat", feature = "json", feature = "zstd"))]
mod crosswise;
mod deltas;
#[cfg(all(feature = "compat", feature = "json", feature = "zstd"))]
mod formats;
mod in_bevy;
mod in_hecs;
mod pipe;
mod plan;
mod restore;
mod streams;

use std::panic::{AssertUnwindSafe, catch_unwind};

use keepstone_testkit::Random;

/// Runs `check` with generators of this many seeds. As in the tests on corpora, `KEEPSTONE_FUZZ_ROUNDS` asks for more of them and
/// `KEEPSTONE_FUZZ_SEED` for others.
fn each_seed(rounds: u64, check: impl Fn(&mut Random)) {
    let setting = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let rounds = setting("KEEPSTONE_FUZZ_ROUNDS").unwrap_or(rounds);
    let first = setting("KEEPSTONE_FUZZ_SEED").unwrap_or(0);
    for seed in first..first + rounds {
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&mut Random::new(seed))));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
