use std::collections::BTreeMap;

use keepstone_format::Limits;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    error::Error,
    forge::{
        Checkpoint, Id, Secrets,
        checkpoint::{MOMENT, Written, number, parse_id, string, time},
        text::{elements, members},
    },
    reserve::reserve,
};

/// A file that forge has exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export<'a> {
    /// What it was exported as.
    pub shape: Shape,
    /// When it was, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub exported_at: i64,
    /// The checkpoints, in the order of the file. Those of one session are in the order of their times, unless two programs had it.
    pub checkpoints: Vec<Checkpoint<'a>>,
    /// Members that forge writes none of, and how often each is there, by their paths, such as `checkpoints[].color`. They are passed over.
    pub unknown: BTreeMap<String, u64>,
}

/// What a file was exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The checkpoints of this session.
    Session(Id),
    /// All checkpoints; the number that the next one would have had is one more.
    All {
        /// The number of the last one.
        global_sequence: u64,
    },
}

/// The version of files with one session. Others have none.
const VERSION: &str = "1.0";
/// How much of an unknown version is told.
const SHOWN_MAX: usize = 32;

/// A file as it is written.
#[derive(Deserialize)]
struct WrittenExport<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    global_sequence: Option<&'a RawValue>,
    #[serde(borrow)]
    exported_at: &'a RawValue,
    #[serde(borrow)]
    checkpoints: Vec<Written<'a>>,
}

impl<'a> Export<'a> {
    /// Reads a file of either shape.
    ///
    /// ```
    /// use keepstone_compat::forge::{Checksum, Export, Secrets, Trigger};
    /// use keepstone_format::Limits;
    ///
    /// let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/forge/export_all.json"));
    /// let export = Export::read(bytes, &Limits::default(), Secrets::Drop)?;
    /// let first = &export.checkpoints[0];
    /// assert_eq!(export.checkpoints.len(), 60);
    /// assert_eq!((first.sequence, first.time), (1, 1_795_213_649_376_146_115));
    /// assert_eq!((&*first.message, &*first.tags), ("session 0 checkpoint 0 \"quoted\" \u{e9}", &["milestone".to_owned()][..]));
    /// assert_eq!((&first.trigger, first.checksum), (&Trigger::Manual, Checksum::WithoutTags));
    /// assert_eq!(first.env_vars_dropped, 6);
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ForgeJson`] if the bytes are no JSON or lack a member, [`Error::ForgeShape`] and [`Error::ForgeVersion`] if forge has written no such file,
    /// [`Error::ForgeField`] if a member is not what it has to be; [`Error::Limit`] for more bytes than may be decoded, more checkpoints than rows are allowed, or
    /// a state that is nested too deep.
    pub fn read(bytes: &'a [u8], limits: &Limits, secrets: Secrets) -> Result<Self, Error> {
        let (needs, allowed) = (bytes.len() as u64, limits.decoded_max);
        if needs > allowed {
            return Err(Error::Limit { what: "bytes of an export of forge", needs, allowed });
        }
        let written: WrittenExport<'a> =
            serde_json::from_slice(bytes).map_err(|source| Error::ForgeJson { source })?;
        let (needs, allowed) = (written.checkpoints.len() as u64, limits.rows_max.into());
        if needs > allowed {
            return Err(Error::Limit { what: "checkpoints", needs, allowed });
        }
        let shape = written.shape()?;
        let exported_at = time(written.exported_at).ok_or_else(|| wrong("exported_at", MOMENT))?;
        let mut checkpoints = reserve(written.checkpoints.len())?;
        for (place, checkpoint) in written.checkpoints.iter().enumerate() {
            checkpoints.push(checkpoint.read(place, limits, secrets)?);
        }
        Ok(Self { shape, exported_at, checkpoints, unknown: unknown(bytes) })
    }
}

impl WrittenExport<'_> {
    fn shape(&self) -> Result<Shape, Error> {
        match (self.version, self.session_id, self.global_sequence) {
            (Some(version), Some(session), None) => {
                let version = string(version).ok_or_else(|| wrong("version", "a string"))?;
                if version != VERSION {
                    return Err(Error::ForgeVersion { found: version.chars().take(SHOWN_MAX).collect() });
                }
                Ok(Shape::Session(parse_id(session).ok_or_else(|| wrong("session_id", "a UUID"))?))
            }
            (None, None, Some(sequence)) => {
                let global_sequence =
                    number(sequence).ok_or_else(|| wrong("global_sequence", "a number below 2^64"))?;
                Ok(Shape::All { global_sequence })
            }
            _ => Err(Error::ForgeShape),
        }
    }
}

/// The members of a file.
const MEMBERS: [&str; 5] = ["version", "session_id", "global_sequence", "exported_at", "checkpoints"];
/// The members of a checkpoint.
const OF_CHECKPOINT: [&str; 9] =
    ["id", "timestamp", "sequence_number", "message", "tags", "state", "trigger", "session_id", "checksum"];

/// The members of a sound file that forge writes none of.
fn unknown(bytes: &[u8]) -> BTreeMap<String, u64> {
    let mut unknown = BTreeMap::new();
    let json = str::from_utf8(bytes).unwrap_or_default();
    for member in members(json) {
        let Ok(key) = serde_json::from_str::<String>(member.key) else { continue };
        if key == "checkpoints" {
            for element in elements(member.value) {
                let keys =
                    members(element).filter_map(|member| serde_json::from_str::<String>(member.key).ok());
                for key in keys.filter(|key| !OF_CHECKPOINT.contains(&key.as_str())) {
                    *unknown.entry(format!("checkpoints[].{key}")).or_default() += 1;
                }
            }
        } else if !MEMBERS.contains(&key.as_str()) {
            *unknown.entry(key).or_default() += 1;
        }
    }
    unknown
}

fn wrong(field: &str, expected: &'static str) -> Error {
    Error::ForgeField { field: field.to_owned(), expected }
}
