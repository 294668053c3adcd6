//! Worlds as payloads of slots and checkpoints.

use std::time::{Duration, Instant};

use keepstone_ecs_persist::{EncodeOptions, Error as WorldError, WorldDoc, WorldHash};
use keepstone_format::{Kind, Metadata, ReadAt, Reader, Section, SectionId, tag};
use keepstone_store::{FromPayload, Payload, PayloadError, Prepared};

use crate::{error::Error, options::SaveOptions};

/// A captured world on its way to a store. `D` is its document, borrowed or lent.
pub(crate) struct Outgoing<D> {
    pub(crate) doc: D,
    pub(crate) options: EncodeOptions,
    /// Whether it holds the hash of the world.
    pub(crate) state_hash: bool,
    /// Whether it holds all that the world says of itself, or what a request for a save can't say.
    pub(crate) whole_meta: bool,
}

/// A document, wherever it is kept.
pub(crate) trait HasDoc {
    fn doc(&self) -> &WorldDoc<'_>;
}

impl HasDoc for &WorldDoc<'_> {
    fn doc(&self) -> &WorldDoc<'_> {
        self
    }
}

impl<D: HasDoc> Payload for Outgoing<D> {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        let (doc, options) = (self.doc.doc(), &self.options);
        let mut head = if self.whole_meta { doc.meta.to_metadata() } else { Metadata::new() };
        // What the request can say too comes with it.
        if let Some(application) = &doc.meta.application {
            head.set_application(application);
        }
        if let Some(version) = doc.meta.world_version {
            head.set_world_version(version);
        }
        if self.state_hash {
            head.set(tag::STATE_HASH, &short(doc.hash().map_err(writing)?).to_le_bytes());
        }
        let len = doc.sections_len().map_err(writing)?;
        let write = move |writer: &mut keepstone_format::Writer<&mut dyn std::io::Write>| {
            doc.write_sections(writer, options).map(|(tail, _)| tail).map_err(writing)
        };
        Ok(Prepared::new(len, write).head(head))
    }
}

/// A world that was read from a store.
pub(crate) struct Incoming {
    pub(crate) doc: WorldDoc<'static>,
    pub(crate) decode_time: Duration,
    /// What its values may take.
    pub(crate) values_max: u64,
}

impl FromPayload for Incoming {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        let begin = Instant::now();
        if reader.find(SectionId::SCHEMA, 0).is_err() {
            let found = reader.sections().iter().map(Section::id).find(|id| !id.is_ancillary());
            return Err(PayloadError::Missing { what: "a world", id: SectionId::SCHEMA, found });
        }
        let doc = WorldDoc::decode(reader, 0).map_err(|source| failed("the world can't be read", source))?;
        let doc = doc.into_owned();
        Ok(Self { doc, decode_time: begin.elapsed(), values_max: reader.limits().decoded_max })
    }
}

/// A hash as stores hold it.
pub(crate) fn short(hash: WorldHash) -> u64 {
    u64::from_le_bytes(hash.0.first_chunk().copied().unwrap_or_default())
}

fn writing(source: WorldError) -> PayloadError {
    failed("the world can't be written", source)
}

fn failed(what: &str, source: WorldError) -> PayloadError {
    match source {
        // An error of the disk is in it, and the manager asks for that.
        WorldError::Format(source) => source.into(),
        source => {
            let kind: Kind = source.kind();
            PayloadError::Other { what: what.to_owned(), kind, source: Box::new(source) }
        }
    }
}

/// Refuses what a world in a store can't have.
pub(crate) fn check<R>(options: &SaveOptions<'_, R>) -> Result<(), Error> {
    let is_foreign = options.format.as_ref().is_some_and(|format| !format.is_columnar());
    let asked = [
        (is_foreign, "another format"),
        (options.part_rows.is_some(), "parts"),
        (options.read_back, "reading back; verify what is stored instead"),
    ];
    match asked.iter().find(|(is_asked, _)| *is_asked) {
        Some((_, option)) => Err(Error::NotInStore { option }),
        None => Ok(()),
    }
}
