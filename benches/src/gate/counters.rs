use std::path::Path;

use anyhow::{Context, Result};

use super::{ACCEPT, Outcome, figure};
use crate::{
    case::Plan,
    machine,
    run::{self, Counters},
};

/// Counts what one call of each case does that the file names.
pub(super) fn measure(
    stored: &[(String, String)],
    plans: &[Plan],
    dir: &Path,
) -> Result<Vec<(String, String)>> {
    machine::create_dir(dir).with_context(|| format!("creating {}", dir.display()))?;
    let mut rows = Vec::new();
    for plan in plans.iter().filter(|plan| figure(stored, &plan.id()).is_some()) {
        let counters = plan.build(dir).and_then(|mut case| run::counters(&mut case));
        rows.push((plan.id(), shown(&counters.with_context(|| format!("counting {}", plan.id()))?)));
    }
    Ok(rows)
}

/// Any other figure fails: less is good news, and is to be held from now on.
pub(super) fn compare(stored: &[(String, String)], now: &[(String, String)]) -> Outcome {
    let mut outcome = Outcome::new("counters");
    for (row, found) in now {
        outcome.rows += 1;
        match figure(stored, row) {
            Some(before) if before == found => {}
            before => outcome.fail(row, before.unwrap_or("none is stored"), found, ACCEPT),
        }
    }
    for (row, before) in stored.iter().filter(|(row, _)| figure(now, row).is_none()) {
        outcome.fail(row, before, "there is no such case", ACCEPT);
    }
    outcome
}

fn shown(counters: &Counters) -> String {
    let mut text = format!("{} allocations", counters.allocations);
    let bytes = counters.bytes.map(|bytes| format!(", {bytes} bytes"));
    let calls = counters.calls.map(|calls| format!(", {calls} calls, {} syncs", counters.syncs));
    text.extend(bytes.into_iter().chain(calls));
    text
}

#[cfg(test)]
mod tests {
    use super::{compare, shown};
    use crate::{
        cases,
        gate::{Options, stored::Stored},
        run::Counters,
    };

    #[test]
    fn every_counted_case_is_there() {
        let plans = cases::all(1);
        let stored = Stored::read(&Options::new().gates, "counters").unwrap();
        assert!(!stored.rows.is_empty());
        for (row, _) in stored.rows {
            assert!(plans.iter().any(|plan| plan.id() == row), "there is no case `{row}`");
        }
    }

    #[test]
    fn any_other_figure_fails_with_the_row_and_both_figures() {
        let rows = |figure: &str| vec![("a".to_owned(), figure.to_owned())];
        assert_eq!(compare(&rows("3 allocations"), &rows("3 allocations")).failures, []);
        let said = compare(&rows("3 allocations"), &rows("2 allocations")).to_string();
        for part in ["FAILED a", "limit   3 allocations", "figure  2 allocations", "--accept"] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(compare(&rows("3"), &[]).failures.len(), 1);
        assert_eq!(compare(&[], &rows("3")).failures.len(), 1);
    }

    #[test]
    fn calls_and_syncs_are_told_where_they_are_counted() {
        let mut counters = Counters { allocations: 2, bytes: Some(9), ..Counters::default() };
        assert_eq!(shown(&counters), "2 allocations, 9 bytes");
        (counters.calls, counters.syncs) = (Some(4), 2);
        assert_eq!(shown(&counters), "2 allocations, 9 bytes, 4 calls, 2 syncs");
    }
}
