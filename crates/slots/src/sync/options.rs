use crate::options::Compression;

/// Bytes of a remote file that is fetched or put, unless told otherwise: what Steam Remote Storage takes.
const OBJECT_LEN_MAX: u64 = 100 << 20;

/// Which way saves may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// From here to there: nothing here changes, and forks are left as they are.
    UploadOnly,
    /// From there to here: nothing there changes.
    DownloadOnly,
}

/// What happens to a slot that was saved to on two machines, each without knowing of the other's save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForkPolicy {
    /// The save that was there first keeps the slot, and the other goes to a free one, on all machines. Of a profile the other stays as a locked backup.
    #[default]
    KeepBoth,
    /// This machine's save is the latest of the slot, on all machines; the other is one of its backups here.
    PreferLocal,
    /// The other side's save is the latest of the slot; this machine's is one of its backups here.
    PreferRemote,
}

/// How saves are synchronized.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SyncOptions {
    /// Which way saves may go.
    pub direction: Direction,
    /// What happens to forks.
    pub fork: ForkPolicy,
    /// Whether remote files of saves are deleted that a save which is here and there has superseded; not unless chosen, and then the other side grows with each save that is synchronized.
    pub prune_remote: bool,
    /// How saves are compressed on the other side: the smallest codec of this build unless chosen.
    pub compression: Compression,
    /// Bytes of a remote file at most, fetched or put; 100 MiB unless chosen.
    pub object_len_max: u64,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            direction: Direction::default(),
            fork: ForkPolicy::default(),
            prune_remote: false,
            compression: if cfg!(all(feature = "zstd", not(target_arch = "wasm32"))) {
                Compression::SMALL
            } else if cfg!(feature = "lz4") {
                Compression::FAST
            } else {
                Compression::NONE
            },
            object_len_max: OBJECT_LEN_MAX,
        }
    }
}

impl SyncOptions {
    /// Starts with all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses which way saves may go.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Chooses what happens to forks.
    pub fn fork(mut self, fork: ForkPolicy) -> Self {
        self.fork = fork;
        self
    }

    /// Chooses whether remote files that are superseded are deleted.
    pub fn prune_remote(mut self, prune_remote: bool) -> Self {
        self.prune_remote = prune_remote;
        self
    }

    /// Chooses how saves are compressed on the other side.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Bounds remote files.
    pub fn object_len_max(mut self, bytes: u64) -> Self {
        self.object_len_max = bytes;
        self
    }

    pub(super) fn may_download(&self) -> bool {
        self.direction != Direction::UploadOnly
    }

    pub(super) fn may_upload(&self) -> bool {
        self.direction != Direction::DownloadOnly
    }
}
