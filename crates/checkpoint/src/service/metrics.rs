use crate::events::{Counter, Pulse};

/// What has been counted, since the store was opened and the service begun, at about one moment: each number is exact, and two of them may be a request apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Metrics {
    /// Checkpoints that were made, in batches too, whoever asked. What an import brings is not counted.
    pub checkpoints: u64,
    /// Checkpoints that were to be made, and failed.
    pub checkpoints_failed: u64,
    /// Bytes of the states of those that were made.
    pub state_bytes: u64,
    /// Bytes that these took in the store.
    pub stored_bytes: u64,
    /// The highest sequence that has been given out.
    pub last_sequence: u64,
    /// Sessions that were begun, but for those of an import.
    pub sessions: u64,
    /// Checkpoints that were let go by prunes.
    pub pruned: u64,
    /// Times that states were moved from the journal to packs.
    pub seals: u64,
    /// Who listens.
    pub subscribers: u64,
    /// Events that were dropped because a listener was slow; each listener's are counted.
    pub events_missed: u64,
    /// States that the service has given.
    pub gets: u64,
    /// Lists that the service has given: of checkpoints, of sessions, of what is known of one checkpoint.
    pub lists: u64,
    /// Restores by the service.
    pub restores: u64,
    /// Undos by the service.
    pub undos: u64,
    /// Prunes and compactions by the service, also those that found nothing to let go.
    pub prunes: u64,
    /// Tags, annotations, messages and locks by the service.
    pub edits: u64,
    /// Other requests that the service has served.
    pub others: u64,
    /// Requests to the service that have failed, whatever they were.
    pub requests_failed: u64,
}

/// What a service counts itself.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) gets: Counter,
    pub(super) lists: Counter,
    pub(super) restores: Counter,
    pub(super) undos: Counter,
    pub(super) prunes: Counter,
    pub(super) edits: Counter,
    pub(super) others: Counter,
    pub(super) failed: Counter,
}

impl Metrics {
    pub(super) fn of(pulse: &Pulse, requests: &Requests) -> Self {
        Self {
            checkpoints: pulse.checkpoints.get(),
            checkpoints_failed: pulse.checkpoints_failed.get(),
            state_bytes: pulse.state_bytes.get(),
            stored_bytes: pulse.stored_bytes.get(),
            last_sequence: pulse.last_sequence.get(),
            sessions: pulse.sessions.get(),
            pruned: pulse.pruned.get(),
            seals: pulse.seals.get(),
            subscribers: pulse.subscribers.get(),
            events_missed: pulse.missed.get(),
            gets: requests.gets.get(),
            lists: requests.lists.get(),
            restores: requests.restores.get(),
            undos: requests.undos.get(),
            prunes: requests.prunes.get(),
            edits: requests.edits.get(),
            others: requests.others.get(),
            requests_failed: requests.failed.get(),
        }
    }
}
