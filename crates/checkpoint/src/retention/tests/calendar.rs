use super::{DAY, SECOND, utc};
use crate::retention::{
    Span,
    calendar::{Civil, Time},
};

/// A calendar that counts days one by one.
fn next(date: Civil) -> Civil {
    let Civil { year, month, day } = date;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match (month, day) {
        (12, 31) => Civil { year: year + 1, month: 1, day: 1 },
        (_, last) if last == days => Civil { year, month: month + 1, day: 1 },
        _ => Civil { day: day + 1, ..date },
    }
}

#[test]
fn dates_are_those_of_a_calendar_that_counts_days_one_by_one() {
    // Of a leap day to the one 1200 years later.
    let (mut date, mut day) = (Civil { year: 1200, month: 2, day: 29 }, -281_178);
    while date.year < 2400 {
        assert_eq!(Civil::of_day(day), date, "day {day}");
        assert_eq!(date.to_day(), day, "{date:?}");
        (date, day) = (next(date), day + 1);
    }
    assert_eq!(Civil::of_day(0), Civil { year: 1970, month: 1, day: 1 });
    assert_eq!(Civil::of_day(11_016), Civil { year: 2000, month: 2, day: 29 });
}

#[test]
fn spans_begin_where_the_calendar_says() {
    // A time that begins a span, and the spans that it begins: hour, day, week, month, year.
    for (begins, spans) in [
        (utc(2021, 1, 1, 0, 0, 0), [true, true, false, true, true]),
        // The first Monday of 2021: the week before it begins in 2020.
        (utc(2021, 1, 4, 0, 0, 0), [true, true, true, false, false]),
        (utc(2020, 12, 28, 0, 0, 0), [true, true, true, false, false]),
        // A year that begins on a Monday.
        (utc(2018, 1, 1, 0, 0, 0), [true, true, true, true, true]),
        (utc(2024, 2, 29, 0, 0, 0), [true, true, false, false, false]),
        (utc(2024, 3, 1, 0, 0, 0), [true, true, false, true, false]),
        (utc(2023, 3, 1, 13, 0, 0), [true, false, false, false, false]),
        (utc(2023, 3, 1, 13, 59, 59), [false; 5]),
        (utc(1970, 1, 1, 0, 0, 0), [true, true, false, true, true]),
        (utc(1969, 12, 29, 0, 0, 0), [true, true, true, false, false]),
        (utc(1969, 12, 31, 23, 0, 0), [true, false, false, false, false]),
        (utc(1900, 1, 1, 0, 0, 0), [true, true, true, true, true]),
    ] {
        let all = [Span::Hour, Span::Day, Span::Week, Span::Month, Span::Year];
        for (span, is_new) in all.into_iter().zip(spans) {
            let (before, after) = (span.of(begins - 1), span.of(begins));
            assert_eq!(before != after, is_new, "{span:?} at {}", Time(begins));
            assert!(before <= after);
        }
    }
}

#[test]
fn a_week_has_seven_days_wherever_it_lies() {
    let monday = utc(2020, 12, 28, 0, 0, 0);
    for week in -2000..2000_i64 {
        let begins = monday + week * 7 * DAY;
        assert_eq!(Span::Week.of(begins), Span::Week.of(begins + 7 * DAY - 1));
        assert_eq!(Span::Week.of(begins) + 1, Span::Week.of(begins + 7 * DAY));
    }
}

#[test]
fn times_are_shown_as_dates_however_far_away() {
    assert_eq!(Time(utc(2021, 1, 3, 4, 5, 6)).to_string(), "2021-01-03 04:05:06");
    assert_eq!(Time(-1).to_string(), "1969-12-31 23:59:59");
    assert_eq!(Time(SECOND - 1).to_string(), "1970-01-01 00:00:00");
    assert_eq!(Time(i64::MIN).to_string(), "1677-09-21 00:12:43");
    assert_eq!(Time(i64::MAX).to_string(), "2262-04-11 23:47:16");
}
