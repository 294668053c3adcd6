use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use keepstone_format::Codec;
use keepstone_storage::{Files, OsFiles};

use crate::kind::SaveKind;

/// How saves are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The codec; LZ4 unless chosen.
    pub codec: Codec,
    /// How hard zstd tries, 1 to 19; 3 unless chosen. No other codec has levels.
    pub level: u8,
}

impl Compression {
    /// LZ4: for saves that a player waits for. Where no save asks for it itself, payloads of up to 16 KiB are kept as they are: they would take as many pages on the disk.
    pub const FAST: Self = Self { codec: Codec::Lz4, level: 3 };
    /// zstd: for saves that go over a network.
    pub const SMALL: Self = Self { codec: Codec::Zstd, level: 3 };
    /// As they are.
    pub const NONE: Self = Self { codec: Codec::None, level: 3 };
}

impl Default for Compression {
    fn default() -> Self {
        Self::FAST
    }
}

/// How many saves of each kind a slot keeps; the newest of them is the one that is loaded. Locked saves don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Manual saves; 3 unless chosen.
    pub manual: u32,
    /// Quick saves; 3 unless chosen.
    pub quick: u32,
    /// Automatic saves; 3 unless chosen.
    pub auto: u32,
    /// Checkpoints; 3 unless chosen.
    pub checkpoint: u32,
    /// Profiles; 3 unless chosen.
    pub profile: u32,
}

impl Keep {
    /// Keeps as many of each kind, at least 1.
    pub fn all(count: u32) -> Self {
        let count = count.max(1);
        Self { manual: count, quick: count, auto: count, checkpoint: count, profile: count }
    }

    /// How many of a kind, at least 1.
    pub fn of(&self, kind: SaveKind) -> u32 {
        let count = match kind {
            SaveKind::Manual => self.manual,
            SaveKind::Quick => self.quick,
            SaveKind::Auto => self.auto,
            SaveKind::Checkpoint => self.checkpoint,
            SaveKind::Profile => self.profile,
        };
        count.max(1)
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self::all(3)
    }
}

/// Which slots are for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Slots that a player chooses.
    pub manual: Vec<u8>,
    /// Slots that automatic saves go round in.
    pub auto: Vec<u8>,
    /// The slot of quick saves.
    pub quick: u8,
}

impl Default for Layout {
    /// Ten manual slots (0 to 9), five automatic ones (10 to 14), one quick (15).
    fn default() -> Self {
        Self { manual: (0..10).collect(), auto: (10..15).collect(), quick: 15 }
    }
}

impl Layout {
    /// The kind that a save in a slot has unless it is told.
    pub fn kind_of(&self, slot: u8) -> SaveKind {
        if self.auto.contains(&slot) {
            SaveKind::Auto
        } else if self.quick == slot && !self.manual.contains(&slot) {
            SaveKind::Quick
        } else {
            SaveKind::Manual
        }
    }

