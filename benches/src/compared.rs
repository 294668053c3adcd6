//! A run beside an earlier one.
//!
//! Times of two runs can't be compared, as the machine was busy with other things; the ratios to floors that ran in turns can, and so can what is counted.

use std::fmt::Write as _;

use crate::{
    document::{Count, Document, Ratio, Row},
    table::aligned,
};

/// How one row has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The bounds of the two ratios have something in common.
    Same,
    /// All of the new bounds are below.
    Better,
    /// All of the new bounds are above.
    Worse,
    /// One of them was so noisy that nothing can be said.
    Noisy,
    /// It has no ratio.
    Unknown,
}

impl Change {
    /// Compares the ratios of two rows.
    pub fn between(before: &Row, after: &Row) -> Self {
        let (Some(old), Some(new)) = (before.ratio, after.ratio) else { return Self::Unknown };
        match () {
            () if before.noisy || after.noisy => Self::Noisy,
            () if new.upper < old.lower => Self::Better,
            () if new.lower > old.upper => Self::Worse,
            () => Self::Same,
        }
    }

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "BETTER",
            Self::Worse => "WORSE",
            Self::Noisy => "noisy",
            Self::Unknown => "-",
        }
    }
}

/// What two runs have in common, row by row, as a table; the rows that only one of them has are counted below.
pub fn render(before: &Document, after: &Document) -> String {
    let mut rows = Vec::new();
    let mut fresh = 0_usize;
    for row in &after.rows {
        match before.row(&row.id()) {
            Some(old) => rows.push(cells(old, row)),
            None => fresh += 1,
        }
    }
    let mut text = format!("compared with the run of {}\n", before.machine.commit);
    if before.machine.cpu != after.machine.cpu || before.machine.file_system != after.machine.file_system {
        let _ = writeln!(
            text,
            "that was another machine: {}, {}; only what is counted can be compared",
            before.machine.cpu, before.machine.file_system
        );
    }
    let headings = ["case", "size", "ratio", "was", "", "allocs", "was", "bytes", "was", "syncs", "was"];
    text.push_str(&aligned(&headings, &rows));
    let gone = before.rows.iter().filter(|row| after.row(&row.id()).is_none()).count();
    if fresh + gone > 0 {
        let _ = writeln!(text, "{fresh} rows are new, {gone} were not measured this time");
    }
    text
}

fn cells(before: &Row, after: &Row) -> [String; 11] {
    let ratio =
        |ratio: Option<Ratio>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}", ratio.median));
    let bytes = |count: &Count| count.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let (old, new) = (&before.counters, &after.counters);
    [
        after.case.clone(),
        after.size.clone(),
        ratio(after.ratio),
        ratio(before.ratio),
        Change::between(before, after).name().to_owned(),
        new.allocations.to_string(),
        old.allocations.to_string(),
        bytes(new),
        bytes(old),
        new.syncs.to_string(),
        old.syncs.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{MachineFacts, VERSION};

    fn row(case: &str, lower: f64, upper: f64, noisy: bool) -> Row {
        Row {
            case: case.to_owned(),
            size: "1 KB".to_owned(),
            ours_nanos: 1.0,
            floor_nanos: Some(1.0),
            ratio: Some(Ratio { median: f64::midpoint(lower, upper), lower, upper }),
            limit: None,
            met: None,
            rounds: 9,
            spread: 0.0,
            noisy,
            counters: Count { allocations: 3, ..Count::default() },
            floors: Vec::new(),
            rivals: Vec::new(),
            rivals_promise_less: false,
            unit: None,
            stalls: None,
        }
    }

    fn document(rows: Vec<Row>) -> Document {
        let [cpu, os, commit, profile, dir, file_system] =
            ["a", "linux", "abc", "release", "d", "ext4"].map(str::to_owned);
        let machine = MachineFacts {
            cpu,
            cores: 2,
            os,
            commit,
            profile,
            dir,
            file_system,
            sync_nanos: 1.0,
            rename_nanos: 1.0,
            dir_sync_nanos: 1.0,
        };
        Document { version: VERSION, machine, rows }
    }

    #[test]
    fn a_ratio_has_changed_only_if_the_bounds_are_apart() {
        let check = |old: (f64, f64), new: (f64, f64), expected: Change| {
            let rows = (row("a", old.0, old.1, false), row("a", new.0, new.1, false));
            assert_eq!(Change::between(&rows.0, &rows.1), expected);
        };
        check((1.0, 1.2), (1.1, 1.3), Change::Same);
        check((1.0, 1.2), (1.3, 1.4), Change::Worse);
        check((1.0, 1.2), (0.8, 0.9), Change::Better);
        let noisy = (row("a", 1.0, 1.1, false), row("a", 5.0, 9.0, true));
        assert_eq!(Change::between(&noisy.0, &noisy.1), Change::Noisy);
    }

    #[test]
    fn rows_that_one_run_lacks_are_counted() {
        let before = document(vec![row("a", 1.0, 1.1, false), row("b", 1.0, 1.1, false)]);
        let after = document(vec![row("a", 2.0, 2.1, false), row("c", 1.0, 1.1, false)]);
        let text = render(&before, &after);
        assert!(text.contains("2.05  1.05  WORSE"), "{text}");
        assert!(text.contains("1 rows are new, 1 were not measured this time"), "{text}");
        assert!(!text.contains("another machine"), "{text}");
    }

    #[test]
    fn another_machine_is_told() {
        let (mut before, after) = (document(Vec::new()), document(Vec::new()));
        before.machine.cpu = "b".to_owned();
        assert!(render(&before, &after).contains("that was another machine: b, ext4"));
    }
}
