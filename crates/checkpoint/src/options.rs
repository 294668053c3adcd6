use std::{fmt, num::NonZeroUsize, sync::Arc};

use keepstone_format::Codec;
use keepstone_storage::{Files, OsFiles};

use crate::retention::Retention;

/// Bytes of a state that is put together faster than it is read.
const SHORT_STATE_LEN: usize = 256 << 10;

/// How a store of checkpoints is kept. None of it is written down: it may differ from opening to opening.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Where files are, for a store in a directory.
    pub files: Arc<dyn Files>,
    /// How states that are kept whole are compressed, and differences of 512 bytes or more where that pays. Whatever it is, a state of 1 MiB or more may be
    /// kept as a zstd frame with its parent as prefix, where zstd is built in.
    pub compression: Compression,
    /// How long a chain of differences may get before a state is kept whole: in bytes, as a multiple of the bytes of the whole state that it stands on. 0: every state is kept
    /// whole. Unless chosen 1 for states of up to 256 KiB, where what is gone through costs more than what is read, and 4 for longer ones.
    pub chain_factor: Option<u32>,
    /// Bytes of states that may be in the journal, and in memory, before they move to a pack; default 8 MiB. Where what is said of all checkpoints takes more than this and 64 KiB it is as many bytes
    /// as that: it is written anew each time.
    pub journal_bytes_max: u64,
    /// Bytes of the states of heads that are kept in memory; default 64 MiB. The state that was checkpointed last is kept whatever it takes.
    pub cache_bytes_max: u64,
    /// The longest state; default 1 GiB.
    pub state_bytes_max: u64,
    /// How long, in nanoseconds, what nothing refers to any more is kept: packs of pruned checkpoints, moves of heads that can be taken back. Default 30 days. Without a clock it stays until
    /// [`CheckpointStore::sweep`](crate::CheckpointStore::sweep) is told the time, and a grace from then on.
    pub grace: i64,
    /// Nanoseconds UTC since 1970: the time of checkpoints that are told none. Without a clock such times are unknown.
    pub clock: Option<Arc<dyn Fn() -> i64 + Send + Sync>>,
    /// Whether a thread moves states from the journal to packs, and does what [`retention`](Self::retention) asks for (default); without it the checkpoint that makes it due does.
    pub background: bool,
    /// What goes by itself; default nothing.
    pub retention: Option<Retention>,
    /// How many threads encode exports; default one for each processor, 4 at most. With 1 the thread that exports does it. What is written doesn't depend on it.
    pub threads: NonZeroUsize,
}

/// How states that are kept whole are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: fast. What is written unless chosen, where it is built in.
    #[default]
    Lz4,
    /// zstd: small.
    Zstd,
}

impl Compression {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd => Codec::Zstd,
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            files: Arc::new(OsFiles),
            compression: Compression::default(),
            chain_factor: None,
            journal_bytes_max: 8 << 20,
            cache_bytes_max: 64 << 20,
            state_bytes_max: 1 << 30,
            grace: 30 * 24 * 3600 * 1_000_000_000,
            clock: None,
            background: true,
            retention: None,
            threads: available_threads(),
        }
    }
}

fn available_threads() -> NonZeroUsize {
    let most = const { NonZeroUsize::new(4).unwrap() };
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(most)
}

impl StoreOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the store on other files.
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }

    /// Sets how states that are kept whole are compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets how long chains get.
    pub fn chain_factor(mut self, factor: u32) -> Self {
        self.chain_factor = Some(factor);
        self
    }

    /// Sets how many bytes the journal holds.
    pub fn journal_bytes_max(mut self, bytes: u64) -> Self {
        self.journal_bytes_max = bytes;
        self
    }

    /// Sets how many bytes of states are kept in memory.
    pub fn cache_bytes_max(mut self, bytes: u64) -> Self {
        self.cache_bytes_max = bytes;
        self
    }

    /// Sets how long a state may be.
    pub fn state_bytes_max(mut self, bytes: u64) -> Self {
        self.state_bytes_max = bytes;
        self
    }

    /// Sets, in nanoseconds, how long what nothing refers to any more is kept.
    pub fn grace(mut self, nanoseconds: i64) -> Self {
        self.grace = nanoseconds;
        self
    }

    /// Gives a clock: nanoseconds UTC since 1970.
    pub fn clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets whether there is a thread.
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Lets checkpoints go by themselves, as a policy says, and removes packs that nothing refers to any more once their grace is over.
    ///
    /// It is done after a checkpoint was made, by the thread that has [`background`](Self::background) work, and holds up a commit for no longer than a [`prune`](crate::CheckpointStore::apply) does: for as long as it takes to look at what
    /// is known of all checkpoints. Heads and all that always stays stay. What goes wrong is told by [`last_background_error`](crate::CheckpointStore::last_background_error), and the checkpoint is made all the same.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Sets how many threads encode exports.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// How long a chain may get under a state of so many bytes.
    pub(crate) fn chain_factor_for(&self, state_len: usize) -> u32 {
        let usual = if state_len <= SHORT_STATE_LEN { 1 } else { 4 };
        self.chain_factor.unwrap_or(usual)
    }

    /// The time, if there is a clock.
    pub(crate) fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock())
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("files", &self.files)
            .field("compression", &self.compression)
            .field("chain_factor", &self.chain_factor)
            .field("journal_bytes_max", &self.journal_bytes_max)
            .field("cache_bytes_max", &self.cache_bytes_max)
            .field("state_bytes_max", &self.state_bytes_max)
            .field("grace", &self.grace)
            .field("clock", &self.clock.is_some())
            .field("background", &self.background)
            .field("retention", &self.retention)
            .field("threads", &self.threads)
            .finish()
    }
}
