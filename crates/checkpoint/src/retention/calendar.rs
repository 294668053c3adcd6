use std::fmt;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A span of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Span {
    /// From minute 0 to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday, as in ISO 8601; at a new year it lies in two years.
    Week,
    /// From the first of a month.
    Month,
    /// From the first of January.
    Year,
}

/// A day of the Gregorian calendar, which also goes for times before there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

/// A time as text.
pub(super) struct Time(pub(super) i64);

impl Span {
    /// Which span of its length a time, in nanoseconds since 1970, lies in: a higher number for a later one.
    pub(super) fn of(self, time: i64) -> i64 {
        let day = time.div_euclid(DAY);
        match self {
            Self::Hour => time.div_euclid(HOUR),
            Self::Day => day,
            // The first day of 1970 was a Thursday.
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => {
                let civil = Civil::of_day(day);
                civil.year * 12 + civil.month - 1
            }
            Self::Year => Civil::of_day(day).year,
        }
    }
}

impl Civil {
    /// The date of a day, which is counted from the first of 1970.
    ///
    /// `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that the day that is sometimes there is the last one, and 400 of them are an era.
    pub(super) fn of_day(day: i64) -> Self {
        let day = day + DAYS_TO_1970;
        let era = day.div_euclid(DAYS_PER_ERA);
        let day_of_era = day.rem_euclid(DAYS_PER_ERA);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }

    /// The other way: `days_from_civil` of the same paper.
    #[cfg(test)]
    pub(super) fn to_day(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970
    }
}

/// Days of 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from the first of March of the year 0.
const DAYS_TO_1970: i64 = 719_468;

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day } = Civil::of_day(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY) / SECOND;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}
