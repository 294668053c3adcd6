//! Snapshots of EdgeVec (`.evec`): the vectors of an index, its graph, and what belongs to the vectors.
//!
//! # Layout
//!
//! All integers are little-endian. `N` is the number of vectors, `D` that of their dimensions.
//!
//! | offset | size | field | rule |
//! |---|---|---|---|
//! | 0 | 4 | magic | `EVEC` |
//! | 4 | 1 | major version | 0 |
//! | 5 | 1 | minor version | 1 or more; above 4 is a warning |
//! | 6 | 2 | flags | bit 2: metadata. Any other is refused |
//! | 8 | 8 | `N` | deleted vectors as well |
//! | 16 | 8 | offset of the graph | `64 + 4 * N * D` |
//! | 24 | 8 | offset of the bitmap | behind the graph; 0: there is none |
//! | 32 | 8 | seed | 0 |
//! | 40 | 4 | `D` | |
//! | 44 | 4 | CRC-32 of these 64 bytes, with this field as zero | |
//! | 48 | 8 | `M` and `M0` of the graph, u32 each | |
//! | 56 | 4 | CRC-32 of all bytes from 64 to the end of the file | |
//! | 60 | 4 | how many nodes are deleted | anything else is a warning; before minor version 3 reserved |
//! | 64 | `4 * N * D` | the vectors: f32, row after row | the vector in row `i` has id `i + 1` |
//! | .. | `16 * N` | the nodes of the graph | fewer are a warning |
//! | .. | .. | the neighbours of the nodes, in slots | |
//! | .. | `N / 8`, rounded up | the bitmap: bit `i % 8` of byte `i / 8`, from the least significant | a short one is a warning |
//! | .. | .. | metadata, if flag 2 is set: `META`, version u16 (1), format u8 (1 postcard, 2 JSON), reserved u8, length u32, CRC-32, payload | |
//!
//! A node is the id of its vector as u64, where its slot begins as u32, the length of the slot as u16, its
//! highest layer and whether it is deleted, a byte each. A slot has for each layer a count and as many
//! differences of ascending rows, in numbers of seven bits a byte. The payload of the metadata is a list of
//! (id u32, key, value), where a value is a string, an i64, an f64, a bool or a list of strings.
//!
//! A file that is only a header, with a bitmap at 0, is an index without vectors.
//!
//! # What is read otherwise than in EdgeVec
//!
//! EdgeVec keeps two notes of what is deleted, one in the bitmap and one in the nodes, and its calls don't
//! always write both. Here a row is deleted if either says so. A graph that is broken or cut short is a
//! [`Warning`]: the vectors are what can't be computed again. An offset of the bitmap in front of the graph is
//! an error, where EdgeVec computes with it.
//!
//! # Memory
//!
//! A bit for each vector, and at most 64 bytes for each metadata entry, which takes at least 4 bytes of the file.
//! Everything else stays in the bytes that it is read from. Metadata in JSON, which EdgeVec reads and does not
//! write, is copied.

mod graph;
mod header;
mod keep;
mod metadata;
mod parts;
mod salvage;
mod section;
mod warning;

use keepstone_format::{Limits, crc32};

use crate::edgevec::Vector;
use crate::error::Error;
use crate::reserve::reserve;

pub use graph::{Graph, Node};
pub use header::Header;
pub use metadata::{Entry, Value};
pub use salvage::{Loss, Salvaged};
pub use section::read_metadata;
pub use warning::Warning;

use parts::{Parts, bitmap_len};

/// A whole snapshot, checked and read; vectors and graph stay in the bytes it was read from.
///
/// ```
/// use keepstone_compat::edgevec::Snapshot;
/// use keepstone_format::Limits;
///
/// # let bytes = include_bytes!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"),
/// #     "/tests/fixtures/edgevec/snap_100x8_deleted_meta.evec",
/// # ));
/// // `bytes` is the content of an .evec file.
/// let snapshot = Snapshot::read(bytes, &Limits::for_file_len(bytes.len() as u64))?;
/// assert_eq!((snapshot.row_count(), snapshot.header.dimensions), (100, 8));
/// for (id, vector) in snapshot.vectors().filter(|(id, _)| !snapshot.is_deleted(id - 1)) {
///     let numbers: Vec<f32> = vector.to_f32().into_iter().flatten().collect();
///     assert_eq!(numbers.len(), 8, "id {id}");
/// }
/// # Ok::<(), keepstone_compat::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot<'a> {
    /// The header.
    pub header: Header,
    /// The metadata in the order of vector and key; `None` if the file has none.
    pub metadata: Option<Vec<Entry<'a>>>,
    /// What was odd about the file; empty for one that EdgeVec wrote.
    pub warnings: Vec<Warning>,
    rows: u32,
    vectors: &'a [u8],
    graph: Option<Graph<'a>>,
    deleted: Option<Vec<u8>>,
}

