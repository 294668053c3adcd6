//! The allocator of everything that links this crate: the system's, and a count when one is asked for.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait; each call is handed on as it came")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// The system's allocator behind a switch that makes it count.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static GLOBAL: Counting = Counting;

/// How many calls of [`count`] are going on.
static COUNTING: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);

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

fn note() {
    if COUNTING.load(Relaxed) > 0 {
        COUNT.fetch_add(1, Relaxed);
    }
}

// SAFETY: every method hands its arguments on to the system's allocator and returns what that returns; counting
// allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from the system's allocator with this layout, since every allocation here does.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same there.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note();
        // SAFETY: `pointer` came from the system's allocator with this layout, and the caller keeps the rest of the
        // contract of `realloc`, which is the same there.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn allocations_are_counted_only_inside() {
        // Other tests allocate at the same time, so only the lower bound is exact.
        let (kept, inside) = count(|| (0_u8..10).map(Box::new).collect::<Vec<_>>());
        assert!(inside >= 11, "ten boxes and their vector, found {inside}");
        assert_eq!(kept.len(), 10);
    }
}
