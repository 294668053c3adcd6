use std::time::Duration;

/// How long after a failure nothing is tried.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// When a program saves by itself.
///
/// Nothing here looks at a clock or saves: an [`Autosave`] is told the time and answers whether a save is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutosavePolicy {
    /// How long after a save the next one is due; none: only events make saves due.
    #[doc(alias("save_interval", "autosave_interval", "auto_save_interval"))]
    pub interval: Option<Duration>,
    /// Whether [`Autosave::event`] makes a save due: a level is done, a boss is dead.
    pub on_event: bool,
    /// The least time between two saves, or tries to save, that are due. What happens inside it is remembered, and saved once it is over.
    #[doc(alias("debounce", "cooldown"))]
    pub throttle: Duration,
}

impl AutosavePolicy {
    /// Every 10 seconds and at events, which are at least 2 seconds apart.
    pub const AGGRESSIVE: Self = Self::of(10, 2);
    /// Every minute and at events, which are at least 10 seconds apart.
    pub const BALANCED: Self = Self::of(60, 10);
    /// Never: only the player saves.
    pub const MANUAL: Self = Self { interval: None, on_event: false, throttle: Duration::ZERO };

    const fn of(interval_seconds: u64, throttle_seconds: u64) -> Self {
        let interval = Some(Duration::from_secs(interval_seconds));
        Self { interval, on_event: true, throttle: Duration::from_secs(throttle_seconds) }
    }

    /// Saves at such intervals alone.
    pub fn every(interval: Duration) -> Self {
        Self { interval: Some(interval), on_event: false, throttle: Duration::ZERO }
    }

    /// Saves at events alone.
    pub fn on_events() -> Self {
        Self { interval: None, on_event: true, throttle: Duration::ZERO }
    }

    /// Chooses whether events make saves due.
    pub fn with_events(mut self, on_event: bool) -> Self {
        self.on_event = on_event;
        self
    }

    /// Chooses the least time between two saves.
    pub fn throttle(mut self, throttle: Duration) -> Self {
        self.throttle = throttle;
        self
    }
}

impl Default for AutosavePolicy {
    fn default() -> Self {
        Self::BALANCED
    }
}

/// Says when an automatic save is due.
///
/// Times are durations since any moment that the program chooses, such as its start; a time before one that was told is taken for that one. They may stand still while the game
/// is paused.
///
/// ```
/// use std::time::Duration;
///
/// use keepstone_slots::{Autosave, AutosavePolicy};
///
/// let seconds = Duration::from_secs;
/// let mut autosave = Autosave::new(AutosavePolicy::BALANCED, seconds(0));
/// assert!(!autosave.tick(seconds(59)));
/// // In each frame: true once, then somebody saves and says how that went.
/// assert!(autosave.tick(seconds(60)));
/// autosave.saved(seconds(61));
///
/// assert!(!autosave.event(seconds(65)), "10 seconds since the last save are not over");
/// assert_eq!(autosave.next_due(), Some(seconds(71)));
/// assert!(autosave.tick(seconds(71)));
/// ```
#[derive(Debug, Clone)]
#[doc(alias("AutoSave", "AutosaveTimer", "AutosavePlugin"))]
pub struct Autosave {
    policy: AutosavePolicy,
    /// The latest time that was told.
    now: Duration,
    /// When the last save was made, or this began.
    saved_at: Duration,
    /// When the throttle is over.
    free_at: Duration,
    /// An event that no save holds yet.
    pending: bool,
    /// The save that is being made.
    saving: Option<Saving>,
}

#[derive(Debug, Clone, Copy)]
struct Saving {
    /// Whether it is to hold an event.
    pending: bool,
}

impl Autosave {
    /// Begins at a time. The first save is due an interval later.
    pub fn new(policy: AutosavePolicy, now: Duration) -> Self {
        Self { policy, now, saved_at: now, free_at: now, pending: false, saving: None }
    }

    /// When it saves.
    pub fn policy(&self) -> AutosavePolicy {
        self.policy
    }

    /// Changes when it saves, as of now. The interval goes on from the last save; an event that waits still does, unless events don't count any longer.
    pub fn set_policy(&mut self, policy: AutosavePolicy) {
        self.policy = policy;
        self.pending &= policy.on_event;
    }

    /// Whether a save is due. The caller makes it and says [`saved`](Self::saved) or [`failed`](Self::failed); until then no other is due.
    ///
    /// However long it was not asked, one save is due, not several.
    pub fn tick(&mut self, now: Duration) -> bool {
        self.advance(now);
        let is_due = self.next_due().is_some_and(|due| due <= self.now);
        if is_due {
            self.saving = Some(Saving { pending: self.pending });
            // What happens from here on is not in it.
            self.pending = false;
        }
        is_due
    }

    /// Tells of something worth saving. Answers whether a save is due at once, as [`tick`](Self::tick) does; else it is remembered, if events count.
    #[doc(alias = "trigger")]
    pub fn event(&mut self, now: Duration) -> bool {
        self.pending |= self.policy.on_event;
        self.tick(now)
    }

    /// Says that a save was made, due or not: the interval and the throttle begin anew. It holds all events that came before it was due; without one that is due, all events.
    pub fn saved(&mut self, now: Duration) {
        self.advance(now);
        if self.saving.take().is_none() {
            self.pending = false;
        }
        self.saved_at = self.now;
        self.free_at = self.now.saturating_add(self.policy.throttle);
    }

    /// Says that a save could not be made. It is due again once the throttle is over, and a second at least, since a full disk stays full for a while.
    pub fn failed(&mut self, now: Duration) {
        self.advance(now);
        if let Some(saving) = self.saving.take() {
            self.pending |= saving.pending && self.policy.on_event;
        }
        self.free_at = self.now.saturating_add(self.policy.throttle.max(RETRY_MIN));
    }

    /// When the next save is due, unless something happens before; none if nothing is, or while one is being made.
    pub fn next_due(&self) -> Option<Duration> {
        if self.saving.is_some() {
            return None;
        }
        let by_interval = self.policy.interval.map(|interval| self.saved_at.saturating_add(interval));
        let due = if self.pending { self.free_at } else { by_interval?.max(self.free_at) };
        Some(due)
    }

    fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }
}

#[cfg(test)]
mod tests;
