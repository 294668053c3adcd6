use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    due::Due,
    policy::Automatic,
    since::{after, since},
};
use crate::planted::{self, Plant};

/// The back-off doubles so often at most.
const DOUBLINGS_MAX: u32 = 6;

/// What was told since the last checkpoint, and when what was made: what a policy is applied to.
///
/// A moment that turns out to lie ahead, because the clock went back, is taken for the moment at which that is seen. So nothing waits for longer than it would have to with a clock that goes on.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    policy: Automatic,
    /// What the interval counts from; none: the first time that is told.
    base: Option<i64>,
    /// When automatic checkpoints were made, the oldest first: as many as the throttle looks at.
    made: VecDeque<i64>,
    /// The last failure since the last checkpoint, and how many there were.
    failed: Option<i64>,
    failures: u32,
    /// When the state was last found to differ too little.
    measured: Option<i64>,
    /// The first event that no checkpoint holds.
    event: Option<Arc<str>>,
    events: u64,
    bytes: u64,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A checkpoint.
    Checkpoint(Due),
    /// A look at how much the state differs.
    Measure,
}

impl Schedule {
    /// Goes on from a checkpoint that was made at a time, and from automatic ones, the oldest first.
    pub(super) fn new(policy: Automatic, last: Option<i64>, made: impl IntoIterator<Item = i64>) -> Self {
        let base = if planted::is(Plant::IntervalFromOpening) { None } else { last };
        let mut schedule = Self {
            policy,
            base,
            made: VecDeque::new(),
            failed: None,
            failures: 0,
            measured: None,
            event: None,
            events: 0,
            bytes: 0,
        };
        made.into_iter().for_each(|time| schedule.push(time));
        schedule
    }

    pub(super) fn policy(&self) -> &Automatic {
        &self.policy
    }

    /// Goes by another policy. An event that waits still does, unless it doesn't count any longer.
    pub(super) fn set_policy(&mut self, policy: Automatic) {
        self.policy = policy;
        let counts = self.event.as_deref().is_some_and(|event| self.counts(event));
        self.event = self.event.take().filter(|_| counts);
        self.forget_made();
    }

    /// Takes note of an event; false: it doesn't count.
    pub(super) fn event(&mut self, name: &str) -> bool {
        let counts = self.counts(name);
        if counts {
            self.events = self.events.saturating_add(1);
            self.event.get_or_insert_with(|| name.into());
        }
        counts
    }

    fn counts(&self, event: &str) -> bool {
        self.policy.is_any_event || self.policy.events.contains(event)
    }

