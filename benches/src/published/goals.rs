//! What other systems publish that is no time of one call: rates, shares, sizes.

use crate::{
    document::Row,
    table::{aligned, time},
};

/// A goal of another system, and the case of ours that shows where we are.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Goal {
    system: &'static str,
    /// What is aimed at; where ours does more than theirs for it, that is said.
    name: &'static str,
    /// The case that is looked at.
    id: &'static str,
    bound: Bound,
}

/// What of a row is held against what was published.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// The time divided by that of the floor is at most this.
    Ratio(f64),
    /// Of the bytes that a call writes or reads, at least so many millions a second.
    MegabytesPerSecond(f64),
    /// Of so many things that a call does, at least so many a second.
    PerSecond(u32, f64),
    /// The heap that a call needs beside its bytes, and these, are together at most so many times the bytes.
    Held(f64),
    /// The bytes are at most so many times those of the other case.
    BytesOf(&'static str, f64),
}

const SINGLE: &str = "checkpoint_creation/single/memory";

/// In the order of [`SOURCES`](super::SOURCES). No case shows aw-save's "data loss below 1 %" (the crash sweeps allow none), PECS's coverage of 85 %
/// (`cargo xtask coverage`) and its streams beyond 1 GB (the longest here are of 2,000,000 entities).
const GOALS: [Goal; 11] = [
    goal("EdgeVec", "CRC of what is read, part of the read", "crc of a cold read/50 MB", Bound::Ratio(0.05)),
    goal("PECS", "compressed, durable", "durable lz4/mixed 100k", Bound::Ratio(1.2)),
    goal("PECS", "write", "encode/mixed 1k", Bound::MegabytesPerSecond(100.0)),
    goal("PECS", "write, compressed and durable", "durable lz4/mixed 100k", Bound::MegabytesPerSecond(100.0)),
    goal("PECS", "read", "load/mixed 1k", Bound::MegabytesPerSecond(100.0)),
    goal("PECS", "buffers, in times of the world", "encode/mixed 100k", Bound::Held(2.0)),
    goal("PECS", "delta, part of the world", "delta/mixed 100k", Bound::BytesOf("encode/mixed 100k", 0.1)),
    goal("PECS", "JSON, times as long", "encode json/mixed 1k", Bound::BytesOf("encode/mixed 1k", 10.0)),
    goal("forge", "created", SINGLE, Bound::PerSecond(1, 22_000.0)),
    goal("forge", "created, durable", "storage_backends/file_based/durable", Bound::PerSecond(1, 22_000.0)),
    goal("forge", "exported", "export/100/JSON", Bound::PerSecond(100, 44_000.0)),
];

const fn goal(system: &'static str, name: &'static str, id: &'static str, bound: Bound) -> Goal {
    Goal { system, name, id, bound }
}

/// Renders the goals that the rows say something of; nothing if there are none.
pub(super) fn render(rows: &[Row]) -> String {
    let lines: Vec<_> = GOALS.iter().filter_map(|goal| goal.cells(rows)).collect();
    if lines.is_empty() {
        return String::new();
    }
    let headings = ["goal", "case", "of", "ours", "published", ""];
    format!("published as rates and shares, never a limit\n{}", aligned(&headings, &lines))
}

impl Goal {
    fn cells(&self, rows: &[Row]) -> Option<[String; 6]> {
        let find = |id: &str| rows.iter().find(|row| row.id() == id);
        let (ours, published, is_met) = self.bound.told(find(self.id)?, find)?;
        let met = if is_met { "met" } else { "not met" };
        Some([
            self.name.to_owned(),
            self.id.to_owned(),
            self.system.to_owned(),
            ours,
            published,
            met.to_owned(),
        ])
    }
}

impl Bound {
    /// Ours and what was published as text, and whether ours is no worse; nothing if the rows don't say.
    fn told<'r>(self, row: &Row, find: impl Fn(&str) -> Option<&'r Row>) -> Option<(String, String, bool)> {
        let at_most = |ours: f64, bound: f64| (format!("{ours:.3}"), format!("<= {bound}"), ours <= bound);
        Some(match self {
            Self::Ratio(bound) => at_most(row.ratio?.median, bound),
            Self::MegabytesPerSecond(bound) => {
                let ours = bytes(row)? * 1e3 / row.ours_nanos;
                (format!("{ours:.0} MB/s"), format!(">= {bound} MB/s"), ours >= bound)
            }
            Self::PerSecond(count, bound) => {
                let nanos = row.ours_nanos / f64::from(count);
                let ours = 1e9 / nanos;
                (format!("{ours:.0}/s, {} each", time(nanos)), format!(">= {bound}/s"), ours >= bound)
            }
            Self::Held(bound) => {
                let bytes = bytes(row)?;
                at_most((float(row.counters.peak) + bytes) / bytes, bound)
            }
            Self::BytesOf(other, bound) => at_most(bytes(row)? / bytes(find(other)?)?, bound),
        })
    }
}

fn bytes(row: &Row) -> Option<f64> {
    row.counters.bytes.filter(|bytes| *bytes > 0).map(float)
}

#[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Case, cases, document::Ratio, run};

    #[test]
    fn each_has_a_case() {
        let ids: Vec<String> = cases::all(1).iter().map(crate::Plan::id).collect();
        let is_there = |id: &str| ids.iter().any(|known| known == id);
        for goal in GOALS {
            // Only Linux drops the pages of a file.
            let is_elsewhere = !cfg!(target_os = "linux") && goal.id.starts_with("crc of a cold read");
            assert!(is_elsewhere || is_there(goal.id), "{goal:?}");
            if let Bound::BytesOf(other, _) = goal.bound {
                assert!(is_there(other), "{goal:?}");
            }
        }
    }

    fn row(id: &str, nanos: f64, bytes: u64, peak: u64) -> Row {
        let (name, size) = id.rsplit_once('/').unwrap();
        let mut case = Case::new(name, size).floor(1.0, "nothing", |_| Ok(()));
        let mut row = Row::of(&run(&mut case, Budget::rounds(1)).unwrap());
        row.ours_nanos = nanos;
        row.ratio = Some(Ratio { median: 1.25, lower: 1.0, upper: 2.0 });
        (row.counters.bytes, row.counters.peak) = (Some(bytes), peak);
        row
    }

    fn check(rows: &[Row], expected: &[&str]) {
        let text = render(rows);
        let told: Vec<String> =
            text.lines().skip(2).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn each_bound_is_worked_out_of_its_rows() {
        check(
            &[row("durable lz4/mixed 100k", 1e6, 50_000, 0)],
            &[
                "compressed, durable durable lz4/mixed 100k PECS 1.250 <= 1.2 not met",
                "write, compressed and durable durable lz4/mixed 100k PECS 50 MB/s >= 100 MB/s not met",
            ],
        );
        let (whole, delta) = (row("encode/mixed 100k", 1e6, 1000, 500), row("delta/mixed 100k", 1e6, 20, 0));
        check(
            &[whole, delta.clone()],
            &[
                "buffers, in times of the world encode/mixed 100k PECS 1.500 <= 2 met",
                "delta, part of the world delta/mixed 100k PECS 0.020 <= 0.1 met",
            ],
        );
        check(&[delta], &[]);
        check(
            &[row("export/100/JSON", 1e6, 1, 0)],
            &["exported export/100/JSON forge 100000/s, 10.0 us each >= 44000/s met"],
        );
    }
}
