use std::{fmt, path::Path};

use keepstone::slots::{Loaded, SaveId, SaveReader};
use serde::Serialize;

use crate::args::LoadArgs;
use crate::error::Error;
use crate::output::{Exit, Report, put_bytes};
use crate::payload::Payload;
use crate::saves::Save;

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
    put_bytes(bytes)
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
