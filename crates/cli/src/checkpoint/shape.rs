use std::{
    fmt,
    io::{self, BufReader, Read},
    path::Path,
};

use keepstone::{
    checkpoint,
    format::{FileKind, Format, Limits, ReadAt as _, Reader, detect},
};
use serde::{
    Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::error::Error;
use crate::progress::Progress;
use crate::source::Source;

/// What a file with checkpoints is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A container, as `export` writes it.
    Keep,
    /// JSON, as `export` writes it.
    Json,
    /// JSON, as forge exports it.
    Forge,
}

/// What the member `format` of our JSON says.
const FORMAT: &str = "keepstone checkpoints";
/// Members of which an export of forge has at least one.
const OF_FORGE: [&str; 3] = ["session_id", "global_sequence", "exported_at"];

impl Shape {
    /// Tells by what is in a file what it is; one that is no export is an error.
    pub(super) fn of(path: &Path, progress: &Progress) -> Result<(Source, Self), Error> {
        let (source, first) = Source::open_any(path, progress)?;
        if is_text(&first) {
            return match of_text(&source) {
                Ok(Some(shape)) => Ok((source, shape)),
                Ok(None) => {
                    Err(Error::NoExport { path: path.to_owned(), found: "JSON of another sort".to_owned() })
                }
                Err(err) => Err(Error::Checkpoints(Box::new(checkpoint::Error::Damaged {
                    object: path.display().to_string(),
                    what: format!("it is no JSON: {err}"),
                }))),
            };
        }
        match detect(&first) {
            Some(Format::Keep) => {}
            Some(format) => {
                return Err(Error::NoExport { path: path.to_owned(), found: format.name().to_owned() });
            }
            None => return Err(Error::unknown(path, &first)),
        }
        let keep = |source| Error::Keep { path: path.to_owned(), source };
        let reader = Reader::open(&source, Limits::for_file_len(source.len())).map_err(keep)?;
        let kind = reader.header().kind;
        if kind != FileKind::CHECKPOINT_EXPORT {
            return Err(Error::NoExport { path: path.to_owned(), found: kind.to_string() });
        }
        drop(reader);
        Ok((source, Self::Keep))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Json => "json",
            Self::Forge => "forge",
        }
    }
}

/// Whether a file is an export of forge, or looks like one that is damaged.
pub(crate) fn is_of_forge(path: &Path, progress: &Progress) -> Result<bool, Error> {
    let (source, first) = Source::open_any(path, progress)?;
    Ok(is_text(&first) && matches!(of_text(&source), Ok(Some(Shape::Forge))))
}

fn is_text(first: &[u8]) -> bool {
    first.trim_ascii_start().starts_with(b"{")
}

/// What JSON is, which is gone through to its end.
fn of_text(source: &Source) -> Result<Option<Shape>, serde_json::Error> {
    let mut seen = Members::default();
    let mut text = serde_json::Deserializer::from_reader(BufReader::new(Bytes { source, at: 0 }));
    let gone_through = text.deserialize_map(&mut seen).and_then(|()| text.end());
    if seen.is_of_forge && !seen.is_ours {
        // If it is damaged the reader knows better what is wrong.
        return Ok(Some(Shape::Forge));
    }
    gone_through?;
    Ok(seen.is_ours.then_some(Shape::Json))
}

/// The members of a document, as far as they tell what it is.
#[derive(Default)]
struct Members {
    is_ours: bool,
    is_of_forge: bool,
}

impl<'de> Visitor<'de> for &mut Members {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            self.is_of_forge |= OF_FORGE.contains(&key.as_str());
            if key == "format" {
                self.is_ours |= members.next_value::<serde_json::Value>()? == FORMAT;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A file from the first byte on.
struct Bytes<'s> {
    source: &'s Source,
    at: u64,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.source.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = rest.min(buf.len());
        self.source.read_exact_at(self.at, buf.get_mut(..count).unwrap_or_default())?;
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}
