use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Work that takes no longer says nothing.
const QUIET: Duration = Duration::from_secs(1);
/// Between two lines, each of which replaces the one before.
const PAUSE: Duration = Duration::from_millis(100);

/// How far a verb is, on standard error, for a person who waits at a terminal.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    state: Option<Arc<Mutex<State>>>,
}

#[derive(Debug)]
struct State {
    start: Instant,
    shown: Option<Instant>,
    done: u64,
}

impl Progress {
    /// Says nothing with `--json`, nor where nobody looks.
    pub(crate) fn new(json: bool) -> Self {
        let is_watched = !json && io::stderr().is_terminal();
        let state = State { start: Instant::now(), shown: None, done: 0 };
        Self { state: is_watched.then(|| Arc::new(Mutex::new(state))) }
    }

    /// Says nothing: for a step of something that says what it does by itself.
    pub(crate) fn silent() -> Self {
        Self { state: None }
    }

    /// Counts bytes that were read of so many.
    pub(crate) fn add(&self, bytes: u64, total: u64) {
        self.say(|state| {
            state.done = state.done.saturating_add(bytes);
            let percent = u128::from(state.done) * 100 / u128::from(total.max(1));
            // What is read twice counts twice.
            format!("{}%", percent.min(100))
        });
    }

    /// Names what is being done.
    pub(crate) fn step(&self, step: &str) {
        self.say(|_| step.to_owned());
    }

    /// Takes the line away, before the answer is printed.
    pub(crate) fn clear(&self) {
        let Some(state) = &self.state else { return };
        if state.lock().unwrap_or_else(PoisonError::into_inner).shown.take().is_some() {
            put("");
        }
    }

    fn say(&self, line: impl FnOnce(&mut State) -> String) {
        let Some(state) = &self.state else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = line(&mut state);
        let is_due = state.shown.map_or(state.start.elapsed() > QUIET, |shown| shown.elapsed() > PAUSE);
        if is_due {
            state.shown = Some(Instant::now());
            put(&line);
        }
    }
}

fn put(line: &str) {
    // Who can't see it misses nothing of the answer.
    let _ = write!(io::stderr().lock(), "\r\u{1b}[K{line}");
}
