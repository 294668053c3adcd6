use std::{fmt, path::Path};

use keepstone::format::{FileKind, Header, Limits, ReadAt, Reader};
use serde::Serialize;

use super::arrays::{self, ArraySummary};
use super::awsv::{self, Bundle};
use super::delta::{self, Delta};
use super::metadata::{HeadMetadata, TailMetadata};
use super::sections::{self, SectionSummary};
use super::world::{self, World};
use crate::error::Error;
use crate::source::Source;
use crate::text::{Grid, Shown, count, hex, plural, size};

/// Sections that are listed for people; JSON lists all.
const SECTIONS_SHOWN_MAX: usize = 50;

/// What a container says about itself.
#[derive(Debug, Serialize)]
pub(super) struct Container {
    bytes: u64,
    kind: String,
    kind_id: u16,
    major: u16,
    minor: u16,
    required_features: Vec<u32>,
    optional_features: Vec<u32>,
    store_id: Option<String>,
    epoch: u64,
    crc64: String,
    head: HeadMetadata,
    tail: TailMetadata,
    bytes_decoded: u64,
    bytes_stored: u64,
    world_count: usize,
    /// The first 64.
    worlds: Vec<World>,
    /// What a delta changes.
    delta: Option<Delta>,
    /// Why that can't be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    delta_fault: Option<String>,
    /// A converted save of aw-save.
    save: Option<Bundle>,
    arrays: Vec<ArraySummary>,
    /// What is wrong with arrays that aren't among these.
    array_faults: Vec<String>,
    sections: Vec<SectionSummary>,
}

/// Reads the parts of a container that describe it.
pub(super) fn inspect(path: &Path, source: Source) -> Result<Container, Error> {
    let limits = Limits::for_file_len(ReadAt::len(&source));
    let reader =
        Reader::open(source, limits).map_err(|source| Error::Keep { path: path.to_owned(), source })?;
    describe(path, &reader)
}

/// Reads the parts of an open container that describe it.
pub(super) fn describe<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Container, Error> {
    let header = *reader.header();
    let sections = sections::summarize(reader);
    let (world_count, worlds) = match world::holds_worlds(reader) {
        true if header.is_in_parts() => (1, world::inspect(path, reader)?),
        true => (world::numbers(reader).len(), world::inspect(path, reader)?),
        false => (0, Vec::new()),
    };
    let delta = (header.kind == FileKind::DELTA).then(|| delta::inspect(reader)).transpose();
    let (delta, delta_fault) = match delta {
        Ok(delta) => (delta, None),
        Err(fault) => (None, Some(fault)),
    };
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let (arrays, array_faults) = arrays::summarize(reader).map_err(keep)?;
    let Header { major, minor, kind, required, optional, store_id, epoch, .. } = header;
    Ok(Container {
        bytes: reader.bytes(),
        kind: kind.to_string(),
        kind_id: kind.0,
        major,
        minor,
        required_features: bits(required),
        optional_features: bits(optional),
        store_id: (store_id != [0; 16]).then(|| hex(&store_id)),
        epoch,
        crc64: format!("{:016x}", reader.container_crc()),
        head: HeadMetadata::new(reader.head()),
        tail: TailMetadata::new(reader.tail()),
        bytes_decoded: sections.iter().map(|section| section.bytes_decoded).sum(),
        bytes_stored: sections.iter().map(|section| section.bytes_stored).sum(),
        world_count,
        worlds,
        delta,
        delta_fault,
        save: awsv::of_container(path, reader)?,
        arrays,
        array_faults,
        sections,
    })
}

/// The numbers of the bits that are set.
fn bits(mask: u64) -> Vec<u32> {
    (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1).collect()
}

impl Container {
    fn write_arrays(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.arrays.is_empty() {
            writeln!(f, "\narrays")?;
            let mut grid = Grid::new("<><<>>>");
            grid.line(ArraySummary::TITLES.map(str::to_owned));
            for array in self.arrays.iter().take(SECTIONS_SHOWN_MAX) {
                grid.line(array.cells());
            }
            write!(f, "{grid}")?;
            if let Some(more) = self.arrays.len().checked_sub(SECTIONS_SHOWN_MAX).filter(|more| *more > 0) {
                writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
            }
        }
        for fault in self.array_faults.iter().take(SECTIONS_SHOWN_MAX) {
            writeln!(f, "\nwarning: {}", Shown(fault))?;
        }
        Ok(())
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", format!("{} (keepstone container {}.{})", self.kind, self.major, self.minor));
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        if !self.required_features.is_empty() || !self.optional_features.is_empty() {
            let features = format!(
                "required bits {:?}, optional bits {:?}",
                self.required_features, self.optional_features
            );
            line("features", features);
        }
        line("store", self.store_id.clone().unwrap_or_else(|| "none".to_owned()));
        if self.epoch != 0 {
            line("generation", count(self.epoch));
        }
        line("checksum", format!("{} (CRC-64)", self.crc64));
        for (name, value) in self.head.lines().into_iter().chain(self.tail.lines()) {
            line(&name, value);
        }
        write!(f, "{grid}")?;
        for world in &self.worlds {
            write!(f, "\n{world}")?;
        }
        if let Some(more) = self.world_count.checked_sub(self.worlds.len()).filter(|more| *more > 0) {
            writeln!(f, "\nand {} more", plural(more as u64, "world"))?;
        }
        if let Some(delta) = &self.delta {
            write!(f, "\n{delta}")?;
        }
        if let Some(fault) = &self.delta_fault {
            writeln!(f, "\nwarning: {}", Shown(fault))?;
        }
        if let Some(save) = &self.save {
            write!(f, "\n{save}")?;
        }
        self.write_arrays(f)?;
        // A world's own sections stand in its components.
        let others: Vec<&SectionSummary> =
            self.sections.iter().filter(|section| self.worlds.is_empty() || !section.is_of_world()).collect();
        if !others.is_empty() {
            writeln!(f, "\nsections")?;
            let mut grid = Grid::new("<><>>>>");
            grid.line(
                ["id", "instance", "layout", "offset", "decoded", "stored", "codec"].map(str::to_owned),
            );
            for section in others.iter().take(SECTIONS_SHOWN_MAX) {
                grid.line(section.cells());
            }
            write!(f, "{grid}")?;
            if let Some(more) = others.len().checked_sub(SECTIONS_SHOWN_MAX).filter(|more| *more > 0) {
                writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
            }
        }
        writeln!(
            f,
            "\ntotal  {} decoded, {} stored, {} with headers, tables and padding",
            size(self.bytes_decoded),
            size(self.bytes_stored),
            size(self.bytes)
        )
    }
}
