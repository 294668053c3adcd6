//! Results as text.

use std::fmt::Write as _;

use crate::{
    document::{Count, RivalRow, Row},
    html,
};

const HEADINGS: [&str; 17] = [
    "case", "size", "ours", "frame", "floor", "ratio", "95 %", "limit", "verdict", "spread", "rival",
    "factor", "bytes", "calls", "syncs", "allocs", "peak",
];

/// Renders results as a table, with the floors of each case below.
pub fn render(rows: &[Row]) -> String {
    let mut text = aligned(&HEADINGS, &rows.iter().map(cells).collect::<Vec<_>>());
    text.push_str("\nfloors\n");
    for row in rows {
        let _ = write!(text, "  {}, {} rounds:", row.id(), row.rounds);
        for (place, floor) in row.floors.iter().enumerate() {
            let plus = if place == 0 { "" } else { " +" };
            let _ = write!(text, "{plus} {} x {} ({}", floor.weight, floor.name, time(floor.nanos));
            let Count { bytes, calls, syncs, allocations, .. } = &floor.counters;
            for (count, what) in [(bytes, "bytes"), (calls, "calls")] {
                let _ = count.map(|count| write!(text, ", {count} {what}"));
            }
            if *syncs > 0 {
                let _ = write!(text, ", {syncs} syncs");
            }
            let _ = write!(text, ", {allocations} allocs)");
        }
        text.push('\n');
        below(&mut text, row);
    }
    text
}

/// What else is told of a row.
fn below(text: &mut String, row: &Row) {
    if let Some((name, count)) = &row.unit {
        let of_one = |nanos: f64| time(nanos / f64::from(*count));
        let _ = write!(text, "    per {name}: ours {}", of_one(row.ours_nanos));
        let _ = row.floor_nanos.map(|nanos| write!(text, ", floor {}", of_one(nanos)));
        text.push('\n');
    }
    if let Some(stalls) = row.stalls {
        let [p50, p90, p99, max] = [stalls.p50, stalls.p90, stalls.p99, stalls.max].map(time);
        let _ = writeln!(
            text,
            "    {} calls by themselves: median {p50}, 90 % {p90}, 99 % {p99}, longest {max} ({:.1} % of 16.67 ms)",
            stalls.calls,
            stalls.max / html::FRAME_NANOS * 100.0
        );
    }
    for rival in &row.rivals {
        let [median, lower, upper] =
            [rival.factor.median, rival.factor.lower, rival.factor.upper].map(factor);
        let (name, nanos) = (&rival.name, time(rival.nanos));
        let _ = write!(text, "    {name}: {nanos}, {median} times as long ({lower}..{upper})");
        if rival.noisy {
            let _ = write!(text, ", noisy {:.0} %", rival.spread * 100.0);
        }
        let _ = rival.counters.bytes.map(|bytes| write!(text, ", {bytes} bytes"));
        let _ = writeln!(text, ", {} allocs", rival.counters.allocations);
        for remark in &rival.counters.remarks {
            let _ = writeln!(text, "      {remark}");
        }
    }
    for remark in &row.counters.remarks {
        let _ = writeln!(text, "    ours: {remark}");
    }
    for remark in row.floors.iter().flat_map(|floor| &floor.counters.remarks) {
        let _ = writeln!(text, "    floor: {remark}");
    }
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
pub fn verdict(row: &Row) -> String {
    let word = match row.met {
        None => "-",
        Some(true) => "met",
        Some(false) => "MISSED",
    };
    word.to_owned()
}

/// Writes the spread, and that it is large.
pub fn spread(row: &Row) -> String {
    let noisy = if row.noisy { "noisy " } else { "" };
    format!("{noisy}{:.0} %", row.spread * 100.0)
}

fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), |count| count.to_string())
}

fn cells(row: &Row) -> [String; HEADINGS.len()] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rival = row.rivals.first();
    let two = |value: f64| format!("{value:.2}");
    [
        row.case.clone(),
        row.size.clone(),
        time(row.ours_nanos),
        or_none(row.is_awaited().then(|| frame(row.ours_nanos))),
        or_none(row.floor_nanos.map(time)),
        or_none(row.ratio.map(|ratio| two(ratio.median))),
        or_none(row.ratio.map(|ratio| format!("{:.2}..{:.2}", ratio.lower, ratio.upper))),
        or_none(row.limit.map(two)),
        verdict(row),
        or_none(row.ratio.map(|_| spread(row))),
        or_none(rival.map(|rival| rival.name.clone())),
        or_none(rival.map(told_factor)),
        count(row.counters.bytes),
        count(row.counters.calls),
        row.counters.syncs.to_string(),
        row.counters.allocations.to_string(),
        bytes(row.counters.peak),
    ]
}

