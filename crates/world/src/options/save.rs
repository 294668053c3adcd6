use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
};

use keepstone_ecs_persist::{Dangling, DeltaFormat, Filter, PersistenceManager, WorldFormat, WorldMeta};
use keepstone_format::Codec;
use keepstone_storage::{Durability, Files};

use crate::error::Error;

/// How a world is saved. The default: derived components, the container with LZ4 (whatever features are built), durable, nothing but the
/// world in the file (no clock, no random id), so equal worlds give equal files.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[non_exhaustive]
pub struct SaveOptions<'r, R> {
    /// The components to save; derived ones unless given.
    pub registry: Option<&'r R>,
    /// What of the world is saved; all of it unless given.
    pub filter: Option<Filter>,
    /// What becomes of references to entities that no longer exist.
    pub dangling: Dangling,
    /// Whether tables and rows are put in an order that depends on the world's content alone: see [`SaveOptions::canonical`].
    pub canonical: bool,
    /// The format of the file; the container unless given.
    pub format: Option<Arc<dyn WorldFormat>>,
    /// The format of deltas; the container unless given.
    pub delta_format: Option<Arc<dyn DeltaFormat>>,
    /// The codec of the columns, in the container.
    pub codec: Codec,
    /// Whether the bytes of plain columns are shuffled before the codec, in the container: see [`SaveOptions::shuffle`].
    pub shuffle: bool,
    /// How many threads encode the container, at most; one unless chosen.
    pub threads: NonZeroUsize,
    /// The most entities of a part, where the container is written in parts: see [`SaveOptions::in_parts`].
    pub part_rows: Option<NonZeroU32>,
    /// Whether text has a line for each component, in formats that are text; otherwise it has no spaces.
    pub pretty: bool,
    /// Whether the file says what its values are, in formats that can do without.
    pub schema: bool,
    /// What must have happened before the save returns.
    pub durability: Durability,
    /// Whether to read the file back and check every byte before the save returns.
    pub read_back: bool,
    /// Whether a component value that would be left out is an error.
    pub strict: bool,
    /// Components whose numbers are no references: see [`SaveOptions::numbers`].
    pub numbers: Vec<String>,
    /// What the application says about the world.
    pub meta: WorldMeta,
    /// Whether a save in a slot holds the hash of the world: see [`SaveOptions::state_hash`].
    pub state_hash: bool,
    /// The store that the file belongs to, in the container; all zero for none.
    pub store_id: [u8; 16],
    /// The most bytes that the file may have.
    pub bytes_max: u64,
    /// Where files are.
    pub files: Arc<dyn Files>,
}

impl<R> Default for SaveOptions<'_, R> {
    fn default() -> Self {
        Self {
            registry: None,
            filter: None,
            dangling: Dangling::Null,
            canonical: false,
            format: None,
            delta_format: None,
            codec: Codec::default(),
            shuffle: false,
            threads: NonZeroUsize::MIN,
            part_rows: None,
            pretty: true,
            schema: true,
            durability: Durability::Durable,
            read_back: false,
            strict: false,
            numbers: Vec::new(),
            meta: WorldMeta::default(),
            state_hash: false,
            store_id: [0; 16],
            bytes_max: u64::MAX,
            files: super::os_files(),
        }
    }
}

