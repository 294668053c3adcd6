use std::fmt::{self, Debug};

use crate::{Failure, SimFiles, Swept, effort, explore};

/// How many states of one crash point a sweep goes through, unless told otherwise.
///
/// A file of eight unsynced sectors has 511 states and each unsynced name at most doubles them.
pub const STATES_MAX: u64 = 1 << 12;

/// How many states of one crash point a sweep recovers from, unless told otherwise.
pub const RECOVERIES_MAX: u64 = 32;

/// How many states of one crash point during a recovery are gone through, unless told otherwise.
pub const STATES_AGAIN_MAX: u64 = 128;

pub(crate) type Act<'a> = Box<dyn FnOnce(&SimFiles) + 'a>;
pub(crate) type Recover<'a> = Box<dyn FnMut(&SimFiles) -> Result<(), String> + 'a>;

/// Cuts the power at each step of what a program does, and again while it recovers.
///
/// ```
/// use std::path::Path;
///
/// use keepstone_storage::{Durability, atomic, read};
/// use keepstone_testkit::Sweep;
///
/// let path = Path::new("a.keep");
/// let swept = Sweep::new()
///     .run(|disk| {
///         atomic::replace(disk, path, Durability::Durable, b"content").unwrap();
///         disk.acknowledge();
///     })
///     .recover(|disk| atomic::clean(disk, Path::new("")).map(drop).map_err(|e| e.to_string()))
///     .check(|disk, acknowledged| {
///         let mut found = Vec::new();
///         match read(disk, path, 100, &mut found) {
///             Ok(()) if found == b"content" => Ok(()),
///             Err(_) if acknowledged == 0 => Ok(()),
///             other => Err(format!("{other:?}, {found:?}")),
///         }
///     })
///     .unwrap();
/// assert!(swept.is_exhaustive(), "{swept}");
/// ```
pub struct Sweep<'a> {
    pub(crate) setup: Act<'a>,
    pub(crate) run: Act<'a>,
    pub(crate) recover: Option<Recover<'a>>,
    pub(crate) depth: u32,
    pub(crate) kills: bool,
    pub(crate) caps: Caps,
    pub(crate) seed: u64,
}

/// What a sweep takes of each crash point; more than that is sampled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    pub(crate) states: u64,
    pub(crate) recoveries: u64,
    pub(crate) states_again: u64,
    /// Whether more than `states` is refused.
    pub(crate) exhaustive: bool,
}

impl<'a> Sweep<'a> {
    /// Begins a sweep of nothing on an empty disk.
    ///
    /// The caps are [`STATES_MAX`], [`RECOVERIES_MAX`] and [`STATES_AGAIN_MAX`], times what [`effort`] says;
    /// the seed is from there.
    pub fn new() -> Self {
        let scale = effort::scale();
        Self {
            setup: Box::new(|_| {}),
            run: Box::new(|_| {}),
            recover: None,
            depth: 2,
            kills: true,
            caps: Caps {
                states: STATES_MAX * scale,
                recoveries: RECOVERIES_MAX * scale,
                states_again: STATES_AGAIN_MAX * scale,
                exhaustive: false,
            },
            seed: effort::seed(),
        }
    }

    /// Fills the disk, which is then durable. What is acknowledged here counts from the start.
    pub fn setup(mut self, setup: impl FnOnce(&SimFiles) + 'a) -> Self {
        self.setup = Box::new(setup);
        self
    }

    /// Does what the power is cut in. It calls [`SimFiles::acknowledge`] or
    /// [`SimFiles::acknowledge_as`] where its caller would be told that something is durable.
    pub fn run(mut self, run: impl FnOnce(&SimFiles) + 'a) -> Self {
        self.run = Box::new(run);
        self
    }

