use std::{
    collections::HashMap,
    fmt,
    io::{self, BufReader, Read},
};

use keepstone_format::ReadAt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{EXPORT, FORMAT, Link, Session, VERSION, failed};
use crate::{Error, id::CheckpointId};

/// Bytes that are read at once.
const READ_LEN: usize = 64 << 10;

/// A document that is read, but for its checkpoints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    format: String,
    version: u32,
    pub(crate) sessions: Vec<Session>,
    /// What each checkpoint goes on from.
    #[serde(rename = "checkpoints", deserialize_with = "links")]
    pub(crate) links: HashMap<CheckpointId, Option<CheckpointId>>,
}

impl Document {
    /// Goes through a document to its end.
    pub(crate) fn read(source: &impl ReadAt) -> Result<Self, Error> {
        let mut text = text_of(source);
        let document = Self::deserialize(&mut text).map_err(failed)?;
        text.end().map_err(failed)?;
        if document.format != FORMAT {
            return Err(Error::damaged(EXPORT, "its format is not \"keepstone checkpoints\""));
        }
        if document.version != VERSION {
            let (found, oldest, newest) = (document.version, VERSION, VERSION);
            return Err(Error::format(
                EXPORT,
                keepstone_format::Error::Version { what: "JSON export", found, oldest, newest },
            ));
        }
        Ok(document)
    }
}

fn links<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<HashMap<CheckpointId, Option<CheckpointId>>, D::Error> {
    let mut links = HashMap::new();
    let each = Elements(&mut |link: Link| {
        links.insert(link.id.0, link.parent.map(|parent| parent.0));
        Ok(())
    });
    deserializer.deserialize_seq(each)?;
    Ok(links)
}

/// Hands the checkpoints of a document on as they stand there, one after the other.
pub(crate) fn each_checkpoint(
    source: &impl ReadAt,
    mut each: impl FnMut(&RawValue) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut stopped = None;
    let mut each = |raw: Box<RawValue>| {
        each(&raw).map_err(|err| {
            stopped = Some(err);
            "it was stopped"
        })
    };
    let gone_through = text_of(source).deserialize_map(Members(&mut each));
    match stopped {
        Some(err) => Err(err),
        None => gone_through.map_err(failed),
    }
}

/// Takes an element of a list, or says why not.
type Each<'e, T> = &'e mut dyn FnMut(T) -> Result<(), &'static str>;

/// The members of a document, of which only the checkpoints are looked at.
struct Members<'e>(Each<'e, Box<RawValue>>);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            if key == "checkpoints" {
                members.next_value_seed(Elements(&mut *self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The elements of a list, of which one at a time is in memory.
struct Elements<'e, T>(Each<'e, T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Elements<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of checkpoints")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.0)(element).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

type Text<'s, R> = serde_json::Deserializer<serde_json::de::IoRead<BufReader<Bytes<'s, R>>>>;

fn text_of<R: ReadAt>(source: &R) -> Text<'_, R> {
    serde_json::Deserializer::from_reader(BufReader::with_capacity(READ_LEN, Bytes { source, at: 0 }))
}

/// Bytes from the first on.
struct Bytes<'s, R> {
    source: &'s R,
    at: u64,
}

impl<R: ReadAt> Read for Bytes<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.source.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = rest.min(buf.len());
        self.source.read_exact_at(self.at, buf.get_mut(..count).unwrap_or_default())?;
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}
