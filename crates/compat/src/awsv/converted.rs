use std::collections::BTreeMap;

use keepstone_format::{FileKind, ReadAt, Reader, Section};
use serde::{Deserialize, Serialize};

use crate::awsv::cursor::elements_max;
use crate::awsv::elements::Weighed;
use crate::awsv::{CompanionProfile, Part, PlayerInventory, SaveBundle, SaveId};
use crate::error::Error;

/// What a save says about itself, as [`Part::Save`] keeps it: the fields of a [`SaveBundle`] that have no part of
/// their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Save")]
pub struct SaveFields {
    /// The version of the `.awsv` file, 1 or 2.
    pub version: u16,
    /// The schema number: as stored in a file of version 2, else 2, as aw-save upgrades.
    pub schema: u16,
    /// The identity of the save; one of version 1 has none.
    pub save_id: Option<SaveId>,
    /// When the save was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub created_at: i64,
    /// How many seconds the clock of `created_at` was ahead of UTC.
    pub created_at_offset_seconds: i32,
    /// Who saved.
    pub player_id: String,
    /// The slot that the player chose.
    pub slot: u8,
    /// The simulation step.
    pub tick: u64,
    /// A hash that the engine gave; nothing checks it.
    pub state_hash: u64,
}

/// A save in a keepstone container, but for the bytes of the engine. What was lost in a repair is `None`.
///
/// The layout is in FORMAT.md of keepstone-format, section 9.1. [`SaveBundle::from_keep`] is for whoever wants all or
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// What the save says about itself.
    pub fields: SaveFields,
    /// The companions.
    pub companions: Option<Vec<CompanionProfile>>,
    /// The inventory.
    pub inventory: Option<PlayerInventory>,
    /// Free-form metadata.
    pub meta: Option<BTreeMap<String, String>>,
    /// How many bytes the engine gave.
    pub ecs_blob_len: Option<u64>,
}

impl From<&SaveBundle> for SaveFields {
    fn from(bundle: &SaveBundle) -> Self {
        Self {
            version: bundle.version,
            schema: bundle.schema,
            save_id: bundle.save_id,
            created_at: bundle.created_at,
            created_at_offset_seconds: bundle.created_at_offset_seconds,
            player_id: bundle.player_id.clone(),
            slot: bundle.slot,
            tick: bundle.world.tick,
            state_hash: bundle.world.state_hash,
        }
    }
}

impl Converted {
    /// Returns whether a container is a converted save: of kind save, with a section for [`Part::Save`].
    pub fn is_in<R: ReadAt>(reader: &Reader<R>) -> bool {
        reader.header().kind == FileKind::SAVE && find(reader, Part::Save).is_some()
    }

    /// Reads what a container has of a save. The bytes of the engine stay where they are.
    ///
    /// # Errors
    ///
    /// [`Error::NotConverted`]; [`Error::Container`] if a section is damaged; [`Error::Layout`] or
    /// [`Error::Part`] if what it holds isn't what the part has to be; [`Error::Limit`] if the parts together
    /// decode to more bytes, or have more elements, than the reader's limits allow. What is built takes at most about
    /// three times [`Limits::decoded_max`](keepstone_format::Limits::decoded_max).
    pub fn read<R: ReadAt>(reader: &Reader<R>) -> Result<Self, Error> {
        if !Self::is_in(reader) {
            return Err(Error::NotConverted { kind: reader.header().kind });
        }
        let parts = [Part::Save, Part::Companions, Part::Inventory, Part::Meta];
        check_size(reader, &parts)?;
        let left = &mut elements_max(reader.limits());
        Ok(Self {
            fields: part(reader, Part::Save, left)?.ok_or(Error::PartMissing { part: Part::Save })?,
            companions: part(reader, Part::Companions, left)?,
            inventory: part(reader, Part::Inventory, left)?,
            meta: part(reader, Part::Meta, left)?,
            ecs_blob_len: find(reader, Part::World).map(Section::decoded_len),
        })
    }

    /// Returns the parts that are not there: they were lost in a repair, and aren't empty.
    pub fn missing(&self) -> impl Iterator<Item = Part> {
        let parts = [
            (Part::Companions, self.companions.is_none()),
            (Part::Inventory, self.inventory.is_none()),
            (Part::Meta, self.meta.is_none()),
            (Part::World, self.ecs_blob_len.is_none()),
        ];
        parts.into_iter().filter(|(_, is_missing)| *is_missing).map(|(part, _)| part)
    }
}

pub(super) fn find<R: ReadAt>(reader: &Reader<R>, part: Part) -> Option<&Section> {
    reader.find(part.id(), 0).ok()
}

/// A small file can decode to much, so the parts are limited together.
pub(super) fn check_size<R: ReadAt>(reader: &Reader<R>, parts: &[Part]) -> Result<(), Error> {
    let sizes = parts.iter().filter_map(|part| find(reader, *part)).map(Section::decoded_len);
    let (needs, allowed) = (sizes.fold(0, u64::saturating_add), reader.limits().decoded_max);
    if needs > allowed {
        return Err(Error::Limit { what: "bytes of all parts of a save", needs, allowed });
    }
    Ok(())
}

fn part<T, R: ReadAt>(reader: &Reader<R>, part: Part, left: &mut u64) -> Result<Option<T>, Error>
where
    T: for<'de> Deserialize<'de> + Weighed,
{
    let Some(section) = find(reader, part) else { return Ok(None) };
    part.decode(&reader.read(section)?, left).map(Some)
}
