use std::io::{Read, Write};

use keepstone_format::{Format, Header, MAJOR, Reader, detect};

use crate::{
    decode::list_worlds,
    doc::WorldDoc,
    encode::encode_worlds,
    error::Error,
    format::{ReadOptions, WorldFormat, WriteOptions},
};

/// The native container, section 3 of FORMAT.md: columns, checksums, compression.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columnar;

impl WorldFormat for Columnar {
    fn name(&self) -> &'static str {
        "columnar"
    }

    fn version(&self) -> u32 {
        MAJOR.into()
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        detect(first_bytes) == Some(Format::Keep)
    }

    fn is_columnar(&self) -> bool {
        true
    }

    fn version_of(&self, first_bytes: &[u8]) -> Option<u32> {
        // What the header means is the container's matter, and so is the error for another version.
        Header::read(first_bytes).ok().map(|header| header.major.into())
    }

    fn save(
        &self,
        worlds: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        encode_worlds(worlds, out, &options.container).map(drop)
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
        let bytes = options.read_to_end(input)?;
        let reader = Reader::open(bytes.as_slice(), options.limits_for(bytes.len()))?;
        if let Some(name) = &options.world {
            return Ok(WorldDoc::decode_named(&reader, name)?.into_owned());
        }
        only(list_worlds(&reader)?.into_iter().map(|world| world.name).collect())?;
        Ok(WorldDoc::decode(&reader, 0)?.into_owned())
    }
}

/// Refuses to choose among several worlds.
pub(crate) fn only(names: Vec<String>) -> Result<(), Error> {
    if names.len() > 1 { Err(Error::SeveralWorlds { names }) } else { Ok(()) }
}
