use std::io::{Read, Write};

use keepstone_format::{FileKind, Header, MAJOR};

use crate::{
    delta::WorldDelta,
    error::Error,
    format::{ReadOptions, WriteOptions},
};

/// A way to write deltas as bytes and to read them back: what a [`PersistenceManager`](crate::PersistenceManager) holds beside the formats of
/// worlds.
#[doc(alias = "DeltaPersistencePlugin")]
pub trait DeltaFormat: Send + Sync {
    /// The name by which it is asked for.
    fn name(&self) -> &str;

    /// The version that it writes.
    fn version(&self) -> u32;

    /// Whether a file that starts so is of this format.
    fn detect(&self, first_bytes: &[u8]) -> bool;

    /// Writes a delta. Nothing is flushed or synced.
    ///
    /// # Errors
    /// When `out` fails, the delta breaks a rule, or the format can't hold what is in it.
    fn save(&self, delta: &WorldDelta<'_>, out: &mut dyn Write, options: &WriteOptions) -> Result<(), Error>;

    /// Reads a delta from a stream, to its end.
    ///
    /// # Errors
    /// When the bytes break a rule of the format or a limit, or are of a later version.
    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDelta<'static>, Error>;

    /// Whether it is [`ColumnarDelta`] itself, which tells a caller more of what it wrote.
    #[doc(hidden)]
    fn is_columnar(&self) -> bool {
        false
    }
}

/// Deltas in the native container, section 7 of FORMAT.md.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColumnarDelta;

impl DeltaFormat for ColumnarDelta {
    fn name(&self) -> &'static str {
        "columnar"
    }

    fn version(&self) -> u32 {
        MAJOR.into()
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        Header::read(first_bytes).is_ok_and(|header| header.kind == FileKind::DELTA)
    }

    fn save(&self, delta: &WorldDelta<'_>, out: &mut dyn Write, options: &WriteOptions) -> Result<(), Error> {
        delta.encode(out, &options.container).map(drop)
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDelta<'static>, Error> {
        WorldDelta::read(input, options)
    }

    fn is_columnar(&self) -> bool {
        true
    }
}
