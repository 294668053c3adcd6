//! What programs keep in saves and checkpoints, as far as it can be shown without them.

pub(crate) mod value;

use keepstone::{
    ecs::{self, WorldDoc, list_worlds},
    format::{ReadAt, Reader, SectionId},
    slots::{Bytes, Dynamic, FromPayload, PayloadError},
};
use serde::{Serialize, Serializer};

pub(crate) use self::value::Json;
use crate::inspect::holds_worlds;
use crate::text::Hex;

/// What a save or a checkpoint holds.
#[derive(Debug, Serialize)]
#[serde(tag = "payload", rename_all = "lowercase")]
pub(crate) enum Payload {
    Bytes {
        bytes: usize,
        /// How `data` stands for them: `utf-8` or `hex`.
        encoding: &'static str,
        #[serde(serialize_with = "as_text")]
        data: Vec<u8>,
    },
    Value {
        #[serde(serialize_with = "as_json")]
        value: Dynamic,
    },
    /// Worlds, all of which were decoded: one that can't be is damage.
    World { worlds: Vec<World>, sections: Vec<String> },
    /// Sections of something larger that is not known here.
    Sections { sections: Vec<String> },
}

#[derive(Debug, Serialize)]
pub(crate) struct World {
    name: String,
    entities: u32,
    values: u64,
}

impl FromPayload for Payload {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        let has = |id| reader.sections().iter().any(|section| section.id() == id);
        if has(SectionId::BYTES) {
            let Bytes(data) = Bytes::from_payload(reader)?;
            let data = data.into_owned();
            let encoding = if str::from_utf8(&data).is_ok() { "utf-8" } else { "hex" };
            return Ok(Self::Bytes { bytes: data.len(), encoding, data });
        }
        if has(SectionId::VALUE) {
            return Ok(Self::Value { value: Dynamic::from_payload(reader)? });
        }
        let others = reader.sections().iter().filter(|section| !section.id().is_ancillary());
        let sections = others.map(|section| section.id().to_string()).collect();
        if !holds_worlds(reader) {
            return Ok(Self::Sections { sections });
        }
        let mut worlds = Vec::new();
        for entry in list_worlds(reader).map_err(unreadable_world)? {
            let doc = WorldDoc::decode(reader, entry.world).map_err(unreadable_world)?;
            let (entities, values) = (doc.entity_count(), doc.value_count());
            worlds.push(World { name: entry.name, entities, values });
        }
        Ok(Self::World { worlds, sections })
    }
}

fn unreadable_world(source: ecs::Error) -> PayloadError {
    match source {
        // An error of the disk is in it, and whoever loads asks for that.
        ecs::Error::Format(source) => source.into(),
        source => {
            let what = "the world can't be read".to_owned();
            PayloadError::Other { what, kind: source.kind(), source: Box::new(source) }
        }
    }
}

#[expect(clippy::ptr_arg, reason = "serde hands over the field as it is")]
fn as_text<S: Serializer>(bytes: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    match str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.collect_str(&Hex(bytes)),
    }
}

fn as_json<S: Serializer>(value: &Dynamic, serializer: S) -> Result<S::Ok, S::Error> {
    Json(&value.value).serialize(serializer)
}
