use keepstone_format::wire::put_varint;

use crate::awsv::calendar::{Shown, is_leap};
use crate::awsv::cursor::Cursor;
use crate::error::Error;

/// The most that a clock can be ahead of UTC or behind it, as `time` has it: 25:59:59.
const OFFSET_SECONDS_MAX: i32 = 25 * 3600 + 59 * 60 + 59;

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
    let shown = Shown {
        year,
        ordinal: ranged(cursor, "ordinal", 1, days, expected)?,
        hour: ranged(cursor, "hour", 0, 23, "0 to 23")?,
        minute: ranged(cursor, "minute", 0, 59, "0 to 59")?,
        second: ranged(cursor, "second", 0, 59, "0 to 59")?,
        nanosecond: ranged(cursor, "nanosecond", 0, 999_999_999, "0 to 999999999")?,
    };
    let offset_h: i8 = ranged(cursor, "offset_hours", -25, 25, "-25 to 25")?;
    let offset_m: i8 = ranged(cursor, "offset_minutes", -59, 59, "-59 to 59")?;
    let offset_s: i8 = ranged(cursor, "offset_seconds", -59, 59, "-59 to 59")?;

    let offset_seconds = offset([offset_h, offset_m, offset_s]);
    Ok(Moment { year, unix_nanos: shown.unix_nanos(offset_seconds), offset_seconds })
}

/// Appends what [`read`] reads.
///
/// # Errors
///
/// [`Error::CantHold`] for an offset that `time` refuses; the years of `i64` nanoseconds are all good.
pub(super) fn write(out: &mut Vec<u8>, unix_nanos: i64, offset_seconds: i32) -> Result<(), Error> {
    let offset = offset_parts(offset_seconds)?;
    let shown = Shown::at(unix_nanos, offset_seconds);
    let year = i64::from(shown.year);
    put_varint(out, ((year << 1) ^ (year >> 63)).cast_unsigned());
    put_varint(out, shown.ordinal.into());
    out.extend([shown.hour, shown.minute, shown.second]);
    put_varint(out, shown.nanosecond.into());
    out.extend(offset.map(i8::cast_unsigned));
    Ok(())
}

/// Hours, minutes and seconds of an offset, with one sign.
///
/// # Errors
///
/// [`Error::CantHold`] for an offset that `time` refuses.
pub(super) fn offset_parts(offset_seconds: i32) -> Result<[i8; 3], Error> {
    let parts = [offset_seconds / 3600, offset_seconds / 60 % 60, offset_seconds % 60];
    let [Ok(hours), Ok(minutes), Ok(seconds)] = parts.map(i8::try_from) else {
        return Err(no_offset(offset_seconds));
    };
    if offset_seconds.unsigned_abs() > OFFSET_SECONDS_MAX.unsigned_abs() {
        return Err(no_offset(offset_seconds));
    }
    Ok([hours, minutes, seconds])
}

fn no_offset(offset_seconds: i32) -> Error {
    Error::CantHold {
        format: "aw-save",
        what: format!("a clock that is {offset_seconds} seconds ahead of UTC"),
        remedy: "set created_at_offset_seconds to -93599 to 93599",
    }
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

    #[test]
    fn every_offset_that_there_is_has_parts_and_no_other() {
        for seconds in -OFFSET_SECONDS_MAX..=OFFSET_SECONDS_MAX {
            assert_eq!(offset(offset_parts(seconds).unwrap()), seconds);
        }
        for seconds in [OFFSET_SECONDS_MAX + 1, -OFFSET_SECONDS_MAX - 1, i32::MAX, i32::MIN] {
            let err = offset_parts(seconds).unwrap_err();
            assert!(matches!(err, Error::CantHold { format: "aw-save", .. }), "{err}");
        }
    }
}
