use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use keepstone::Codec;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::text::nanos;

/// Most rounds that count; an odd number, so that one of them is the median.
const ROUNDS_MAX: usize = 15;
/// Fewest rounds that count, where each takes long.
const ROUNDS_MIN: usize = 3;
/// After so long it is enough.
const TIME_ENOUGH: Duration = Duration::from_secs(3);

/// A step beside the least that it can take.
#[derive(Debug, Serialize)]
pub(super) struct Measurement {
    pub(super) step: &'static str,
    pub(super) codec: &'static str,
    /// Bytes of the container.
    pub(super) bytes: u64,
    #[serde(rename = "time_ns", serialize_with = "as_nanos")]
    pub(super) time: Duration,
    pub(super) floor: &'static str,
    /// Bytes that the floor goes through; 0 where it isn't about bytes.
    pub(super) floor_bytes: u64,
    #[serde(rename = "floor_time_ns", serialize_with = "as_nanos")]
    pub(super) floor_time: Duration,
    pub(super) ratio: f64,
    pub(super) rounds: usize,
}

/// Medians of a step and of its floor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    ours: Duration,
    floor: Duration,
    rounds: usize,
}

impl Measurement {
    pub(super) fn new(
        step: &'static str,
        codec: Codec,
        bytes: u64,
        times: Times,
        floor: &'static str,
        floor_bytes: u64,
    ) -> Self {
        // A floor that takes no time at all has no ratio that means something.
        let least = times.floor.max(Duration::from_nanos(1));
        Self {
            step,
            codec: codec.name(),
            bytes,
            time: times.ours,
            floor,
            floor_bytes,
            floor_time: times.floor,
            ratio: times.ours.as_secs_f64() / least.as_secs_f64(),
            rounds: times.rounds,
        }
    }
}

/// Writes a time as JSON has it.
pub(super) fn as_nanos<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(nanos(*time))
}

/// Runs a step and its floor in turns and returns the median of each. What they return is dropped outside the time.
pub(super) fn alternate<A, B>(
    mut ours: impl FnMut() -> Result<A, Error>,
    mut floor: impl FnMut() -> Result<B, Error>,
) -> Result<Times, Error> {
    alternate_prepared(|| (), |()| ours(), || (), |()| floor())
}

/// As [`alternate`], with what each round needs made outside the time.
pub(super) fn alternate_prepared<P, A, Q, B>(
    mut prepare: impl FnMut() -> P,
    mut ours: impl FnMut(P) -> Result<A, Error>,
    mut prepare_floor: impl FnMut() -> Q,
    mut floor: impl FnMut(Q) -> Result<B, Error>,
) -> Result<Times, Error> {
    // The first round fills caches and grows buffers.
    time(prepare(), &mut ours)?;
    time(prepare_floor(), &mut floor)?;
    let (mut of_ours, mut of_floor) = (Vec::with_capacity(ROUNDS_MAX), Vec::with_capacity(ROUNDS_MAX));
    let start = Instant::now();
    while of_ours.len() < rounds_wanted(of_ours.len(), start.elapsed()) {
        of_ours.push(time(prepare(), &mut ours)?);
        of_floor.push(time(prepare_floor(), &mut floor)?);
    }
    Ok(Times { rounds: of_ours.len(), ours: median(of_ours), floor: median(of_floor) })
}

/// How many rounds there shall be, after some that took so long: an odd number, however little time there is.
fn rounds_wanted(done: usize, elapsed: Duration) -> usize {
    if elapsed < TIME_ENOUGH { ROUNDS_MAX } else { (done | 1).max(ROUNDS_MIN) }
}

fn time<P, A>(prepared: P, step: &mut impl FnMut(P) -> Result<A, Error>) -> Result<Duration, Error> {
    let start = Instant::now();
    let result = black_box(step(black_box(prepared))?);
    let elapsed = start.elapsed();
    drop(result);
    Ok(elapsed)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_and_floor_take_turns_and_the_first_round_does_not_count() {
        let order = std::cell::RefCell::new(String::new());
        let step = |name: char| {
            order.borrow_mut().push(name);
            Ok(())
        };
        let rounds = alternate(|| step('o'), || step('f')).map(|times| times.rounds);
        assert!(matches!(rounds, Ok(rounds) if order.borrow().as_str() == "of".repeat(rounds + 1)));
    }

    #[test]
    fn rounds_are_odd_and_fewer_when_they_take_long() {
        let enough = TIME_ENOUGH;
        for (done, elapsed, wanted) in [
            (0, Duration::ZERO, 15),
            (14, Duration::ZERO, 15),
            (1, enough, 3),
            (3, enough, 3),
            (4, enough, 5),
            (8, enough, 9),
        ] {
            assert_eq!(rounds_wanted(done, elapsed), wanted, "{done} rounds");
        }
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let times = [9, 1, 4].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(4));
    }
}
