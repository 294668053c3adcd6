//! Metadata as it stands in a file, gone through without decoding it into a map.

use keepstone_format::tag;

use crate::{id::SaveId, kind::SaveKind, stem::Stem};

/// The entries of metadata; it ends where a rule is broken, and what is left then isn't empty.
pub(super) struct Entries<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
        self.rest = rest;
        Some((u16::from_le_bytes(*tag), value))
    }
}

/// The value of the entry `tag`.
pub(super) fn find(metadata: &[u8], tag: u16) -> Option<&[u8]> {
    let mut entries = Entries { rest: metadata }.take_while(|(found, _)| *found <= tag);
    entries.find(|(found, _)| *found == tag).map(|(_, value)| value)
}

/// What has to be known of every head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: SaveKind,
}

impl Facts {
    /// Takes the facts from the head of the save that `stem` tells of, or says what is wrong with it.
    pub(super) fn of(head: &[u8], stem: &Stem) -> Result<Self, &'static str> {
        let (mut id, mut sequence, mut slot, mut kind, mut revision) = (None, None, None, None, 0);
        let (mut last, mut has_player) = (None, false);
        let mut entries = Entries { rest: head };
        for (tag, value) in &mut entries {
            if last.is_some_and(|last| last > tag || last == tag && tag != tag::CUSTOM) {
                return Err("the entries of its head don't ascend");
            }
            last = Some(tag);
            match tag {
                tag::SAVE_ID => id = value.try_into().ok().and_then(SaveId::from_bytes),
                tag::SEQUENCE => sequence = value.try_into().ok().map(u64::from_le_bytes),
                tag::SLOT => match value {
                    [value] => slot = Some(*value),
                    _ => return Err("the slot in its head isn't one byte"),
                },
                tag::PLAYER => has_player = !value.is_empty(),
                tag::SAVE_KIND => kind = value.try_into().ok().map(u8::from_le_bytes).and_then(SaveKind::of),
                tag::REVISION => revision = value.try_into().map_or(u32::MAX, u32::from_le_bytes),
                _ => {}
            }
        }
        if !entries.rest.is_empty() {
            return Err("the last entry of its head is cut off");
        }
        let (Some(id), Some(sequence), Some(kind), true) = (id, sequence, kind, has_player) else {
            return Err("its head lacks id, sequence, player or kind");
        };
        if (slot, sequence, revision, id) != (stem.slot, stem.sequence, stem.revision.into(), stem.id) {
            return Err("its head is that of another save than its name says");
        }
        if (kind == SaveKind::Profile) != slot.is_none() {
            return Err("only a profile has no slot, and its head says otherwise");
        }
        Ok(Self { kind })
    }
}

/// Whether metadata can be gone through and is that of a note of save `id`.
pub(super) fn is_note(metadata: &[u8], id: SaveId) -> bool {
    let mut entries = Entries { rest: metadata };
    let is_of_save = entries.by_ref().any(|(tag, value)| tag == tag::SAVE_ID && value == id.as_bytes());
    entries.by_ref().for_each(drop);
    is_of_save && entries.rest.is_empty()
}
