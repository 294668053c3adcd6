//! Ours beside other programs, as tables: the best of them in each case, and codecs and serializers by the data that they were given.

use std::fmt::Write as _;

use crate::{
    document::{Count, RivalRow, Row},
    table::{aligned, factor, time, told_factor},
};

/// Cases that are named below the table because ours loses most there.
const LOST_MAX: usize = 3;
/// What ours is called among others.
const OURS: &str = "keepstone";

/// How ours stands to the best other program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Ours takes less time: all of the bounds are above 1.
    Ahead,
    /// The bounds have 1 between them.
    Even,
    /// Ours takes longer: all of the bounds are below 1.
    Behind,
    /// The rounds differ too much to say.
    Noisy,
    /// The other does less than ours.
    Apart,
}

impl Standing {
    fn of(row: &Row, rival: &RivalRow) -> Self {
        match () {
            () if row.rivals_promise_less => Self::Apart,
            () if rival.factor.lower > 1.0 => Self::Ahead,
            () if rival.factor.upper < 1.0 => Self::Behind,
            () if rival.noisy => Self::Noisy,
            () => Self::Even,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Even => "even",
            Self::Behind => "BEHIND",
            Self::Noisy => "noisy",
            Self::Apart => "promising more",
        }
    }
}

/// Renders the fastest other program of each case that has any, and where ours loses most to it; empty if no case has one.
pub fn best(rows: &[Row]) -> String {
    let beside: Vec<(&Row, &RivalRow)> =
        rows.iter().filter_map(|row| Some((row, row.rivals.first()?))).collect();
    if beside.is_empty() {
        return String::new();
    }
    let headings =
        ["case", "size", "ours", "best other", "its time", "factor", "95 %", "ours is", "bytes", "its bytes"];
    let cells = beside.iter().map(|(row, rival)| {
        let told = |count: &Count| count.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        [
            row.case.clone(),
            row.size.clone(),
            time(row.ours_nanos),
            rival.name.clone(),
            time(rival.nanos),
            told_factor(rival),
            format!("{}..{}", factor(rival.factor.lower), factor(rival.factor.upper)),
            Standing::of(row, rival).name().to_owned(),
            told(&row.counters),
            told(&rival.counters),
        ]
    });
    let mut text = aligned(&headings, &cells.collect::<Vec<_>>());
    let count = |standing| beside.iter().filter(|(row, rival)| Standing::of(row, rival) == standing).count();
    let _ = writeln!(
        text,
        "\nours is ahead in {} of {} cases with the same promises, behind in {}",
        count(Standing::Ahead),
        beside.len() - count(Standing::Apart),
        count(Standing::Behind)
    );
    let mut lost: Vec<_> =
        beside.iter().filter(|(row, rival)| Standing::of(row, rival) == Standing::Behind).collect();
    lost.sort_by(|(_, one), (_, other)| one.factor.median.total_cmp(&other.factor.median));
    for (row, rival) in lost.into_iter().take(LOST_MAX) {
        let (median, name) = (factor(rival.factor.median), &rival.name);
        let _ = writeln!(text, "  behind most: {}, where {name} takes {median} times as long", row.id());
    }
    text
}

/// Renders what each codec makes of the same bytes; empty if none was measured.
pub fn codecs(rows: &[Row]) -> String {
    let headings =
        ["data", "codec", "bytes", "ratio", "encode", "MB/s", "to ours", "decode", "MB/s", "to ours"];
    let mut lines = Vec::new();
    for (there, back) in pairs(rows, "codec encode", "codec decode") {
        // The floor is a memcpy of what is encoded.
        let Some(len) = there.floors.first().and_then(|floor| floor.counters.bytes) else { continue };
        let rate = |nanos: f64| format!("{:.0}", float(len) / nanos * 1e3);
        for [one, other] in sides(there, back) {
            let bytes = one.bytes.filter(|bytes| *bytes > 0);
            lines.push([
                there.size.clone(),
                one.name.to_owned(),
                told(one.bytes),
                bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.2}", float(len) / float(bytes))),
                time(one.nanos),
                rate(one.nanos),
                one.to_ours.clone(),
                time(other.nanos),
                rate(other.nanos),
                other.to_ours.clone(),
            ]);
        }
    }
    if lines.is_empty() { String::new() } else { aligned(&headings, &lines) }
}

/// Renders what each serializer makes of the same values; empty if none was measured.
pub fn serializers(rows: &[Row]) -> String {
    let headings = ["data", "serializer", "bytes", "serialize", "to ours", "deserialize", "to ours"];
    let mut lines = Vec::new();
    for (there, back) in pairs(rows, "serialize", "deserialize") {
        for [one, other] in sides(there, back) {
            lines.push([
                there.size.clone(),
                one.name.to_owned(),
                told(one.bytes),
                time(one.nanos),
                one.to_ours.clone(),
                time(other.nanos),
                other.to_ours.clone(),
            ]);
        }
    }
    if lines.is_empty() { String::new() } else { aligned(&headings, &lines) }
}

