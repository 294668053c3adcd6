use std::{fmt, time::Duration};

use thiserror::Error;

use crate::{Image, TooManyStates};

/// What a sweep that found nothing has gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// The seed of the samples.
    pub seed: u64,
    /// Moments at which the power was cut: before the first step of a run and after each, and the same
    /// of each recovery.
    pub crash_points: u64,
    /// How many of them had more states than were gone through.
    pub crash_points_sampled: u64,
    /// Disk states over all of them, equal ones counted apart.
    pub states: u64,
    /// States checked: distinct by their hash and by what was acknowledged.
    pub states_checked: u64,
    /// Recoveries from a power cut.
    pub recoveries: u64,
    /// States that a power cut left and that were checked, but not recovered from for their number.
    pub recoveries_passed_over: u64,
    /// Recoveries after a kill.
    pub kills: u64,
    /// The time it took.
    pub elapsed: Duration,
}

impl Swept {
    /// Whether every state was checked and every one recovered from, as far as the depth goes.
    pub fn is_exhaustive(&self) -> bool {
        self.crash_points_sampled == 0 && self.recoveries_passed_over == 0
    }

    /// Distinct states checked in a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn states_per_second(&self) -> f64 {
        self.states_checked as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Adds up two reports; the seed is the first one's.
    pub fn and(self, other: Self) -> Self {
        Self {
            seed: self.seed,
            crash_points: self.crash_points + other.crash_points,
            crash_points_sampled: self.crash_points_sampled + other.crash_points_sampled,
            states: self.states.saturating_add(other.states),
            states_checked: self.states_checked + other.states_checked,
            recoveries: self.recoveries + other.recoveries,
            recoveries_passed_over: self.recoveries_passed_over + other.recoveries_passed_over,
            kills: self.kills + other.kills,
            elapsed: self.elapsed + other.elapsed,
        }
    }
}

/// One line, which says how much was sampled.
impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {} crash points, {} states, {} distinct and checked, {} recoveries, {} after kills, ",
            self.seed, self.crash_points, self.states, self.states_checked, self.recoveries, self.kills
        )?;
        if self.is_exhaustive() {
            f.write_str("exhaustive")?;
        } else {
            let (points, passed) = (self.crash_points_sampled, self.recoveries_passed_over);
            write!(f, "{points} crash points sampled, {passed} recoveries passed over")?;
        }
        write!(f, ", {:.2} s, {:.0} a second", self.elapsed.as_secs_f64(), self.states_per_second())
    }
}

/// Why a sweep did not pass.
#[derive(Debug, Error)]
pub enum Failure {
    /// The check refused a disk state.
    #[error(
        "seed {seed}: power cut after step {step}, {acknowledged} acknowledged: {reason}\ndisk:\n{image}steps:\n{history}"
    )]
    Check {
        /// The seed of the sweep: with it and the same caps, the same samples are taken.
        seed: u64,
        /// How many steps of the run, or of the last recovery, had been made.
        step: usize,
        /// What was acknowledged last.
        acknowledged: u64,
        /// What the check said.
        reason: String,
        /// The disk it was given.
        image: Image,
        /// The steps, one a line, and each crash between them.
        history: String,
    },
    /// The recovery failed on a disk that a crash had left.
    #[error("seed {seed}: recovery, {acknowledged} acknowledged: {reason}\ndisk:\n{image}steps:\n{history}")]
    Recover {
        /// The seed of the sweep.
        seed: u64,
        /// What was acknowledged last before the crash.
        acknowledged: u64,
        /// What the recovery said.
        reason: String,
        /// The disk it was given.
        image: Image,
        /// The steps, one a line, and each crash between them.
        history: String,
    },
    /// A crash point has too many states to go through all, as asked.
    #[error("after step {step}")]
    TooManyStates {
        /// How many steps had been made.
        step: usize,
        /// The counts.
        source: TooManyStates,
    },
}
