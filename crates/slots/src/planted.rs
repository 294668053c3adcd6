//! Known faults, which a test plants to show that it catches them. Without the feature of that name
//! none is ever there, and asking costs nothing.
#![cfg_attr(not(feature = "planted"), expect(unreachable_pub, reason = "only tests name these"))]

#[cfg(feature = "planted")]
use std::cell::Cell;

/// A manager or a synchronization that is wrong in a known way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A save is acknowledged without a sync.
    UnsyncedSave,
    /// What a save rotates out goes before the save is durable.
    RotatedFirst,
    /// The latest save is the one with the latest time.
    LatestByClock,
    /// Of two saves that don't follow each other, the one with the later time is taken for the later one.
    ClockDecides,
    /// A slot that is missing on the other side is deleted here.
    EmptyDeletes,
    /// What is in common is written down before it is.
    BaseFirst,
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// Runs `work` with a fault in all that this thread does.
#[cfg(feature = "planted")]
pub fn with<T>(plant: Plant, work: impl FnOnce() -> T) -> T {
    struct Pulled;
    impl Drop for Pulled {
        fn drop(&mut self) {
            PLANTED.set(None);
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
