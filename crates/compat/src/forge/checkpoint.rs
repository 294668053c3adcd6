use std::{borrow::Cow, fmt};

use keepstone_format::Limits;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    awsv::read_moment,
    error::Error,
    forge::{Checksum, Id, Secrets, Trigger, secrets::without_env_vars, text},
};

/// A checkpoint of forge.
#[doc(alias = "TemporalCheckpoint")]
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoint<'a> {
    /// Its identity.
    pub id: Id,
    /// When it was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub time: i64,
    /// Its number. Those of forge begin anew with each process.
    pub sequence: u64,
    /// The session that it belongs to.
    pub session: Id,
    /// What its maker says about it.
    pub message: String,
    /// Its tags, in the order of the file.
    pub tags: Vec<String>,
    /// Why it was made.
    pub trigger: Trigger,
    /// The JSON of the state exactly as it is written, white space included, but for the environment variables if they are left out.
    pub state: Cow<'a, str>,
    /// How many environment variables were left out.
    pub env_vars_dropped: u64,
    /// What its checksum fits.
    pub checksum: Checksum,
    /// The checksum as it is written: 64 hexadecimal digits, if it fits.
    pub digest: String,
}

/// The same as it is written.
#[derive(Deserialize)]
pub(super) struct Written<'a> {
    #[serde(borrow)]
    pub(super) id: &'a RawValue,
    #[serde(borrow)]
    pub(super) timestamp: &'a RawValue,
    #[serde(borrow)]
    pub(super) sequence_number: &'a RawValue,
    #[serde(borrow)]
    pub(super) message: &'a RawValue,
    #[serde(borrow)]
    pub(super) tags: &'a RawValue,
    #[serde(borrow)]
    pub(super) state: &'a RawValue,
    #[serde(borrow)]
    pub(super) trigger: &'a RawValue,
    #[serde(borrow)]
    pub(super) session_id: &'a RawValue,
    #[serde(borrow)]
    checksum: &'a RawValue,
}

impl Checkpoint<'_> {
    /// The JSON of the state without the white space between its parts, which is what forge keeps in its own store.
    pub fn compact_state(&self) -> String {
        text::pieces(&self.state).collect()
    }
}

/// The state isn't shown: there may be secrets in it.
impl fmt::Debug for Checkpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("id", &self.id)
            .field("time", &self.time)
            .field("sequence", &self.sequence)
            .field("session", &self.session)
            .field("message", &self.message)
            .field("tags", &self.tags)
            .field("trigger", &self.trigger)
            .field("env_vars_dropped", &self.env_vars_dropped)
            .field("checksum", &self.checksum)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl<'a> Written<'a> {
    /// Reads what is written as the checkpoint in a place of the file.
    pub(super) fn read(
        &self,
        place: usize,
        limits: &Limits,
        secrets: Secrets,
    ) -> Result<Checkpoint<'a>, Error> {
        let wrong = |field: &str, expected| Error::ForgeField {
            field: format!("checkpoints[{place}].{field}"),
            expected,
        };
        let id = |raw: &RawValue, field| parse_id(raw).ok_or_else(|| wrong(field, "a UUID"));
        let stored = string(self.checksum).ok_or_else(|| wrong("checksum", "a string"))?;
        let raw_state: &'a str = self.state.get();
        let (needs, allowed) = (text::depth(raw_state), limits.depth_max.into());
        if needs > allowed {
            return Err(Error::Limit { what: "levels of a state", needs, allowed });
        }
        if !raw_state.starts_with('{') {
            return Err(wrong("state", "an object"));
        }
        let (state, env_vars_dropped) = match secrets {
            Secrets::Keep => (Cow::Borrowed(raw_state), 0),
            Secrets::Drop => without_env_vars(raw_state),
        };
        Ok(Checkpoint {
            id: id(self.id, "id")?,
            time: time(self.timestamp).ok_or_else(|| wrong("timestamp", MOMENT))?,
            sequence: number(self.sequence_number)
                .ok_or_else(|| wrong("sequence_number", "a number below 2^64"))?,
            session: id(self.session_id, "session_id")?,
            message: string(self.message).ok_or_else(|| wrong("message", "a string"))?,
            tags: serde_json::from_str(self.tags.get()).map_err(|_| wrong("tags", "a list of strings"))?,
            trigger: Trigger::parse(self.trigger.get())
                .ok_or_else(|| wrong("trigger", "Manual, Scheduled or Automatic with its cause"))?,
            checksum: Checksum::of(self, &stored),
            digest: stored,
            state,
            env_vars_dropped,
        })
    }
}

/// What a time has to be.
pub(super) const MOMENT: &str = "a moment of RFC 3339 from 1677 to 2262";

pub(super) fn time(raw: &RawValue) -> Option<i64> {
    let (nanos, _) = read_moment(&string(raw)?)?;
    // One that 64 bits don't hold becomes the nearest that they do.
    (nanos != i64::MIN && nanos != i64::MAX).then_some(nanos)
}

pub(super) fn parse_id(raw: &RawValue) -> Option<Id> {
    Id::parse(&string(raw)?)
}

pub(super) fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

pub(super) fn number(raw: &RawValue) -> Option<u64> {
    serde_json::from_str(raw.get()).ok()
}
