use std::ops::Range;

use keepstone_format::Limits;

use super::Header;
use super::warning::Warning;
use crate::error::Error;

/// Where the parts of a snapshot stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) rows: u32,
    pub(super) vectors: Range<usize>,
    pub(super) graph: Range<usize>,
    /// What there is of the bitmap.
    pub(super) bitmap: Range<usize>,
    /// Where the metadata begin, if there are some.
    pub(super) metadata: Option<usize>,
}

impl Parts {
    /// Checks the offsets of a header against each other and the length of the file.
    pub(super) fn new(
        header: &Header,
        len: usize,
        limits: &Limits,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Error> {
        let vectors_end = vectors_end(header);
        let index_offset = in_data(Header::INDEX_AT, header.index_offset, warnings);
        let found = header.index_offset;
        if vectors_end != Some(index_offset) {
            let least = vectors_end.unwrap_or(u64::MAX);
            let (what, offset) = ("the offset of the graph", Header::INDEX_AT);
            return Err(Error::Offset { what, offset, found, least, most: least });
        }
        let Some(index_at) = usize::try_from(index_offset).ok().filter(|at| *at <= len) else {
            return Err(Error::Truncated { part: "the vectors", needs: index_offset, found: len as u64 });
        };
        let allowed = limits.rows_max;
        let needs = header.vector_count;
        let Some(rows) = u32::try_from(needs).ok().filter(|rows| *rows <= allowed) else {
            return Err(Error::Limit { what: "vectors", needs, allowed: allowed.into() });
        };
        let bitmap_len = bitmap_len(rows);
        let has_bitmap = header.metadata_offset > 0;
        // Without a bitmap EdgeVec looks for metadata where they would be behind one that begins the data.
        let bitmap_offset = match header.metadata_offset {
            0 => Header::LEN as u64,
            offset => in_data(Header::METADATA_AT, offset, warnings),
        };
        let metadata_offset = bitmap_offset.saturating_add(bitmap_len as u64);
        let graph_end = match (has_bitmap, header.has_metadata()) {
            (true, _) => bitmap_offset,
            (false, true) => metadata_offset,
            (false, false) => len as u64,
        };
        if graph_end < index_offset {
            let (what, offset, most) = ("the offset of the bitmap", Header::METADATA_AT, len as u64);
            let found = header.metadata_offset;
            return Err(Error::Offset { what, offset, found, least: index_offset, most });
        }
        let within = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(len);
        let graph_end = within(graph_end);
        let bitmap_end = if has_bitmap { within(metadata_offset) } else { graph_end };
        Ok(Self {
            rows,
            vectors: Header::LEN.min(len)..index_at,
            graph: index_at..graph_end,
            bitmap: graph_end..bitmap_end.max(graph_end),
            metadata: header.has_metadata().then(|| usize::try_from(metadata_offset).unwrap_or(usize::MAX)),
        })
    }

    /// Where everything ends that the header knows of; metadata and a graph without a bitmap go on to the end of the file.
    pub(super) fn end(&self, len: usize) -> usize {
        match self.metadata {
            Some(_) => len,
            None => self.bitmap.end,
        }
    }
}

/// Bytes that the bitmap of so many rows takes.
pub(super) fn bitmap_len(rows: u32) -> usize {
    usize::try_from(rows.div_ceil(8)).unwrap_or(usize::MAX)
}

/// Where the vectors of a header end, if that is anywhere.
pub(super) fn vectors_end(header: &Header) -> Option<u64> {
    let row_len = u64::from(header.dimensions) * 4;
    header.vector_count.checked_mul(row_len)?.checked_add(Header::LEN as u64)
}

/// The length that a file has at least, if the offsets of its header are right.
pub(super) fn needed_len(header: &Header) -> u64 {
    let bitmap = match header.metadata_offset {
        0 => 0,
        offset => offset.max(Header::LEN as u64).saturating_add(header.vector_count.div_ceil(8)),
    };
    let metadata = if header.has_metadata() { super::metadata::HEADER_LEN as u64 } else { 0 };
    header.index_offset.max(bitmap.saturating_add(metadata))
}

/// EdgeVec takes an offset into the header for the end of it.
fn in_data(field_at: u64, offset: u64, warnings: &mut Vec<Warning>) -> u64 {
    let least = Header::LEN as u64;
    if offset < least {
        warnings.push(Warning::OffsetInHeader { offset: field_at, found: offset });
    }
    offset.max(least)
}