    /// Goes on after a crash: opens the log or store, and writes to it if that is to be swept too.
    ///
    /// It runs on a disk as a power cut left it, and, unless [`kills`](Self::kills) are off, on one as
    /// a killed process left it: all is visible and what was not synced is still not. The power is then
    /// cut at each of its steps. [`SimFiles::acknowledged`] tells what was acknowledged before, and it
    /// acknowledges on from there. It is an error if it answers one or panics.
    ///
    /// It must do the same on the same disk; then a state met twice is recovered from once.
    pub fn recover(mut self, recover: impl FnMut(&SimFiles) -> Result<(), String> + 'a) -> Self {
        self.recover = Some(Box::new(recover));
        self
    }

    /// How often the power is cut or the process killed, at most: 1 is `run` alone, 2 its recovery
    /// as well, which is the default, 3 the recovery of that.
    pub fn depth(mut self, cuts: u32) -> Self {
        self.depth = cuts;
        self
    }

    /// Whether `recover` also goes on after a process was killed and the power stayed; the default.
    pub fn kills(mut self, kills: bool) -> Self {
        self.kills = kills;
        self
    }

    /// How many states of a crash point of `run` are gone through, instead of [`STATES_MAX`].
    pub fn states_max_per_point(mut self, states_max: u64) -> Self {
        self.caps.states = states_max;
        self
    }

    /// From how many states of a crash point is recovered, instead of [`RECOVERIES_MAX`].
    pub fn recoveries_max_per_point(mut self, recoveries_max: u64) -> Self {
        self.caps.recoveries = recoveries_max;
        self
    }

    /// How many states of a crash point of `recover` are gone through, instead of [`STATES_AGAIN_MAX`].
    pub fn states_again_max_per_point(mut self, states_max: u64) -> Self {
        self.caps.states_again = states_max;
        self
    }

    /// Refuses, with [`Failure::TooManyStates`], what would have to be sampled: a crash point of run or
    /// recovery with more than `states_max` states.
    pub fn exhaustive(mut self, states_max: u64) -> Self {
        self.caps =
            Caps { states: states_max, recoveries: states_max, states_again: states_max, exhaustive: true };
        self
    }

    /// Sets the seed of the samples, to replay what a [`Failure`] has printed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sweeps: gives each disk that could be left to `check`.
    ///
    /// `check` gets a fresh mount of the disk, which it may change, and what was acknowledged last
    /// before the crash; it returns what is wrong, or panics. It must depend on these two alone, since
    /// equal ones are checked once.
    ///
    /// # Errors
    /// [`Failure`] at the first state that does not pass.
    pub fn check(self, check: impl FnMut(&SimFiles, u64) -> Result<(), String>) -> Result<Swept, Failure> {
        explore::explore(self, check)
    }
}

impl Default for Sweep<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { depth, kills, caps, seed, recover, .. } = self;
        let recovers = recover.is_some();
        write!(f, "Sweep {{ seed: {seed}, depth: {depth}, recovers: {recovers}, kills: {kills}, {caps:?} }}")
    }
}

/// Cuts the power at each step of `run` and gives each disk that could be left to `check`.
///
/// A [`Sweep`] without recovery, of which the acknowledgements are counted.
///
/// # Errors
/// [`Failure`] at the first state that does not pass, and [`Failure::TooManyStates`] where a crash
/// point has more states than a sweep goes through, so that nothing is passed over.
pub fn crash_sweep<'a>(
    setup: impl FnOnce(&SimFiles) + 'a,
    run: impl FnOnce(&SimFiles) + 'a,
    mut check: impl FnMut(&SimFiles, usize) -> Result<(), String>,
) -> Result<Swept, Failure> {
    let sweep = Sweep::new().setup(setup).run(run).exhaustive(EXHAUSTIVE_MAX);
    sweep.check(|disk, acknowledged| check(disk, usize::try_from(acknowledged).unwrap_or(usize::MAX)))
}

/// How many states of one crash point [`crash_sweep`] goes through.
const EXHAUSTIVE_MAX: u64 = 1 << 16;
