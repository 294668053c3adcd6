use std::{fmt, path::Path};

use serde::Serialize;

use crate::error::Error;
use crate::evec;
use crate::text::{Grid, Shown, count, size};

/// What a snapshot of EdgeVec holds.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    bytes: u64,
    kind: &'static str,
    version: String,
    flags: u16,
    rows: u32,
    dimensions: u32,
    deleted: u32,
    vector_bytes: u64,
    m: u32,
    m0: u32,
    seed: u64,
    graph: Graph,
    /// How many entries there are; absent if the file has no metadata.
    metadata_entries: Option<usize>,
    header_crc: String,
    data_crc: String,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Graph {
    bytes: u64,
    nodes: u64,
    max_layer: Option<u8>,
}

/// Reads a whole snapshot.
pub(super) fn inspect(path: &Path) -> Result<Snapshot, Error> {
    let bytes = evec::bytes(path)?;
    let snapshot = evec::read(path, &bytes)?;
    let header = &snapshot.header;
    let graph = snapshot.graph();
    Ok(Snapshot {
        bytes: bytes.len() as u64,
        kind: "snapshot",
        version: format!("{}.{}", header.major, header.minor),
        flags: header.flags,
        rows: snapshot.row_count(),
        dimensions: header.dimensions,
        deleted: snapshot.deleted_count(),
        vector_bytes: snapshot.vector_bytes().len() as u64,
        m: header.hnsw_m,
        m0: header.hnsw_m0,
        seed: header.rng_seed,
        graph: Graph {
            bytes: graph.map_or(0, |graph| graph.bytes().len() as u64),
            nodes: graph.map_or(0, |graph| graph.node_count()),
            max_layer: graph.and_then(|graph| graph.max_layer()),
        },
        metadata_entries: snapshot.metadata.as_ref().map(Vec::len),
        header_crc: format!("{:08x}", header.header_crc),
        data_crc: format!("{:08x}", header.data_crc),
        warnings: snapshot.warnings.iter().map(ToString::to_string).collect(),
    })
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", format!("snapshot of EdgeVec {}", self.version));
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        line("vectors", format!("{}, {} of them deleted", count(self.rows), count(self.deleted)));
        line("dimensions", format!("{} (f32, {})", count(self.dimensions), size(self.vector_bytes)));
        let Graph { bytes, nodes, max_layer } = &self.graph;
        let layers = max_layer.map(|layer| format!(", layers 0 to {layer}")).unwrap_or_default();
        line(
            "graph",
            format!("{} nodes{layers}, {}, M {}, M0 {}", count(*nodes), size(*bytes), self.m, self.m0),
        );
        let entries = self.metadata_entries.map(|entries| format!("{} entries", count(entries as u64)));
        line("metadata", entries.unwrap_or_else(|| "none".to_owned()));
        line("checksum", format!("{} (CRC-32 of all behind the header)", self.data_crc));
        line("to use it", "keepstone vectors import makes a snapshot of it that opens in place".to_owned());
        write!(f, "{grid}")?;
        for warning in &self.warnings {
            writeln!(f, "\nwarning: {}", Shown(warning))?;
        }
        Ok(())
    }
}
