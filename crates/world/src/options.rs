use std::{fmt, sync::Arc};

use keepstone_ecs_persist::{Unknown, WorldMeta};
use keepstone_format::{Codec, Limits};
use keepstone_storage::{Durability, Files, OsFiles};

/// How a world is saved. The default: derived components, LZ4 (whatever features are built), durable, nothing but the world in the file (no clock, no
/// random id), so equal worlds give equal files.
#[non_exhaustive]
pub struct SaveOptions<'r, R> {
    /// The components to save; derived ones unless given.
    pub registry: Option<&'r R>,
    /// The codec of the columns.
    pub codec: Codec,
    /// Whether the bytes of plain columns are shuffled before the codec: see [`SaveOptions::shuffle`].
    pub shuffle: bool,
    /// What must have happened before the save returns.
    pub durability: Durability,
    /// Whether to read the file back and check every byte before the save returns.
    pub read_back: bool,
    /// Whether a component value that would be left out is an error.
    pub strict: bool,
    /// What the application says about the world.
    pub meta: WorldMeta,
    /// The store that the file belongs to; all zero for none.
    pub store_id: [u8; 16],
    /// The most bytes that the file may have.
    pub bytes_max: u64,
    /// Where files are.
    pub files: Arc<dyn Files>,
}

/// How a world is loaded. The default: derived components, strict, limits by the size of the file.
#[non_exhaustive]
pub struct LoadOptions<'r, R> {
    /// The components to load; derived ones unless given.
    pub registry: Option<&'r R>,
    /// Whether components that are not registered are an error, unless `unknown` says what becomes of them.
    pub strict: bool,
    /// Whether a reference to nothing is an error; otherwise it stands in the report.
    pub refuse_dangling: bool,
    /// The name of the world, in a file that holds several.
    pub world: Option<String>,
    /// What becomes of components that are not registered; unless given they are refused when strict, else kept.
    pub unknown: Option<Unknown>,
    /// The most bytes that the file may have.
    pub bytes_max: u64,
    /// What decoding may allocate; by the size of the file unless given.
    pub limits: Option<Limits>,
    /// The most entities that are accepted.
    pub entities_max: u32,
    /// Where files are.
    pub files: Arc<dyn Files>,
}

/// What becomes of the world that is loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LoadMode {
    /// Its entities stay, the file's are added under new ids, the file's resources replace its own.
    #[default]
    Merge,
}

impl<R> Default for SaveOptions<'_, R> {
    fn default() -> Self {
        Self {
            registry: None,
            codec: Codec::default(),
            shuffle: false,
            durability: Durability::Durable,
            read_back: false,
            strict: false,
            meta: WorldMeta::default(),
            store_id: [0; 16],
            bytes_max: u64::MAX,
            files: Arc::new(OsFiles),
        }
    }
}

impl<R> Default for LoadOptions<'_, R> {
    fn default() -> Self {
        Self {
            registry: None,
            strict: true,
            refuse_dangling: false,
            world: None,
            unknown: None,
            bytes_max: 1 << 36,
            limits: None,
            entities_max: u32::MAX - 1,
            files: Arc::new(OsFiles),
        }
    }
}

impl<'r, R> SaveOptions<'r, R> {
    /// Saves the components of this registry instead of the derived ones.
    pub fn registry(mut self, registry: &'r R) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Compresses the columns.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Chooses whether the bytes of plain columns are shuffled before the codec, so that it finds more in numbers that are near
    /// each other. What it brings and costs stands at [`EncodeOptions::shuffle`](keepstone_ecs_persist::EncodeOptions::shuffle).
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Chooses what must have happened before the save returns.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Reads the file back and checks every byte before the save returns. It comes from the operating system's cache: this finds
    /// faults of memory and software, not of the disk.
    pub fn read_back(mut self, read_back: bool) -> Self {
        self.read_back = read_back;
        self
    }

    /// Makes it an error when a component value would be left out.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Says something about the world.
    pub fn meta(mut self, meta: WorldMeta) -> Self {
        self.meta = meta;
        self
    }

    /// Limits the size of the file; a larger one is not put in place.
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Saves to other files than the operating system's.
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }
}

impl<'r, R> LoadOptions<'r, R> {
    /// Loads the components of this registry instead of the derived ones.
    pub fn registry(mut self, registry: &'r R) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Chooses whether a reference to nothing, written because its target was gone at the save, is an error.
    pub fn refuse_dangling(mut self, refuse_dangling: bool) -> Self {
        self.refuse_dangling = refuse_dangling;
        self
    }

    /// Chooses whether components that are not registered are an error; else they are kept for the next save.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Chooses the world of a file that holds several.
    pub fn world(mut self, name: impl Into<String>) -> Self {
        self.world = Some(name.into());
        self
    }

    /// Chooses what becomes of components that are not registered: refused, kept for the next save, or left out.
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = Some(unknown);
        self
    }

    /// Limits what decoding may allocate.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Limits the number of entities.
    pub fn entities_max(mut self, entities_max: u32) -> Self {
        self.entities_max = entities_max;
        self
    }

    /// Limits the size of the file.
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Loads from other files than the operating system's.
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }
}

impl<R> fmt::Debug for SaveOptions<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveOptions")
            .field("own_registry", &self.registry.is_some())
            .field("codec", &self.codec)
            .field("shuffle", &self.shuffle)
            .field("durability", &self.durability)
            .field("read_back", &self.read_back)
            .field("strict", &self.strict)
            .field("meta", &self.meta)
            .field("store_id", &self.store_id)
            .field("bytes_max", &self.bytes_max)
            .field("files", &self.files)
            .finish()
    }
}

impl<R> fmt::Debug for LoadOptions<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("own_registry", &self.registry.is_some())
            .field("strict", &self.strict)
            .field("refuse_dangling", &self.refuse_dangling)
            .field("world", &self.world)
            .field("unknown", &self.unknown)
            .field("bytes_max", &self.bytes_max)
            .field("limits", &self.limits)
            .field("entities_max", &self.entities_max)
            .field("files", &self.files)
            .finish()
    }
}