impl<'a> Snapshot<'a> {
    /// Reads a snapshot and checks both checksums.
    ///
    /// # Errors
    ///
    /// [`Error::NotThisFormat`], [`Error::Version`], [`Error::Flags`]; [`Error::Checksum`] at byte 0 for the
    /// header and at 64 for the rest; [`Error::Truncated`], [`Error::Offset`]; for the metadata [`Error::Checksum`],
    /// [`Error::Unknown`], [`Error::Announced`], [`Error::Postcard`], [`Error::MetadataJson`]; [`Error::Limit`] for more bytes, vectors or
    /// elements of metadata than are allowed, [`Error::OutOfMemory`].
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        check_len(bytes, limits)?;
        let header = Header::read(bytes)?;
        let found = crc32(bytes.get(Header::LEN..).unwrap_or_default());
        if header.data_crc != found {
            let (needs, len) = (parts::needed_len(&header), bytes.len() as u64);
            if needs > len {
                return Err(Error::Truncated { part: "the snapshot", needs, found: len });
            }
            return Err(Error::Checksum { offset: Header::LEN as u64, expected: header.data_crc, found });
        }
        let mut warnings = Vec::new();
        let parts = Parts::new(&header, bytes.len(), limits, &mut warnings)?;
        let (metadata, end) = match parts.metadata {
            None => (None, parts.end(bytes.len())),
            Some(start) => {
                let (entries, end) = metadata::read(bytes, start, limits, &mut warnings)?;
                (Some(entries), end)
            }
        };
        let mut snapshot = Self::of_parts(bytes, header, &parts)?;
        snapshot.metadata = metadata;
        let trailing = bytes.len().saturating_sub(end) as u64;
        if trailing > 0 {
            warnings.push(Warning::Trailing { offset: end as u64, len: trailing });
        }
        snapshot.warnings.splice(..0, warnings);
        snapshot.warn_of_ids();
        Ok(snapshot)
    }

    /// Takes what is at these places, but for the metadata.
    fn of_parts(bytes: &'a [u8], header: Header, parts: &Parts) -> Result<Self, Error> {
        let part = |range: &std::ops::Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        let graph = Graph::new(part(&parts.graph), parts.rows);
        let mut warnings = Vec::new();
        if header.is_newer_than_known() {
            warnings.push(Warning::Minor { found: header.minor });
        }
        if !header.has_deletes() && header.deleted_count != 0 {
            warnings.push(Warning::Reserved { offset: 60, found: header.deleted_count });
        }
        let deleted = deleted(&header, parts.rows, part(&parts.bitmap), &graph, &mut warnings)?;
        warnings.extend(graph.warning(parts.rows));
        Ok(Self {
            header,
            metadata: None,
            warnings,
            rows: parts.rows,
            vectors: part(&parts.vectors),
            graph: Some(graph),
            deleted: Some(deleted),
        })
    }

    fn warn_of_ids(&mut self) {
        let is_unknown = |entry: &&Entry<'_>| entry.vector == 0 || entry.vector > self.rows;
        let mut unknown = self.metadata.iter().flatten().filter(is_unknown).map(|entry| entry.vector);
        if let Some(first) = unknown.next() {
            let count = 1 + unknown.count() as u64;
            self.warnings.push(Warning::MetadataIds { count, first });
        }
    }

    /// Returns how many vectors there are, deleted ones as well.
    pub fn row_count(&self) -> u32 {
        self.rows
    }

    /// Returns the numbers of all vectors as they stand in the file: little-endian f32, row after row.
    pub fn vector_bytes(&self) -> &'a [u8] {
        self.vectors
    }

    /// Returns the vector in a row; it is a [`Vector::F32`].
    pub fn vector(&self, row: u32) -> Option<Vector<'a>> {
        if row >= self.rows {
            return None;
        }
        let width = usize::try_from(self.header.dimensions).ok()?;
        let start = usize::try_from(row).ok()?.checked_mul(width)?;
        let (numbers, _) = self.vectors.as_chunks();
        numbers.get(start..start.checked_add(width)?).map(Vector::F32)
    }

    /// Returns ids and vectors in file order, deleted ones as well. The vector in row `i` has the id `i + 1`.
    pub fn vectors(&self) -> impl Iterator<Item = (u32, Vector<'a>)> + '_ {
        (0..self.rows).filter_map(|row| Some((row + 1, self.vector(row)?)))
    }

    /// Returns the bitmap of deleted rows: bit `i % 8` (least significant first) of byte `i / 8` is row `i`; bits behind the
    /// last row are zero. `None` if what is deleted was lost: see [`Snapshot::salvage`].
    pub fn deleted(&self) -> Option<&[u8]> {
        self.deleted.as_deref()
    }

    /// Returns whether the vector in a row is deleted.
    pub fn is_deleted(&self, row: u32) -> bool {
        self.deleted().is_some_and(|bits| is_set(bits, row))
    }

    /// Returns how many vectors are deleted.
    pub fn deleted_count(&self) -> u32 {
        self.deleted().map_or(0, |bits| bits.iter().map(|byte| byte.count_ones()).sum())
    }

    /// Returns the graph, whole or not. `None` if it was lost: see [`Snapshot::salvage`].
    pub fn graph(&self) -> Option<Graph<'a>> {
        self.graph
    }
}

