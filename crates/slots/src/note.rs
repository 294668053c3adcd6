use keepstone_format::{
    Codec, Error as FormatError, FileKind, Limits, Metadata, Reader, Writer, WriterOptions, tag,
};

use crate::{entry::SaveEntry, id::SaveId};

/// Bytes that a note can have: a head of 4096 and what is around it.
pub(crate) const NOTE_LEN_MAX: u64 = 8 << 10;
const WHAT: &str = "note";

/// What changed about a save after it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// The name to display instead of that of the save.
    pub(crate) name: Option<String>,
    pub(crate) locked: bool,
    pub(crate) comment: Option<String>,
    /// When it was deleted, in nanoseconds UTC since 1970.
    pub(crate) deleted_at: Option<i64>,
}

impl Note {
    /// Encodes the container.
    pub(crate) fn encode(&self, id: SaveId) -> Result<Vec<u8>, FormatError> {
        let options = WriterOptions::new(FileKind::NOTE).codec(Codec::None).head(self.to_head(id));
        let (bytes, _) = Writer::new(Vec::new(), options)?.finish(Metadata::new())?;
        Ok(bytes)
    }

    /// Decodes a container, which has to be a note of save `id`.
    pub(crate) fn decode(bytes: &[u8], id: SaveId) -> Result<Self, FormatError> {
        let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
        if reader.header().kind != FileKind::NOTE {
            return Err(invalid("its kind is not note"));
        }
        if !reader.sections().is_empty() {
            return Err(invalid("it has sections"));
        }
        let head = reader.head();
        if head.get(tag::SAVE_ID) != Some(id.as_bytes()) {
            return Err(invalid("it is of another save than its name says"));
        }
        Ok(Self::of_head(head))
    }

    /// What is in the file as metadata.
    pub(crate) fn to_head(&self, id: SaveId) -> Metadata {
        let mut head = Metadata::new();
        head.set(tag::SAVE_ID, id.as_bytes());
        if let Some(name) = &self.name {
            head.set_name(name);
        }
        if self.locked {
            head.set(tag::LOCKED, &[1]);
        }
        if let Some(comment) = &self.comment {
            head.set(tag::COMMENT, comment.as_bytes());
        }
        if let Some(deleted_at) = self.deleted_at {
            head.set(tag::DELETED_AT, &deleted_at.to_le_bytes());
        }
        head
    }

    fn of_head(head: &Metadata) -> Self {
        let comment = head.get(tag::COMMENT).and_then(|comment| str::from_utf8(comment).ok());
        let deleted_at = head.get(tag::DELETED_AT).and_then(|at| at.try_into().ok());
        Self {
            name: head.name().map(str::to_owned),
            locked: head.get(tag::LOCKED).is_some(),
            comment: comment.map(str::to_owned),
            deleted_at: deleted_at.map(i64::from_le_bytes),
        }
    }
}

impl SaveEntry {
    /// What has changed about it since it was written; nothing if that can't be read.
    pub(crate) fn note(&self) -> Note {
        Metadata::from_bytes(self.metadata().1).map(|head| Note::of_head(&head)).unwrap_or_default()
    }
}

fn invalid(rule: &'static str) -> FormatError {
    FormatError::Invalid { what: WHAT, rule, offset: 0 }
}

#[cfg(test)]
mod tests;
