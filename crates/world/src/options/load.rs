use std::{fmt, num::NonZeroUsize, sync::Arc};

use keepstone_ecs_persist::{
    Dangling, Filter, IdConflict, MigrationChain, PersistenceManager, SpawnOptions, Unknown,
};
use keepstone_format::Limits;
use keepstone_storage::Files;

/// How a world is loaded. The default: derived components, any built-in format, strict, limits by the size of the file.
#[non_exhaustive]
pub struct LoadOptions<'r, R> {
    /// The components to load; derived ones unless given.
    pub registry: Option<&'r R>,
    /// The steps that bring a file of an earlier version to the present one; those of [`LoadOptions::formats`] unless given.
    pub migrations: Option<MigrationChain>,
    /// What of the file is loaded; all of it unless given.
    pub filter: Option<Filter>,
    /// What becomes of references to nothing.
    pub dangling: Dangling,
    /// The formats that a file may have; the built-in ones unless given.
    pub formats: PersistenceManager,
    /// The name of the format, where the first bytes of the file are not to decide.
    pub format: Option<String>,
    /// Whether components that are not registered are an error, unless `unknown` says what becomes of them.
    pub strict: bool,
    /// Whether a reference to nothing is an error; otherwise it stands in the report.
    pub refuse_dangling: bool,
    /// The name of the world, in a file that holds several.
    pub world: Option<String>,
    /// What becomes of components that are not registered; unless given they are refused when strict, else kept.
    pub unknown: Option<Unknown>,
    /// What becomes of entities whose `PersistId` another entity of the world has already.
    pub ids: IdConflict,
    /// How many threads decode and check a container in one piece, at most; one unless chosen.
    pub threads: NonZeroUsize,
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
    /// It becomes what the file says, in place. Entities with the [`PersistId`](keepstone_ecs_persist::PersistId) of one of the file's are
    /// that one: they keep their ids, and only what differs is written, so change detection sees real changes alone. Others of the file
    /// are spawned, and what a save of this world would hold and the file does not have is despawned.
    Restore,
}

impl<R> Default for LoadOptions<'_, R> {
    fn default() -> Self {
        Self {
            registry: None,
            migrations: None,
            filter: None,
            dangling: Dangling::Null,
            formats: PersistenceManager::with_default_formats(),
            format: None,
            strict: true,
            refuse_dangling: false,
            world: None,
            unknown: None,
            ids: IdConflict::Refuse,
            threads: NonZeroUsize::MIN,
            bytes_max: 1 << 36,
            limits: None,
            entities_max: u32::MAX - 1,
            files: super::os_files(),
        }
    }
}

impl<'r, R> LoadOptions<'r, R> {
    /// Loads the components of this registry instead of the derived ones.
    pub fn registry(mut self, registry: &'r R) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Brings files of earlier versions to the present one, before anything else looks at them: filters and policies see what the steps leave. The
    /// file stays as it is until it is saved again, with the world version that the chain leads to in [`SaveOptions::meta`](crate::SaveOptions::meta).
    ///
    /// A world in parts is put together first.
    pub fn migrations(mut self, migrations: &MigrationChain) -> Self {
        self.migrations = Some(migrations.clone());
        self
    }

    /// Loads a part of the file: components by name, entities by what they have or by their values. What it leaves out stands in the report,
    /// and ordinals in it are those of the part. A filter whose predicates read values that hold entities is refused. With
    /// [`LoadMode::Restore`] it is refused, as all that it leaves out would be despawned.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Chooses what becomes of references to nothing, those included whose targets the filter leaves out; what
    /// [`LoadOptions::refuse_dangling`] says concerns those that are left.
    pub fn dangling(mut self, dangling: Dangling) -> Self {
        self.dangling = dangling;
        self
    }

    /// Loads files of these formats. The first that knows the first bytes of a file reads it; a file that none knows is refused before
    /// it is read whole.
    pub fn formats(mut self, formats: PersistenceManager) -> Self {
        self.formats = formats;
        self
    }

    /// Loads the file as the format with this name, whatever its first bytes look like.
    pub fn format_named(mut self, name: impl Into<String>) -> Self {
        self.format = Some(name.into());
        self
    }

    /// Chooses whether a reference to nothing, written because its target was gone at the save, is an error.
    pub fn refuse_dangling(mut self, refuse_dangling: bool) -> Self {
        self.refuse_dangling = refuse_dangling;
        self
    }

    /// Chooses how many threads decode and check a container in one piece, at most.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
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

    /// Chooses what becomes of an entity whose `PersistId` another entity of the world has already: refused, a new id, or the other one is
    /// despawned.
    pub fn ids(mut self, ids: IdConflict) -> Self {
        self.ids = ids;
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

    /// The chain that is asked for, or registered first.
    pub(crate) fn chain(&self) -> Option<&MigrationChain> {
        self.migrations.as_ref().or_else(|| self.formats.default_migrations())
    }

    /// What an adapter is told; `decoded_max` is what values may take in memory.
    pub(crate) fn to_spawn(&self, decoded_max: u64) -> SpawnOptions {
        let mut options = SpawnOptions::default();
        let unasked = if self.strict { Unknown::Refuse } else { Unknown::Keep };
        options.refuse_dangling = self.refuse_dangling;
        options.unknown = self.unknown.unwrap_or(unasked);
        options.ids = self.ids;
        options.entities_max = self.entities_max;
        options.bytes_max = decoded_max;
        options
    }
}

impl<R> fmt::Debug for LoadOptions<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("own_registry", &self.registry.is_some())
            .field("migrations", &self.migrations)
            .field("filter", &self.filter)
            .field("dangling", &self.dangling)
            .field("formats", &self.formats)
            .field("format", &self.format)
            .field("strict", &self.strict)
            .field("refuse_dangling", &self.refuse_dangling)
            .field("world", &self.world)
            .field("unknown", &self.unknown)
            .field("ids", &self.ids)
            .field("threads", &self.threads)
            .field("bytes_max", &self.bytes_max)
            .field("limits", &self.limits)
            .field("entities_max", &self.entities_max)
            .field("files", &self.files)
            .finish()
    }
}
