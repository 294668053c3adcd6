//! Hashes of worlds whose entities have no names.

use blake3::derive_key;

use crate::{
    canonical::Maps,
    doc::{NONE, WorldDoc},
    error::Error,
    gather::Index,
    hash::{ComponentHashes, WorldHash, feed::Feed, rows::Rows, schema_bytes},
    identity::IdSource,
};

type Digest = [u8; 16];

/// What an entity looks like by itself, without what it refers to.
const LOOKS: &str = "keepstone 2026 entity without an id, alone";
/// What it looks like with what it refers to.
const LINKED: &str = "keepstone 2026 entity without an id";
const ROW: &str = "keepstone 2026 row without an id";
const SET: &str = "keepstone 2026 multiset";

/// Hashes resources, and if asked for components, as multisets of values in which an entity stands for what it looks like; the last
/// hash is that of all entities, each with what the ones look like that it refers to.
pub(super) fn hashes(
    doc: &WorldDoc<'_>,
    index: &Index,
    each: bool,
) -> Result<(ComponentHashes, WorldHash), Error> {
    let none = u64::from(index.entities());
    let mut all = All { doc, index, rows: Vec::new(), schemas: Vec::new() };
    for column in &doc.columns {
        if Maps::of(column)?.is_some() {
            let what = "the hash of a map whose keys are entities";
            return Err(Error::NoPersistId { entities: none, of: none, what });
        }
        all.rows.push(Rows::of(column, index.entities(), &|ordinal| ordinal)?);
        all.schemas.push(schema_bytes(column)?);
    }
    let looks = if all.rows.iter().any(Rows::names) { all.entities(LOOKS, None) } else { Vec::new() };
    let entities = of_set(&[], all.entities(LINKED, Some(&looks)));
    let mut components = Vec::new();
    for (at, column) in doc.columns.iter().enumerate() {
        let resource = column.schema.resource;
        let count = if resource { 1 } else { index.holders(at).count() };
        if count > 0 && (each || resource) && column.schema.name != IdSource::RESOURCE {
            components.push((column.schema.name.clone(), all.component(at, count, &looks)));
        }
    }
    Ok((components, WorldHash(entities)))
}

fn of_set(what: &[u8], mut digests: Vec<Digest>) -> Digest {
    digests.sort_unstable();
    let mut feed = Feed::new(SET);
    feed.counted(what);
    feed.number(digests.len() as u64);
    for digest in &digests {
        feed.put(digest);
    }
    feed.finish()
}

fn digest(key: &[u8; 32], bytes: &[u8]) -> Digest {
    *blake3::keyed_hash(key, bytes).as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes")
}

struct All<'d> {
    doc: &'d WorldDoc<'d>,
    index: &'d Index,
    rows: Vec<Rows<'d>>,
    schemas: Vec<Vec<u8>>,
}

impl All<'_> {
    /// A digest of each entity: its values, whether references lead somewhere and, with `looks`, what that looks like.
    fn entities(&self, context: &str, looks: Option<&[Digest]>) -> Vec<Digest> {
        let mut digests = Vec::with_capacity(self.index.entities() as usize);
        let mut bytes = Vec::new();
        for (at, table) in (0_u32..).zip(&self.doc.tables) {
            let components = || table.components.iter().map(|&component| usize::from(component));
            let schemas: Vec<u8> = components()
                .filter_map(|c| self.schemas.get(c))
                .flat_map(|schema| [&(schema.len() as u64).to_le_bytes(), schema.as_slice()].concat())
                .collect();
            let key = derive_key(context, &schemas);
            let of_table: Vec<(&Rows<'_>, u32)> = components()
                .filter_map(|c| self.rows.get(c))
                .zip(self.index.bases(at).iter().copied())
                .collect();
            for row in 0..table.rows {
                bytes.clear();
                for (rows, base) in &of_table {
                    put_row(rows, base + row, looks, &mut bytes);
                }
                digests.push(digest(&key, &bytes));
            }
        }
        digests
    }

    /// The values of a column, each by itself.
    fn component(&self, at: usize, count: usize, looks: &[Digest]) -> WorldHash {
        let key = derive_key(ROW, &[]);
        let mut bytes = Vec::new();
        let mut digests = Vec::with_capacity(count);
        if let Some(rows) = self.rows.get(at) {
            for row in (0_u32..).take(count) {
                bytes.clear();
                put_row(rows, row, Some(looks), &mut bytes);
                digests.push(digest(&key, &bytes));
            }
        }
        WorldHash(of_set(self.schemas.get(at).map_or(&[][..], Vec::as_slice), digests))
    }
}

fn put_row(rows: &Rows<'_>, row: u32, looks: Option<&[Digest]>, out: &mut Vec<u8>) {
    let value = rows.bytes(row);
    if !rows.is_even() {
        out.extend((value.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(value);
    for &target in rows.targets(row) {
        out.push(u8::from(target != NONE));
        if let Some(look) = looks.and_then(|looks| looks.get(target as usize)) {
            out.extend_from_slice(look);
        }
    }
    if let (Some(rank), Some(_)) = (rows.rank(row), looks) {
        out.extend(rank.to_le_bytes());
    }
}
