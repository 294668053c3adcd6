use std::{ffi::OsStr, fmt};

use super::{Stem, hexadecimal};

const SAVE: &str = "save";
const DELETED: &str = "deleted";
const DAMAGED: &str = "damaged";
const NOTE: &str = "note";
const SPARE: &str = "spare";
const OLD: &str = "old";
const INDEX: &str = "index";

/// What a name in the directory of a player says.
///
/// There is one way to write each, which [`Display`](fmt::Display) gives: whatever is written otherwise is [`Name::Other`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A save.
    Save(Stem),
    /// A save that was deleted.
    Deleted(Stem),
    /// A save that was set aside.
    Damaged(Stem),
    /// What changed about a save. Of several the one with the highest number counts.
    Note(Stem, u16),
    /// A file that is ready to take a save.
    Spare(u32),
    /// A file whose save has been rotated out.
    Old(u32),
    /// The index.
    Index,
    /// None of these.
    Other,
}

impl Name {
    /// Tells what a name is.
    pub fn parse(name: &OsStr) -> Self {
        Self::of_bytes(name.as_encoded_bytes())
    }

    /// The same of a name that is ASCII, or else none of these.
    pub(crate) fn of_bytes(name: &[u8]) -> Self {
        if name == INDEX.as_bytes() {
            return Self::Index;
        }
        Self::with_extension(name).unwrap_or(Self::Other)
    }

    /// Whether a name ends as those of saves and notes do. The rest of it may be anything.
    pub(crate) fn ends_like_a_save(name: &[u8]) -> bool {
        let ends_with = |extension: &&str| {
            let stem = name.strip_suffix(extension.as_bytes());
            stem.is_some_and(|stem| stem.ends_with(b"."))
        };
        [SAVE, NOTE, DELETED, DAMAGED].iter().any(ends_with)
    }

    fn with_extension(bytes: &[u8]) -> Option<Self> {
        let dot = bytes.iter().rposition(|byte| *byte == b'.')?;
        let (stem, extension) = bytes.split_at_checked(dot)?;
        let extension = str::from_utf8(extension.get(1..)?).ok()?;
        Some(match extension {
            SAVE => Self::Save(Stem::parse(stem)?),
            DELETED => Self::Deleted(Stem::parse(stem)?),
            DAMAGED => Self::Damaged(Stem::parse(stem)?),
            NOTE => {
                let (stem, [b'-', number @ ..]) = stem.split_last_chunk::<5>()? else { return None };
                Self::Note(Stem::parse(stem)?, u16::from_be_bytes(hexadecimal(number)?))
            }
            SPARE => Self::Spare(number(stem)?),
            OLD => Self::Old(number(stem)?),
            _ => return None,
        })
    }

    /// The save that it is a file of. None for spares and old files, whose names say nothing of what is in them.
    pub fn stem(&self) -> Option<Stem> {
        match self {
            Self::Save(stem) | Self::Deleted(stem) | Self::Damaged(stem) | Self::Note(stem, _) => Some(*stem),
            Self::Spare(_) | Self::Old(_) | Self::Index | Self::Other => None,
        }
    }
}

/// A number without a leading zero.
fn number(digits: &[u8]) -> Option<u32> {
    let is_canonical =
        digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    if is_canonical { str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

impl fmt::Display for Name {
    /// The name of the file. [`Name::Other`] stands for names that aren't known, and has an empty one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Save(stem) => write!(f, "{stem}.{SAVE}"),
            Self::Deleted(stem) => write!(f, "{stem}.{DELETED}"),
            Self::Damaged(stem) => write!(f, "{stem}.{DAMAGED}"),
            Self::Note(stem, number) => write!(f, "{stem}-{number:04x}.{NOTE}"),
            Self::Spare(number) => write!(f, "{number}.{SPARE}"),
            Self::Old(number) => write!(f, "{number}.{OLD}"),
            Self::Index => f.write_str(INDEX),
            Self::Other => Ok(()),
        }
    }
}
