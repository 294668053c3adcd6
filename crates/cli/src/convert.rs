//! A file written anew: as a keepstone container, worlds as JSON or as rows of PECS, saves as files of aw-save.

mod awsv;
mod edgevec;
mod evec;
mod keep;
mod roots;
mod to_awsv;
mod world;
pub(crate) mod worlds;

use std::{fmt, io::BufWriter, path::Path};

use keepstone::{
    format::{self, Codec, Format, detect},
    storage::{Durability, Files, OsFiles, atomic},
};
use serde::Serialize;

use crate::args::{ConvertArgs, Target};
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::{Shown, count, plural};

pub(crate) use keep::{blamed, copy, copy_with};

/// What a new container is written to.
pub(crate) type Out<'f> = BufWriter<atomic::Writer<'f>>;

/// What `convert` did.
#[derive(Debug, Serialize)]
pub(crate) struct Converted {
    #[serde(skip)]
    name: String,
    out: String,
    /// The format that was read.
    format: &'static str,
    /// The format that was written.
    to: &'static str,
    /// What the new file holds.
    kind: String,
    /// The codec that was chosen; absent when every section keeps its own, and for text.
    codec: Option<&'static str>,
    bytes: u64,
    bytes_out: u64,
    sections: u32,
    /// Entities of a world.
    entities: Option<u64>,
    /// Records of a log.
    records: Option<u64>,
    /// Saves of a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    saves: Option<u64>,
    /// Places of a log that is damaged, or saves of a directory; all others were converted.
    damage_count: u64,
    warnings: Vec<String>,
    /// What of the file that was read is not in the new one.
    lost: Vec<String>,
    /// Both of these, as people are told.
    #[serde(skip)]
    told: Vec<String>,
}

/// What one of the readers wrote.
#[derive(Debug)]
struct Written {
    kind: String,
    codec: Option<Codec>,
    bytes_in: u64,
    sections: u32,
    entities: Option<u64>,
    records: Option<u64>,
    damage_count: u64,
    warnings: Vec<String>,
    lost: Vec<String>,
}

/// Writes the file at `args.input` anew to `args.out`, which is replaced in one step or stays as it was.
pub(crate) fn run(args: &ConvertArgs, progress: &Progress) -> Result<Converted, Error> {
    if crate::log::find(&args.input)?.is_some() {
        return Err(Error::IsLog { path: args.input.clone() });
    }
    if let Some(converted) = convert_root(args, progress)? {
        return Ok(converted);
    }
    if let Some(bytes) = crate::edgevec::find(&args.input)? {
        if args.to != Target::Keep {
            let (path, found) = (args.input.clone(), "a write-ahead log of EdgeVec".to_owned());
            return Err(match args.to {
                Target::Awsv => Error::NoSave { path, found },
                _ => Error::NoWorlds { path, found },
            });
        }
        if args.codec.is_some() {
            return Err(Error::NoCodec { path: args.input.clone() });
        }
        let (written, bytes_out) = edgevec::convert(&args.input, &bytes, &args.out)?;
        return Ok(Converted::new(args, "edgevec-wal", written, bytes_out));
    }
    let codec = args.codec.map(Codec::from);
    if args.to == Target::Keep && crate::saves::find_file(&args.input)?.is_some() {
        refuse_same(&args.input, &args.out)?;
        let reader = crate::saves::open(&args.input)?;
        let (written, bytes_out) = keep::convert_from(&args.input, &args.out, &reader, codec)?;
        return Ok(Converted::new(args, "save", written, bytes_out));
    }
    if args.to == Target::Awsv {
        let (format, written, bytes_out) = to_awsv::convert(&args.input, &args.out, codec, progress)?;
        return Ok(Converted::new(args, format, written, bytes_out));
    }
    let (_, first) = Source::open_any(&args.input, progress)?;
    let is_world = args.to != Target::Keep || worlds::is_json(&first) || detect(&first) == Some(Format::Pecs);
    if is_world {
        refuse_same(&args.input, &args.out)?;
        let (format, written, bytes_out) = world::convert(&args.input, &args.out, args.to, codec, progress)?;
        return Ok(Converted::new(args, format, written, bytes_out));
    }
    let (source, format) = Source::open(&args.input, progress)?;
    refuse_same(&args.input, &args.out)?;
    let (written, bytes_out) = match format {
        Format::Keep => keep::convert(&args.input, &args.out, source, codec)?,
        Format::AwSave => awsv::convert(&args.input, &args.out, codec.unwrap_or_default())?,
        Format::EdgeVec => evec::convert(&args.input, &args.out, codec.unwrap_or(Codec::None))?,
        format => return Err(Error::NotBuilt { path: args.input.clone(), format }),
    };
    let format = match format {
        Format::AwSave => "awsv",
        Format::EdgeVec => "evec",
        _ => "keep",
    };
    Ok(Converted::new(args, format, written, bytes_out))
}

