//! Worlds with their component data in files of PECS: FORMAT.md section 9.5.

mod block;
mod ids;
mod read;
mod shape;
mod type_id;
mod write;

use std::io::{Read, Write};

use keepstone_ecs_persist::{self as ecs, ReadOptions, Schema, WorldDoc, WorldFormat, WriteOptions};
use keepstone_format::{Codec, Limits};

use crate::{
    error::Error,
    pecs::{File, Header, VERSION, Warning, coded},
};

pub(super) use self::block::{find, is_block};
pub use self::type_id::type_id;

/// What errors and a list of formats call it.
const NAME: &str = "pecs";

/// Worlds as files of PECS, version 1, that hold the component data: FORMAT.md section 9.5.
///
/// As made by [`PecsRows::new`] a file has the fields of version 1 and nothing else. It has no schema: whoever reads it has to be
/// given the one that it was written by, [`ReadOptions::schema`], or gets opaque columns. What version 1 has no place for
/// (resources, metadata, the name of a world) is refused. [`PecsRows::extended`] writes a block behind the file that holds
/// all of that; a reader that knows the block needs nothing else, and one that doesn't passes over it.
///
/// Reading takes every file of PECS, whatever was chosen here. A whole file is held in memory, and twice while it is coded.
///
/// ```
/// use keepstone_compat::pecs::PecsRows;
/// use keepstone_ecs_persist::{ReadOptions, WorldDoc, WorldFormat, WriteOptions};
///
/// let mut bytes = Vec::new();
/// let format = PecsRows::new().extended();
/// format.save(&[&WorldDoc::default()], &mut bytes, &WriteOptions::default())?;
/// assert!(bytes.starts_with(b"PECS\x01\0\0\0"));
/// assert_eq!(format.load(&mut bytes.as_slice(), &ReadOptions::default())?, WorldDoc::default());
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
#[doc(alias = "PersistencePlugin")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PecsRows {
    is_extended: bool,
    codec: Codec,
}

/// A world that was read from a file of PECS.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The world.
    pub doc: WorldDoc<'static>,
    /// The header of the file, without the flag of its codec.
    pub header: Header,
    /// How the file is coded.
    pub codec: Codec,
    /// Whether the file says what its rows are.
    pub is_extended: bool,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

impl Default for PecsRows {
    fn default() -> Self {
        Self::new()
    }
}

impl PecsRows {
    /// Writes what version 1 has a place for, without a codec.
    pub fn new() -> Self {
        Self { is_extended: false, codec: Codec::None }
    }

    /// Adds the block that says what the rows are, with all that version 1 has no place for.
    pub fn extended(mut self) -> Self {
        self.is_extended = true;
        self
    }

    /// Chooses a codec. PECS itself reads files without one.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Gives the world as the bytes of a file. Equal worlds give equal bytes.
    ///
    /// # Errors
    /// [`Error::CantHold`] for what files of this kind have no place for, with the remedy; [`Error::Ambiguous`] when a reference leads to an
    /// entity whose stable id another has too; [`Error::World`] for a document that breaks a rule; [`Error::CodecNotBuilt`]
    /// and [`Error::Limit`].
    pub fn encode(&self, doc: &WorldDoc<'_>) -> Result<Vec<u8>, Error> {
        doc.check()?;
        let plain = write::file(doc, self.is_extended)?;
        coded::encode(plain, self.codec)
    }

    /// Reads a file, by the schema in it, else by the one that is given; columns that neither has are opaque, with the
    /// origin `pecs`.
    ///
    /// # Errors
    /// As [`File::read`] and [`pecs::decoded`](crate::pecs::decoded); [`Error::Component`] when the components are not what the schema says,
    /// [`Error::Extended`] when the block is not whole, [`Error::Flags`] for a delta.
    pub fn decode(bytes: &[u8], limits: &Limits, schema: Option<&Schema>) -> Result<Loaded, Error> {
        let codec = coded::codec_of(bytes)?.unwrap_or(Codec::None);
        let bytes = coded::decoded(bytes, limits)?;
        let file = File::read(&bytes, limits)?;
        let doc = read::world(&file, limits, schema)?;
        Ok(Loaded {
            doc,
            header: file.header,
            codec,
            is_extended: file.extended().is_some(),
            warnings: file.warnings,
        })
    }
}

impl WorldFormat for PecsRows {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(b"PECS")
    }

    fn version_of(&self, first_bytes: &[u8]) -> Option<u32> {
        match Header::read(first_bytes) {
            Ok(header) => Some(header.version),
            Err(Error::Version { found, newest, .. }) if found > newest => Some(found),
            Err(_) => None,
        }
    }

    fn save(
        &self,
        worlds: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        _: &WriteOptions,
    ) -> Result<(), ecs::Error> {
        let [doc] = worlds else {
            let (what, remedy) =
                (format!("{} worlds", worlds.len()), "a file holds one world; write each alone");
            return Err(into_ecs(Error::CantHold { format: "PECS", what, remedy }));
        };
        let bytes = self.encode(doc).map_err(into_ecs)?;
        out.write_all(&bytes).map_err(|source| ecs::Error::Write { source })
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, ecs::Error> {
        let bytes = options.read_to_end(input)?;
        let limits = options.limits_for(bytes.len());
        let doc = Self::decode(&bytes, &limits, options.schema).map_err(into_ecs)?.doc;
        match &options.world {
            Some(name) if *name != doc.name => {
                Err(ecs::Error::NoWorld { world: format!("{name:?}"), found: format!("[{:?}]", doc.name) })
            }
            _ => Ok(doc),
        }
    }
}

/// The same failure as an error of world formats, as far as these know it.
fn into_ecs(error: Error) -> ecs::Error {
    match error {
        Error::World(source) => *source,
        Error::Container(source) => ecs::Error::Format(source),
        Error::Limit { what, needs, allowed } => ecs::Error::Limit { what, needs, allowed },
        Error::Version { found, newest, .. } if found > newest => {
            ecs::Error::NewerFormat { format: NAME.to_owned(), found, newest }
        }
        source => {
            let (format, kind) = (NAME.to_owned(), source.kind());
            ecs::Error::Custom { format, kind, source: Box::new(source) }
        }
    }
}
