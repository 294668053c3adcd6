//! Ours alone, over and over, for a profiler that looks on.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{case::Case, watch::Watch};

/// Calls ours of a case until the time is over, at least once, and answers how often.
///
/// `cargo xtask profile` has callgrind count from the beginning of this function to its end, so it is never inlined and
/// keeps its name.
///
/// # Errors
/// That of the first call that fails.
#[inline(never)]
pub fn ours_alone(case: &mut Case, time: Duration) -> Result<u32> {
    let start = Instant::now();
    let mut calls = 0;
    while calls == 0 || start.elapsed() < time {
        (case.ours)(&mut Watch::timing(1)).with_context(|| format!("calling {}/{}", case.name, case.size))?;
        calls += 1;
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, time::Duration};

    use anyhow::bail;

    use super::ours_alone;
    use crate::Case;

    #[test]
    fn ours_is_called_at_least_once_and_floors_are_not() {
        let called = Rc::new(Cell::new(0));
        let count = Rc::clone(&called);
        let mut case = Case::new("case", "")
            .ours(move |watch| {
                count.set(count.get() + 1);
                watch.each(|| Ok(()))
            })
            .floor(1.0, "floor", |_| bail!("a floor was called"));
        assert_eq!(ours_alone(&mut case, Duration::ZERO).unwrap(), 1);
        assert_eq!(called.get(), 1);
        let mut case = Case::new("broken", "1k").ours(|_| bail!("no disk"));
        let error = ours_alone(&mut case, Duration::ZERO).unwrap_err();
        assert_eq!(format!("{error:#}"), "calling broken/1k: no disk");
    }
}
