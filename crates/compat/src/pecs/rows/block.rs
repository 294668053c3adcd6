//! The block behind a file, for what version 1 has no place for.

use keepstone_ecs_persist::{Schema, WorldDoc, WorldMeta};
use keepstone_format::{
    Metadata, tag,
    wire::{Input, put_name, put_varint},
};

use super::{ids::Source, type_id::first_half};
use crate::{
    error::Error,
    pecs::{ComponentType, Flag, Header, Id},
    reserve::reserve,
};

/// The name of the registry entry that names the block.
pub(in crate::pecs) const NAME: &str = "keepstone.extended";
/// The version of that entry and of the block.
pub(in crate::pecs) const VERSION: u32 = 1;

const LEN_LEN: usize = 8;
/// Most bytes of the schema, as in a container: a field takes two bytes in the file and thirty times that in memory.
const SCHEMA_LEN_MAX: u64 = 1 << 20;
/// Most tables, as in a container: one takes a byte and many more in memory.
const TABLES_MAX: u64 = 1 << 20;

/// What a block holds but for resources.
pub(super) struct Block<'b> {
    pub(super) source: Source,
    pub(super) name: &'b str,
    pub(super) meta: WorldMeta,
    pub(super) schema: Schema,
    /// How many rows each table has.
    pub(super) tables: Vec<u32>,
    /// What is behind the tables: the data of each resource, its length before it.
    pub(super) resources: Input<'b>,
}

/// Puts a block together, its length first. `resources` are the data of each, in the order of the schema.
pub(super) fn put(doc: &WorldDoc<'_>, source: Source, resources: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; LEN_LEN];
    out.push(source.code());
    put_name(&mut out, &doc.name)?;
    put_sized(&mut out, &metadata(&doc.meta)?);
    let schema = doc.schema().encode()?;
    check_schema_len(schema.len() as u64)?;
    put_sized(&mut out, &schema);
    put_varint(&mut out, doc.tables.len() as u64);
    for table in &doc.tables {
        put_varint(&mut out, u64::from(table.rows));
    }
    for data in resources {
        put_sized(&mut out, data);
    }
    let len = (out.len() - LEN_LEN) as u64;
    if let Some(place) = out.first_chunk_mut::<LEN_LEN>() {
        *place = len.to_le_bytes();
    }
    Ok(out)
}

/// The type id of the registry entry that names this block.
pub(super) fn id_of(block: &[u8]) -> Id {
    first_half(blake3::hash(block))
}

/// Whether this registry entry of a file names a block.
pub(in crate::pecs) fn is_block(header: &Header, one: &ComponentType<'_>) -> bool {
    header.flags & Flag::ExtendedMetadata.bit() != 0 && one.name == Some(NAME) && one.components == 0
}

/// Finds the block behind the checksum of a file, which ends at `end`. None if no registry entry names one.
pub(in crate::pecs) fn find<'a>(
    bytes: &'a [u8],
    end: u64,
    header: &Header,
    types: &[ComponentType<'a>],
) -> Result<Option<&'a [u8]>, Error> {
    let Some(entry) = types.iter().find(|one| is_block(header, one)) else { return Ok(None) };
    let unread = header.unknown_flags() | (header.flags & Flag::Delta.bit());
    if unread != 0 {
        return Err(Error::Flags { offset: 8, unknown: u16::try_from(unread).unwrap_or(u16::MAX) });
    }
    if entry.version != VERSION {
        let (found, oldest, newest) = (entry.version, VERSION, VERSION);
        return Err(Error::Version { format: "extended PECS", found, oldest, newest });
    }
    let rest = usize::try_from(end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
    let len = rest.first_chunk::<LEN_LEN>().map(|len| u64::from_le_bytes(*len));
    let whole = len.and_then(|len| rest.get(..usize::try_from(len).ok()?.checked_add(LEN_LEN)?));
    let Some(block) = whole else {
        let needs = end.saturating_add(len.unwrap_or(0)).saturating_add(LEN_LEN as u64);
        return Err(Error::Truncated { part: "the extended metadata", needs, found: bytes.len() as u64 });
    };
    if id_of(block) != entry.type_id {
        return Err(Error::Extended { offset: end, problem: "its hash is not that of the registry" });
    }
    Ok(Some(block))
}

/// Takes a block apart, resources aside.
pub(super) fn take(block: &[u8], offset: u64) -> Result<Block<'_>, Error> {
    let body = block.get(LEN_LEN..).unwrap_or_default();
    let mut input = Input::at("extended metadata", body, offset + LEN_LEN as u64);
    let Some(source) = Source::from_code(input.u8()?) else {
        return Err(Error::Extended { offset, problem: "what its ids are has no known meaning" });
    };
    let name = input.name()?;
    let head = take_sized(&mut input)?;
    let meta = WorldMeta::from_metadata(&decode_metadata(head, offset)?);
    if metadata(&meta)? != head {
        return Err(Error::Extended { offset, problem: "its metadata are not as a writer orders them" });
    }
    let schema = take_sized(&mut input)?;
    check_schema_len(schema.len() as u64)?;
    let schema = Schema::decode(schema)?;
    let table_count = input.count(1)?;
    let (needs, allowed) = (table_count as u64, TABLES_MAX);
    if needs > allowed {
        return Err(Error::Limit { what: "tables of a world", needs, allowed });
    }
    let mut tables = reserve(table_count)?;
    for _ in 0..table_count {
        tables.push(input.varint_u32()?);
    }
    Ok(Block { source, name, meta, schema, tables, resources: input })
}

pub(super) fn take_sized<'b>(input: &mut Input<'b>) -> Result<&'b [u8], Error> {
    let len = input.count(1)?;
    Ok(input.take(len)?)
}

fn check_schema_len(needs: u64) -> Result<(), Error> {
    if needs > SCHEMA_LEN_MAX {
        return Err(Error::Limit { what: "bytes of the schema", needs, allowed: SCHEMA_LEN_MAX });
    }
    Ok(())
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Head metadata as the bytes of FORMAT.md section 2.2.
fn metadata(meta: &WorldMeta) -> Result<Vec<u8>, Error> {
    let head = meta.to_metadata();
    let mut out = Vec::new();
    let tags = head.tags().map(|(tag, value)| (tag, None, value));
    let customs = head.customs().map(|(key, value)| (tag::CUSTOM, Some(key), value));
    for (tag, key, value) in tags.chain(customs) {
        let mut entry = Vec::new();
        if let Some(key) = key {
            put_name(&mut entry, key)?;
        }
        entry.extend_from_slice(value);
        let Ok(len) = u16::try_from(entry.len()) else {
            let (needs, allowed) = (entry.len() as u64, u16::MAX.into());
            return Err(Error::Limit { what: "bytes of a metadata entry", needs, allowed });
        };
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&entry);
    }
    Ok(out)
}

fn decode_metadata(bytes: &[u8], offset: u64) -> Result<Metadata, Error> {
    let mut head = Metadata::new();
    let mut input = Input::at("extended metadata", bytes, offset);
    while !input.is_empty() {
        let tag = input.u16()?;
        let len = input.u16()?;
        let mut value = Input::at("extended metadata", input.take(len.into())?, offset);
        if tag == tag::CUSTOM {
            let key = value.name()?;
            head.set_custom(key, value.take_rest());
        } else {
            head.set(tag, value.take_rest());
        }
    }
    Ok(head)
}
