use std::fmt;

use keepstone_format::{Kind, Limits, crc32};

use super::header::field;
use super::parts::{Parts, needed_len, vectors_end};
use super::{Graph, Header, Snapshot, Warning, check_len, metadata};
use crate::error::Error;

/// Bytes of a node of the graph.
const NODE_LEN: u64 = 16;
/// What metadata begin with.
const MAGIC: &[u8] = b"META";

/// What is left of a damaged snapshot.
#[derive(Debug)]
pub struct Salvaged<'a> {
    /// What is left. Rows that are lost are not among its rows.
    pub snapshot: Snapshot<'a>,
    /// What is lost, and what is there and not verified; empty for a file that is whole.
    pub losses: Vec<Loss>,
}

/// Something that a damaged snapshot lacks.
#[non_exhaustive]
#[derive(Debug)]
pub enum Loss {
    /// One bit of the header was wrong, and was put right by the checksum; nothing of the header is lost.
    HeaderBit {
        /// The bit, counted from the least significant of byte 0.
        bit: u16,
    },
    /// The checksum of the header is wrong; counts and offsets are believed since the nodes stand where they say.
    Header {
        /// The checksum in the header.
        expected: u32,
        /// The checksum of the header.
        found: u32,
    },
    /// The checksum of everything behind the header is wrong: all that is there was taken, and nothing vouches for it.
    Unverified {
        /// The checksum in the header.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The header has no checksum of what is behind it, as files of EdgeVec's stream export have none.
    NoChecksum,
    /// The last vectors are not in the file.
    Rows {
        /// The first one.
        first: u32,
        /// How many.
        count: u64,
    },
    /// The graph is not in the file as a whole; it can be built from the vectors.
    Graph,
    /// The bitmap of deleted rows is not in the file as a whole; what is deleted was taken from the nodes.
    Bitmap,
    /// Nothing says what is deleted.
    Deleted,
    /// The metadata can't be read.
    Metadata {
        /// Why.
        cause: Error,
    },
}

impl<'a> Snapshot<'a> {
    /// Reads what is left of a snapshot that is damaged or cut short, and says what is lost.
    ///
    /// The vectors of all rows that lie in the file as a whole are kept. EdgeVec has one checksum for everything behind the header:
    /// where it is wrong nobody can tell which bytes are, so all of them are taken and [`Loss::Unverified`] says so.
    ///
    /// # Errors
    ///
    /// Those of [`Snapshot::read`] that are no damage; and that of [`Snapshot::read`] if nothing is left, or if the header is damaged
    /// and doesn't fit what stands behind it.
    pub fn salvage(bytes: &'a [u8], limits: &Limits) -> Result<Salvaged<'a>, Error> {
        check_len(bytes, limits)?;
        let error = match Self::read(bytes, limits) {
            Ok(snapshot) => return Ok(Salvaged { snapshot, losses: Vec::new() }),
            Err(error) if error.kind() == Kind::Damaged => error,
            Err(error) => return Err(error),
        };
        let mut losses = Vec::new();
        let Some(header) = header(bytes, limits, &mut losses) else { return Err(error) };
        header.check()?;
        let data = bytes.get(Header::LEN..).unwrap_or_default();
        let is_unverified = header.data_crc != crc32(data);
        let Some((mut snapshot, end)) = whole_rows(bytes, header, limits, &mut losses)? else {
            return Err(error);
        };
        if is_unverified {
            let until = bytes.get(Header::LEN..end).unwrap_or_default();
            if end < bytes.len() && header.data_crc == crc32(until) && header.data_crc != 0 {
                let len = (bytes.len() - end) as u64;
                snapshot.warnings.push(Warning::Trailing { offset: end as u64, len });
            } else {
                losses.push(match header.data_crc {
                    0 => Loss::NoChecksum,
                    expected => Loss::Unverified { expected, found: crc32(data) },
                });
            }
        }
        snapshot.warn_of_ids();
        Ok(Salvaged { snapshot, losses })
    }
}

/// The header, put right where that is possible.
fn header(bytes: &[u8], limits: &Limits, losses: &mut Vec<Loss>) -> Option<Header> {
    let first = bytes.first_chunk()?;
    match Header::read(bytes) {
        Err(Error::Checksum { expected, found, .. }) => {
            if let Some((header, bit)) = Header::mend(first) {
                losses.push(Loss::HeaderBit { bit });
                return Some(header);
            }
            losses.push(Loss::Header { expected, found });
            fitting(bytes, Header::decode(first), limits, losses)
        }
        // The magic may be what is damaged.
        Err(Error::NotThisFormat { .. }) => {
            let (header, bit) = Header::mend(first)?;
            losses.push(Loss::HeaderBit { bit });
            Some(header)
        }
        _ => Some(Header::decode(first)),
    }
}

/// Takes from a header whose checksum is wrong what the nodes confirm: two of count, dimensions and offset
/// say what the third is. Where the bitmap begins is believed if what has to stand behind it does.
fn fitting(bytes: &[u8], header: Header, limits: &Limits, losses: &mut Vec<Loss>) -> Option<Header> {
    let (count, dimensions) = (header.vector_count, u64::from(header.dimensions));
    let numbers = header.index_offset.checked_sub(Header::LEN as u64).map(|len| len / 4);
    let other = |divisor: u64| numbers.filter(|_| divisor > 0).map(|numbers| numbers / divisor);
    let candidates = [Some((count, dimensions)), other(dimensions).map(|count| (count, dimensions)), {
        other(count).map(|dimensions| (count, dimensions))
    }];
    let fitting: Vec<Header> = (candidates.into_iter().flatten())
        .filter_map(|(count, dimensions)| {
            let index_offset = confirmed(bytes, count, dimensions)?;
            let dimensions = u32::try_from(dimensions).ok()?;
            Some(Header { vector_count: count, dimensions, index_offset, ..header })
        })
        .collect();
    let bitmap = |header: &Header| confirmed_bitmap(bytes, header, limits);
    let chosen = fitting.iter().find(|header| bitmap(header).is_some()).or(fitting.first())?;
    let mut header = Header { major: 0, ..*chosen };
    header.minor = header.minor.clamp(1, 4);
    header.flags &= Header::HAS_METADATA;
    if let Some((offset, has_metadata)) = bitmap(&header) {
        header.metadata_offset = offset;
        // One that is said to be there and isn't is lost, and said to be when it is read.
        header.flags |= if has_metadata { Header::HAS_METADATA } else { 0 };
    } else {
        let (found, least, most) = (header.metadata_offset, graph_end(&header), bytes.len() as u64);
        let (what, offset) = ("the offset of the bitmap", Header::METADATA_AT);
        losses.push(Loss::Metadata { cause: Error::Offset { what, offset, found, least, most } });
        (header.metadata_offset, header.flags) = (0, 0);
    }
    Some(header)
}

/// The least that the bitmap may begin at.
fn graph_end(header: &Header) -> u64 {
    header.index_offset.saturating_add(NODE_LEN.saturating_mul(header.vector_count))
}

/// Where the bitmap begins, and whether metadata stand behind it: where the header says if metadata or the end of the file
/// come right behind it, else before metadata whose checksum holds and with which the file ends.
fn confirmed_bitmap(bytes: &[u8], header: &Header, limits: &Limits) -> Option<(u64, bool)> {
    let bitmap_len = header.vector_count.div_ceil(8);
    let least = graph_end(header);
    let told = header.metadata_offset;
    let end = told.checked_add(bitmap_len).and_then(|end| usize::try_from(end).ok());
    let behind = end.and_then(|end| bytes.get(end..));
    if let Some(behind) = behind.filter(|_| told >= least)
        && (behind.is_empty() || behind.starts_with(MAGIC))
    {
        return Some((told, !behind.is_empty()));
    }
    let searched = bytes.get(usize::try_from(least).ok()?..)?;
    let place = searched.windows(MAGIC.len()).rposition(|window| window == MAGIC)?;
    let offset = (least + place as u64).checked_sub(bitmap_len).filter(|offset| *offset >= least)?;
    let start = bytes.len() - searched.len() + place;
    let (_, end) = metadata::read(bytes, start, limits, &mut Vec::new()).ok()?;
    (end == bytes.len()).then_some((offset, true))
}

/// Where the graph begins, if the first and the last node stand there, and behind the last one not the next.
fn confirmed(bytes: &[u8], count: u64, dimensions: u64) -> Option<u64> {
    let index_offset = count.checked_mul(dimensions)?.checked_mul(4)?.checked_add(Header::LEN as u64)?;
    let last = index_offset.checked_add(count.checked_sub(1)?.checked_mul(NODE_LEN)?)?;
    let id = |offset: u64| {
        let at = usize::try_from(offset).ok()?;
        let node = bytes.get(at..at.checked_add(usize::try_from(NODE_LEN).ok()?)?)?;
        Some(u64::from_le_bytes(field(node, 0)))
    };
    let is_last = id(last.checked_add(NODE_LEN)?) != count.checked_add(1);
    (id(index_offset)? == 1 && id(last)? == count && is_last).then_some(index_offset)
}

/// Takes all rows that are whole, and what is behind them if all of them are. Returns where everything ends.
fn whole_rows<'a>(
    bytes: &'a [u8],
    header: Header,
    limits: &Limits,
    losses: &mut Vec<Loss>,
) -> Result<Option<(Snapshot<'a>, usize)>, Error> {
    let row_len = u64::from(header.dimensions) * 4;
    let data_len = bytes.len().saturating_sub(Header::LEN) as u64;
    let found = data_len.checked_div(row_len).unwrap_or(header.vector_count).min(header.vector_count);
    let Some(rows) = u32::try_from(found).ok().filter(|rows| *rows <= limits.rows_max) else {
        return Err(Error::Limit { what: "vectors", needs: found, allowed: limits.rows_max.into() });
    };
    if rows == 0 && header.vector_count > 0 {
        return Ok(None);
    }
    let lost = header.vector_count - found;
    let vectors_end = usize::try_from(Header::LEN as u64 + found * row_len).unwrap_or(bytes.len());
    let mut warnings = Vec::new();
    let parts = (lost == 0).then(|| Parts::new(&header, bytes.len(), limits, &mut warnings).ok()).flatten();
    if lost > 0 {
        losses.push(Loss::Rows { first: rows, count: lost });
    }
    let Some(parts) = parts else {
        losses.extend([Loss::Graph, Loss::Deleted]);
        if header.has_metadata() {
            let (needs, found) = (needed_len(&header), bytes.len() as u64);
            losses.push(Loss::Metadata { cause: Error::Truncated { part: "the metadata", needs, found } });
        }
        return Ok(Some((alone(bytes, header, rows, vectors_end), bytes.len())));
    };
    debug_assert_eq!(vectors_end_of(&header), Some(vectors_end));
    let mut snapshot = Snapshot::of_parts(bytes, header, &parts)?;
    snapshot.warnings.splice(..0, warnings);
    let end = behind_rows(bytes, &parts, &mut snapshot, limits, losses)?;
    Ok(Some((snapshot, end)))
}

fn vectors_end_of(header: &Header) -> Option<usize> {
    vectors_end(header).and_then(|end| usize::try_from(end).ok())
}

/// Looks at what is behind the rows, and takes out of the snapshot what is not whole.
fn behind_rows<'a>(
    bytes: &'a [u8],
    parts: &Parts,
    snapshot: &mut Snapshot<'a>,
    limits: &Limits,
    losses: &mut Vec<Loss>,
) -> Result<usize, Error> {
    let header = snapshot.header;
    let nodes_are_whole = snapshot.graph.is_some_and(|graph: Graph<'_>| graph.is_whole(parts.rows));
    if !nodes_are_whole || header.metadata_offset > bytes.len() as u64 {
        losses.push(Loss::Graph);
        snapshot.graph = None;
    }
    let is_bitmap_whole = parts.bitmap.len() == super::bitmap_len(parts.rows);
    if !is_bitmap_whole && nodes_are_whole && header.has_deletes() {
        losses.push(Loss::Bitmap);
    } else if !is_bitmap_whole {
        losses.push(Loss::Deleted);
        snapshot.deleted = None;
    }
    // What is lost is said there.
    let is_said =
        |warning: &Warning| matches!(warning, Warning::BitmapShort { .. } | Warning::GraphShort { .. });
    snapshot.warnings.retain(|warning| !is_said(warning));
    let Some(start) = parts.metadata else { return Ok(parts.end(bytes.len())) };
    match metadata::read(bytes, start, limits, &mut snapshot.warnings) {
        Ok((entries, end)) => {
            snapshot.metadata = Some(entries);
            Ok(end)
        }
        Err(cause) if cause.kind() == Kind::Damaged => {
            losses.push(Loss::Metadata { cause });
            Ok(bytes.len())
        }
        Err(error) => Err(error),
    }
}

/// A snapshot of which nothing but rows is left.
fn alone(bytes: &[u8], header: Header, rows: u32, vectors_end: usize) -> Snapshot<'_> {
    Snapshot {
        header,
        metadata: None,
        warnings: Vec::new(),
        rows,
        vectors: bytes.get(Header::LEN..vectors_end).unwrap_or_default(),
        graph: None,
        deleted: None,
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderBit { bit } => write!(
                f,
                "bit {} of byte {} in the header was wrong; its checksum says what it was",
                bit % 8,
                bit / 8
            ),
            Self::Header { expected, found } => write!(
                f,
                "the header is not verified: its checksum is {found:08x}, expected {expected:08x}; the nodes of the graph confirm its counts"
            ),
            Self::Unverified { expected, found } => write!(
                f,
                "nothing behind the header is verified: its checksum is {found:08x}, expected {expected:08x}"
            ),
            Self::NoChecksum => {
                f.write_str("nothing behind the header is verified: the file has no checksum of it")
            }
            Self::Rows { first, count } => {
                write!(f, "{count} vectors, from row {first} (id {}) on", u64::from(*first) + 1)
            }
            Self::Graph => f.write_str("the graph; it can be built from the vectors"),
            Self::Bitmap => {
                f.write_str("the bitmap of deleted rows; what the graph says is deleted was kept")
            }
            Self::Deleted => f.write_str("which rows are deleted"),
            Self::Metadata { .. } => f.write_str("the metadata"),
        }
    }
}
