//! Whether every byte of a file is what was written.

pub(crate) mod awsv;
mod damage;
mod edgevec;
mod evec;
mod generations;
pub(crate) mod keep;
pub(crate) mod log;
mod parts;
pub(crate) mod pecs;
mod ranks;
pub(crate) mod saves;

use std::{fmt, path::Path};

use keepstone::format::Format;
use serde::Serialize;

use crate::checkpoint;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::{Shown, count, plural};

pub(crate) use damage::Damage;

/// What `verify` found.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    #[serde(skip)]
    name: String,
    format: &'static str,
    kind: String,
    bytes: u64,
    sections: u32,
    chunks: u64,
    /// Chunks whose checksums hold but which this build can't decode.
    undecoded: u64,
    /// Entities in worlds whose structure was decoded; absent when it was not.
    entities: Option<u64>,
    damage: Vec<Damage>,
    /// Damage in generations below an intact newest one, which costs nothing that a reader is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    older_damage: Vec<Damage>,
    warnings: Vec<String>,
}

/// What `verify` found of what it was asked about.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Checked {
    File(Verified),
    Log(log::Verified),
    Saves(saves::Checked),
    Checkpoints(Box<checkpoint::verify::Checked>),
}

/// Checks the file at `path`.
pub(crate) fn run(path: &Path, progress: &Progress) -> Result<Verified, Error> {
    let (source, format) = Source::open(path, progress)?;
    match format {
        Format::Keep => keep::verify(path, source),
        Format::AwSave => awsv::verify(path),
        Format::Pecs => pecs::verify(path),
        Format::EdgeVec => evec::verify(path),
        format => Err(Error::NotBuilt { path: path.to_owned(), format }),
    }
}

/// Checks what is at `path`, a file or a log.
pub(crate) fn run_any(path: &Path, progress: &Progress) -> Result<Checked, Error> {
    if let Some(found) = crate::log::find(path)? {
        return Ok(Checked::Log(log::verify(path, &found, progress)?));
    }
    if let Some(alone) = crate::saves::find_file(path)? {
        return saves::verify_file(path, &alone).map(Checked::File);
    }
    if let Some(found) = crate::generations::find(path)? {
        return generations::verify(path, found).map(Checked::File);
    }
    if let Some(found) = crate::saves::find(path)? {
        return saves::verify(&found, None, progress).map(Checked::Saves);
    }
    if checkpoint::is_left(path) {
        return checkpoint::verify::verify(path, progress)
            .map(|checked| Checked::Checkpoints(Box::new(checked)));
    }
    if let Some(bytes) = crate::edgevec::find(path)? {
        return edgevec::verify(path, &bytes).map(Checked::File);
    }
    run(path, progress).map(Checked::File)
}

impl Verified {
    fn new(path: &Path, format: &'static str, bytes: u64) -> Self {
        Self {
            name: path.display().to_string(),
            format,
            kind: "unknown".to_owned(),
            bytes,
            sections: 0,
            chunks: 0,
            undecoded: 0,
            entities: None,
            damage: Vec::new(),
            older_damage: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn write_warnings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "  warning: {}", Shown(warning))?;
        }
        for damage in &self.older_damage {
            writeln!(f, "  {damage}")?;
        }
        Ok(())
    }

    pub(crate) fn is_good(&self) -> bool {
        self.damage.is_empty() && self.undecoded == 0
    }
}

impl Report for Verified {
    fn exit(&self) -> Exit {
        match self.damage.is_empty() {
            false => Exit::Bad,
            true if self.undecoded > 0 => Exit::Failed,
            true => Exit::Good,
        }
    }
}

impl Report for Checked {
    fn exit(&self) -> Exit {
        match self {
            Self::File(verified) => verified.exit(),
            Self::Log(verified) => verified.exit(),
            Self::Saves(verified) => verified.exit(),
            Self::Checkpoints(verified) => verified.exit(),
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(verified) => verified.fmt(f),
            Self::Log(verified) => verified.fmt(f),
            Self::Saves(verified) => verified.fmt(f),
            Self::Checkpoints(verified) => verified.fmt(f),
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Shown(&self.name);
        if !self.damage.is_empty() {
            writeln!(f, "{name}: damaged in {}", plural(self.damage.len() as u64, "place"))?;
            for damage in &self.damage {
                writeln!(f, "  {damage}")?;
            }
            return self.write_warnings(f);
        }
        if self.undecoded > 0 {
            writeln!(
                f,
                "{name}: every checksum holds, but {} can't be decoded",
                plural(self.undecoded, "chunk")
            )?;
            return writeln!(f, "  their codec or filter is not in this build; update keepstone");
        }
        let is_good = self.older_damage.is_empty();
        let state = if is_good { "good" } else { "the newest is good, an older one is not" };
        writeln!(f, "{name}: {state}")?;
        let parts = match self.format {
            "keep" | "generations" | "save" => {
                format!(", {}, {}", plural(self.sections, "section"), plural(self.chunks, "chunk"))
            }
            _ => String::new(),
        };
        writeln!(
            f,
            "  {} ({}), {} bytes{parts}: {}",
            self.kind,
            self.format,
            count(self.bytes),
            if is_good { "every checksum holds" } else { "all others hold" },
        )?;
        if let Some(entities) = self.entities {
            writeln!(f, "  {}: the structure is sound", plural(entities, "entity"))?;
        }
        self.write_warnings(f)
    }
}
