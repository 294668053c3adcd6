use std::{path::Path, sync::Arc};

use keepstone_format::{Error as FormatError, Metadata, tag};

use super::{
    EntryState, Inner, SaveEntry, Span, Standing,
    facts::{Facts, find, is_note},
};
use crate::{
    Error,
    note::Note,
    player::Player,
    stem::{Name, Stem},
};

/// What the index says of a save, as parts of the bytes that it shares.
pub(crate) struct Indexed {
    pub(crate) name: Name,
    pub(crate) file_name: Span,
    pub(crate) bytes: u64,
    pub(crate) head: Span,
    pub(crate) note: Option<(u16, Span)>,
}

impl SaveEntry {
    /// What a list shows of a save with a head and a container of so many bytes.
    ///
    /// # Errors
    /// [`Error::Format`] if the head breaks a rule, or is not that of the save that `stem` tells of.
    pub(crate) fn of_head(stem: Stem, file_name: &str, bytes: u64, head: &Metadata) -> Result<Self, Error> {
        let encoded = head.to_bytes().map_err(|source| Error::format(Path::new(file_name), source))?;
        let kind = Facts::of(&encoded, &stem).map(|facts| facts.kind).map_err(|rule| {
            Error::format(
                Path::new(file_name),
                FormatError::Invalid { what: "head of a save", rule, offset: 0 },
            )
        })?;
        let standing = standing_of(&Name::of_bytes(file_name.as_bytes()));
        let mut entry = Inner::of_own(stem, standing, [file_name.as_bytes(), &encoded, &[]]);
        (entry.kind, entry.bytes) = (Some(kind), bytes);
        Ok(Self(Arc::new(entry)))
    }

    /// What the index says of a save; none if that breaks a rule.
    pub(crate) fn of_index(buffer: &Arc<Vec<u8>>, indexed: &Indexed) -> Option<Self> {
        let Indexed { name, file_name, bytes, head, note } = *indexed;
        let stem = name.stem()?;
        let mut entry = Inner::bare(stem, standing_of(&name), Arc::clone(buffer));
        entry.kind = Some(Facts::of(head.of(buffer), &stem).ok()?.kind);
        if let Some((number, note)) = note {
            let metadata = note.of(buffer);
            if !is_note(metadata, stem.id) {
                return None;
            }
            (entry.note, entry.note_number) = (note, Some(number));
            entry.is_locked = find(metadata, tag::LOCKED).is_some();
        }
        (entry.file_name, entry.head, entry.bytes) = (file_name, head, bytes);
        Some(Self(Arc::new(entry)))
    }

    /// A save of which only the name is known, in the directory of a player.
    pub(crate) fn unusable(stem: Stem, file_name: &str, state: EntryState, owner: Option<Player>) -> Self {
        let standing = Standing::Unusable(Box::new((state, owner)));
        Self(Arc::new(Inner::of_own(stem, standing, [file_name.as_bytes(), &[], &[]])))
    }

    /// The same save with another note, or without one.
    pub(crate) fn with_note(&self, note: Option<(u16, Note)>) -> Self {
        let Some((number, note)) = note else { return self.with_note_head(None, &[]) };
        match note.to_head(self.id()).to_bytes() {
            Ok(head) => self.with_note_head(Some(number), &head),
            // A note that breaks a rule can't have been written.
            Err(_) => self.with_damaged_note(number),
        }
    }

    /// The same save with a note that can't be read.
    pub(crate) fn with_damaged_note(&self, number: u16) -> Self {
        self.with_note_head(Some(number), &[])
    }

    /// The same save with the note that has a head, or with one that can't be read if that is empty.
    fn with_note_head(&self, number: Option<u16>, head: &[u8]) -> Self {
        let (file_name, own_head) = (self.0.file_name.of(&self.0.buffer), self.metadata().0);
        let mut entry = Inner::of_own(self.0.stem, self.0.standing.clone(), [file_name, own_head, head]);
        (entry.kind, entry.bytes) = (self.0.kind, self.0.bytes);
        entry.note_number = number;
        entry.note_is_damaged = number.is_some() && head.is_empty();
        entry.is_locked = entry.note_is_damaged || find(head, tag::LOCKED).is_some();
        Self(Arc::new(entry))
    }

    /// The metadata of its head and of its note, as they stand in files.
    pub(crate) fn metadata(&self) -> (&[u8], &[u8]) {
        (self.0.head.of(&self.0.buffer), self.0.note.of(&self.0.buffer))
    }
}

impl Inner {
    fn bare(stem: Stem, standing: Standing, buffer: Arc<Vec<u8>>) -> Self {
        Self {
            buffer,
            file_name: Span::default(),
            head: Span::default(),
            note: Span::default(),
            note_number: None,
            note_is_damaged: false,
            is_locked: false,
            stem,
            kind: None,
            bytes: 0,
            standing,
        }
    }

    /// One with a buffer of its own: file name, head and head of the note, which are short.
    fn of_own(stem: Stem, standing: Standing, parts: [&[u8]; 3]) -> Self {
        let mut entry = Self::bare(stem, standing, Arc::new(parts.concat()));
        let mut start = 0;
        for (span, part) in [&mut entry.file_name, &mut entry.head, &mut entry.note].into_iter().zip(parts) {
            *span = Span::new(start, part.len()).unwrap_or_default();
            start += part.len();
        }
        entry
    }
}

fn standing_of(name: &Name) -> Standing {
    match name {
        Name::Deleted(_) => Standing::Deleted,
        Name::Damaged(_) => Standing::SetAside,
        _ => Standing::Good,
    }
}