/// One program in one direction.
struct Side<'a> {
    name: &'a str,
    nanos: f64,
    /// How many times as long as ours it takes.
    to_ours: String,
    bytes: Option<u64>,
}

/// Rows of two cases on the same data.
fn pairs<'a>(rows: &'a [Row], there: &'a str, back: &'a str) -> impl Iterator<Item = (&'a Row, &'a Row)> {
    let find = move |size: &str| rows.iter().find(|row| row.case == back && row.size == size);
    rows.iter().filter(move |row| row.case == there).filter_map(move |row| Some((row, find(&row.size)?)))
}

/// Both directions of each program: ours first, then the others as they stand in the first row.
fn sides<'a>(there: &'a Row, back: &'a Row) -> Vec<[Side<'a>; 2]> {
    let ours = [there, back].map(|row| Side {
        name: OURS,
        nanos: row.ours_nanos,
        to_ours: "1".to_owned(),
        bytes: row.counters.bytes,
    });
    let others = there.rivals.iter().filter_map(|one| {
        let other = back.rivals.iter().find(|other| other.name == one.name)?;
        Some([one, other].map(|rival| Side {
            name: &rival.name,
            nanos: rival.nanos,
            to_ours: told_factor(rival),
            bytes: rival.counters.bytes,
        }))
    });
    std::iter::once(ours).chain(others).collect()
}

fn told(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "a length is told with three digits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Case, run};

    fn row(case: &str, ours: u32, others: &[(&str, u32)]) -> Row {
        let mut case = Case::new(case, "1 MB")
            .ours(move |watch| {
                watch.note_bytes(500);
                watch.pretend(ours);
                Ok(())
            })
            .floor(1.0, "memcpy", |watch| {
                watch.note_bytes(1000);
                watch.pretend(1);
                Ok(())
            });
        for (name, nanos) in others {
            let nanos = *nanos;
            case = case.rival(*name, move |watch| {
                watch.note_bytes(250);
                watch.pretend(nanos);
                Ok(())
            });
        }
        Row::of(&run(&mut case, Budget::rounds(9)).unwrap())
    }

    #[test]
    fn the_best_other_program_and_what_is_lost_are_told() {
        let rows = [
            row("save", 100, &[("slow", 400), ("fast", 200)]),
            row("load", 100, &[("slow", 50), ("fast", 25)]),
            row("alone", 100, &[]),
            Row { rivals_promise_less: true, ..row("checked", 100, &[("blind", 1)]) },
        ];
        let text = best(&rows);
        let words = |line: usize| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(1)[5..], ["fast", "200", "ns", "2.00", "2.00..2.00", "ahead", "500", "250"]);
        assert_eq!(words(2)[5..], ["fast", "25.0", "ns", "0.25", "0.25..0.25", "BEHIND", "500", "250"]);
        assert!(
            text.contains("ours is ahead in 1 of 2 cases with the same promises, behind in 1\n"),
            "{text}"
        );
        assert!(text.ends_with("  behind most: load/1 MB, where fast takes 0.25 times as long\n"), "{text}");
        assert!(text.contains("promising more"), "{text}");
        assert_eq!(best(&rows[2..3]), "");
    }

    #[test]
    fn a_codec_stands_in_one_line_with_both_directions() {
        let rows = [
            row("codec encode", 100, &[("lz", 50), ("z", 200)]),
            row("codec decode", 10, &[("z", 40), ("lz", 5)]),
        ];
        let text = codecs(&rows);
        let words = |line: usize| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        let ours = ["keepstone", "500", "2.00", "100", "ns", "10000", "1", "10.0", "ns", "100000", "1"];
        assert_eq!(words(1)[2..], ours);
        let lz = ["lz", "250", "4.00", "50.0", "ns", "20000", "0.50", "5.00", "ns", "200000", "0.50"];
        assert_eq!(words(2)[2..], lz);
        assert_eq!(words(3)[2], "z");
        assert_eq!(codecs(&rows[..1]), "", "one direction is no pair");
        assert_eq!(serializers(&rows), "");
    }

    #[test]
    fn a_serializer_stands_in_one_line_with_both_directions() {
        let rows = [row("serialize", 100, &[("text", 300)]), row("deserialize", 100, &[("text", 1200)])];
        let text = serializers(&rows);
        let words: Vec<&str> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(words[2..], ["text", "250", "300", "ns", "3.00", "1.20", "us", "12.0"]);
    }
}
