use std::time::Duration;

/// How long ago a moment was; nothing for one that is still to come.
pub(super) fn since(moment: i64, now: i64) -> Duration {
    let nanoseconds = if moment > now { 0 } else { now.abs_diff(moment) };
    Duration::from_nanos(nanoseconds)
}

/// The moment that is so long after another; none if that is later than any.
pub(super) fn after(moment: i64, span: Duration) -> Option<i64> {
    let span = i128::try_from(span.as_nanos()).ok()?;
    i64::try_from(i128::from(moment).checked_add(span)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_have_no_extremes_that_they_fail_at() {
        let nanosecond = Duration::from_nanos(1);
        assert_eq!(since(i64::MIN, i64::MAX), Duration::from_nanos(u64::MAX));
        assert_eq!(since(i64::MAX, i64::MIN), Duration::ZERO);
        assert_eq!(after(i64::MIN, Duration::from_nanos(u64::MAX)), Some(i64::MAX));
        assert_eq!((after(i64::MAX, Duration::ZERO), after(i64::MAX, nanosecond)), (Some(i64::MAX), None));
        assert_eq!(after(0, Duration::MAX), None);
    }
}
