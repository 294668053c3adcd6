//! Builds snapshots as EdgeVec lays them out, independent of the reader.

use crate::edgevec::wire::crc;

/// What a snapshot is built from; every field may be wrong.
#[derive(Clone)]
pub(super) struct Evec {
    pub(super) minor: u8,
    pub(super) flags: u16,
    pub(super) dimensions: u32,
    pub(super) vectors: Vec<Vec<f32>>,
    /// Id, neighbours of the lowest layer, deleted.
    pub(super) nodes: Vec<(u64, Vec<u8>, u8)>,
    pub(super) bitmap: Vec<u8>,
    pub(super) deleted_count: u32,
    pub(super) seed: u64,
    /// Behind the bitmap.
    pub(super) rest: Vec<u8>,
}

impl Evec {
    /// `rows` vectors of 2, each with itself as only neighbour.
    pub(super) fn new(rows: u8) -> Self {
        Self {
            minor: 4,
            flags: 0,
            dimensions: 2,
            vectors: (0..rows).map(|row| vec![f32::from(row), -0.5]).collect(),
            nodes: (0..rows).map(|row| (u64::from(row) + 1, vec![1, row], 0)).collect(),
            bitmap: vec![0; usize::from(rows).div_ceil(8)],
            deleted_count: 0,
            seed: 0,
            rest: Vec::new(),
        }
    }

    /// Marks a row as deleted, in all three places.
    pub(super) fn delete(mut self, row: usize) -> Self {
        self.bitmap[row / 8] |= 1 << (row % 8);
        self.nodes[row].2 = 1;
        self.deleted_count += 1;
        self
    }

    pub(super) fn metadata(mut self, format: u8, payload: &[u8]) -> Self {
        self.flags |= 4;
        self.rest = metadata(format, payload);
        self
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let vectors: Vec<u8> =
            self.vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
        let (mut nodes, mut pool) = (Vec::new(), Vec::new());
        for (id, slot, deleted) in &self.nodes {
            let len = slot.len().next_multiple_of(16);
            nodes.extend(id.to_le_bytes());
            nodes.extend(u32::try_from(pool.len()).unwrap().to_le_bytes());
            nodes.extend(u16::try_from(len).unwrap().to_le_bytes());
            nodes.extend([0, *deleted]);
            pool.extend(slot);
            pool.resize(pool.len() + len - slot.len(), 0);
        }
        let index_offset = 64 + vectors.len() as u64;
        let bitmap_offset = index_offset + (nodes.len() + pool.len()) as u64;
        let data = [&vectors[..], &nodes, &pool, &self.bitmap, &self.rest].concat();
        let mut out = b"EVEC\x00".to_vec();
        out.push(self.minor);
        out.extend(self.flags.to_le_bytes());
        out.extend((self.vectors.len() as u64).to_le_bytes());
        out.extend(index_offset.to_le_bytes());
        out.extend(bitmap_offset.to_le_bytes());
        out.extend(self.seed.to_le_bytes());
        out.extend(self.dimensions.to_le_bytes());
        out.extend([0; 4]);
        out.extend(12_u32.to_le_bytes());
        out.extend(24_u32.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.deleted_count.to_le_bytes());
        assert_eq!(out.len(), 64);
        out.extend(data);
        seal(&mut out);
        out
    }
}

/// A metadata section.
pub(super) fn metadata(format: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = b"META\x01\x00".to_vec();
    out.extend([format, 0]);
    out.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    out.extend(crc(payload).to_le_bytes());
    out.extend(payload);
    out
}

/// Makes both checksums right.
pub(super) fn seal(bytes: &mut [u8]) {
    let data = crc(&bytes[64..]);
    bytes[56..60].copy_from_slice(&data.to_le_bytes());
    seal_header(bytes);
}

/// Makes the checksum of the header right.
pub(super) fn seal_header(bytes: &mut [u8]) {
    bytes[44..48].fill(0);
    let header = crc(&bytes[..64]);
    bytes[44..48].copy_from_slice(&header.to_le_bytes());
}

/// The file with bytes of its header changed and both checksums right.
pub(super) fn patched(bytes: &[u8], at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + value.len()].copy_from_slice(value);
    seal(&mut bytes);
    bytes
}
