use std::sync::Arc;

use super::{frame::PAYLOAD_LEN_MAX, header::FRAMES_AT};
use crate::{Files, OsFiles};

/// The shortest segment there can be: 12 KiB.
pub(super) const SEGMENT_LEN_LEAST: u64 = FRAMES_AT + 4096;
/// The longest record there can be: 1 GiB.
pub(super) const RECORD_LEN_MAX: u64 = 1 << 30;

/// How a log is kept. None of it is written to the log: it may differ from opening to opening.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct WalOptions {
    /// Where files are.
    pub files: Arc<dyn Files>,
    /// The length of the first segment. Each next one is twice as long, up to `segment_bytes_max`, so that a
    /// short log is small on the disk. Default 1 MiB, at least 12 KiB.
    pub segment_bytes_first: u64,
    /// The length that segments grow to; default 64 MiB, at most 16 GiB. A record or batch that needs
    /// more gets a segment of its own length.
    pub segment_bytes_max: u64,
    /// The longest record; default and at most 1 GiB.
    pub record_bytes_max: u64,
    /// How many bytes of buffered records are kept back before they are given to the system; default 256 KiB, 0: none are.
    pub buffer_bytes: usize,
    /// What becomes of segments that are given up.
    pub given_up: GivenUp,
    /// The random number of a new log, instead of one that is drawn: for tests and examples whose files are to be
    /// the same every time. It keeps records of untrusted bytes from passing for frames.
    pub log_id: Option<[u8; 16]>,
    /// Whether a thread makes segments ahead of time and syncs buffered records as they come together (default).
    /// Without it the append that needs the next segment makes it, and the program has no second thread.
    pub background: bool,
}

/// What becomes of a segment whose records have all been given up.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GivenUp {
    /// It is written anew, where that saves filling another one, else removed.
    #[default]
    Recycle,
    /// It is removed.
    Remove,
    /// It stays in the directory under its name with `.archived` behind it, and is the program's to move away.
    Archive,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self {
            files: Arc::new(OsFiles),
            segment_bytes_first: 1 << 20,
            segment_bytes_max: 64 << 20,
            record_bytes_max: RECORD_LEN_MAX,
            buffer_bytes: PAYLOAD_LEN_MAX / 4,
            given_up: GivenUp::default(),
            log_id: None,
            background: true,
        }
    }
}

impl WalOptions {
    /// Puts the log on other files.
    #[must_use]
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }

    /// Sets the lengths of the first segment and of the longest.
    #[must_use]
    pub fn segment_bytes(mut self, first: u64, max: u64) -> Self {
        (self.segment_bytes_first, self.segment_bytes_max) = (first, max);
        self
    }

    /// Sets the longest record.
    #[must_use]
    pub fn record_bytes_max(mut self, bytes: u64) -> Self {
        self.record_bytes_max = bytes;
        self
    }

    /// Sets how many bytes are kept back.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// Sets what becomes of segments that are given up.
    #[must_use]
    pub fn given_up(mut self, given_up: GivenUp) -> Self {
        self.given_up = given_up;
        self
    }

    /// Sets whether there is a thread.
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }
}
