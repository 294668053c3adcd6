//! Moments as text: in the names of files, and in `index.json`.

use crate::awsv::calendar::{Shown, ordinal};
use crate::awsv::date::offset_parts;
use crate::error::Error;

/// `2026-03-13T08-45-25Z`, always in UTC.
pub(super) fn of_name(unix_nanos: i64) -> String {
    let shown = Shown::at(unix_nanos, 0);
    let (month, day) = shown.month_and_day();
    let Shown { year, hour, minute, second, .. } = shown;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z")
}

/// Reads what [`of_name`] writes, and what the README of aw-save has: `2025-09-09T21:28:19.380848748Z`. A moment that
/// 64-bit nanoseconds don't hold becomes the nearest that they do.
pub(super) fn read_name(text: &str) -> Option<i64> {
    let mut input = Text(text.strip_suffix('Z')?);
    let date = input.date()?;
    input.one_of("T")?;
    let is_dashed = input.0.get(2..3) == Some("-");
    let (shown, offset) = (input.time(date, if is_dashed { "-" } else { ":" })?, 0);
    input.0.is_empty().then(|| clamped(shown.unix_nanos(offset)))
}

/// `2026-03-13 08:45:25.4431216 +00:00:00`, as the `time` crate writes a moment for people.
///
/// # Errors
///
/// [`Error::CantHold`] for an offset that `time` refuses.
pub(super) fn of_index(unix_nanos: i64, offset_seconds: i32) -> Result<String, Error> {
    let offset = offset_parts(offset_seconds)?;
    let shown = Shown::at(unix_nanos, offset_seconds);
    let (month, day) = shown.month_and_day();
    let Shown { year, hour, minute, second, nanosecond, .. } = shown;
    let digits = format!("{nanosecond:09}");
    let fraction = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    let [offset_h, offset_m, offset_s] = offset.map(i8::unsigned_abs);
    Ok(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction} \
         {sign}{offset_h:02}:{offset_m:02}:{offset_s:02}"
    ))
}

/// Reads what [`of_index`] writes, and RFC 3339: a `T` between date and time, `Z`, an offset without seconds, no
/// fraction. Gives nanoseconds since 1970 in UTC, the nearest that 64 bits hold, and the offset in seconds.
pub(crate) fn read_index(text: &str) -> Option<(i64, i32)> {
    let mut input = Text(text);
    let date = input.date()?;
    input.one_of("T ")?;
    let shown = input.time(date, ":")?;
    let offset = input.offset()?;
    input.0.is_empty().then(|| (clamped(shown.unix_nanos(offset)), offset))
}

fn clamped(unix_nanos: i128) -> i64 {
    let nearest = if unix_nanos < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(unix_nanos).unwrap_or(nearest)
}

