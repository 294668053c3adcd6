use std::{borrow::Cow, collections::BTreeMap};

use keepstone_format::{Limits, crc32};
use serde::{Deserialize, Serialize};

use super::header::field;
use super::warning::Warning;
use crate::error::Error;
use crate::reserve::reserve;

const VERSION_AT: usize = 4;
const FORMAT_AT: usize = VERSION_AT + 2;
const RESERVED_AT: usize = FORMAT_AT + 1;
const SIZE_AT: usize = RESERVED_AT + 1;
const CRC_AT: usize = SIZE_AT + 4;
const _: () = assert!(CRC_AT + 4 == HEADER_LEN);
pub(super) const HEADER_LEN: usize = 16;

/// What an entry, or a string in a list, takes in memory at most.
const ELEMENT_SIZE_MAX: u64 = 64;
/// So many elements, 16 MiB at most, are allowed whatever may be decoded.
const ELEMENTS_MIN: u64 = 1 << 18;
/// The least bytes of an entry: id, length of the key, type and a value.
const ENTRY_LEN_MIN: u64 = 4;

/// What a vector has under a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The id of the vector.
    pub vector: u32,
    /// The key.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Value<'a>,
}

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value<'a> {
    /// Text.
    String(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Texts, such as tags.
    Strings(Vec<Cow<'a, str>>),
}

/// The metadata as EdgeVec writes it to JSON, which it does in no file of its own.
#[derive(Deserialize)]
struct Json {
    data: BTreeMap<u32, BTreeMap<String, JsonValue>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
enum JsonValue {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    StringArray(Vec<String>),
}

/// Reads the metadata that begins at `start`, and returns its entries in the order of vector and key, and where it ends.
pub(super) fn read<'a>(
    bytes: &'a [u8],
    start: usize,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<Entry<'a>>, usize), Error> {
    let truncated = |part, needs| Error::Truncated { part, needs, found: bytes.len() as u64 };
    let payload_at = start.saturating_add(HEADER_LEN);
    let Some(header) = bytes.get(start..payload_at) else {
        return Err(truncated("the metadata header", payload_at as u64));
    };
    let at = |field: usize| (start + field) as u64;
    if !header.starts_with(b"META") {
        let found = u32::from_le_bytes(field(header, 0)).into();
        return Err(Error::Unknown { what: "magic of the metadata", offset: at(0), found, expected: "META" });
    }
    let version = u16::from_le_bytes(field(header, VERSION_AT));
    if version > 1 {
        let (found, offset) = (version.into(), at(VERSION_AT));
        return Err(Error::Unknown { what: "version of the metadata", offset, found, expected: "1" });
    }
    let size = u32::from_le_bytes(field(header, SIZE_AT));
    let end = payload_at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    let Some(payload) = bytes.get(payload_at..end) else {
        return Err(truncated("the metadata", payload_at as u64 + u64::from(size)));
    };
    let (expected, found) = (u32::from_le_bytes(field(header, CRC_AT)), crc32(payload));
    if expected != found {
        return Err(Error::Checksum { offset: payload_at as u64, expected, found });
    }
    if version == 0 {
        warnings.push(Warning::MetadataVersion { offset: at(VERSION_AT) });
    }
    let reserved = u8::from_le_bytes(field(header, RESERVED_AT));
    if reserved != 0 {
        warnings.push(Warning::MetadataReserved { offset: at(RESERVED_AT), found: reserved });
    }
    let mut entries = match u8::from_le_bytes(field(header, FORMAT_AT)) {
        1 => postcard(payload, payload_at, limits, warnings)?,
        2 => json(payload, payload_at, limits)?,
        other => {
            let (offset, expected) = (at(FORMAT_AT), "1 (postcard) or 2 (JSON)");
            return Err(Error::Unknown {
                what: "format of the metadata",
                offset,
                found: other.into(),
                expected,
            });
        }
    };
    let repeated = sort(&mut entries);
    if repeated > 0 {
        warnings.push(Warning::MetadataRepeated { count: repeated });
    }
    Ok((entries, end))
}

/// Puts entries into the order of vector and key; of those with the same the last one stays. Returns how many went.
fn sort(entries: &mut Vec<Entry<'_>>) -> u64 {
    let count = entries.len();
    entries.reverse();
    entries.sort_by(|a, b| (a.vector, &a.key).cmp(&(b.vector, &b.key)));
    entries.dedup_by(|later, first| (later.vector, &later.key) == (first.vector, &first.key));
    (count - entries.len()) as u64
}

/// How many entries, and strings in lists of them, metadata may have.
pub(super) fn elements_max(limits: &Limits) -> u64 {
    ELEMENTS_MIN.max(limits.decoded_max / ELEMENT_SIZE_MAX)
}

/// What JSON separates: as many keys, values and strings as there are, and the lists and objects around them.
fn json_elements(payload: &[u8]) -> u64 {
    let (mut count, mut is_in_string, mut is_escaped) = (0, false, false);
    for byte in payload {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            b',' | b'{' | b'[' if !is_in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn json(payload: &[u8], payload_at: usize, limits: &Limits) -> Result<Vec<Entry<'static>>, Error> {
    // The maps that it is read into take more than a list does.
    let (needs, allowed) = (json_elements(payload), ELEMENTS_MIN.max(elements_max(limits) / 2));
    if needs > allowed {
        return Err(Error::Limit { what: "elements of metadata", needs, allowed });
    }
    let parsed: Json = serde_json::from_slice(payload)
        .map_err(|source| Error::MetadataJson { offset: payload_at as u64, source })?;
    let entry = |vector, (key, value): (String, JsonValue)| Entry {
        vector,
        key: key.into(),
        value: match value {
            JsonValue::String(text) => Value::String(text.into()),
            JsonValue::Integer(number) => Value::Integer(number),
            JsonValue::Float(number) => Value::Float(number),
            JsonValue::Boolean(value) => Value::Boolean(value),
            JsonValue::StringArray(texts) => Value::Strings(texts.into_iter().map(Cow::Owned).collect()),
        },
    };
    let vectors = parsed.data.into_iter();
    Ok(vectors.flat_map(|(vector, keys)| keys.into_iter().map(move |pair| entry(vector, pair))).collect())
}

fn postcard<'a>(
    payload: &'a [u8],
    payload_at: usize,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Entry<'a>>, Error> {
    let end = (payload_at + payload.len()) as u64;
    let mut cursor = Cursor { rest: payload, end, elements: 0, elements_max: elements_max(limits) };
    let count = cursor.count("metadata entries", ENTRY_LEN_MIN)?;
    let mut entries = reserve(count)?;
    for _ in 0..count {
        let vector = cursor.value("the id of a metadata entry")?;
        let key: &str = cursor.value("the key of a metadata entry")?;
        let offset = cursor.offset();
        let value = match cursor.value::<u32>("the type of a metadata value")? {
            0 => Value::String(Cow::Borrowed(cursor.value("a string")?)),
            1 => Value::Integer(cursor.value("an integer")?),
            2 => Value::Float(cursor.value("a float")?),
            3 => Value::Boolean(cursor.value("a boolean")?),
            4 => Value::Strings(cursor.strings()?),
            other => {
                let (what, expected) = ("type of a metadata value", "0 to 4");
                return Err(Error::Unknown { what, offset, found: other.into(), expected });
            }
        };
        entries.push(Entry { vector, key: Cow::Borrowed(key), value });
    }
    if !cursor.rest.is_empty() {
        let (offset, len) = (cursor.offset(), cursor.rest.len() as u64);
        warnings.push(Warning::MetadataTrailing { offset, len });
    }
    Ok(entries)
}

/// Takes one postcard value after another, and counts elements before they are built.
struct Cursor<'a> {
    rest: &'a [u8],
    end: u64,
    elements: u64,
    elements_max: u64,
}

