use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// What the plugin asks for the time: nothing else in it looks at a clock.
#[derive(Clone)]
pub(super) struct Clock {
    /// Nanoseconds UTC since 1970, for what lists show.
    utc: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Time since any moment, for automatic saves.
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Default for Clock {
    /// Those of the system.
    fn default() -> Self {
        let begin = Instant::now();
        Self { utc: Arc::new(system_utc), elapsed: Arc::new(move || begin.elapsed()) }
    }
}

impl Clock {
    pub(super) fn set_utc(&mut self, utc: impl Fn() -> i64 + Send + Sync + 'static) {
        self.utc = Arc::new(utc);
    }

    pub(super) fn set_elapsed(&mut self, elapsed: impl Fn() -> Duration + Send + Sync + 'static) {
        self.elapsed = Arc::new(elapsed);
    }

    pub(super) fn utc(&self) -> Arc<dyn Fn() -> i64 + Send + Sync> {
        Arc::clone(&self.utc)
    }

    pub(super) fn elapsed(&self) -> Duration {
        (self.elapsed)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the default of KeepstonePlugin::with_clock: for display, no save is told from another by it"
)]
fn system_utc() -> i64 {
    let since = |earlier: SystemTime, later: SystemTime| {
        let nanoseconds = later.duration_since(earlier).ok()?.as_nanos();
        Some(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    };
    let now = SystemTime::now();
    since(SystemTime::UNIX_EPOCH, now)
        .or_else(|| since(now, SystemTime::UNIX_EPOCH).map(|before| -before))
        .unwrap_or_default()
}
