//! What is left of a damaged container, as a container that loads.

mod arrays;
mod checkpoints;
mod evec;
mod found;
mod generation;
mod log;
mod lost;
mod parts;
mod rebuild;
mod saves;
mod sections;
mod tables;
mod world;

use std::{fmt, path::Path};

use keepstone::format::{FileKind, Format, Kind, Limits, LogPosition, ReadAt, Reader, detect, salvage};
use serde::Serialize;

use self::arrays::Lengths;
use self::found::Found;
use self::lost::Lost;
use self::rebuild::rebuild;
use crate::args::RepairArgs;
use crate::convert::{blamed, copy, refuse_same, replace};
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::{Shown, count, hex, plural};
use crate::verify::keep::structure;

/// Damaged places and lost parts that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What `repair` saved and what it could not.
#[derive(Debug, Serialize)]
pub(crate) struct Repaired {
    #[serde(skip)]
    name: String,
    out: String,
    /// The recycled generation whose container was read.
    generation: Option<u64>,
    kind: String,
    bytes: u64,
    bytes_out: u64,
    /// Sections of the new container.
    sections: u32,
    /// Entities of the worlds in it.
    entities: Option<u64>,
    /// Rows of a snapshot of EdgeVec.
    rows: Option<u32>,
    lost: Vec<Lost>,
    /// What the old file says of the log that goes on behind it, which the new one doesn't say.
    log_position_left_out: Option<LeftOut>,
    /// Bytes that nothing vouches for.
    damaged: Vec<Span>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Span {
    start: u64,
    end: u64,
}

/// A position in a log that would no longer be true.
#[derive(Debug, Serialize)]
struct LeftOut {
    log_id: String,
    lsn: u64,
    message: String,
}

impl LeftOut {
    fn new(position: LogPosition) -> Self {
        let (log_id, lsn) = (hex(&position.log_id), position.lsn);
        let message = format!(
            "the log position, record {lsn} of log {log_id}: the new file lacks some of what records up to it made, so that replaying from there on would not bring it back; replay the whole log if it still has its first record, else make anew what is lost"
        );
        Self { log_id, lsn, message }
    }
}

/// What was written.
struct Written {
    kind: FileKind,
    sections: u32,
    entities: Option<u64>,
    lost: Vec<Lost>,
    left_out: Option<LeftOut>,
}

/// What `repair` made of what it was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Mended {
    Container(Repaired),
    Log(log::Repaired),
    Saves(saves::Copied),
    Checkpoints(Box<checkpoints::Mended>),
}

/// Writes all that verifies of what is at `args.path` to `args.out`.
pub(crate) fn run_any(args: &RepairArgs, progress: &Progress) -> Result<Mended, Error> {
    let path = &args.path;
    if let Some(found) = crate::log::find(path)? {
        return log::run(path, &found, &args.out, progress).map(Mended::Log);
    }
    if let Some(alone) = crate::saves::find_file(path)? {
        return saves::run_file(args, &alone).map(Mended::Container);
    }
    if let Some(found) = crate::generations::find(path)? {
        return generation::run(args, found).map(Mended::Container);
    }
    if let Some(found) = crate::saves::find(path)? {
        return saves::run(path, &found, &args.out, progress).map(Mended::Saves);
    }
    if crate::checkpoint::is_left(path) {
        let mended = checkpoints::run(path, &args.out, progress)?;
        return Ok(Mended::Checkpoints(Box::new(mended)));
    }
    run(args, progress).map(Mended::Container)
}

/// Writes all that verifies of the container at `args.path` to `args.out`.
fn run(args: &RepairArgs, progress: &Progress) -> Result<Repaired, Error> {
    let path = &args.path;
    let (source, first) = Source::open_any(path, progress)?;
    match detect(&first) {
        Some(Format::EdgeVec) => return evec::run(path, &args.out),
        // The magic is a part of the file like any other.
        None if path.extension().is_some_and(|extension| extension == "evec") => {
            return evec::run(path, &args.out);
        }
        None | Some(Format::Keep) => {}
        Some(format) => return Err(Error::NotRepaired { path: path.clone(), format }),
    }
    refuse_same(path, &args.out)?;
    mend(path, &args.out, &source, &first)
}