/// Writes how many times as long a rival takes, with two digits behind the point where it is near ours.
pub fn factor(factor: f64) -> String {
    let digits = if factor < 9.995 { 2 } else { 1 };
    format!("{factor:.digits$}")
}

/// Writes the factor of a rival, and whether it was noisy.
pub fn told_factor(rival: &RivalRow) -> String {
    let noisy = if rival.noisy { "noisy " } else { "" };
    format!("{noisy}{}", factor(rival.factor.median))
}

/// Writes a time as a share of a frame of 16.67 ms.
pub fn frame(nanos: f64) -> String {
    let percent = nanos / html::FRAME_NANOS * 100.0;
    let digits = if percent < 9.95 { 2 } else { usize::from(percent < 99.5) };
    format!("{percent:.digits$} %")
}

/// Writes a number of bytes in the unit that leaves it short.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::Unit,
        run::{Counters, Floor, Measured, Rival},
        stats::Interval,
    };

    fn render(results: &[Measured]) -> String {
        super::render(&results.iter().map(Row::of).collect::<Vec<_>>())
    }

    fn measured(lower: f64, spread: f64) -> Measured {
        Measured {
            name: "encode".to_owned(),
            size: "mixed 1k".to_owned(),
            ours_nanos: 2500.0,
            floor_nanos: 1250.0,
            floors: vec![Floor {
                name: "a floor",
                weight: 1.0,
                nanos: 1250.0,
                counters: Counters::default(),
            }],
            rivals: Vec::new(),
            rivals_promise_less: false,
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
                peak: 20_000,
                ..Counters::default()
            },
            unit: Some(Unit { name: "entity", count: 1000 }),
            stalls: None,
        }
    }

    #[test]
    fn a_missed_limit_and_noise_stand_out() {
        let text = render(&[measured(1.75, 0.25), measured(1.5, 0.0625)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "case    size         ours   frame    floor  ratio        95 %  limit  verdict      spread  rival  factor  bytes  calls  syncs  allocs   peak",
                "encode  mixed 1k  2.50 us  0.02 %  1.25 us   2.00  1.75..2.25   1.50   MISSED  noisy 25 %      -       -   4096      7      2      31  20 KB",
                "encode  mixed 1k  2.50 us  0.02 %  1.25 us   2.00  1.50..2.25   1.50      met         6 %      -       -   4096      7      2      31  20 KB",
            ]
        );
    }

    #[test]
    fn the_fastest_rival_is_named_and_without_a_floor_there_is_no_ratio() {
        let rival = |name: &str, factor: f64| Rival {
            name: name.to_owned(),
            nanos: 2500.0 * factor,
            factor,
            interval: Interval { lower: factor, upper: factor },
            spread: if name == "slow" { 0.25 } else { 0.05 },
            counters: Counters {
                bytes: Some(512),
                remarks: vec!["half as long".to_owned()],
                ..Counters::default()
            },
        };
        let rivals = vec![rival("slow", 12.0), rival("fast", 3.0)];
        let text = render(&[Measured { rivals, floors: Vec::new(), limit: None, ..measured(1.0, 0.5) }]);
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row[3..15], ["2.50", "us", "0.02", "%", "-", "-", "-", "-", "-", "-", "fast", "3.00"]);
        let below = "    slow: 30.0 us, 12.0 times as long (12.0..12.0), noisy 25 %, 512 bytes, 0 allocs\n      half as long\n";
        assert!(text.contains(below), "{text}");
    }

    #[test]
    fn times_are_told_by_the_unit_below_the_table() {
        let told = |measured| render(&[measured]).lines().last().map(str::to_owned);
        let last = told(measured(1.0, 0.0));
        assert_eq!(last.as_deref(), Some("    per entity: ours 2.50 ns, floor 1.25 ns"));
        let last = told(Measured { unit: None, floors: Vec::new(), ..measured(1.0, 0.0) });
        assert_eq!(last.as_deref(), Some("  encode/mixed 1k, 9 rounds:"));
    }

    #[test]
    fn a_frame_is_told_in_percent() {
        let check = |nanos: f64, expected: &str| assert_eq!(frame(nanos), expected);
        check(html::FRAME_NANOS / 400.0, "0.25 %");
        check(html::FRAME_NANOS / 8.0, "12.5 %");
        check(html::FRAME_NANOS * 3.0, "300 %");
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
