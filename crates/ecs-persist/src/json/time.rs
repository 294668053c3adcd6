//! Times as text: RFC 3339, in UTC when written.

const NS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Days since 1970 of a date of the Gregorian calendar: years start in March, so that the leap day ends them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 719_469
}

pub(super) fn to_text(at_ns: i64) -> String {
    let (seconds, fraction) = (at_ns.div_euclid(NS), at_ns.rem_euclid(NS));
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // The estimate is never too early.
    let mut year = 1970 + day.div_euclid(365) + 1;
    while days(year, 1, 1) > day {
        year -= 1;
    }
    let mut month = 12;
    while days(year, month, 1) > day {
        month -= 1;
    }
    let date = day - days(year, month, 1) + 1;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z")
}

pub(super) fn from_text(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let in_month = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_month || hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
        return None;
    }
    let fraction = digits(&format!("{fraction:0<9}"))?;
    let offset = match zone.strip_prefix(['+', '-']) {
        None => 0,
        Some(rest) => {
            let (hours, minutes) = rest.split_once(':')?;
            let minutes = digits(hours)?.checked_mul(60)? + digits(minutes)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let seconds = days(year, month, day) * DAY + hour * 3600 + (minute - offset) * 60 + second;
    // In 128 bits: the first moments that fit have more negative seconds than fit.
    let at = i128::from(seconds) * i128::from(NS) + i128::from(fraction);
    i64::try_from(at).ok()
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
