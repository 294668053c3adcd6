//! Ratios to floors that ran in turns, in a short run of those cases that have a limit here.
//!
//! The limit of a case in the table says what was promised; this one says what was reached and a margin, so that losing half of it fails
//! even where the promise has room.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};

use super::{EDIT, Outcome, number, stored::Stored};
use crate::{
    Budget, Measured,
    case::{Case, Plan},
    document::{Document, Row},
    machine::{self, Machine},
    run,
};

/// How long a case runs.
const QUICK: Duration = Duration::from_millis(700);
/// How long one runs again that was above its limit.
const AGAIN: Duration = Duration::from_secs(3);

/// Limits by the names of cases.
pub type Limits = Vec<(String, f64)>;

/// Reads the limits out of their file.
///
/// # Errors
/// When one is no number above 0.
pub fn limits(stored: &Stored) -> Result<Limits> {
    let mut limits = Limits::new();
    for (row, figure) in &stored.rows {
        let limit: f64 = number(row, figure)?;
        ensure!(limit > 0.0, "{row} has the limit {limit}, which nothing meets");
        limits.push((row.clone(), limit));
    }
    Ok(limits)
}

/// Measures the cases that have limits, and holds them.
pub(super) fn hold(limits: &Limits, plans: &[Plan], dir: &Path) -> Result<(Outcome, Option<Document>)> {
    machine::create_dir(dir).with_context(|| format!("creating {}", dir.display()))?;
    let machine = Machine::look(dir).with_context(|| format!("timing syncs in {}", dir.display()))?;
    let mut outcome = Outcome::new("ratios");
    let mut results = Vec::new();
    for (row, limit) in limits {
        let Some(plan) = plans.iter().find(|plan| plan.id() == *row) else {
            outcome.fail(row, limit.to_string(), "there is no such case", EDIT);
            continue;
        };
        results.push(hold_case(&mut outcome, &mut plan.build(dir)?, *limit, [QUICK, AGAIN])?);
    }
    let document = Document::new(&machine, results.iter().map(Row::of).collect());
    Ok((outcome, Some(document)))
}

/// Holds one case to a limit; above it, it is measured again for longer, and only that counts.
///
/// # Errors
/// When a side fails.
pub fn hold_case(
    outcome: &mut Outcome,
    case: &mut Case,
    limit: f64,
    times: [Duration; 2],
) -> Result<Measured> {
    case.limit = Some(limit);
    let [quick, again] = times;
    let mut measured = run(case, Budget::time(quick))?;
    if measured.interval.lower > limit {
        measured = run(case, Budget::time(again))?;
    }
    outcome.rows += 1;
    let row = format!("{}/{}", measured.name, measured.size);
    let (ratio, lower, upper) = (measured.ratio, measured.interval.lower, measured.interval.upper);
    let figure = format!("{ratio:.2} times its floor, 95 % bounds {lower:.2} to {upper:.2}");
    let noisy = if measured.is_noisy() { "; noisy" } else { "" };
    outcome.notes.push(format!("{row}: {figure}, limit {limit}{noisy}"));
    if lower > limit {
        outcome.fail(&row, format!("{limit} times its floor"), format!("{figure}{noisy}"), EDIT);
    }
    Ok(measured)
}

impl Outcome {
    /// What no case has been held to yet.
    pub fn of_ratios() -> Self {
        Self::new("ratios")
    }
}

#[cfg(test)]
mod tests {
    use super::{Stored, limits};
    use crate::{cases, gate::Options};

    #[test]
    fn every_limit_is_one_of_a_case() {
        let plans = cases::all(1);
        let limits = limits(&Stored::read(&Options::new().gates, "ratios").unwrap()).unwrap();
        assert!(!limits.is_empty());
        for (row, _) in limits {
            assert!(plans.iter().any(|plan| plan.id() == row), "there is no case `{row}`");
        }
    }

    #[test]
    fn a_limit_that_is_no_number_above_zero_is_refused() {
        for text in ["a: fast", "a: 0", "a: -1"] {
            assert!(limits(&Stored::parse(text).unwrap()).is_err(), "{text}");
        }
    }
}
