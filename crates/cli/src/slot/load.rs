use std::{
    fmt,
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use keepstone::{
    ecs::{self, WorldDoc, list_worlds},
    format::{ReadAt, Reader, SectionId},
    slots::{Bytes, Dynamic, FromPayload, Loaded, PayloadError, SaveId, SaveReader},
};
use serde::{Serialize, Serializer};

use super::value::Json;
use crate::args::LoadArgs;
use crate::error::Error;
use crate::inspect::holds_worlds;
use crate::output::{Exit, Report};
use crate::saves::Save;
use crate::text::Hex;

/// What `slot load` found; people have its bytes by then.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    save: Save,
    /// Later saves that are damaged.
    lost: Vec<Lost>,
    #[serde(flatten)]
    payload: Payload,
    #[serde(skip)]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Lost {
    id: String,
    file: String,
    reason: String,
}

/// What a save holds.
#[derive(Debug, Serialize)]
#[serde(tag = "payload", rename_all = "lowercase")]
enum Payload {
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
    /// Worlds, all of which were decoded: one that can't be is damage, and an earlier save is loaded.
    World { worlds: Vec<World>, sections: Vec<String> },
    /// Sections of something larger that is not known here.
    Sections { sections: Vec<String> },
}

#[derive(Debug, Serialize)]
struct World {
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

/// Loads a save, and writes its bytes to standard output.
pub(super) fn run(args: &LoadArgs, json: bool) -> Result<Answer, Error> {
    let reader = SaveReader::open(&args.root)?;
    let Loaded { value: payload, save, recovered, .. } = load(&reader, args)?;
    let lost = recovered.into_iter().flat_map(|recovered| recovered.lost).map(|lost| Lost {
        id: lost.save.id().to_string(),
        file: lost.path.display().to_string(),
        reason: lost.reason,
    });
    let lost: Vec<Lost> = lost.collect();
    let told = |lost: &Lost| {
        format!(
            "save {} is damaged, an earlier one was loaded: {}; its file is {}",
            lost.id, lost.reason, lost.file
        )
    };
    let warnings = lost.iter().map(told).collect();
    if !json {
        put(&args.root, save.id(), &payload)?;
    }
    Ok(Answer { save: Save::new(&save), lost, payload, warnings })
}

fn load(reader: &SaveReader, args: &LoadArgs) -> Result<Loaded<Payload>, Error> {
    let Some(id) = args.id else {
        let player = args.player.as_deref().unwrap_or_default();
        return Ok(reader.load_latest(player, args.slot.unwrap_or_default())?);
    };
    let is_of = |loaded: &Loaded<Payload>| {
        args.player.as_deref().is_none_or(|player| loaded.save.player() == player)
            && args.slot.is_none_or(|slot| loaded.save.slot() == Some(slot))
    };
    let loaded = reader.load(id)?;
    if !is_of(&loaded) {
        let (player, slot) = (loaded.save.player().to_owned(), loaded.save.slot());
        return Err(Error::ElsewhereSaved { id, player, slot });
    }
    Ok(loaded)
}

/// Writes bytes out as they are; what is more than bytes has no form that a program would expect.
fn put(root: &Path, id: SaveId, payload: &Payload) -> Result<(), Error> {
    let bytes = match payload {
        Payload::Bytes { data, .. } => data,
        Payload::Value { .. } => return Err(Error::IsValue { id }),
        Payload::World { sections, .. } | Payload::Sections { sections } => {
            let sections = sections.join(", ");
            return Err(Error::IsSections { id, sections, root: root.to_owned() });
        }
    };
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Error::Stdout { source }),
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

impl Report for Answer {
    fn exit(&self) -> Exit {
        Exit::Good
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
