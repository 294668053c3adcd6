//! The floor of handing work over: a thread that sleeps until it is woken, and does nothing then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Goes to sleep again after each time it is woken.
#[derive(Debug)]
pub struct Sleeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    woken: AtomicU32,
    seen: AtomicU32,
}

/// What is asked for last.
const END: u32 = u32::MAX;

impl Sleeper {
    /// Starts the thread.
    pub fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let same = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            loop {
                let woken = same.woken.load(Ordering::Acquire);
                if woken == END {
                    return;
                }
                if same.seen.swap(woken, Ordering::AcqRel) == woken {
                    thread::park();
                }
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Wakes it, and doesn't wait.
    pub fn wake(&self) {
        self.shared.woken.fetch_add(1, Ordering::AcqRel);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Waits until it sleeps again.
    pub fn settle(&self) {
        while self.shared.seen.load(Ordering::Acquire) != self.shared.woken.load(Ordering::Acquire) {
            thread::yield_now();
        }
        doze();
    }
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.shared.woken.store(END, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}

/// Waits for a moment: a thread that has said that it is done is not yet asleep, and one that is awake is woken for nothing.
#[expect(clippy::disallowed_methods, reason = "nothing tells when another thread has fallen asleep")]
pub fn doze() {
    thread::sleep(Duration::from_micros(200));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wakes_each_time_and_ends() {
        let sleeper = Sleeper::new();
        for _ in 0..3 {
            sleeper.wake();
            sleeper.settle();
        }
        assert_eq!(sleeper.shared.seen.load(Ordering::Acquire), 3);
        drop(sleeper);
    }
}