/// Checks every checksum and the structure of a snapshot and returns what is odd about it.
///
/// # Errors
///
/// As [`Snapshot::read`].
pub fn verify(bytes: &[u8], limits: &Limits) -> Result<Vec<Warning>, Error> {
    Snapshot::read(bytes, limits).map(|snapshot| snapshot.warnings)
}

fn check_len(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let (needs, allowed) = (bytes.len() as u64, limits.decoded_max);
    if needs > allowed {
        return Err(Error::Limit { what: "decoded bytes", needs, allowed });
    }
    Ok(())
}

/// What bitmap and nodes together say is deleted.
fn deleted(
    header: &Header,
    rows: u32,
    bitmap: &[u8],
    graph: &Graph<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>, Error> {
    let needs = bitmap_len(rows);
    let mut bits = reserve(needs)?;
    bits.extend_from_slice(bitmap.get(..needs).unwrap_or(bitmap));
    if bits.len() < needs {
        warnings.push(Warning::BitmapShort { needs: needs as u64, found: bits.len() as u64 });
    }
    let is_complete = bits.len() == needs;
    bits.resize(needs, 0);
    if let (Some(last), used @ 1..) = (bits.last_mut(), rows % 8) {
        let beyond = *last & (u8::MAX << used);
        if is_complete && beyond != 0 {
            warnings.push(Warning::BitmapBeyond { count: beyond.count_ones() });
        }
        *last &= !beyond;
    }
    if !header.has_deletes() {
        return Ok(bits);
    }
    let (mut nodes, mut graph_only, mut both) = (0, 0, 0);
    let before: u64 = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
    for node in graph.nodes().filter(|node| node.deleted != 0) {
        nodes += 1;
        let row = node.vector_id.checked_sub(1).and_then(|row| u32::try_from(row).ok());
        let Some(row) = row.filter(|row| *row < rows) else { continue };
        if is_set(&bits, row) {
            both += 1;
        } else {
            graph_only += 1;
            set(&mut bits, row);
        }
    }
    if graph.is_whole(rows) {
        if nodes != u64::from(header.deleted_count) {
            warnings.push(Warning::DeletedCount { header: header.deleted_count, nodes });
        }
        let bitmap_only = before.saturating_sub(both);
        if is_complete && (bitmap_only, graph_only) != (0, 0) {
            warnings.push(Warning::DeletedRows { bitmap_only, graph_only });
        }
    }
    Ok(bits)
}

fn is_set(bits: &[u8], row: u32) -> bool {
    let byte = usize::try_from(row / 8).ok().and_then(|at| bits.get(at));
    byte.is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

fn set(bits: &mut [u8], row: u32) {
    if let Some(byte) = usize::try_from(row / 8).ok().and_then(|at| bits.get_mut(at)) {
        *byte |= 1 << (row % 8);
    }
}
