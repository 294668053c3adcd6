use std::{borrow::Cow, fmt, time::Duration};

/// Text from a file, for a terminal: what moves the cursor, hides text or turns its direction is escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let hides = matches!(
                c,
                '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
            );
            if c.is_control() || hides {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// The first 200 characters of a text of which a file says how long it is.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{} ...", text.split_at(at).0).into(),
        None => text.into(),
    }
}

/// Bytes as hexadecimal digits, lower case.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Writes a number with its thousands apart.
pub(crate) fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        out.push(digit);
        if place > 0 && place % 3 == 0 {
            out.push(',');
        }
    }
    out
}

/// Writes `1 section`, `2 sections`.
pub(crate) fn plural(number: impl Into<u64>, one: &str) -> String {
    let number = number.into();
    let many = match one {
        "entity" => "entities",
        "entry" => "entries",
        _ => "",
    };
    match (number, many) {
        (1, _) => format!("1 {one}"),
        (_, "") => format!("{} {one}s", count(number)),
        (_, many) => format!("{} {many}", count(number)),
    }
}

/// Writes a size with three digits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(1, "B"), (1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB")];
    scaled(bytes, &UNITS)
}

/// Writes a time with three digits.
pub(crate) fn time(time: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(1, "ns"), (1_000, "us"), (1_000_000, "ms"), (1_000_000_000, "s")];
    scaled(nanos(time), &UNITS)
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn scaled(number: u64, units: &[(u64, &str)]) -> String {
    let unit = units.iter().rev().find(|(unit, _)| number >= *unit).or(units.first());
    let (unit, name) = unit.copied().unwrap_or((1, ""));
    let whole = number / unit;
    let hundredths = u128::from(number % unit) * 100 / u128::from(unit);
    match whole {
        _ if unit == 1 => format!("{whole} {name}"),
        0..10 => format!("{whole}.{hundredths:02} {name}"),
        10..100 => format!("{whole}.{} {name}", hundredths / 10),
        _ => format!("{} {name}", count(whole)),
    }
}

/// Writes bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("a nibble is below 16");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Writes nanoseconds since 1970 as a date and time UTC.
pub(crate) fn date(nanos: i64) -> String {
    let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A date and time without what is below a second.
pub(crate) fn to_second(date: &str) -> String {
    let date = date.trim_end_matches('Z');
    date.split('.').next().unwrap_or(date).replace('T', " ")
}

/// The Gregorian date of a day counted from 1970-01-01: years begin in March, so that the leap day is their last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Lines of cells in aligned columns.
#[derive(Debug)]
pub(crate) struct Grid {
    /// Whether a column is aligned to the right.
    right: Vec<bool>,
    lines: Vec<Vec<String>>,
}

impl Grid {
    /// Starts with the alignment of each column: `<` or `>`.
    pub(crate) fn new(alignment: &str) -> Self {
        Self { right: alignment.chars().map(|c| c == '>').collect(), lines: Vec::new() }
    }

    /// A table under heads, each with its alignment, without the columns that are empty for all lines.
    pub(crate) fn with_heads<const N: usize>(columns: &[(&str, char); N], lines: Vec<[String; N]>) -> Self {
        let is_used =
            |place: usize| lines.iter().any(|line| line.get(place).is_some_and(|cell| !cell.is_empty()));
        let used: Vec<bool> = (0..N).map(is_used).collect();
        let heads = columns.map(|(head, _)| head.to_owned());
        let alignment = columns.iter().zip(&used).filter(|(_, used)| **used).map(|((_, side), _)| *side);
        let mut grid = Self::new(&alignment.collect::<String>());
        for line in [heads].into_iter().chain(lines) {
            let cells = line.into_iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell);
            grid.line_of(cells.collect());
        }
        grid
    }

    pub(crate) fn line<const N: usize>(&mut self, cells: [String; N]) {
        self.line_of(cells.into());
    }

    /// As [`Grid::line`], where only the program knows how many there are.
    pub(crate) fn line_of(&mut self, cells: Vec<String>) {
        self.lines.push(cells);
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = vec![0; self.right.len()];
        for line in &self.lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = shown_width(cell).max(*width);
            }
        }
        for line in &self.lines {
            let mut text = String::new();
            for ((cell, right), width) in line.iter().zip(&self.right).zip(&widths) {
                let space = " ".repeat(width.saturating_sub(shown_width(cell)));
                let (before, after) = if *right { (space.as_str(), "") } else { ("", space.as_str()) };
                text.extend(["  ", before, cell, after]);
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// How many places a terminal gives to a text: East Asian characters and pictures take two.
fn shown_width(text: &str) -> usize {
    let is_wide = |c: char| {
        matches!(
            c,
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
                | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}'
        )
    };
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_apart() {
        for (number, text) in [(0_u64, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(plural(1_u32, "entity"), "1 entity");
        assert_eq!(plural(0_u32, "entity"), "0 entities");
        assert_eq!(plural(1200_u32, "chunk"), "1,200 chunks");
    }

    #[test]
    fn sizes_and_times_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_999, "999 kB"),
            (3_400_000, "3.40 MB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "18,446,744 TB");
        assert_eq!(time(Duration::from_micros(1234)), "1.23 ms");
    }

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_760_000_002_123_456_789, "2025-10-09T08:53:22.123456789Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(date(nanos), text);
        }
    }

    #[test]
    fn times_are_short_for_people() {
        assert_eq!(to_second("2026-11-21T10:00:00.000000001Z"), "2026-11-21 10:00:00");
        assert_eq!(to_second("2026-11-21T10:00:00Z"), "2026-11-21 10:00:00");
    }

    #[test]
    fn text_from_a_file_cannot_move_the_cursor() {
        assert_eq!(Shown("a\u{1b}[2Jb\n\u{202e}c \u{e9}").to_string(), "a\\u{1b}[2Jb\\n\\u{202e}c \u{e9}");
    }

    #[test]
    fn columns_are_aligned() {
        let mut grid = Grid::new("<>");
        grid.line(["a".to_owned(), "100".to_owned()]);
        grid.line(["long".to_owned(), "7".to_owned()]);
        grid.line(["\u{82f1}".to_owned(), "12".to_owned()]);
        assert_eq!(grid.to_string(), "  a     100\n  long    7\n  \u{82f1}     12\n");
    }
}
