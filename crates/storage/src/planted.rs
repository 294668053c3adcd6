//! Known faults, which a test plants to show that it catches them. Without the feature of that name
//! none is ever there, and asking costs nothing.
#![cfg_attr(not(feature = "planted"), expect(unreachable_pub, reason = "only tests name these"))]

#[cfg(feature = "planted")]
use std::cell::Cell;

use crate::{Error, File};

/// A log, or a directory of generations, that is wrong in a known way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// The head of a frame, and so its length, is believed without a look at its CRC.
    TrustedLength,
    /// What is damaged is passed over without a word.
    SkippedRecord,
    /// The seed of a frame leaves the epoch out, so that what an earlier use of a segment left fits.
    StaleTail,
    /// A failed sync is an error once, and appending goes on.
    RetriedSync,
    /// A segment is begun before the one before it has been synced.
    OneSyncTurnover,
    /// Who writes is what the lock file says, not who has its lock.
    ContentLock,
    /// The CRC of a segment header is not looked at.
    UncoveredHeader,
    /// What a killed writer left is handed out as it is, not copied and synced.
    BelievedCache,
    /// Container and commit page of a generation are synced together, once.
    OneSyncGeneration,
    /// An opening believes the newest commit page without writing and syncing it.
    UnsettledPage,
    /// An opening believes the names in the directory without syncing it.
    UnsyncedNames,
    /// The file that is written over is that of the newest generation.
    RecycledNewest,
    /// A file whose sync has failed is written over again.
    ReusedFile,
    /// The number of a generation that failed goes to the next one.
    ReusedNumber,
    /// The CRC of a commit page is not looked at.
    BelievedPage,
    /// A file is written over without asking for its lock.
    UnaskedLock,
    /// A container is taken for the one that the commit page tells of.
    UncomparedContainer,
    /// A file takes its next save before the page of the one before it is zero on the disk.
    UnsyncedSparePage,
    /// A file takes its next save before its name as a spare is on the disk.
    UnsyncedSpareName,
    /// The page of a file is zeroed while its name as a save may still be the one on the disk.
    ZeroedUnderName,
    /// The number of a spare that has got the name of a save goes to the next spare at once.
    ReusedSpareNumber,
    /// A new spare takes a save whose name is not made durable.
    UnsyncedNewSpare,
    /// A save that a killed writer left in a spare is given its name as it is, not copied and synced.
    AdoptInPlace,
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// Runs `work` with a fault in all logs and generations of this thread; logs with a thread of their own are sound there.
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

/// What a lock must not be: written down by a program, and taken back when it ends.
pub(crate) fn take_by_content(file: &dyn File) -> Result<bool, Error> {
    let mut content = [0];
    file.read_full_at(&mut content, 0)?;
    let free = content == [0];
    if free {
        file.write_all_at(&[1], 0)?;
    }
    Ok(free)
}