/// What is left of a text.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn one_of(&mut self, letters: &str) -> Option<char> {
        let letter = self.0.chars().next().filter(|letter| letters.contains(*letter))?;
        self.0 = self.0.get(letter.len_utf8()..)?;
        Some(letter)
    }

    /// Exactly `count` digits.
    fn number(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    /// Two digits, at most `most`.
    fn pair(&mut self, most: u8) -> Option<u8> {
        u8::try_from(self.number(2)?).ok().filter(|number| *number <= most)
    }

    /// Year and day of the year.
    fn date(&mut self) -> Option<(i32, u16)> {
        let year = i32::try_from(self.number(4)?).ok()?;
        self.one_of("-")?;
        let month = self.pair(12)?;
        self.one_of("-")?;
        Some((year, ordinal(year, month, self.pair(31)?)?))
    }

    fn time(&mut self, (year, ordinal): (i32, u16), between: &str) -> Option<Shown> {
        let hour = self.pair(23)?;
        self.one_of(between)?;
        let minute = self.pair(59)?;
        self.one_of(between)?;
        let second = self.pair(59)?;
        let nanosecond = if self.one_of(".").is_some() { self.fraction()? } else { 0 };
        Some(Shown { year, ordinal, hour, minute, second, nanosecond })
    }

    /// One to nine digits.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let missing = u32::try_from(9 - count).ok()?;
        self.number(count)?.checked_mul(10_u32.checked_pow(missing)?)
    }

    fn offset(&mut self) -> Option<i32> {
        // A failed look takes nothing.
        let _ = self.one_of(" ");
        if self.one_of("Z").is_some() {
            return Some(0);
        }
        let sign = if self.one_of("+-")? == '-' { -1 } else { 1 };
        let hours = self.pair(25)?;
        self.one_of(":")?;
        let minutes = self.pair(59)?;
        let seconds = if self.one_of(":").is_some() { self.pair(59)? } else { 0 };
        Some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60 + i32::from(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_seconds_in_utc() {
        for (nanos, text) in [
            (1_773_391_525_443_021_700, "2026-03-13T08-45-25Z"),
            (0, "1970-01-01T00-00-00Z"),
            (-1, "1969-12-31T23-59-59Z"),
            (i64::MAX, "2262-04-11T23-47-16Z"),
            (i64::MIN, "1677-09-21T00-12-43Z"),
        ] {
            assert_eq!(of_name(nanos), text);
            let seconds = nanos.div_euclid(1_000_000_000);
            let expected = i128::from(seconds) * 1_000_000_000;
            assert_eq!(read_name(text), Some(clamped(expected)), "{text}");
        }
    }

    #[test]
    fn names_of_the_readme_have_colons_and_nanoseconds() {
        let nanos = 1_757_453_299_380_848_748;
        assert_eq!(read_name("2025-09-09T21:28:19.380848748Z"), Some(nanos));
        assert_eq!(read_name("2025-09-09T21-28-19.38Z"), Some(1_757_453_299_380_000_000));
        for odd in [
            "",
            "Z",
            "2025-09-09T21:28:19",
            "2025-09-09T21:28-19Z",
            "2025-09-09T21-28:19Z",
            "2025-09-09 21:28:19Z",
            "2025-09-09T21:28:19.Z",
            "2025-09-09T21:28:19.1234567890Z",
            "2025-02-29T21:28:19Z",
            "2025-09-09T24:28:19Z",
            "+025-09-09T21:28:19Z",
            "2025-09-09T21:28:19ZZ",
            "2025-09-0\u{e9}T21:28:19Z",
            "2025-09-09T\u{e9}:28:19Z",
        ] {
            assert_eq!(read_name(odd), None, "{odd:?}");
        }
        assert_eq!(read_name("9999-12-31T23-59-59Z"), Some(i64::MAX));
        assert_eq!(read_name("0000-01-01T00-00-00Z"), Some(i64::MIN));
    }

    #[test]
    fn moments_of_the_index_are_read_back_with_their_offset() {
        for (nanos, offset, text) in [
            (1_773_391_525_443_121_600, 0, "2026-03-13 08:45:25.4431216 +00:00:00"),
            (1_700_000_000_000_000_000, 0, "2023-11-14 22:13:20.0 +00:00:00"),
            (1_760_000_000_000_000_005, -12_600, "2025-10-09 05:23:20.000000005 -03:30:00"),
            (1_760_000_000_000_000_000, -1815, "2025-10-09 08:23:05.0 -00:30:15"),
            (i64::MAX, 93_599, "2262-04-13 01:47:15.854775807 +25:59:59"),
            (i64::MIN, -93_599, "1677-09-19 22:12:44.145224192 -25:59:59"),
        ] {
            assert_eq!(of_index(nanos, offset).unwrap(), text);
            assert_eq!(read_index(text), Some((nanos, offset)), "{text}");
        }
        assert!(matches!(of_index(0, 93_600), Err(Error::CantHold { .. })));
        let nanos = 1_760_000_000_000_000_000;
        for other in ["2025-10-09T08:53:20Z", "2025-10-09 08:53:20 Z", "2025-10-09T10:53:20.0+02:00"] {
            assert_eq!(read_index(other).map(|(nanos, _)| nanos), Some(nanos), "{other}");
        }
        for odd in ["", "2025-10-09", "2025-10-09 08:53:20", "2025-10-09 08:53:20.0 +26:00:00"] {
            assert_eq!(read_index(odd), None, "{odd:?}");
        }
    }
}
