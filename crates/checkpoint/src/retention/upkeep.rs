use std::time::Duration;

use super::Policy;

/// A policy that a store applies by itself, and how often: [`StoreOptions::retention`](crate::StoreOptions::retention).
///
/// It is looked at after a checkpoint was made: with the first one after the opening, and from then on once there are so many more, or once so long has passed by the store's clock, whichever comes first. A
/// plan that lets nothing go writes nothing.
///
/// ```
/// use std::time::Duration;
///
/// use keepstone_checkpoint::{CheckpointStore, Policy, Retention, StoreOptions};
///
/// let policy = Policy::new().keep_last(10).keep_any_tagged();
/// let retention = Retention::new(policy).after_checkpoints(50).every(Duration::from_secs(600));
/// let store = CheckpointStore::in_memory_with(StoreOptions::new().retention(retention).background(false));
/// let session = store.session("main")?;
/// for number in 0..500_u32 {
///     session.checkpoint(&number).commit()?;
/// }
/// assert!(store.len()? <= 10 + 50);
/// # Ok::<(), keepstone_checkpoint::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is applied by a store that has it in its options"]
pub struct Retention {
    pub(crate) policy: Policy,
    pub(crate) checkpoints: u64,
    pub(crate) every: Option<Duration>,
}

/// After how many checkpoints it is looked at unless chosen.
const CHECKPOINTS: u64 = 100;

impl Retention {
    /// Applies a policy after each 100th checkpoint.
    ///
    /// A session that the policy is for need not be there yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, checkpoints: CHECKPOINTS, every: None }
    }

    /// Looks at it after so many checkpoints of the whole store; 0 is taken as 1, and `u64::MAX` as never.
    ///
    /// Each time that something goes, what is in the journal moves to a pack, and a manifest is written, which names every checkpoint that stays: a count that is a tenth of those or more costs little.
    pub fn after_checkpoints(mut self, count: u64) -> Self {
        self.checkpoints = count.max(1);
        self
    }

    /// Looks at it once so long has passed since the last time by the store's clock, as soon as a checkpoint is made. Without a clock that is never.
    pub fn every(mut self, span: Duration) -> Self {
        self.every = Some(span);
        self
    }
}
