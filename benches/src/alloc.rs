//! The allocator of everything that links this crate: the system's, and a count when one is asked for.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait; each call is handed on as it came")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator behind a switch that makes it count.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static GLOBAL: Counting = Counting;

/// How many calls of [`count`] are going on.
static COUNTING: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Bytes that were allocated and not freed while somebody counted, above a middle, as what was allocated before may be freed meanwhile.
static LIVE: AtomicUsize = AtomicUsize::new(MIDDLE);
static PEAK: AtomicUsize = AtomicUsize::new(MIDDLE);
const MIDDLE: usize = usize::MAX / 2;

/// Memory of the heap that some work took, of all threads, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heap {
    /// At the same time, at most.
    pub peak: usize,
    /// Still, with its result.
    pub stays: usize,
}

/// Runs `work` and returns with its result how often any thread allocated or reallocated meanwhile.
///
/// Counting is off outside of it, and then costs one load of a number, so it distorts no time.
pub fn count<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = COUNT.load(Relaxed);
    COUNTING.fetch_add(1, Relaxed);
    let result = work();
    COUNTING.fetch_sub(1, Relaxed);
    (result, COUNT.load(Relaxed) - before)
}

/// Runs `work` and returns with its result how much memory it took. One call at a time is exact.
pub fn heap<R>(work: impl FnOnce() -> R) -> (R, Heap) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let (result, _) = count(work);
    let above = |bytes: &AtomicUsize| bytes.load(Relaxed).saturating_sub(before);
    (result, Heap { peak: above(&PEAK), stays: above(&LIVE) })
}

/// Notes an allocation, or that one of `freed` bytes now has `bytes`.
fn note(freed: usize, bytes: usize) {
    if COUNTING.load(Relaxed) > 0 {
        COUNT.fetch_add(1, Relaxed);
        let live = LIVE.fetch_add(bytes.wrapping_sub(freed), Relaxed).wrapping_add(bytes).wrapping_sub(freed);
        PEAK.fetch_max(live, Relaxed);
    }
}

fn note_free(bytes: usize) {
    if COUNTING.load(Relaxed) > 0 {
        LIVE.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: every method hands its arguments on to the system's allocator and returns what that returns; counting
// allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(0, layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note_free(layout.size());
        // SAFETY: `pointer` came from the system's allocator with this layout, since every allocation here does.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(0, layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same there.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(layout.size(), new_size);
        // SAFETY: `pointer` came from the system's allocator with this layout, and the caller keeps the rest of the
        // contract of `realloc`, which is the same there.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::{count, heap};

    #[test]
    fn allocations_are_counted_only_inside() {
        // Other tests allocate at the same time, so only the lower bound is exact.
        let (kept, inside) = count(|| (0_u8..10).map(Box::new).collect::<Vec<_>>());
        assert!(inside >= 11, "ten boxes and their vector, found {inside}");
        assert_eq!(kept.len(), 10);
    }

    #[test]
    fn the_peak_is_what_was_there_at_once_and_what_stays_is_less() {
        let (kept, heap) = heap(|| {
            drop(vec![1_u8; 3_000_000]);
            drop(vec![1_u8; 4_000_000]);
            vec![1_u8; 1_000_000]
        });
        // Other tests allocate and free a little at the same time.
        assert!((3_900_000..4_900_000).contains(&heap.peak), "{heap:?}");
        assert!((900_000..1_900_000).contains(&heap.stays), "{heap:?}");
        assert_eq!(kept.len(), 1_000_000);
    }
}
