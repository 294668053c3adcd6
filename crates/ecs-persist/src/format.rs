//! Formats of world files as values that a program can add to.

mod columnar;
mod delta;
mod manager;
mod named;

use std::io::{Read, Write};

use keepstone_format::Limits;

#[cfg(feature = "json")]
pub(crate) use self::columnar::only;
pub use self::{
    columnar::Columnar,
    delta::{ColumnarDelta, DeltaFormat},
    manager::PersistenceManager,
};
use crate::{doc::WorldDoc, encode::EncodeOptions, error::Error, schema::Schema};

/// How many of a file's first bytes [`WorldFormat::detect`] and [`WorldFormat::version_of`] are shown, if it has as many.
pub const FIRST_BYTES_MAX: usize = 4096;

/// A way to write worlds as bytes and to read them back: what a [`PersistenceManager`] holds.
///
/// A format reads and writes [`WorldDoc`]s alone, so it needs to know no ECS. Built in are [`Columnar`] and, with the feature
/// `json`, `Json`.
pub trait WorldFormat: Send + Sync {
    /// The name by which it is asked for, such as `json`.
    fn name(&self) -> &str;

    /// The version that it writes.
    fn version(&self) -> u32;

    /// Whether it reads files of this version. A [`PersistenceManager`] asks before it loads, and only its own version is
    /// read unless this says otherwise.
    fn can_load_version(&self, version: u32) -> bool {
        version == self.version()
    }

    /// Whether a file that starts so is of this format.
    fn detect(&self, first_bytes: &[u8]) -> bool;

    /// The version of a file that starts so. `None` where the start doesn't tell: then [`WorldFormat::load`] has to
    /// refuse what it can't read.
    fn version_of(&self, first_bytes: &[u8]) -> Option<u32>;

    /// Writes worlds; most files hold one. Nothing is flushed or synced.
    ///
    /// # Errors
    /// When `out` fails, the documents break a rule, or the format can't hold what is in them: it is never left out silently.
    fn save(
        &self,
        worlds: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), Error>;

    /// Reads one world from a stream, to its end.
    ///
    /// # Errors
    /// When the bytes break a rule of the format or a limit, are of a later version, or hold no such world.
    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error>;

    /// Whether it is [`Columnar`] itself, whose files a caller that holds them may read without copying.
    #[doc(hidden)]
    fn is_columnar(&self) -> bool {
        false
    }
}

/// How a document is written. Each format looks at what concerns it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Whether text has a line for each component, for people and for line-by-line comparison; otherwise it has no spaces.
    pub pretty: bool,
    /// Whether the file says what its values are. Without it the reader has to be given a schema, or has to guess.
    pub schema: bool,
    /// Codec, filter and store of the container.
    pub container: EncodeOptions,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { pretty: true, schema: true, container: EncodeOptions::default() }
    }
}

impl WriteOptions {
    /// Chooses between one line for each component and no spaces at all.
    pub fn pretty(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }

    /// Chooses whether the file says what its values are.
    pub fn schema(mut self, schema: bool) -> Self {
        self.schema = schema;
        self
    }

    /// Chooses codec, filter and store of the container.
    pub fn container(mut self, container: EncodeOptions) -> Self {
        self.container = container;
        self
    }
}

/// How a document is read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadOptions<'s> {
    /// The most bytes that the file may have; 64 GiB unless chosen.
    pub bytes_max: u64,
    /// What decoding may take; by the length of the file unless given.
    pub limits: Option<Limits>,
    /// The name of the world, in a file that holds several.
    pub world: Option<String>,
    /// What the components are, where the file doesn't say.
    pub schema: Option<&'s Schema>,
    /// Whether components that neither the file nor the schema describes are guessed, although there is a schema.
    pub guess: bool,
}

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self { bytes_max: 1 << 36, limits: None, world: None, schema: None, guess: false }
    }
}

impl<'s> ReadOptions<'s> {
    /// Chooses the most bytes that the file may have.
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Chooses what decoding may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Chooses a world by its name.
    pub fn world(mut self, name: &str) -> Self {
        self.world = Some(name.to_owned());
        self
    }

    /// Says what the components are, where the file doesn't.
    pub fn schema(mut self, schema: &'s Schema) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Chooses whether components that neither the file nor the schema describes are guessed, although there is a schema: for one
    /// that is known to be incomplete, such as [`EcsWorld::schema`](crate::EcsWorld::schema).
    pub fn guess(mut self, guess: bool) -> Self {
        self.guess = guess;
        self
    }

    /// Reads all that is left of a stream; for formats.
    ///
    /// # Errors
    /// [`Error::Read`] when the stream fails, [`Error::Limit`] when it is longer than `bytes_max`.
    pub fn read_to_end(&self, input: &mut dyn Read) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let limit = self.bytes_max.saturating_add(1);
        input.take(limit).read_to_end(&mut bytes).map_err(|source| Error::Read { source })?;
        let needs = bytes.len() as u64;
        if needs > self.bytes_max {
            return Err(Error::Limit { what: "bytes of the file", needs, allowed: self.bytes_max });
        }
        Ok(bytes)
    }

    /// The limits for a file of so many bytes; for formats.
    pub fn limits_for(&self, len: usize) -> Limits {
        self.limits.unwrap_or_else(|| Limits::for_file_len(len as u64))
    }
}