    /// All slots, in ascending order.
    pub fn slots(&self) -> Vec<u8> {
        let mut slots = [self.manual.as_slice(), &self.auto, &[self.quick]].concat();
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

/// The type of the payloads, and the version that this program writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its name, 1 to 255 bytes: it never changes.
    pub name: String,
    /// Its version: it counts up whenever older saves need a migration.
    pub version: u32,
}

/// How a root of saves is kept. None of it is written down: it may differ from opening to opening.
#[derive(Clone)]
#[non_exhaustive]
pub struct SaveOptions {
    /// Where files are.
    pub files: Arc<dyn Files>,
    /// How saves are compressed. With LZ4 those of up to 16 KiB are not: they would take as much of the disk.
    pub compression: Compression,
    /// The same for one kind of saves, where it differs.
    pub compression_of: Vec<(SaveKind, Compression)>,
    /// How many saves of each kind a slot keeps.
    pub keep: Keep,
    /// Which slots are for what.
    pub layout: Layout,
    /// The type and version of the payloads; none: they have no version.
    pub schema: Option<Schema>,
    /// The same of profiles, which are of a type of their own.
    pub profile_schema: Option<Schema>,
    /// The application and its version, for heads.
    pub application: Option<(String, String)>,
    /// Bytes that the saves of one player may take, deleted ones aside; none: as many as there is room for. Steam Cloud, for one, may allow 200 MB.
    pub quota: Option<u64>,
    /// How long a deleted save can be brought back: a week unless chosen.
    pub grace: Duration,
    /// Nanoseconds UTC since 1970: the creation time of saves that are told none, and when saves were deleted. Without a clock such times are unknown, and deleted saves stay
    /// until [`SaveManager::purge`](crate::SaveManager::purge).
    pub clock: Option<Arc<dyn Fn() -> i64 + Send + Sync>>,
    /// Whether files are made ready in the background, and the index written there, on a thread of the manager's own. Otherwise [`SaveManager::maintain`](crate::SaveManager::maintain) does it.
    pub background: bool,
    /// How many files are kept ready for each player who has saved; 1 unless chosen.
    pub spares: usize,
    /// How many saves in the background may wait; 4 unless chosen.
    pub queue_max: usize,
    /// How many threads a save of more than 1 MiB is compressed with, at most; as many as there are processors, up to 4, unless chosen.
    pub threads: NonZeroUsize,
    /// Bytes of a thumbnail at most; 1 MiB unless chosen.
    pub thumbnail_max: u32,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self {
            files: Arc::new(OsFiles),
            compression: Compression::default(),
            compression_of: Vec::new(),
            keep: Keep::default(),
            layout: Layout::default(),
            schema: None,
            profile_schema: None,
            application: None,
            quota: None,
            grace: Duration::from_hours(7 * 24),
            clock: None,
            background: true,
            spares: 1,
            queue_max: 4,
            threads: available_threads(),
            thumbnail_max: 1 << 20,
        }
    }
}

fn available_threads() -> NonZeroUsize {
    let most = const { NonZeroUsize::new(4).unwrap() };
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(most)
}

impl SaveOptions {
    /// Puts the saves on other files.
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }

    /// Chooses how saves are compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Chooses how saves of one kind are compressed.
    pub fn compression_of(mut self, kind: SaveKind, compression: Compression) -> Self {
        self.compression_of.retain(|(of, _)| *of != kind);
        self.compression_of.push((kind, compression));
        self
    }

    /// Chooses how many saves of each kind a slot keeps.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Chooses which slots are for what.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Names the type of the payloads and the version that this program writes.
    pub fn schema(mut self, name: impl Into<String>, version: u32) -> Self {
        self.schema = Some(Schema { name: name.into(), version });
        self
    }

    /// Names the type of the profiles and the version that this program writes.
    pub fn profile_schema(mut self, name: impl Into<String>, version: u32) -> Self {
        self.profile_schema = Some(Schema { name: name.into(), version });
        self
    }

    /// Names the application and its version.
    pub fn application(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.application = Some((name.into(), version.into()));
        self
    }

    /// Bounds the bytes that the saves of one player may take.
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = Some(bytes);
        self
    }

    /// Chooses how long a deleted save can be brought back.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Gives a clock: nanoseconds UTC since 1970.
    pub fn clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Chooses whether the manager has a thread of its own for what can wait.
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Chooses how many files are kept ready for each player.
    pub fn spares(mut self, spares: usize) -> Self {
        self.spares = spares;
        self
    }

    /// Chooses how many saves in the background may wait.
    pub fn queue_max(mut self, queue_max: usize) -> Self {
        self.queue_max = queue_max;
        self
    }

    /// Chooses how many threads a save is compressed with, at most.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Bounds thumbnails.
    pub fn thumbnail_max(mut self, bytes: u32) -> Self {
        self.thumbnail_max = bytes;
        self
    }

    /// How a save of a kind is compressed.
    pub(crate) fn compression_for(&self, kind: SaveKind) -> Compression {
        let of = self.compression_of.iter().find(|(of, _)| *of == kind);
        of.map_or(self.compression, |(_, compression)| *compression)
    }

    /// The type and version of what is saved in a slot, or as the profile.
    pub(crate) fn schema_of(&self, slot: Option<u8>) -> Option<&Schema> {
        let schema = if slot.is_some() { &self.schema } else { &self.profile_schema };
        schema.as_ref()
    }

    /// The time, if there is a clock.
    pub(crate) fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock())
    }
}

impl fmt::Debug for SaveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveOptions")
            .field("compression", &self.compression)
            .field("keep", &self.keep)
            .field("layout", &self.layout)
            .field("schema", &self.schema)
            .field("profile_schema", &self.profile_schema)
            .field("quota", &self.quota)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
