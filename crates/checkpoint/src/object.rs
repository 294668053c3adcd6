//! What packs, manifests and commits have in common: containers under numbered names.

use keepstone_format::{
    Codec, Error as FormatError, FileKind, Limits, Metadata, Reader, Section, SectionId, WriterOptions, tag,
};

use crate::Error;

/// The highest number an object may have, so that counting on needs no check.
pub(crate) const NUMBER_MAX: u64 = 1 << 62;

/// The objects of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folder {
    /// What their names begin with.
    pub(crate) prefix: &'static str,
    /// What their containers are.
    pub(crate) kind: FileKind,
    /// What errors call one.
    pub(crate) what: &'static str,
}

impl Folder {
    pub(crate) const PACKS: Self =
        Self { prefix: "packs/", kind: FileKind::CHECKPOINT_PACK, what: "checkpoint pack" };
    pub(crate) const MANIFESTS: Self =
        Self { prefix: "manifests/", kind: FileKind::CHECKPOINT_MANIFEST, what: "checkpoint manifest" };
    pub(crate) const COMMITS: Self =
        Self { prefix: "commits/", kind: FileKind::CHECKPOINT_COMMITS, what: "checkpoint commits" };

    /// The name of the object with a number.
    pub(crate) fn name(self, number: u64) -> String {
        format!("{}{number:016x}.keep", self.prefix)
    }

    /// The number of an object; none if no object of this kind has such a name.
    pub(crate) fn number(self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(self.prefix)?.strip_suffix(".keep")?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        // Capitals, a sign or another count of digits.
        (is_number(number) && self.name(number) == name).then_some(number)
    }

    /// What the container of an object is written with.
    pub(crate) fn options(self, number: u64, store_id: [u8; 16]) -> WriterOptions {
        let mut head = Metadata::new();
        head.set(tag::OBJECT_NUMBER, &number.to_le_bytes());
        WriterOptions::new(self.kind).codec(Codec::None).store(store_id, 0).head(head)
    }

    /// Opens the container of an object, which is of this kind and of no other number, and has these sections.
    pub(crate) fn open<'a>(
        self,
        number: u64,
        bytes: &'a [u8],
        sections: &[SectionId],
    ) -> Result<Reader<&'a [u8]>, FormatError> {
        let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
        let says = reader.head().get(tag::OBJECT_NUMBER).and_then(|bytes| bytes.try_into().ok());
        let rule = if reader.header().kind != self.kind {
            "it is of another kind"
        } else if says.map(u64::from_le_bytes) != Some(number) {
            "it has another number than its name says"
        } else if reader.header().epoch != 0 {
            "it has an epoch"
        } else if !has(reader.sections(), sections) {
            "it has other sections"
        } else {
            return Ok(reader);
        };
        Err(FormatError::Invalid { what: self.what, rule, offset: 0 })
    }

    /// Names the object in an error of its container.
    pub(crate) fn failed(self, number: u64) -> impl Fn(FormatError) -> Error {
        move |source| Error::format(&self.name(number), source)
    }
}

/// Whether a container has these sections, each once, in this order.
fn has(found: &[Section], expected: &[SectionId]) -> bool {
    found.iter().map(|section| (section.id(), section.instance())).eq(expected.iter().map(|id| (*id, 0)))
}

/// Whether objects may have this number: they count from 1.
pub(crate) fn is_number(number: u64) -> bool {
    (1..=NUMBER_MAX).contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_made_of_each_other() {
        for number in [1, 0x00ab_cdef, NUMBER_MAX] {
            let name = Folder::PACKS.name(number);
            assert_eq!(Folder::PACKS.number(&name), Some(number), "{name}");
            assert_eq!(Folder::COMMITS.number(&name), None);
        }
        assert_eq!(Folder::MANIFESTS.name(255), "manifests/00000000000000ff.keep");
        for name in [
            "packs/",
            "packs/ff.keep",
            "packs/00000000000000FF.keep",
            "packs/+0000000000000ff.keep",
            "packs/00000000000000ff",
            "packs/00000000000000ff.keep.keep",
            "packs/000000000000000ff.keep",
            "packs/0000000000000000.keep",
            "packs/ffffffffffffffff.keep",
            "packs/4000000000000001.keep",
        ] {
            assert_eq!(Folder::PACKS.number(name), None, "{name}");
        }
    }
}
