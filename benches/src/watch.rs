use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{alloc, run::Counters};

/// Times what a side of a case does, and only that: what is prepared before and dropped after doesn't count.
#[derive(Debug)]
pub struct Watch {
    calls: u32,
    elapsed: Duration,
    counters: Option<Counters>,
}

impl Watch {
    /// A watch that times a number of calls.
    pub(crate) fn timing(calls: u32) -> Self {
        Self { calls, elapsed: Duration::ZERO, counters: None }
    }

    /// A watch that counts one call.
    pub(crate) fn counting() -> Self {
        Self { calls: 1, elapsed: Duration::ZERO, counters: Some(Counters::default()) }
    }

    /// Returns whether this call is counted instead of timed, so that counters may cost what they like.
    pub fn is_counting(&self) -> bool {
        self.counters.is_some()
    }

    /// Times all calls together, each result being dropped at once: for short work whose result owns nothing.
    ///
    /// # Errors
    /// That of the first call that fails.
    pub fn together<R>(&mut self, mut work: impl FnMut() -> Result<R>) -> Result<()> {
        if self.is_counting() {
            return self.each(work);
        }
        let start = Instant::now();
        for _ in 0..self.calls {
            black_box(work()?);
        }
        self.elapsed += start.elapsed();
        Ok(())
    }

    /// Times each call by itself, and drops its result after the time was taken.
    ///
    /// # Errors
    /// That of the first call that fails.
    pub fn each<R>(&mut self, mut work: impl FnMut() -> Result<R>) -> Result<()> {
        for _ in 0..self.calls {
            if let Some(counters) = &mut self.counters {
                let ((result, allocations), heap) = alloc::heap(|| alloc::count(&mut work));
                counters.allocations += allocations;
                counters.peak = counters.peak.max(heap.peak as u64);
                black_box(result?);
                continue;
            }
            let start = Instant::now();
            let result = black_box(work());
            self.elapsed += start.elapsed();
            result?;
        }
        Ok(())
    }

    /// Adds what each call says it took instead of the time that passed: processor time, or the longest of many steps.
    ///
    /// # Errors
    /// That of the first call that fails.
    pub fn spent(&mut self, mut work: impl FnMut() -> Result<Duration>) -> Result<()> {
        if self.is_counting() {
            return self.each(work);
        }
        for _ in 0..self.calls {
            self.elapsed += work()?;
        }
        Ok(())
    }

    /// Notes bytes that went through: written by a save, read by a load.
    pub fn note_bytes(&mut self, bytes: u64) {
        if let Some(counters) = &mut self.counters {
            counters.bytes = Some(counters.bytes.unwrap_or(0) + bytes);
        }
    }

    /// Notes calls to the file system, syncs among them.
    pub fn note_calls(&mut self, calls: u64) {
        if let Some(counters) = &mut self.counters {
            counters.calls = Some(counters.calls.unwrap_or(0) + calls);
        }
    }

    /// Notes something that stands below the table.
    pub fn note_remark(&mut self, remark: impl Into<String>) {
        if let Some(counters) = &mut self.counters {
            counters.remarks.push(remark.into());
        }
    }

    /// Notes syncs of files and directories.
    pub fn note_syncs(&mut self, syncs: u64) {
        if let Some(counters) = &mut self.counters {
            counters.syncs += syncs;
        }
    }

    /// The time of one call, in nanoseconds.
    pub(crate) fn nanos_per_call(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e9 / f64::from(self.calls)
    }

    /// Takes so many nanoseconds for each call instead of any work.
    #[cfg(test)]
    pub(crate) fn pretend(&mut self, nanos: u32) {
        self.elapsed += Duration::from_nanos(nanos.into()) * self.calls;
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters.clone().unwrap_or_default()
    }
}