    pub(super) fn changed(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Events and bytes that were told since the last checkpoint.
    pub(super) fn told(&self) -> (u64, u64) {
        (self.events, self.bytes)
    }

    /// Learns what time it is.
    pub(super) fn tell(&mut self, now: i64) {
        let base = self.base.get_or_insert(now);
        *base = (*base).min(now);
        self.failed = self.failed.map(|failed| failed.min(now));
        self.measured = self.measured.map(|measured| measured.min(now));
        for made in self.made.iter_mut().rev().take_while(|made| **made > now) {
            *made = now;
        }
    }

    /// What there is to do at a time.
    pub(super) fn wanted(&self, now: i64) -> Option<Wanted> {
        if self.is_held_back(now) {
            return None;
        }
        if let Some(event) = &self.event {
            return Some(Wanted::Checkpoint(Due::Event(Arc::clone(event))));
        }
        if self.policy.bytes.is_some_and(|bytes| self.bytes >= bytes) {
            return Some(Wanted::Checkpoint(Due::Changed(self.bytes)));
        }
        let elapsed = since(self.base.unwrap_or(now), now);
        if self.policy.interval.is_some_and(|interval| elapsed >= interval) {
            return Some(Wanted::Checkpoint(Due::Interval(elapsed)));
        }
        let difference = self.policy.difference?;
        let is_over = self.measured.is_none_or(|measured| since(measured, now) >= difference.every);
        is_over.then_some(Wanted::Measure)
    }

    fn is_held_back(&self, now: i64) -> bool {
        let is_young =
            |moment: Option<i64>, span: Duration| moment.is_some_and(|moment| since(moment, now) < span);
        is_young(self.failed, self.back_off())
            || is_young(self.made.back().copied(), self.policy.throttle)
            || self.policy.at_most.is_some_and(|at_most| match self.oldest_of(at_most.count) {
                Ok(oldest) => is_young(oldest, at_most.within),
                Err(Never) => true,
            })
    }

    /// The first time at which there may be something to do, if nothing is told meanwhile; none: never.
    pub(super) fn next(&self, now: i64) -> Option<i64> {
        let by_interval = || after(self.base.unwrap_or(now), self.policy.interval?);
        let by_difference = || match self.measured {
            Some(measured) => after(measured, self.policy.difference?.every),
            None => self.policy.difference.map(|_| now),
        };
        let is_told = self.event.is_some() || self.policy.bytes.is_some_and(|bytes| self.bytes >= bytes);
        let wanted = if is_told { Some(now) } else { by_interval().into_iter().chain(by_difference()).min() };
        let mut next = wanted?.max(now);
        let mut held_until = |moment: Option<i64>, span: Duration| {
            // A moment that lies ahead is taken for now.
            let free = moment.map_or(Some(now), |moment| after(moment.min(now), span))?;
            next = next.max(free);
            Some(())
        };
        held_until(self.failed, self.back_off())?;
        held_until(self.made.back().copied(), self.policy.throttle)?;
        if let Some(at_most) = self.policy.at_most {
            held_until(self.oldest_of(at_most.count).ok()?, at_most.within)?;
        }
        Some(next)
    }

    /// When the oldest of the last so many was made, if there were as many.
    fn oldest_of(&self, count: u32) -> Result<Option<i64>, Never> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count == 0 {
            return Err(Never);
        }
        Ok(self.made.len().checked_sub(count).and_then(|place| self.made.get(place)).copied())
    }

    fn back_off(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(DOUBLINGS_MAX);
        self.policy.back_off.saturating_mul(1 << doublings)
    }

    /// Another checkpoint was made at a time, which the interval counts from if it is later.
    pub(super) fn overtake(&mut self, time: i64, now: i64) {
        let time = time.min(now);
        self.base = Some(self.base.map_or(time, |base| base.max(time)));
    }

    /// The state was measured and differs too little.
    pub(super) fn differs_too_little(&mut self, now: i64) {
        self.measured = Some(now);
    }

    /// An automatic checkpoint was made, with all that was told.
    pub(super) fn made(&mut self, now: i64) {
        self.push(now);
        self.holds_all(now);
    }

    /// A checkpoint holds all that was told.
    pub(super) fn holds_all(&mut self, now: i64) {
        (self.base, self.measured) = (Some(now), Some(now));
        (self.failed, self.failures) = (None, 0);
        (self.event, self.events, self.bytes) = (None, 0, 0);
    }

    /// A checkpoint was tried, and not made: all that was told still has to be in one.
    pub(super) fn failed(&mut self, now: i64) {
        self.failed = Some(now);
        self.failures = self.failures.saturating_add(1);
        // It is measured again once the back-off is over.
        self.measured = None;
        if planted::is(Plant::FailureThrottles) {
            self.push(now);
        }
        if planted::is(Plant::FailureForgets) {
            (self.event, self.events, self.bytes) = (None, 0, 0);
        }
    }

    fn push(&mut self, time: i64) {
        for made in self.made.iter_mut().rev().take_while(|made| **made > time) {
            *made = time;
        }
        self.made.push_back(time);
        self.forget_made();
    }

    /// Forgets what the throttle doesn't look at.
    fn forget_made(&mut self) {
        let count = self.policy.at_most.map_or(1, |at_most| at_most.count.max(1));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.made.drain(..self.made.len().saturating_sub(count));
    }
}

/// There is never to be one.
#[derive(Debug)]
struct Never;
