//! Medians and what can be said about them without knowing how the noise is distributed.

use serde::{Deserialize, Serialize};

/// Bounds of a median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
}

/// How long single calls took, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stalls {
    /// How many calls there were.
    pub calls: usize,
    /// The median.
    pub p50: f64,
    /// What nine of ten stay below.
    pub p90: f64,
    /// What 99 of 100 stay below.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Stalls {
    /// Those of samples of one call each.
    pub fn of(samples: &[f64]) -> Self {
        let sorted = sorted(samples);
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|part| quantile(&sorted, part, 100));
        Self { calls: sorted.len(), p50, p90, p99, max }
    }
}

/// Returns the median; NaN when there are no samples.
pub fn median(samples: &[f64]) -> f64 {
    quantile(&sorted(samples), 1, 2)
}

/// Returns the interquartile range divided by the median: 0.1 means that half of the samples are within about 5 % of it.
pub fn spread(samples: &[f64]) -> f64 {
    let sorted = sorted(samples);
    (quantile(&sorted, 3, 4) - quantile(&sorted, 1, 4)) / quantile(&sorted, 1, 2)
}

/// Returns two samples between which the true median is with a probability of at least 95 %, whatever the distribution.
///
/// These are order statistics: how many samples lie below the true median is binomial. With fewer than six samples no
/// two of them suffice, and the smallest and the largest are returned.
pub fn median_interval(samples: &[f64]) -> Interval {
    let sorted = sorted(samples);
    let rank = lower_rank(sorted.len());
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    Interval { lower: at(rank), upper: at((sorted.len().max(1) - 1).saturating_sub(rank)) }
}

/// The largest index with at most 2.5 % probability that fewer than `index + 1` of `count` samples are below the median.
fn lower_rank(count: usize) -> usize {
    let n = to_float(count);
    // In logarithms: one half to the power of a thousand is no longer a float.
    let mut ln_choose = 0.0_f64;
    let mut probability = 0.0;
    let mut rank = 0;
    for k in 0..count {
        probability += (ln_choose - n * std::f64::consts::LN_2).exp();
        if probability > 0.025 {
            break;
        }
        rank = k;
        ln_choose += (n - to_float(k)).ln() - (to_float(k) + 1.0).ln();
    }
    rank
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The sample at `part / of` of a sorted list, between its neighbours where that is no whole place.
fn quantile(sorted: &[f64], part: usize, of: usize) -> f64 {
    let last = sorted.len().max(1) - 1;
    let (place, rest) = (last * part / of, last * part % of);
    let at = |index: usize| sorted.get(index.min(last)).copied().unwrap_or(f64::NAN);
    at(place) + (at(place + 1) - at(place)) * to_float(rest) / to_float(of)
}

/// Counts here are small: rounds of one run.
fn to_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(count: u32) -> Vec<f64> {
        // Backwards, so that sorting matters.
        (1..=count).rev().map(f64::from).collect()
    }

    #[test]
    fn medians_of_known_samples() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn bounds_are_those_of_the_sign_test_tables() {
        let check = |count: u32, lower: f64, upper: f64| {
            assert_eq!(median_interval(&ramp(count)), Interval { lower, upper }, "{count} samples");
        };
        check(6, 1.0, 6.0);
        check(9, 2.0, 8.0);
        check(10, 2.0, 9.0);
        check(15, 4.0, 12.0);
        check(20, 6.0, 15.0);
        check(25, 8.0, 18.0);
        check(50, 18.0, 33.0);
        check(100, 40.0, 61.0);
    }

    #[test]
    fn few_samples_give_their_extremes() {
        assert_eq!(median_interval(&ramp(3)), Interval { lower: 1.0, upper: 3.0 });
        assert_eq!(median_interval(&[5.0]), Interval { lower: 5.0, upper: 5.0 });
        assert!(median_interval(&[]).lower.is_nan());
    }

    #[test]
    fn many_samples_keep_the_interval_around_the_median() {
        let interval = median_interval(&ramp(4001));
        assert!((1930.0..1950.0).contains(&interval.lower), "{interval:?}");
        assert!((interval.lower + interval.upper - 4002.0).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn spread_is_the_interquartile_range_over_the_median() {
        assert!((spread(&ramp(5)) - 2.0 / 3.0).abs() < 1e-12);
        assert!(spread(&[7.0; 9]).abs() < 1e-12);
    }
}