impl<'r, R> SaveOptions<'r, R> {
    /// Saves the components of this registry instead of the derived ones.
    pub fn registry(mut self, registry: &'r R) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Saves a part of the world: components by name, entities by what they have or by their values. What it leaves out stands in the
    /// report. A filter whose predicates read values that hold entities is refused.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Chooses what becomes of references to entities that no longer exist, or that the filter leaves out: written as *none* unless chosen.
    pub fn dangling(mut self, dangling: Dangling) -> Self {
        self.dangling = dangling;
        self
    }

    /// Puts tables and rows in an order that depends on the world's content alone, so that equal worlds give equal bytes whatever their
    /// history. Each entity needs a [`PersistId`](keepstone_ecs_persist::PersistId).
    ///
    /// It also turns the codec off, as the output of compressors differs between hosts and versions; one that is chosen
    /// afterwards is used.
    pub fn canonical(mut self, canonical: bool) -> Self {
        self.canonical = canonical;
        if canonical {
            self.codec = Codec::None;
        }
        self
    }

    /// Writes another format than the container: one of the built-in ones, or one of your own. A load finds it by its first bytes if
    /// [`LoadOptions::formats`](crate::LoadOptions::formats) knows it; the built-in ones are known.
    pub fn format(mut self, format: impl WorldFormat + 'static) -> Self {
        self.format = Some(Arc::new(format));
        self
    }

    /// Writes the format with this name, such as `columnar` (the container) or, with the feature `json`, `json`.
    ///
    /// ```
    /// use keepstone_bevy::Registry;
    /// use keepstone_ecs_persist::PersistenceManager;
    /// use keepstone_world::SaveOptions;
    ///
    /// let formats = PersistenceManager::with_default_formats();
    /// let options: SaveOptions<'_, Registry> = SaveOptions::default().format_named(&formats, "columnar")?;
    /// assert!(SaveOptions::<Registry>::default().format_named(&formats, "colunmar").is_err());
    /// # drop(options);
    /// # Ok::<(), keepstone_world::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`UnknownFormat`](keepstone_ecs_persist::Error::UnknownFormat) when there is none.
    pub fn format_named(mut self, formats: &PersistenceManager, name: &str) -> Result<Self, Error> {
        let format = formats.get(name).map(Arc::clone);
        self.format = Some(format.ok_or_else(|| unknown_format(formats, name))?);
        Ok(self)
    }

    /// Writes deltas in another format than the container: see [`WorldDeltas::save_delta_with`](crate::WorldDeltas::save_delta_with). A load finds it by its
    /// first bytes if [`LoadOptions::formats`](crate::LoadOptions::formats) has it.
    pub fn delta_format(mut self, format: impl DeltaFormat + 'static) -> Self {
        self.delta_format = Some(Arc::new(format));
        self
    }

    /// Writes deltas in the format with this name.
    ///
    /// # Errors
    /// [`UnknownPlugin`](keepstone_ecs_persist::Error::UnknownPlugin) when there is none.
    pub fn delta_format_named(mut self, formats: &PersistenceManager, name: &str) -> Result<Self, Error> {
        self.delta_format = Some(Arc::clone(formats.delta_format(name)?));
        Ok(self)
    }

    /// Compresses the columns of a container.
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

    /// Chooses between a line for each component, for people and for line-by-line comparison, and no spaces at all. Formats that are not
    /// text don't look at it.
    pub fn pretty(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }

    /// Chooses whether the file says what its values are. The container always does; JSON without it is shorter, and is loaded by
    /// what the registry knows: plain components exactly, serde components as far as JSON tells their values apart.
    pub fn schema(mut self, schema: bool) -> Self {
        self.schema = schema;
        self
    }

    /// Chooses how many threads encode and compress the container, at most. The file is the same for any number.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Writes the container in parts of at most 65,536 entities, so that neither saving nor loading needs memory for more than one beside the
    /// world: for worlds that are larger than the memory that is left. Components that are not plain are serialized twice.
    ///
    /// A relationship whose order isn't that of the entities takes 8 MiB more with bevy, or 20 MiB with hecs; all that is in its lists is gone
    /// through once for each two million entities, or one million, at most 32 times. Only few entities take memory by their number: those of
    /// which a value says that it isn't saved, those that keep components which the program doesn't know, those of hecs whose saved
    /// components have no bytes, and those that are saved only because others refer to them.
    ///
    /// A file holds some thousands of parts; [`SaveOptions::part_rows`] makes them larger where more than a hundred million
    /// entities need it. Filters, orders, policies for references, other formats, several worlds, captures and saves in the
    /// background need the world in one piece and are refused.
    pub fn in_parts(mut self) -> Self {
        self.part_rows = NonZeroU32::new(keepstone_ecs_persist::PART_ROWS);
        self
    }

    /// As [`SaveOptions::in_parts`], with the most entities of a part.
    pub fn part_rows(mut self, part_rows: NonZeroU32) -> Self {
        self.part_rows = Some(part_rows);
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

    /// Makes it an error when a component value would be left out, when a reference leads to nothing, and when a number in a serde value
    /// has the bits of a living entity.
    ///
    /// Such a number is mostly a reference that serde doesn't name (a u64 made of an entity, a `transparent` newtype), which a load leaves
    /// as it is: mark the field with `#[serde(with = "keepstone::value::entity")]`. To find them, a strict save serializes what isn't plain once
    /// more; other saves don't look. A number is taken for an entity only if that very
    /// entity, generation included, is alive. Entities of a first generation are, with hecs, the numbers from 2^32 on, as many as there are
    /// entities; with bevy those below 2^32, downwards: small counters, times and hashes are none of them, 2^32 and `u32::MAX` may be. Of random
    /// numbers one in 10^13 is, in a world of a million entities. A component whose numbers are taken for entities and are none is named with
    /// [`SaveOptions::numbers`]. Plain components are not looked at, nor are rows of codecs that encode for themselves.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Says that the numbers in these components, by their names in the file, are no references, whatever entity has the same bits: a
    /// strict save doesn't refuse them.
    pub fn numbers(mut self, components: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.numbers = components.into_iter().map(Into::into).collect();
        self
    }

    /// Says something about the world. Every built-in format keeps it.
    pub fn meta(mut self, meta: WorldMeta) -> Self {
        self.meta = meta;
        self
    }

    /// Chooses whether a save in a slot holds the hash of the world, which each load from it compares. Off unless chosen: a load checks every byte anyway, by
    /// checksums, and the hash costs as much as [`WorldFiles::hash`](crate::WorldFiles::hash) on both sides, in the background if the save is. It proves in addition that what was read is the world
    /// that was captured, whatever wrote, migrated and copied the file, and lets two machines compare saves by what a list shows of them. Entities need a
    /// [`PersistId`](keepstone_ecs_persist::PersistId), or none of them has one.
    ///
    /// Files that are no slots don't hold it.
    pub fn state_hash(mut self, state_hash: bool) -> Self {
        self.state_hash = state_hash;
        self
    }

    /// Names the store that a container belongs to.
    pub fn store_id(mut self, store_id: [u8; 16]) -> Self {
        self.store_id = store_id;
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

/// No format has this name.
pub(crate) fn unknown_format(formats: &PersistenceManager, asked: &str) -> Error {
    let known = formats.names().collect::<Vec<_>>().join(", ");
    keepstone_ecs_persist::Error::UnknownFormat { asked: asked.to_owned(), known }.into()
}

impl<R> fmt::Debug for SaveOptions<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveOptions")
            .field("own_registry", &self.registry.is_some())
            .field("filter", &self.filter)
            .field("dangling", &self.dangling)
            .field("canonical", &self.canonical)
            .field("format", &self.format.as_ref().map(|format| format.name()))
            .field("delta_format", &self.delta_format.as_ref().map(|format| format.name()))
            .field("codec", &self.codec)
            .field("shuffle", &self.shuffle)
            .field("threads", &self.threads)
            .field("part_rows", &self.part_rows)
            .field("pretty", &self.pretty)
            .field("schema", &self.schema)
            .field("durability", &self.durability)
            .field("read_back", &self.read_back)
            .field("strict", &self.strict)
            .field("numbers", &self.numbers)
            .field("meta", &self.meta)
            .field("state_hash", &self.state_hash)
            .field("store_id", &self.store_id)
            .field("bytes_max", &self.bytes_max)
            .field("files", &self.files)
            .finish()
    }
}
