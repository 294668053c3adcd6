use crate::awsv::cursor::Cursor;
use crate::error::Error;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days from the first day of year 1 to 1970-01-01, both in the Gregorian calendar.
const EPOCH_DAYS: i64 = 719_162;

/// A moment as the `time` crate's compact serde form has it, made independent of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: i32,
    /// Nanoseconds since 1970-01-01 00:00:00 UTC.
    pub(super) unix_nanos: i128,
    /// How far the clock that it was read from is ahead of UTC.
    pub(super) offset_seconds: i32,
}

/// Reads year, day of the year, hour, minute, second, nanosecond and the three parts of the offset.
///
/// The ranges are those that `time` accepts without its feature `large-dates`.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Moment, Error> {
    let year: i32 = ranged(cursor, "year", -9999, 9999, "-9999 to 9999")?;
    let (days, expected) = if is_leap(year) { (366, "1 to 366") } else { (365, "1 to 365") };
    let ordinal: u16 = ranged(cursor, "ordinal", 1, days, expected)?;
    let hour: u8 = ranged(cursor, "hour", 0, 23, "0 to 23")?;
    let minute: u8 = ranged(cursor, "minute", 0, 59, "0 to 59")?;
    let second: u8 = ranged(cursor, "second", 0, 59, "0 to 59")?;
    let nanosecond: u32 = ranged(cursor, "nanosecond", 0, 999_999_999, "0 to 999999999")?;
    let offset_h: i8 = ranged(cursor, "offset_hours", -25, 25, "-25 to 25")?;
    let offset_m: i8 = ranged(cursor, "offset_minutes", -59, 59, "-59 to 59")?;
    let offset_s: i8 = ranged(cursor, "offset_seconds", -59, 59, "-59 to 59")?;

    let offset_seconds = offset([offset_h, offset_m, offset_s]);
    let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let seconds = days_since_epoch(year, ordinal) * SECONDS_PER_DAY + of_day - i64::from(offset_seconds);
    Ok(Moment {
        year,
        unix_nanos: i128::from(seconds) * NANOS_PER_SECOND + i128::from(nanosecond),
        offset_seconds,
    })
}

fn ranged<'a, T>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
    least: i64,
    most: i64,
    expected: &'static str,
) -> Result<T, Error>
where
    T: serde::Deserialize<'a> + Copy + Into<i64>,
{
    let offset = cursor.offset();
    let value: T = cursor.value(field)?;
    let found: i64 = value.into();
    if (least..=most).contains(&found) {
        Ok(value)
    } else {
        Err(Error::Value { field: field.to_owned(), offset, found, expected })
    }
}

fn is_leap(year: i32) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_since_epoch(year: i32, ordinal: u16) -> i64 {
    let before = i64::from(year) - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    before * 365 + leap_days + i64::from(ordinal) - 1 - EPOCH_DAYS
}

/// The largest part that is not zero gives the sign to the others, as `time` has it.
fn offset(parts: [i8; 3]) -> i32 {
    let [hours, minutes, seconds] = parts.map(|part| i32::from(part).abs());
    let sign = parts.into_iter().map(i8::signum).find(|sign| *sign != 0);
    i32::from(sign.unwrap_or(0)) * (hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_gregorian_calendar() {
        let cases = [
            (1970, 1, 0),
            (1969, 365, -1),
            (2000, 60, 11_016),
            (2000, 366, 11_322),
            (2001, 1, 11_323),
            (1900, 365, -25_203),
            (1, 1, -719_162),
            (0, 366, -719_163),
            (-9999, 1, -4_371_587),
            (9999, 365, 2_932_896),
        ];
        for (year, ordinal, days) in cases {
            assert_eq!(days_since_epoch(year, ordinal), days, "{year}-{ordinal}");
        }
    }

    #[test]
    fn every_year_is_as_long_as_its_leap_rule_says() {
        for year in -9999..9999 {
            let len = days_since_epoch(year + 1, 1) - days_since_epoch(year, 1);
            assert_eq!(len, if is_leap(year) { 366 } else { 365 }, "{year}");
        }
    }

    #[test]
    fn offset_takes_the_sign_of_its_largest_part() {
        let cases = [
            ([0, 0, 0], 0),
            ([2, 30, 0], 9000),
            ([-2, -30, 0], -9000),
            ([-2, 30, 15], -9015),
            ([2, -30, -15], 9015),
            ([0, -30, 15], -1815),
            ([0, 0, -1], -1),
        ];
        for (parts, seconds) in cases {
            assert_eq!(offset(parts), seconds, "{parts:?}");
        }
    }
}
