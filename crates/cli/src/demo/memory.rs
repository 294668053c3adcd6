use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize};

use super::measure::as_nanos;
use crate::error::Error;

/// A step with the memory that it took, as the kernel counts it: pages in memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Footprint {
    pub(super) step: String,
    /// Whether the file has parts.
    pub(super) in_parts: bool,
    #[serde(rename = "time_ns", serialize_with = "as_nanos", deserialize_with = "of_nanos")]
    pub(super) time: Duration,
    /// What the step needed at its peak beside the world; `None` where nothing tells.
    #[serde(rename = "beside_bytes")]
    pub(super) beside: Option<u64>,
    /// What the world has that the step made; `None` if it made none, or where nothing tells.
    #[serde(rename = "world_bytes")]
    pub(super) world: Option<u64>,
}

impl Footprint {
    /// Runs a step beside a world that is there.
    pub(super) fn beside_world<T>(
        step: &str,
        in_parts: bool,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<(Self, T), Error> {
        let (time, pages, result) = watched(work)?;
        let beside = pages.map(|pages| pages.peak.saturating_sub(pages.before));
        Ok((Self { step: step.to_owned(), in_parts, time, beside, world: None }, result))
    }

    /// Runs a step whose result is a world.
    pub(super) fn of_world<T>(
        step: &str,
        in_parts: bool,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<(Self, T), Error> {
        let (time, pages, result) = watched(work)?;
        let beside = pages.map(|pages| pages.peak.saturating_sub(pages.after));
        let world = pages.map(|pages| pages.after.saturating_sub(pages.before));
        Ok((Self { step: step.to_owned(), in_parts, time, beside, world }, result))
    }
}

fn of_nanos<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_nanos(u64::deserialize(deserializer)?))
}

/// Bytes of this process that are in memory: before a step, at its peak, and with its result.
#[derive(Debug, Clone, Copy)]
struct Pages {
    before: u64,
    peak: u64,
    after: u64,
}

fn watched<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(Duration, Option<Pages>, T), Error> {
    let before = process::forget_peak().then(|| process::status("VmRSS")).flatten();
    let start = Instant::now();
    let result = work()?;
    let time = start.elapsed();
    let seen = (before, process::status("VmHWM"), process::status("VmRSS"));
    let pages = match seen {
        (Some(before), Some(peak), Some(after)) => Some(Pages { before, peak, after }),
        _ => None,
    };
    Ok((time, pages, result))
}

#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "what the kernel says about this process is on no disk")]
mod process {
    use std::fs;

    /// A number of bytes that the kernel knows about this process.
    pub(super) fn status(key: &str) -> Option<u64> {
        find(&fs::read_to_string("/proc/self/status").ok()?, key)
    }

    /// Makes the present the peak, and says whether it is.
    pub(super) fn forget_peak() -> bool {
        fs::write("/proc/self/clear_refs", "5").is_ok()
    }

    fn find(status: &str, key: &str) -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kilobytes.checked_mul(1024)
    }

    #[cfg(test)]
    mod tests {
        use super::find;

        #[test]
        fn a_line_of_the_kernel_is_kilobytes() {
            let status = "VmPeak:\t  10 kB\nVmHWM:\t    2136 kB\nVmRSS:\tmany kB\n";
            assert_eq!(find(status, "VmHWM"), Some(2136 * 1024));
            assert_eq!(find(status, "VmRSS"), None);
            assert_eq!(find(status, "VmH"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    pub(super) fn status(_: &str) -> Option<u64> {
        None
    }

    pub(super) fn forget_peak() -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::hint::black_box;

    use super::*;

    const MANY: usize = 64 << 20;

    fn touched() -> Vec<u8> {
        black_box(vec![1; MANY])
    }

    #[test]
    fn what_is_given_back_counts_at_the_peak_and_what_stays_is_the_world() {
        let beside = Footprint::beside_world("a", true, || Ok(touched().len()));
        let (beside, _) = beside.unwrap();
        // Other tests come and go in this process.
        let least = (MANY / 2) as u64;
        assert!(beside.beside.is_none_or(|bytes| bytes > least), "{beside:?}");
        let (world, bytes) = Footprint::of_world("b", true, || Ok(touched())).unwrap();
        assert!(world.world.is_none_or(|bytes| bytes > least), "{world:?}");
        assert_eq!(bytes.len(), MANY);
    }
}