/// Converts a directory of saves, if there is one: a root becomes directories of aw-save, and those become a root.
fn convert_root(args: &ConvertArgs, progress: &Progress) -> Result<Option<Converted>, Error> {
    let (path, out, codec) = (&args.input, &args.out, args.codec.map(Codec::from));
    let (format, (written, bytes_out, saves)) = if let Some(found) = crate::saves::find(path)? {
        if args.to != Target::Awsv {
            return Err(Error::IsSaves { path: path.clone() });
        }
        ("saves", roots::to_aw_save(path, &found, out, codec, progress)?)
    } else {
        let dirs = roots::find_aw_saves(path)?;
        match args.to {
            _ if dirs.is_empty() => return Ok(None),
            Target::Keep => ("awsv", roots::to_slots(path, &dirs, out, codec.unwrap_or_default(), progress)?),
            _ => {
                let found = "a directory of saves of aw-save".to_owned();
                return Err(Error::NoWorlds { path: path.clone(), found });
            }
        }
    };
    Ok(Some(Converted { saves: Some(saves), ..Converted::new(args, format, written, bytes_out) }))
}

impl Converted {
    fn new(args: &ConvertArgs, format: &'static str, written: Written, bytes_out: u64) -> Self {
        let lost = written.lost.iter().map(|lost| format!("not kept: {lost}"));
        let told = written.warnings.iter().cloned().chain(lost).collect();
        Self {
            name: args.input.display().to_string(),
            out: args.out.display().to_string(),
            format,
            to: args.to.name(),
            kind: written.kind,
            codec: written.codec.map(Codec::name),
            bytes: written.bytes_in,
            bytes_out,
            sections: written.sections,
            entities: written.entities,
            records: written.records,
            saves: None,
            damage_count: written.damage_count,
            warnings: written.warnings,
            lost: written.lost,
            told,
        }
    }
}

/// Refuses to replace what is read, by whatever names, and what is no file.
pub(crate) fn refuse_same(input: &Path, out: &Path) -> Result<(), Error> {
    refuse_special(out)?;
    // Without a file of that name there is nothing to lose.
    if !out.is_file() {
        return Ok(());
    }
    let (read, replaced) = (OsFiles.metadata(input)?, OsFiles.metadata(out)?);
    let is_same = read.id.is_some() && read.id == replaced.id;
    if is_same || input.canonicalize().ok() == out.canonicalize().ok() {
        return Err(Error::SameFile { path: out.to_owned() });
    }
    Ok(())
}

/// Refuses to replace what is no file.
pub(crate) fn refuse_special(out: &Path) -> Result<(), Error> {
    match out.metadata() {
        Ok(found) if found.is_dir() => Err(Error::Directory { path: out.to_owned() }),
        Ok(found) if !found.is_file() => Err(Error::NotAFile { path: out.to_owned() }),
        _ => Ok(()),
    }
}

/// Writes a new file durably under its name, once `write` has written all of it. Returns what `write` does
/// and how long the file is.
pub(crate) fn replace<T>(
    out: &Path,
    write: impl FnOnce(Out<'_>) -> Result<(Out<'_>, T), Error>,
) -> Result<(T, u64), Error> {
    // What a killed run left there; that it can't be removed keeps nobody from writing.
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    drop(atomic::clean(&OsFiles, dir));
    let writer = atomic::Writer::create(&OsFiles, out, Durability::Durable).map_err(Error::Out)?;
    let (buffered, written) = write(BufWriter::new(writer))?;
    let writer = buffered.into_inner().map_err(|error| Error::Keep {
        path: out.to_owned(),
        source: format::Error::Io { op: "writing the container", source: error.into_error() },
    })?;
    Ok((written, writer.commit().map_err(Error::Out)?.bytes))
}

impl Report for Converted {
    fn exit(&self) -> Exit {
        if self.damage_count > 0 { Exit::Bad } else { Exit::Good }
    }

    #[expect(clippy::misnamed_getters, reason = "people are told what is lost as well, beside the warnings")]
    fn warnings(&self) -> &[String] {
        &self.told
    }
}

impl fmt::Display for Converted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Shown(&self.name), Shown(&self.out))?;
        if let Some(records) = self.records {
            let (bytes, bytes_out) = (count(self.bytes), count(self.bytes_out));
            writeln!(
                f,
                "  log of EdgeVec, {bytes} bytes -> log, {bytes_out} bytes, {}",
                plural(records, "record")
            )?;
            return match self.damage_count {
                0 => Ok(()),
                places => writeln!(f, "  damaged in {}: what was in them is lost", plural(places, "place")),
            };
        }
        if let Some(saves) = self.saves {
            let (from, to) = match self.format {
                "saves" => ("root of saves", "saves of aw-save"),
                _ => ("saves of aw-save", "root of saves"),
            };
            let (bytes, bytes_out) = (count(self.bytes), count(self.bytes_out));
            writeln!(f, "  {from}, {bytes} bytes -> {to}, {bytes_out} bytes, {}", plural(saves, "save"))?;
            return match self.damage_count {
                0 => Ok(()),
                places => writeln!(
                    f,
                    "  {} can't be read and {} lost",
                    plural(places, "save"),
                    if places == 1 { "is" } else { "are" }
                ),
            };
        }
        let entities = self.entities.map(|entities| format!(", {}", plural(entities, "entity")));
        let sections = match self.to {
            "keep" => format!(", {}", plural(self.sections, "section")),
            _ => String::new(),
        };
        writeln!(
            f,
            "  {} ({}), {} bytes -> {} ({}), {} bytes{sections}{}",
            match self.format {
                "awsv" => "save of aw-save",
                "pecs" => "world of PECS",
                "evec" => "snapshot of EdgeVec",
                _ => self.kind.as_str(),
            },
            self.format,
            count(self.bytes),
            self.kind,
            self.to,
            count(self.bytes_out),
            entities.unwrap_or_default(),
        )
    }
}
