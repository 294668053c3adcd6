//! Days and times of the Gregorian calendar, as the `time` crate counts them.

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Days from the first day of year 1 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_162;

/// What calendar and clock show somewhere; nobody has checked the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) year: i32,
    /// The day of the year, from 1.
    pub(super) ordinal: u16,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) nanosecond: u32,
}

impl Shown {
    /// What is shown where the clock is `offset_seconds` ahead of UTC.
    pub(super) fn at(unix_nanos: i64, offset_seconds: i32) -> Self {
        let seconds = unix_nanos.div_euclid(NANOS_PER_SECOND) + i64::from(offset_seconds);
        let (year, ordinal) = year_of(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        Self {
            year,
            ordinal,
            hour: narrow(of_day / 3600),
            minute: narrow(of_day / 60 % 60),
            second: narrow(of_day % 60),
            nanosecond: narrow(unix_nanos.rem_euclid(NANOS_PER_SECOND)),
        }
    }

    /// Nanoseconds since 1970-01-01 00:00:00 UTC.
    pub(super) fn unix_nanos(&self, offset_seconds: i32) -> i128 {
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let days = days_since_epoch(self.year, self.ordinal);
        let seconds = days * SECONDS_PER_DAY + of_day - i64::from(offset_seconds);
        i128::from(seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanosecond)
    }

    /// The month, from 1, and the day of it.
    pub(super) fn month_and_day(&self) -> (u8, u8) {
        let mut day = self.ordinal;
        for (month, days) in (1..).zip(month_lengths(self.year)) {
            if day <= days {
                return (month, narrow(day));
            }
            day -= days;
        }
        (12, 31)
    }
}

pub(super) fn is_leap(year: i32) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// The day of the year of a date, if there is that date.
pub(super) fn ordinal(year: i32, month: u8, day: u8) -> Option<u16> {
    let (index, day) = (usize::from(month).checked_sub(1)?, u16::from(day));
    let lengths = month_lengths(year);
    let days_max = *lengths.get(index)?;
    (1..=days_max).contains(&day).then(|| lengths.iter().take(index).sum::<u16>() + day)
}

fn month_lengths(year: i32) -> [u16; 12] {
    [31, 28 + u16::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

fn days_since_epoch(year: i32, ordinal: u16) -> i64 {
    let before = i64::from(year) - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    before * 365 + leap_days + i64::from(ordinal) - 1 - EPOCH_DAYS
}

/// The year and the day of it. Years are counted from year 1, so that a leap day is the last of four years, and the
/// one that a century lacks the last of it.
fn year_of(days: i64) -> (i32, u16) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let before = years * 365 + years / 4 - years / 100;
    (narrow(era * 400 + years + 1), narrow(of_era - before + 1))
}

/// For numbers that the caller knows to be small.
fn narrow<T: TryInto<N>, N: Default>(number: T) -> N {
    number.try_into().unwrap_or_default()
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
            assert_eq!(year_of(days), (year, ordinal), "{days}");
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
    fn every_day_has_one_date() {
        for days in days_since_epoch(1600, 1)..days_since_epoch(2401, 1) {
            let (year, of_year) = year_of(days);
            assert_eq!(days_since_epoch(year, of_year), days);
            let shown = Shown { year, ordinal: of_year, hour: 0, minute: 0, second: 0, nanosecond: 0 };
            let (month, day) = shown.month_and_day();
            assert_eq!(ordinal(year, month, day), Some(of_year), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_have_no_day() {
        for (year, month, day) in [(2025, 2, 29), (2025, 0, 1), (2025, 13, 1), (2025, 4, 31), (2025, 1, 0)] {
            assert_eq!(ordinal(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(ordinal(2024, 2, 29), Some(60));
        assert_eq!(ordinal(2024, 12, 31), Some(366));
    }

    #[test]
    fn what_is_shown_is_the_moment_it_came_from() {
        let mut nanos = i64::MIN;
        for offset in [0, 1, -1, 3600, -12_600, 93_599, -93_599] {
            loop {
                assert_eq!(
                    Shown::at(nanos, offset).unix_nanos(offset),
                    i128::from(nanos),
                    "{nanos} {offset}"
                );
                // A prime number of nanoseconds, somewhat more than 8 months.
                let Some(next) = nanos.checked_add(22_222_222_222_222_223) else { break };
                nanos = next;
            }
            assert_eq!(Shown::at(i64::MAX, offset).unix_nanos(offset), i128::from(i64::MAX));
            nanos = i64::MIN;
        }
    }
}
