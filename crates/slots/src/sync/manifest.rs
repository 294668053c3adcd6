use std::collections::BTreeMap;

use keepstone_format::{Error as FormatError, Metadata, tag, wire::Input};

use super::file;
use crate::{id::SaveId, options::Compression, player::Player, stem::Stem};

const VERSION: u32 = 1;
const WHAT: &str = "list of heads";
/// Bytes of an entry whose name and head are empty.
const ENTRY_LEN_MIN: usize = 1 + 8 + 2;

/// The list of heads on the other side, FORMAT.md section 13.6: what saves fetching whole files. It is a hint.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Manifest {
    /// Which other side it is; zero: none has been written yet.
    pub(super) id: [u8; 16],
    pub(super) entries: BTreeMap<Stem, Listed>,
}

/// What it says of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub(super) len: u64,
    pub(super) head: Metadata,
}

impl Manifest {
    /// Encodes the container.
    pub(super) fn encode(&self, player: &Player, compression: Compression) -> Result<Vec<u8>, FormatError> {
        let limit = |needs: usize| FormatError::Limit {
            what: WHAT,
            needs: needs as u64,
            allowed: file::BODY_LEN_MAX,
        };
        let mut body = Vec::new();
        body.extend_from_slice(&VERSION.to_le_bytes());
        let count = u32::try_from(self.entries.len()).map_err(|_| limit(self.entries.len()))?;
        body.extend_from_slice(&count.to_le_bytes());
        for (stem, Listed { len, head }) in &self.entries {
            let name = stem.to_string();
            let head = head.to_bytes()?;
            let (Ok(name_len), Ok(head_len)) = (u8::try_from(name.len()), u16::try_from(head.len())) else {
                return Err(limit(head.len()));
            };
            body.push(name_len);
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(&len.to_le_bytes());
            body.extend_from_slice(&head_len.to_le_bytes());
            body.extend_from_slice(&head);
        }
        if body.len() as u64 > file::BODY_LEN_MAX {
            return Err(limit(body.len()));
        }
        let mut head = Metadata::new();
        head.set(tag::PLAYER, player.as_str().as_bytes());
        file::encode(head, self.id, &body, compression)
    }

    /// Decodes a container; none if it breaks any rule, or is that of another player.
    pub(super) fn decode(container: &[u8], player: &Player) -> Option<Self> {
        let decoded = file::decode(container)?;
        if decoded.head.get(tag::PLAYER) != Some(player.as_str().as_bytes()) || decoded.id == [0; 16] {
            return None;
        }
        let entries = entries(&decoded.body).ok()??;
        Some(Self { id: decoded.id, entries })
    }

    /// Gives it an id, unless it has one.
    pub(super) fn identify(&mut self) {
        if self.id == [0; 16] {
            self.id = *SaveId::random().as_bytes();
        }
    }
}

fn entries(body: &[u8]) -> Result<Option<BTreeMap<Stem, Listed>>, FormatError> {
    let mut input = Input::new(WHAT, body);
    let (version, count) = (input.u32()?, input.u32()?);
    let is_possible = usize::try_from(count).is_ok_and(|count| count <= input.remaining() / ENTRY_LEN_MIN);
    if version != VERSION || !is_possible {
        return Ok(None);
    }
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let Some(stem) = Stem::parse(input.name()?.as_bytes()) else { return Ok(None) };
        let len = input.u64()?;
        let head_len = input.u16()?;
        let head = Metadata::from_bytes(input.take(head_len.into())?)?;
        let is_last = entries.last_key_value().is_none_or(|(last, _)| *last < stem);
        if !is_last || Stem::of_head(&head) != Some(stem) {
            return Ok(None);
        }
        entries.insert(stem, Listed { len, head });
    }
    Ok(input.is_empty().then_some(entries))
}

#[cfg(test)]
mod tests;
