use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::{Health, Status, Work};
use crate::{Error, Kind, checkpoint::Checkpoint, id::Sequence};

/// A number that threads count up, and that is read without a lock.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn lower(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is counted of a store, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    pub(crate) checkpoints: Counter,
    pub(crate) checkpoints_failed: Counter,
    pub(crate) state_bytes: Counter,
    pub(crate) stored_bytes: Counter,
    pub(crate) sessions: Counter,
    pub(crate) pruned: Counter,
    pub(crate) seals: Counter,
    pub(crate) missed: Counter,
    pub(crate) subscribers: Counter,
    pub(crate) last_sequence: Counter,
    /// Goes up whenever a name may mean another session or branch.
    pub(crate) names: Counter,
    journal_failures: Counter,
    recoveries: Counter,
    seal_failures: Counter,
    retention_failures: Counter,
    sweep_failures: Counter,
    /// What has failed and not gone well since.
    wrong: AtomicU8,
    /// The kind of the last failure; 0: none.
    last: AtomicU8,
}

/// A bit for each work.
const COMMIT: u8 = 1;
const SEAL: u8 = 2;
const RETENTION: u8 = 4;
const SWEEP: u8 = 8;

/// The kinds of failures by their number, from 1.
const KINDS: [Kind; 10] = [
    Kind::NotFound,
    Kind::Damaged,
    Kind::Newer,
    Kind::Busy,
    Kind::Limit,
    Kind::NoSpace,
    Kind::Denied,
    Kind::Poisoned,
    Kind::Misuse,
    Kind::Io,
];

impl Work {
    fn bit(self) -> u8 {
        match self {
            Self::Commit => COMMIT,
            Self::Seal => SEAL,
            Self::Retention => RETENTION,
            Self::Sweep => SWEEP,
        }
    }
}

impl Pulse {
    /// Counts checkpoints that were made.
    pub(crate) fn made(&self, checkpoint: &Checkpoint) {
        self.checkpoints.add(1);
        self.state_bytes.add(checkpoint.len);
        self.stored_bytes.add(checkpoint.stored_bytes());
    }

    /// Takes note of the sequence that the next checkpoint gets.
    pub(crate) fn next_is(&self, next: Sequence) {
        self.last_sequence.set(next.0.saturating_sub(1));
    }

    pub(crate) fn subscribed(&self) {
        self.subscribers.add(1);
    }

    pub(crate) fn unsubscribed(&self) {
        self.subscribers.lower();
    }

    /// Takes note of what failed.
    pub(crate) fn failed(&self, work: Work, error: &Error) {
        let counter = match work {
            Work::Commit => &self.journal_failures,
            Work::Seal => &self.seal_failures,
            Work::Retention => &self.retention_failures,
            Work::Sweep => &self.sweep_failures,
        };
        counter.add(1);
        let kind = KINDS.iter().position(|kind| *kind == error.kind()).unwrap_or(KINDS.len() - 1);
        self.last.store(u8::try_from(kind + 1).unwrap_or(u8::MAX), Ordering::Relaxed);
        self.wrong.fetch_or(work.bit(), Ordering::Release);
    }

    /// Takes note that something went well.
    pub(crate) fn went_well(&self, work: Work) {
        if self.wrong.load(Ordering::Relaxed) & work.bit() != 0 {
            self.wrong.fetch_and(!work.bit(), Ordering::Release);
        }
    }

    /// Takes note that the store has been read again.
    pub(crate) fn recovered(&self, next: Sequence) {
        self.recoveries.add(1);
        self.names.add(1);
        self.next_is(next);
        self.went_well(Work::Commit);
    }

    pub(crate) fn health(&self) -> Health {
        let wrong = self.wrong.load(Ordering::Acquire);
        let status = match wrong {
            0 => Status::Ready,
            wrong if wrong & COMMIT != 0 => Status::Failed,
            _ => Status::Degraded,
        };
        let last = usize::from(self.last.load(Ordering::Relaxed));
        Health {
            status,
            sealing_fails: wrong & SEAL != 0,
            retention_fails: wrong & RETENTION != 0,
            sweeping_fails: wrong & SWEEP != 0,
            journal_failures: self.journal_failures.get(),
            recoveries: self.recoveries.get(),
            seal_failures: self.seal_failures.get(),
            retention_failures: self.retention_failures.get(),
            sweep_failures: self.sweep_failures.get(),
            last_failure: last.checked_sub(1).and_then(|kind| KINDS.get(kind)).copied(),
        }
    }
}
