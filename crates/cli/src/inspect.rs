//! What a file is, without reading more of it than that takes.

mod arrays;
mod awsv;
mod checkpoints;
mod delta;
mod edgevec;
mod evec;
mod forge;
mod generations;
mod keep;
mod log;
mod metadata;
mod pecs;
mod save_head;
mod saves;
mod sections;
mod tables;
mod world;

use std::{fmt, path::Path};

use keepstone::format::Format;
use serde::Serialize;

use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::Shown;

pub(crate) use checkpoints::bytes_of as bytes_of_store;
pub(crate) use forge::about as about_export;
pub(crate) use save_head::TAGS as SAVE_TAGS;
pub(crate) use sections::is_of_world;
pub(crate) use world::{holds_worlds, is_column, numbers as world_numbers};

/// What `inspect` says.
#[derive(Debug, Serialize)]
pub(crate) struct Inspected {
    #[serde(skip)]
    name: String,
    #[serde(flatten)]
    contents: Contents,
}

#[derive(Debug, Serialize)]
#[serde(tag = "format", rename_all = "lowercase")]
enum Contents {
    Keep(Box<keep::Container>),
    Awsv(Box<awsv::Save>),
    Pecs(Box<pecs::World>),
    Log(Box<log::Log>),
    #[serde(rename = "edgevec-wal")]
    EdgeVec(Box<edgevec::Log>),
    Evec(Box<evec::Snapshot>),
    Forge(Box<forge::Found>),
    Generations(Box<generations::Directory>),
    Saves(Box<saves::Root>),
    Save(Box<saves::SaveFile>),
    Checkpoints(Box<checkpoints::Store>),
}

/// Says what the file at `path` is.
pub(crate) fn run(path: &Path, progress: &Progress) -> Result<Inspected, Error> {
    let inspected = |contents| Inspected { name: path.display().to_string(), contents };
    if let Some(found) = crate::log::find(path)? {
        return Ok(inspected(Contents::Log(Box::new(log::inspect(&found)?))));
    }
    if let Some(alone) = crate::saves::find_file(path)? {
        return Ok(inspected(Contents::Save(Box::new(saves::inspect_file(path, &alone)?))));
    }
    if let Some(found) = crate::generations::find(path)? {
        return Ok(inspected(Contents::Generations(Box::new(generations::inspect(path, &found)?))));
    }
    if let Some(found) = crate::saves::find(path)? {
        return Ok(inspected(Contents::Saves(Box::new(saves::inspect(&found)?))));
    }
    if crate::checkpoint::is_left(path) {
        return Ok(inspected(Contents::Checkpoints(Box::new(checkpoints::inspect(path)?))));
    }
    if let Some(bytes) = crate::edgevec::find(path)? {
        return Ok(inspected(Contents::EdgeVec(Box::new(edgevec::inspect(path, &bytes)?))));
    }
    if crate::checkpoint::shape::is_of_forge(path, progress)? {
        return Ok(inspected(Contents::Forge(Box::new(forge::inspect(path)?))));
    }
    let (source, format) = Source::open(path, progress)?;
    let contents = match format {
        Format::Keep => Contents::Keep(Box::new(keep::inspect(path, source)?)),
        Format::AwSave => Contents::Awsv(Box::new(awsv::inspect(path)?)),
        Format::Pecs => Contents::Pecs(Box::new(pecs::inspect(path)?)),
        Format::EdgeVec => Contents::Evec(Box::new(evec::inspect(path)?)),
        format => return Err(Error::NotBuilt { path: path.to_owned(), format }),
    };
    Ok(inspected(contents))
}

impl Report for Inspected {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Shown(&self.name))?;
        match &self.contents {
            Contents::Keep(container) => write!(f, "{container}"),
            Contents::Awsv(save) => write!(f, "{save}"),
            Contents::Pecs(world) => write!(f, "{world}"),
            Contents::Log(log) => write!(f, "{log}"),
            Contents::EdgeVec(log) => write!(f, "{log}"),
            Contents::Evec(snapshot) => write!(f, "{snapshot}"),
            Contents::Forge(found) => write!(f, "{found}"),
            Contents::Generations(generations) => write!(f, "{generations}"),
            Contents::Saves(root) => write!(f, "{root}"),
            Contents::Save(save) => write!(f, "{save}"),
            Contents::Checkpoints(store) => write!(f, "{store}"),
        }
    }
}
