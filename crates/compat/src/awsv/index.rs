mod loose;

use keepstone_format::Limits;
use serde::Serialize;

use crate::awsv::{SaveId, stamp};
use crate::error::Error;

/// What aw-save's `index.json` says about the saves of a directory. It is a hint: aw-save writes it after the save, without a
/// sync and not in one step, and what is in the directory counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// The entries that can be read, in the order of the file.
    pub entries: Vec<IndexEntry>,
    /// How many entries lack a field or have one of another type, and were left out.
    pub unreadable: u64,
}

/// One save as the index has it.
#[doc(alias = "SaveMeta")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The identity of the save.
    pub save_id: SaveId,
    /// The name of the file.
    pub file: String,
    /// When the save was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub created_at: i64,
    /// How many seconds the clock of `created_at` was ahead of UTC.
    pub created_at_offset_seconds: i32,
    /// Who saved.
    pub player_id: String,
    /// The slot.
    pub slot: u8,
    /// The schema number.
    pub schema: u16,
}

/// An entry as it is written.
#[derive(Serialize)]
struct Line<'a> {
    save_id: String,
    file: &'a str,
    created_at: String,
    player_id: &'a str,
    slot: u8,
    schema: u16,
}

impl Index {
    /// Reads the bytes of an `index.json`. Fields that aw-save doesn't write are ignored, and entries that can't be
    /// read are counted.
    ///
    /// ```
    /// use keepstone_compat::awsv::Index;
    /// use keepstone_format::Limits;
    ///
    /// let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/awsv/index.json"));
    /// let index = Index::read(bytes, &Limits::default())?;
    /// assert_eq!((index.entries.len(), index.unreadable), (3, 0));
    /// assert_eq!(index.entries[2].created_at, 1_773_391_525_475_067_200);
    /// assert_eq!(index.to_json()?, bytes);
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::IndexJson`] if the bytes are no JSON array, [`Error::Limit`] if they are more than may be decoded.
    /// What is built takes at most about twice the bytes it is built from.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let (needs, allowed) = (bytes.len() as u64, limits.decoded_max);
        if needs > allowed {
            return Err(Error::Limit { what: "bytes of index.json", needs, allowed });
        }
        let loose::Entries(index) =
            serde_json::from_slice(bytes).map_err(|source| Error::IndexJson { source })?;
        Ok(index)
    }

    /// Gives the index as aw-save writes it: pretty JSON, without a line break at the end, with the entries in the order that
    /// they have here. aw-save has them by slot and time, as [`sort`](Self::sort) does.
    ///
    /// # Errors
    ///
    /// [`Error::CantHold`] if a clock is more than 25:59:59 from UTC.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut lines = Vec::new();
        for entry in &self.entries {
            lines.push(Line {
                save_id: entry.save_id.to_string(),
                file: &entry.file,
                created_at: stamp::of_index(entry.created_at, entry.created_at_offset_seconds)?,
                player_id: &entry.player_id,
                slot: entry.slot,
                schema: entry.schema,
            });
        }
        serde_json::to_vec_pretty(&lines).map_err(|source| Error::IndexJson { source })
    }

    /// Puts the entries in the order in which aw-save has them.
    pub fn sort(&mut self) {
        self.entries.sort_by_key(|entry| (entry.slot, entry.created_at));
    }
}
