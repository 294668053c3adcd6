use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use keepstone_format::{Codec, Error as FormatError, Metadata, crc64, wire::Input};
use keepstone_storage::{Durability, Files, atomic};

use super::file;
use crate::{Error, id::SaveId, options::Compression};

const VERSION: u32 = 1;
const WHAT: &str = "what is in common";
/// The number that stands for the profile.
const PROFILE: u16 = 256;
const IN_COMMON: u8 = 0;
const UNWANTED: u8 = 1;
/// Bytes that the file may have: 257 entries of 19 bytes, and what is around them.
const LEN_MAX: u64 = 32 << 10;
/// Bytes of a target's name that are kept.
const NAME_LEN_MAX: usize = 1 << 10;

/// What was last seen in common with another side, FORMAT.md section 13.6. It is a hint: without it more saves count as forks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// The id of the list of heads there; zero: there was none.
    pub(super) manifest_id: [u8; 16],
    pub(super) slots: BTreeMap<Option<u8>, Common>,
}

/// What was seen of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) id: SaveId,
    /// Whether the player has deleted it here, so that it isn't fetched again.
    pub(super) is_unwanted: bool,
}

impl Base {
    /// Reads what is known of a target; nothing if the file is missing or breaks any rule.
    pub(super) fn read(files: &dyn Files, dir: &Path, target: &str) -> Self {
        let mut bytes = Vec::new();
        let read = keepstone_storage::read(files, &path_of(dir, target), LEN_MAX, &mut bytes);
        read.ok().and_then(|()| Self::decode(&bytes, target)).unwrap_or_default()
    }

    /// Puts it in the place of the one that is there. It is durable when this returns; a crash half-way leaves one of the two.
    pub(super) fn write(&self, files: &dyn Files, dir: &Path, target: &str) -> Result<(), Error> {
        let path = path_of(dir, target);
        let bytes = self.encode(target).map_err(|source| Error::format(&path, source))?;
        atomic::replace(files, &path, Durability::Durable, &bytes)?;
        Ok(())
    }

    pub(super) fn encode(&self, target: &str) -> Result<Vec<u8>, FormatError> {
        let mut body = Vec::new();
        body.extend_from_slice(&VERSION.to_le_bytes());
        let count = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&count.to_le_bytes());
        let by_number: BTreeMap<u16, &Common> =
            self.slots.iter().map(|(slot, common)| (slot.map_or(PROFILE, u16::from), common)).collect();
        for (slot, Common { id, is_unwanted }) in by_number {
            body.extend_from_slice(&slot.to_le_bytes());
            body.push(if *is_unwanted { UNWANTED } else { IN_COMMON });
            body.extend_from_slice(id.as_bytes());
        }
        let mut head = Metadata::new();
        head.set_name(shown(target));
        file::encode(head, self.manifest_id, &body, Compression { codec: Codec::None, level: 3 })
    }

    pub(super) fn decode(container: &[u8], target: &str) -> Option<Self> {
        let decoded = file::decode(container)?;
        if decoded.head.name() != Some(shown(target)) {
            return None;
        }
        let slots = slots(&decoded.body).ok()??;
        Some(Self { manifest_id: decoded.id, slots })
    }
}

fn slots(body: &[u8]) -> Result<Option<BTreeMap<Option<u8>, Common>>, FormatError> {
    let mut input = Input::new(WHAT, body);
    let (version, count) = (input.u32()?, input.u32()?);
    if version != VERSION || count > u32::from(PROFILE) + 1 {
        return Ok(None);
    }
    let mut slots = BTreeMap::new();
    let mut next = 0;
    for _ in 0..count {
        let slot = input.u16()?;
        let is_unwanted = match input.u8()? {
            IN_COMMON => false,
            UNWANTED => true,
            _ => return Ok(None),
        };
        let Some(id) = SaveId::from_bytes(input.array()?) else { return Ok(None) };
        if !(next..=PROFILE).contains(&slot) {
            return Ok(None);
        }
        next = slot + 1;
        slots.insert(u8::try_from(slot).ok(), Common { id, is_unwanted });
    }
    Ok(input.is_empty().then_some(slots))
}

/// The name of a target, as far as it is kept.
fn shown(target: &str) -> &str {
    let end = (0..=NAME_LEN_MAX.min(target.len())).rev().find(|end| target.is_char_boundary(*end));
    target.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The file about a target.
fn path_of(dir: &Path, target: &str) -> PathBuf {
    dir.join(format!("{:016x}.base", crc64(target.as_bytes())))
}

#[cfg(test)]
mod tests;