impl<'a> Cursor<'a> {
    /// Where the next value begins in the file.
    fn offset(&self) -> u64 {
        self.end - self.rest.len() as u64
    }

    fn value<T: Deserialize<'a>>(&mut self, what: &'static str) -> Result<T, Error> {
        let offset = self.offset();
        let taken = postcard::take_from_bytes(self.rest);
        let (value, rest) = taken.map_err(|source| Error::Postcard { what, offset, source })?;
        self.rest = rest;
        Ok(value)
    }

    fn strings(&mut self) -> Result<Vec<Cow<'a, str>>, Error> {
        let count = self.count("strings of a metadata value", 1)?;
        let mut strings = reserve(count)?;
        for _ in 0..count {
            strings.push(Cow::Borrowed(self.value("a string")?));
        }
        Ok(strings)
    }

    fn count(&mut self, what: &'static str, element_len_min: u64) -> Result<usize, Error> {
        let offset = self.offset();
        let count: u64 = self.value(what)?;
        let room = self.rest.len() as u64 / element_len_min;
        if count > room {
            return Err(Error::Announced { what, offset, count, room });
        }
        self.elements += count;
        let (needs, allowed) = (self.elements, self.elements_max);
        if needs > allowed {
            return Err(Error::Limit { what: "elements of metadata", needs, allowed });
        }
        Ok(usize::try_from(count).expect("not more than the bytes of a slice"))
    }
}
