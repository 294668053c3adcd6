//! Known faults, which a test plants to show that it catches them. Without the feature of that name
//! none is ever there, and asking costs nothing.
#![cfg_attr(not(feature = "planted"), expect(unreachable_pub, reason = "only tests name these"))]

#[cfg(feature = "planted")]
use std::cell::{Cell, RefCell};

/// A store that is wrong in a known way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A checkpoint is acknowledged without a sync.
    UnsyncedCommit,
    /// A manifest is written before the commits that it holds are durable.
    ManifestFirst,
    /// The journal is cut before the manifest that takes its place is durable.
    CutFirst,
    /// A pack is put after the manifest that names it.
    LatePack,
    /// A prune is acknowledged without a sync.
    UnsyncedPrune,
    /// What a prune makes anew is not in its commit.
    PruneAlone,
    /// A sweep takes a pack that is needed.
    SweptLive,
    /// A repair begins the sequences behind the last checkpoint that survives.
    SequencesAgain,
    /// A repair leaves out all that comes behind the first checkpoint that is lost.
    StopsAtLoss,
    /// A repair writes the manifest before the packs.
    RepairedFirst,
    /// The throttle of automatic checkpoints begins with one that failed.
    FailureThrottles,
    /// What was told before an automatic checkpoint failed is forgotten.
    FailureForgets,
    /// The interval of automatic checkpoints counts from the opening.
    IntervalFromOpening,
    /// Nothing keeps heads, and the newest of each session, from a prune.
    HeadsGo,
    /// A sweep takes packs that nobody knows for how long nothing refers to.
    UntimedGo,
    /// An event is dropped, and who listens is not told.
    UntoldDrop,
    /// A checkpoint that failed is counted as one that was made.
    CountedFailure,
    /// An event is told before its commit has survived anything.
    EarlyEvent,
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
    static LATE: RefCell<Vec<(String, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `work` with a fault in all that this thread does.
#[cfg(feature = "planted")]
pub fn with<T>(plant: Plant, work: impl FnOnce() -> T) -> T {
    struct Pulled;
    impl Drop for Pulled {
        fn drop(&mut self) {
            PLANTED.set(None);
            LATE.take();
        }
    }
    PLANTED.set(Some(plant));
    let _pulled = Pulled;
    work()
}

/// Whether a fault is planted.
#[cfg(feature = "planted")]
pub(crate) fn is(plant: Plant) -> bool {
    PLANTED.get() == Some(plant)
}

/// Whether a fault is planted: never in this build.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Plant) -> bool {
    false
}

/// Keeps an object back, for [`late`].
#[cfg(feature = "planted")]
pub(crate) fn put_later(name: &str, bytes: &[u8]) {
    LATE.with_borrow_mut(|late| late.push((name.to_owned(), bytes.to_vec())));
}

/// Keeps nothing back in this build.
#[cfg(not(feature = "planted"))]
pub(crate) const fn put_later(_: &str, _: &[u8]) {}

/// What was kept back.
#[cfg(feature = "planted")]
pub(crate) fn late() -> Vec<(String, Vec<u8>)> {
    LATE.take()
}

/// What was kept back: nothing in this build.
#[cfg(not(feature = "planted"))]
pub(crate) const fn late() -> Vec<(String, Vec<u8>)> {
    Vec::new()
}
