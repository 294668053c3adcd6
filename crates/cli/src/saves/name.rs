use std::{ffi::OsStr, fmt};

use keepstone::{
    format::{Metadata, tag},
    slots::{Player, SaveId},
};

/// What a file in the directory of a player is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Save,
    Deleted,
    SetAside,
    Note,
    /// A file that is ready to take a save.
    Spare,
    /// A file whose save has been rotated out.
    Old,
    Index,
}

/// A name in the directory of a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) what: What,
    /// Which save it is, or belongs to; none for spares, old files and the index.
    pub(crate) stem: Option<Stem>,
    /// The number of a note; of several the highest counts.
    pub(crate) note: u16,
}

/// Which save a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stem {
    /// None: the profile.
    pub(crate) slot: Option<u8>,
    pub(crate) sequence: u64,
    pub(crate) revision: u16,
    pub(crate) id: SaveId,
}

impl Name {
    /// Tells what a name is; none: none of these.
    pub(crate) fn parse(name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        if name == "index" {
            return Some(Self { what: What::Index, stem: None, note: 0 });
        }
        let (stem, extension) = name.rsplit_once('.')?;
        let saved = |what| Some(Self { what, stem: Some(Stem::parse(stem)?), note: 0 });
        let numbered = |what| {
            let is_number = stem.parse::<u32>().is_ok_and(|number| number.to_string() == stem);
            is_number.then_some(Self { what, stem: None, note: 0 })
        };
        match extension {
            "save" => saved(What::Save),
            "deleted" => saved(What::Deleted),
            "damaged" => saved(What::SetAside),
            "note" => {
                let (stem, number) = stem.rsplit_once('-')?;
                let note = u16::try_from(hexadecimal(number, 4)?).ok()?;
                Some(Self { what: What::Note, stem: Some(Stem::parse(stem)?), note })
            }
            "spare" => numbered(What::Spare),
            "old" => numbered(What::Old),
            _ => None,
        }
    }

    /// Whether a file with such a name begins with a commit page.
    pub(crate) fn is_committed(&self) -> bool {
        !matches!(self.what, What::Note | What::Index)
    }
}

impl Stem {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let parts: [&str; 4] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let [slot, sequence, revision, id] = parts;
        let stem = Self {
            slot: match slot.strip_prefix('s') {
                Some(digits) => Some(digits.parse().ok()?),
                None => None,
            },
            sequence: hexadecimal(sequence, 16)?,
            revision: u16::try_from(hexadecimal(revision, 4)?).ok()?,
            id: id.parse().ok()?,
        };
        // There is one way to write it.
        (stem.to_string() == text && (1..=1 << 63).contains(&stem.sequence)).then_some(stem)
    }

    /// What the head of a save says.
    pub(crate) fn of_head(head: &Metadata) -> Option<Self> {
        let number = |tag| Some(u64::from_le_bytes(head.get(tag)?.try_into().ok()?));
        let slot = match head.get(tag::SLOT) {
            Some(slot) => Some(u8::from_le_bytes(slot.try_into().ok()?)),
            None => None,
        };
        let revision = match head.get(tag::REVISION) {
            Some(revision) => u32::from_le_bytes(revision.try_into().ok()?),
            None => 0,
        };
        let id = SaveId::from_bytes(head.get(tag::SAVE_ID)?.try_into().ok()?)?;
        Some(Self { slot, sequence: number(tag::SEQUENCE)?, revision: u16::try_from(revision).ok()?, id })
    }

    /// Whether the head of a container is that of this save of a player.
    pub(crate) fn is_of(&self, head: &Metadata, player: &Player) -> bool {
        Self::of_head(head) == Some(*self) && head.get(tag::PLAYER) == Some(player.as_str().as_bytes())
    }
}

impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Some(slot) => write!(f, "s{slot:03}")?,
            None => f.write_str("profile")?,
        }
        write!(f, "-{:016x}-{:04x}-{}", self.sequence, self.revision, self.id)
    }
}

fn hexadecimal(digits: &str, len: usize) -> Option<u64> {
    let is_canonical = digits.len() == len && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_canonical { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_the_one_form_that_is_written() {
        let stem = "s003-0000000000000012-0000-00112233445566778899aabbccddeeff";
        let parse = |name: String| Name::parse(OsStr::new(&name));
        for (extension, what) in
            [("save", What::Save), ("deleted", What::Deleted), ("damaged", What::SetAside)]
        {
            let name = parse(format!("{stem}.{extension}")).expect("it is one");
            let found = name.stem.expect("it has one");
            assert_eq!((name.what, found.slot, found.sequence), (what, Some(3), 0x12));
            assert_eq!(found.to_string(), stem);
        }
        assert_eq!(parse(format!("{stem}-00ff.note")).map(|name| name.note), Some(255));
        assert_eq!(parse("0.spare".to_owned()).map(|name| name.what), Some(What::Spare));
        assert_eq!(parse("index".to_owned()).map(|name| name.what), Some(What::Index));
        let profile = stem.replace("s003", "profile");
        assert!(
            parse(format!("{profile}.save")).is_some_and(|name| name.stem.is_some_and(|s| s.slot.is_none()))
        );
        for wrong in [
            format!("{}.save", stem.to_uppercase()),
            format!("{}.save", stem.replace("s003", "s3")),
            format!("{}.save", stem.replace("s003", "s256")),
            format!("{}.save", stem.replace("0012", "0000")),
            format!("{stem}-0.note"),
            format!("{stem}-x.save"),
            format!("{stem}.note"),
            "00.spare".to_owned(),
            "+1.old".to_owned(),
            stem.to_owned(),
            String::new(),
        ] {
            assert_eq!(parse(wrong.clone()), None, "{wrong}");
        }
    }
}
