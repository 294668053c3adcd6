use std::{fmt, ops::Range, path::Path};

use keepstone::format::plain::{OwnedLayout, Primitive};
use keepstone::format::{Format, Limits, ReadAt, Reader};
use serde::Serialize;

use super::norms::Norms;
use crate::arrays::{Array, list};
use crate::error::Error;
use crate::evec;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::source::Source;
use crate::text::{Grid, Shown, count, cut, plural, size};

/// The arrays that are looked at.
const VECTORS: &str = "vectors";
const DELETED: &str = "deleted";

/// What `vectors stat` found.
#[derive(Debug, Serialize)]
pub(super) struct Stat {
    #[serde(skip)]
    name: String,
    format: &'static str,
    rows: u64,
    dimensions: u32,
    /// How many are deleted; absent if nothing says so.
    deleted: Option<u64>,
    /// Rows that a repair has found lost.
    lost: u64,
    /// Bytes of all vectors.
    bytes: u64,
    #[serde(flatten)]
    norms: Norms,
    warnings: Vec<String>,
}

/// Looks at all vectors of a file.
pub(super) fn run(path: &Path, progress: &Progress) -> Result<Stat, Error> {
    let (source, format) = Source::open(path, progress)?;
    match format {
        Format::EdgeVec => of_evec(path),
        Format::Keep => of_keep(path, source),
        format => Err(Error::NoVectorsIn { path: path.to_owned(), format }),
    }
}

fn of_evec(path: &Path) -> Result<Stat, Error> {
    let bytes = evec::bytes(path)?;
    let snapshot = evec::read(path, &bytes)?;
    let mut norms = Norms::default();
    for (row, (_, vector)) in (0..).zip(snapshot.vectors()) {
        if !snapshot.is_deleted(row) {
            norms.add(vector.to_f32().into_iter().flatten());
        }
    }
    Ok(Stat {
        name: path.display().to_string(),
        format: "evec",
        rows: snapshot.row_count().into(),
        dimensions: snapshot.header.dimensions,
        deleted: Some(snapshot.deleted_count().into()),
        lost: 0,
        bytes: snapshot.vector_bytes().len() as u64,
        norms,
        warnings: snapshot.warnings.iter().map(ToString::to_string).collect(),
    })
}

fn of_keep(path: &Path, source: Source) -> Result<Stat, Error> {
    let keep = |source| Error::Keep { path: path.to_owned(), source };
    let limits = Limits::for_file_len(source.len());
    let reader = Reader::open(source, limits).map_err(keep)?;
    let found = list(&reader).map_err(keep)?;
    let named = |name: &str| found.arrays.iter().find(|array| array.head.name == name);
    let Some(vectors) = named(VECTORS) else {
        return Err(Error::NoVectors { path: path.to_owned(), faults: found.faults });
    };
    if vectors.head.layout != OwnedLayout::Primitive(Primitive::F32) {
        let layout = cut(&vectors.head.layout.to_string()).into_owned();
        return Err(Error::NotF32 { path: path.to_owned(), layout });
    }
    let rows = vectors.rows();
    let mut warnings = found.faults.clone();
    let bits = named(DELETED).and_then(|array| array.values.as_ref().map(|values| (array, values)));
    let mut is_live_known = true;
    let bits = match bits {
        None if named(DELETED).is_some() => {
            warnings.push(format!(
                "all of array {DELETED} is lost: which vectors are deleted isn't known, and all of them are counted in"
            ));
            is_live_known = false;
            None
        }
        None => None,
        Some((array, values)) => {
            if values.decoded_len() != rows.div_ceil(8) || array.row_len != 1 {
                warnings.push(format!("array {DELETED} is not a bit for each of {rows} rows"));
                is_live_known = false;
                None
            } else if array.is_lossy() {
                warnings.push(format!(
                    "parts of array {DELETED} are lost: which vectors are deleted isn't known, and all of them are counted in"
                ));
                is_live_known = false;
                None
            } else {
                Some(reader.read(values).map_err(keep)?.into_owned())
            }
        }
    };
    if vectors.values.is_none() {
        warnings.push(format!("all values of array {VECTORS} are lost"));
    }
    if vectors.is_end_lost {
        warnings.push(format!("rows behind the end of array {VECTORS} are lost, nobody knows how many"));
    }
    let lost = vectors.lost(&reader).map_err(keep)?;
    let mut norms = norms(&reader, vectors, bits.as_deref(), &lost).map_err(keep)?;
    if !is_live_known {
        norms.live = None;
    }
    let deleted = bits.map(|bits| (0..rows).filter(|row| is_set(&bits, *row)).count() as u64);
    Ok(Stat {
        name: path.display().to_string(),
        format: "keep",
        rows,
        dimensions: vectors.head.width,
        deleted,
        lost: vectors.lost_rows,
        bytes: vectors.bytes(),
        norms,
        warnings,
    })
}

/// Goes through the vectors chunk by chunk, each of which is checked; a row may begin in one and end in the next.
fn norms<R: ReadAt>(
    reader: &Reader<R>,
    vectors: &Array,
    deleted: Option<&[u8]>,
    lost: &[Range<u64>],
) -> Result<Norms, keepstone::format::Error> {
    let mut norms = Norms::default();
    let Some(values) = &vectors.values else { return Ok(norms) };
    let row_len = usize::try_from(vectors.row_len).unwrap_or(usize::MAX);
    let mut lost = lost.iter().peekable();
    let mut row = 0;
    let mut see = |bytes: &[u8]| {
        while lost.next_if(|range| range.end <= row).is_some() {}
        let is_lost = lost.peek().is_some_and(|range| range.contains(&row));
        if !is_lost && !deleted.is_some_and(|bits| is_set(bits, row)) {
            norms.add(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)));
        }
        row += 1;
    };
    let mut begun: Vec<u8> = Vec::new();
    let mut chunks = reader.chunks(values)?;
    while let Some(mut chunk) = chunks.next_chunk()? {
        if !begun.is_empty() {
            let (head, rest) = chunk.split_at(chunk.len().min(row_len - begun.len()));
            begun.extend_from_slice(head);
            chunk = rest;
            if begun.len() < row_len {
                continue;
            }
            see(&begun);
            begun.clear();
        }
        let rows = chunk.chunks_exact(row_len);
        begun.extend_from_slice(rows.remainder());
        rows.for_each(&mut see);
    }
    Ok(norms)
}

fn is_set(bits: &[u8], row: u64) -> bool {
    let byte = usize::try_from(row / 8).ok().and_then(|at| bits.get(at));
    byte.is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

impl Report for Stat {
    fn exit(&self) -> Exit {
        Exit::Good
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Shown(&self.name))?;
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("vectors", format!("{} of {} (f32)", count(self.rows), plural(self.dimensions, "dimension")));
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        line("deleted", self.deleted.map_or_else(|| "not known".to_owned(), count));
        if self.lost > 0 {
            line("lost", count(self.lost));
        }
        let Norms { live, norm_min, norm_mean, norm_max, non_finite, zero, .. } = &self.norms;
        line("live", live.map_or_else(|| "not known".to_owned(), count));
        if let (Some(min), Some(mean), Some(max)) = (norm_min, norm_mean, norm_max) {
            line("norm", format!("{min:.6} to {max:.6}, mean {mean:.6}"));
        }
        line("NaN or infinite", count(*non_finite));
        line("zero", count(*zero));
        write!(f, "{grid}")
    }
}