/// Writes all that verifies of a container to `out`. Errors name `path`.
fn mend<R: ReadAt>(path: &Path, out: &Path, source: &R, first: &[u8]) -> Result<Repaired, Error> {
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let bytes = source.len();
    let limits = Limits::for_file_len(bytes);
    let reader = Reader::open(source, limits).ok();
    let repaired =
        |damaged, (written, bytes_out)| Repaired::new(path, out, bytes, damaged, written, bytes_out);
    let in_parts = reader.as_ref().is_some_and(|reader| reader.header().is_in_parts());
    if let Some(reader) = reader.as_ref().filter(|_| in_parts) {
        // Whoever writes a world in parts may have no memory for all of it: what is whole is copied without.
        let report = salvage(source, &limits, &mut |_| {}).map_err(keep)?;
        if report.is_whole() && is_sound(path, reader)? {
            return Ok(repaired(Vec::new(), copy_whole(path, out, reader)?));
        }
    }
    let Found { report, sections } = found::collect(source, &limits).map_err(keep)?;
    if report.header.is_none() && report.parts == 0 {
        return Err(Error::unknown(path, first));
    }
    let damaged = report.damaged.iter().map(|range| Span { start: range.start, end: range.end }).collect();
    let written = match &reader {
        Some(reader) if !in_parts && report.is_whole() && is_sound(path, reader)? => {
            copy_whole(path, out, reader)?
        }
        _ => {
            let mut lost = lost::of_ends(&report);
            let lengths = Lengths { source, reader: reader.as_ref(), epoch: report.epoch, limits: &limits };
            let sections = arrays::mend(sections, &lengths, &mut lost);
            rebuild(path, out, &report, &sections, &limits, lost)?
        }
    };
    Ok(repaired(damaged, written))
}

impl Repaired {
    fn new(
        path: &Path,
        out: &Path,
        bytes: u64,
        damaged: Vec<Span>,
        written: Written,
        bytes_out: u64,
    ) -> Self {
        Self {
            name: path.display().to_string(),
            out: out.display().to_string(),
            generation: None,
            kind: written.kind.to_string(),
            bytes,
            bytes_out,
            sections: written.sections,
            entities: written.entities,
            rows: None,
            lost: written.lost,
            log_position_left_out: written.left_out,
            damaged,
            warnings: Vec::new(),
        }
    }
}

/// Whether what has no damaged byte is good for `verify` as well.
fn is_sound<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<bool, Error> {
    match structure(path, reader) {
        Ok(structure) => Ok(structure.damage.is_empty()),
        Err(error) if error.kind() == Kind::Limit => Err(error),
        Err(_) => Ok(false),
    }
}

fn copy_whole<R: ReadAt>(path: &Path, out: &Path, reader: &Reader<R>) -> Result<(Written, u64), Error> {
    let (sections, bytes_out) =
        replace(out, |writer| copy(reader, writer, None).map_err(|source| blamed(path, out, source)))?;
    let header = reader.header();
    let entities = reader.tail().entity_count();
    Ok((Written { kind: header.kind, sections, entities, lost: Vec::new(), left_out: None }, bytes_out))
}

impl Report for Mended {
    fn exit(&self) -> Exit {
        match self {
            Self::Container(repaired) => repaired.exit(),
            Self::Log(repaired) => repaired.exit(),
            Self::Saves(copied) => copied.exit(),
            Self::Checkpoints(mended) => mended.exit(),
        }
    }

    fn warnings(&self) -> &[String] {
        match self {
            Self::Container(repaired) => &repaired.warnings,
            Self::Log(_) => &[],
            Self::Saves(copied) => copied.warnings(),
            Self::Checkpoints(mended) => mended.warnings(),
        }
    }
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(repaired) => repaired.fmt(f),
            Self::Log(repaired) => repaired.fmt(f),
            Self::Saves(copied) => copied.fmt(f),
            Self::Checkpoints(mended) => mended.fmt(f),
        }
    }
}

impl Report for Repaired {
    fn exit(&self) -> Exit {
        if self.lost.is_empty() { Exit::Good } else { Exit::Bad }
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Shown(&self.name), Shown(&self.out))?;
        let entities = self.entities.map(|entities| format!(", {}", plural(entities, "entity")));
        let rows = self.rows.map(|rows| format!(", {}", plural(rows, "row")));
        writeln!(
            f,
            "  {}, {} bytes -> {} bytes, {}{}",
            self.kind,
            count(self.bytes),
            count(self.bytes_out),
            plural(self.sections, "section"),
            entities.or(rows).unwrap_or_default(),
        )?;
        if let Some(generation) = self.generation {
            writeln!(f, "  of generation {}", count(generation))?;
        }
        for span in self.damaged.iter().take(SHOWN_MAX) {
            writeln!(f, "  damaged: bytes {} to {}", span.start, span.end)?;
        }
        for lost in self.lost.iter().take(SHOWN_MAX) {
            writeln!(f, "  lost: {lost}")?;
        }
        if let Some(LeftOut { message, .. }) = &self.log_position_left_out {
            writeln!(f, "  left out: {message}")?;
        }
        let more = self.damaged.len().saturating_sub(SHOWN_MAX) + self.lost.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
        }
        if self.lost.is_empty() {
            writeln!(f, "  nothing was lost")?;
        }
        Ok(())
    }
}
