use std::fmt;

use keepstone::format::{Codec, FileKind, Format};
use serde::Serialize;

use crate::args::ImportArgs;
use crate::convert::refuse_same;
use crate::error::Error;
use crate::evec;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::{Shown, count, plural};

/// What `vectors import` did.
#[derive(Debug, Serialize)]
pub(super) struct Imported {
    #[serde(skip)]
    name: String,
    out: String,
    /// The format that was read.
    format: &'static str,
    kind: String,
    codec: &'static str,
    bytes: u64,
    bytes_out: u64,
    sections: u32,
    rows: u32,
    dimensions: u32,
    deleted: u32,
    /// How many entries there are; absent if the file has no metadata.
    metadata_entries: Option<usize>,
    warnings: Vec<String>,
}

/// Writes a snapshot of EdgeVec as a container, which is replaced in one step or stays as it was.
pub(super) fn run(args: &ImportArgs, progress: &Progress) -> Result<Imported, Error> {
    let (_, format) = Source::open(&args.input, progress)?;
    if format != Format::EdgeVec {
        return Err(Error::NotImported { path: args.input.clone(), format });
    }
    refuse_same(&args.input, &args.out)?;
    let bytes = evec::bytes(&args.input)?;
    let snapshot = evec::read(&args.input, &bytes)?;
    let codec = Codec::from(args.codec);
    let (sections, bytes_out) = evec::write(&args.input, &args.out, &snapshot, codec)?;
    Ok(Imported {
        name: args.input.display().to_string(),
        out: args.out.display().to_string(),
        format: "evec",
        kind: FileKind::SNAPSHOT.to_string(),
        codec: codec.name(),
        bytes: bytes.len() as u64,
        bytes_out,
        sections,
        rows: snapshot.row_count(),
        dimensions: snapshot.header.dimensions,
        deleted: snapshot.deleted_count(),
        metadata_entries: snapshot.metadata.as_ref().map(Vec::len),
        warnings: snapshot.warnings.iter().map(ToString::to_string).collect(),
    })
}

impl Report for Imported {
    fn exit(&self) -> Exit {
        Exit::Good
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Shown(&self.name), Shown(&self.out))?;
        let entries =
            self.metadata_entries.map(|entries| format!(", {} of metadata", plural(entries as u64, "entry")));
        writeln!(
            f,
            "  {} of {} dimensions, {} of them deleted{}",
            plural(self.rows, "vector"),
            count(self.dimensions),
            count(self.deleted),
            entries.unwrap_or_default()
        )?;
        writeln!(
            f,
            "  snapshot of EdgeVec, {} bytes -> snapshot (keep, codec {}), {} bytes, {}",
            count(self.bytes),
            self.codec,
            count(self.bytes_out),
            plural(self.sections, "section")
        )
    }
}
