//! Results as text.

use std::fmt::Write as _;

use crate::{
    case::Unit,
    run::{Counters, Measured, Verdict},
};

const HEADINGS: [&str; 13] = [
    "case", "size", "ours", "floor", "ratio", "95 %", "limit", "verdict", "spread", "bytes", "calls",
    "syncs", "allocs",
];

/// Renders results as a table, with the floors of each case below.
pub fn render(results: &[Measured]) -> String {
    let mut text = aligned(&HEADINGS, &results.iter().map(cells).collect::<Vec<_>>());
    text.push_str("\nfloors\n");
    for result in results {
        let _ = write!(text, "  {}/{}, {} rounds:", result.name, result.size, result.rounds);
        for (place, floor) in result.floors.iter().enumerate() {
            let plus = if place == 0 { "" } else { " +" };
            let _ = write!(text, "{plus} {} x {} ({}", floor.weight, floor.name, time(floor.nanos));
            let Counters { bytes, calls, syncs, allocations, .. } = &floor.counters;
            for (count, what) in [(bytes, "bytes"), (calls, "calls")] {
                let _ = count.map(|count| write!(text, ", {count} {what}"));
            }
            if *syncs > 0 {
                let _ = write!(text, ", {syncs} syncs");
            }
            let _ = write!(text, ", {allocations} allocs)");
        }
        text.push('\n');
        if let Some(Unit { name, count }) = result.unit {
            let [ours, floor] =
                [result.ours_nanos, result.floor_nanos].map(|nanos| time(nanos / f64::from(count)));
            let _ = writeln!(text, "    per {name}: ours {ours}, floor {floor}");
        }
        for remark in &result.counters.remarks {
            let _ = writeln!(text, "    ours: {remark}");
        }
        for remark in result.floors.iter().flat_map(|floor| &floor.counters.remarks) {
            let _ = writeln!(text, "    floor: {remark}");
        }
    }
    text
}

/// Renders rows under headings; all columns but the first two are flush right.
pub fn aligned<const N: usize>(headings: &[&str; N], rows: &[[String; N]]) -> String {
    let headings = headings.map(ToOwned::to_owned);
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let cells = std::iter::once(&headings).chain(rows).filter_map(|row| row.get(column));
            cells.map(String::len).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 | 1 => write!(text, "{cell:<width$}  "),
                _ => write!(text, "{cell:>width$}  "),
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Writes a time with three digits and its unit.
pub fn time(nanos: f64) -> String {
    let (value, unit) = match nanos {
        nanos if nanos < 1e3 => (nanos, "ns"),
        nanos if nanos < 1e6 => (nanos / 1e3, "us"),
        nanos if nanos < 1e9 => (nanos / 1e6, "ms"),
        nanos => (nanos / 1e9, "s"),
    };
    let digits = usize::from(value < 10.0) + usize::from(value < 100.0);
    format!("{value:.digits$} {unit}")
}

/// Writes what stands in the column of the verdict.
pub fn verdict(measured: &Measured) -> String {
    let word = match measured.verdict() {
        Verdict::NoLimit => "-",
        Verdict::Met => "met",
        Verdict::Missed => "MISSED",
    };
    word.to_owned()
}

/// Writes the spread, and that it is large.
pub fn spread(measured: &Measured) -> String {
    let noisy = if measured.is_noisy() { "noisy " } else { "" };
    format!("{noisy}{:.0} %", measured.spread * 100.0)
}

fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), |count| count.to_string())
}

fn cells(result: &Measured) -> [String; HEADINGS.len()] {
    [
        result.name.clone(),
        result.size.clone(),
        time(result.ours_nanos),
        time(result.floor_nanos),
        format!("{:.2}", result.ratio),
        format!("{:.2}..{:.2}", result.interval.lower, result.interval.upper),
        result.limit.map_or_else(|| "-".to_owned(), |limit| format!("{limit:.2}")),
        verdict(result),
        spread(result),
        count(result.counters.bytes),
        count(result.counters.calls),
        result.counters.syncs.to_string(),
        result.counters.allocations.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    fn measured(lower: f64, spread: f64) -> Measured {
        Measured {
            name: "encode".to_owned(),
            size: "mixed 1k".to_owned(),
            ours_nanos: 2500.0,
            floor_nanos: 1250.0,
            floors: Vec::new(),
            ratio: 2.0,
            interval: Interval { lower, upper: 2.25 },
            spread,
            limit: Some(1.5),
            rounds: 9,
            counters: Counters {
                bytes: Some(4096),
                calls: Some(7),
                syncs: 2,
                allocations: 31,
                ..Counters::default()
            },
            unit: Some(Unit { name: "entity", count: 1000 }),
        }
    }

    #[test]
    fn a_missed_limit_and_noise_stand_out() {
        let text = render(&[measured(1.75, 0.25), measured(1.5, 0.0625)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "case    size         ours    floor  ratio        95 %  limit  verdict      spread  bytes  calls  syncs  allocs",
                "encode  mixed 1k  2.50 us  1.25 us   2.00  1.75..2.25   1.50   MISSED  noisy 25 %   4096      7      2      31",
                "encode  mixed 1k  2.50 us  1.25 us   2.00  1.50..2.25   1.50      met         6 %   4096      7      2      31",
            ]
        );
    }

    #[test]
    fn times_are_told_by_the_unit_below_the_table() {
        let told = |measured| render(&[measured]).lines().last().map(str::to_owned);
        let last = told(measured(1.0, 0.0));
        assert_eq!(last.as_deref(), Some("    per entity: ours 2.50 ns, floor 1.25 ns"));
        let last = told(Measured { unit: None, ..measured(1.0, 0.0) });
        assert_eq!(last.as_deref(), Some("  encode/mixed 1k, 9 rounds:"));
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let check = |nanos: f64, expected: &str| assert_eq!(time(nanos), expected);
        check(7.5, "7.50 ns");
        check(45_250.0, "45.2 us");
        check(109_000_000.0, "109 ms");
        check(2_000_000_000.0, "2.00 s");
    }
}
