//! How much the sweeps do: little in an ordinary test run, and on request as much as there is time for.
//!
//! `cargo xtask crash` sets these variables; so may anyone.
//!
//! | variable | without it | with it |
//! |---|---|---|
//! | `KEEPSTONE_CRASH_SECONDS` | [`histories`] runs its count | it goes on for that many seconds, and caps are 16 times as high |
//! | `KEEPSTONE_CRASH_SEED` | seed 1 | the first seed |
//!
//! To replay a failure, set its seed, and 0 seconds if there were any, since the caps shape the samples.

use std::{
    env,
    time::{Duration, Instant},
};

use crate::{Failure, Swept};

/// The variable with the seconds that [`histories`] may take.
pub const SECONDS: &str = "KEEPSTONE_CRASH_SECONDS";

/// The variable with the first seed.
pub const SEED: &str = "KEEPSTONE_CRASH_SEED";

/// By how much the caps are raised where there is time.
const SCALE: u64 = 16;

/// Answers the first seed: that of the environment, else 1.
pub fn seed() -> u64 {
    number(SEED).unwrap_or(1)
}

/// Answers by how much to raise what is bounded for the time it takes: 1 in an ordinary test run.
pub fn scale() -> u64 {
    if number(SECONDS).is_some() { SCALE } else { 1 }
}

/// Sweeps random histories: calls `sweep` with one seed after another and adds up what it reports.
///
/// In an ordinary test run these are `count` seeds from [`seed`] on. Where the environment gives
/// seconds, it goes on until they are over, and at least `count` times. `sweep` makes a history of its
/// seed, and gives the seed to [`Sweep::seed`](crate::Sweep::seed), so that a failure names it.
///
/// # Errors
/// The first [`Failure`]; to replay it, run the test with its seed in the environment.
pub fn histories(count: u64, mut sweep: impl FnMut(u64) -> Result<Swept, Failure>) -> Result<Swept, Failure> {
    let first = seed();
    let limit = number(SECONDS).map(Duration::from_secs);
    let start = Instant::now();
    let mut total = Swept { seed: first, ..Swept::default() };
    let mut made = 0;
    while made < count || limit.is_some_and(|limit| start.elapsed() < limit) {
        total = total.and(sweep(first.wrapping_add(made))?);
        made += 1;
    }
    Ok(total)
}

/// A variable that is set and no number is a mistake worth a panic: it would pass for an ordinary run.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, not a whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sweep;

    #[test]
    fn histories_go_through_seeds_and_add_up_until_one_fails() {
        let mut seeds = Vec::new();
        let swept = histories(3, |seed| {
            seeds.push(seed);
            Sweep::new().seed(seed).check(|_, _| Ok(()))
        });
        let swept = swept.unwrap();
        let expected: Vec<u64> = (0..seeds.len() as u64).map(|made| seed().wrapping_add(made)).collect();
        assert!(seeds.len() >= 3, "{seeds:?}");
        assert_eq!((seeds.len() as u64, swept.seed), (swept.crash_points, seed()));
        assert_eq!(seeds, expected);

        let failed = histories(3, |made| {
            let second = made == seed().wrapping_add(1);
            Sweep::new().seed(made).check(|_, _| if second { Err("bad".to_owned()) } else { Ok(()) })
        });
        let said = failed.unwrap_err().to_string();
        assert!(said.starts_with(&format!("seed {}: power cut", seed().wrapping_add(1))), "{said}");
    }
}
