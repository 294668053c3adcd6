#[cfg(test)]
mod tests;

use keepstone_format::{Error as FormatError, Metadata, SectionId, Writer, tag, wire::Input};

use crate::{
    Error,
    object::{Folder, NUMBER_MAX},
};

/// Commits that are one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// The number of the first commit, and of the object.
    pub(crate) first: u64,
    pub(crate) store_id: [u8; 16],
    pub(crate) writer: [u8; 16],
    /// Each behind its length, one behind the other; at least one.
    pub(crate) commits: Vec<u8>,
}

impl Group {
    /// The bytes of the object.
    ///
    /// # Errors
    /// [`Error::Format`] for what [`decode`](Self::decode) would refuse.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        self.to_container().map_err(Folder::COMMITS.failed(self.first))
    }

    /// Takes the object of this number apart.
    ///
    /// # Errors
    /// [`Error::Format`] for what is damaged, newer, or not the commits of that number and store.
    pub(crate) fn decode(first: u64, store_id: &[u8; 16], bytes: &[u8]) -> Result<Self, Error> {
        Self::from_container(first, store_id, bytes).map_err(Folder::COMMITS.failed(first))
    }

    /// The store that the object of this number says it is of.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub(crate) fn store_of(first: u64, bytes: &[u8]) -> Result<[u8; 16], Error> {
        let opened = Folder::COMMITS.open(first, bytes, &[SectionId::COMMITS]);
        opened.map(|reader| reader.header().store_id).map_err(Folder::COMMITS.failed(first))
    }

    /// Goes through the commits, which are whole.
    pub(crate) fn each(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut input = self.input();
        while let Some(commit) = next(&mut input).map_err(Folder::COMMITS.failed(self.first))? {
            take(commit)?;
        }
        Ok(())
    }

    fn to_container(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        let mut options = Folder::COMMITS.options(self.first, self.store_id);
        options.head.set(tag::OBJECT_WRITER, &self.writer);
        let mut writer = Writer::new(Vec::with_capacity(self.commits.len() + 1024), options)?;
        writer.coded_from(SectionId::COMMITS, 0, &[&self.commits])?;
        Ok(writer.finish(Metadata::new())?.0)
    }

    fn from_container(first: u64, store_id: &[u8; 16], bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |rule| FormatError::Invalid { what: Folder::COMMITS.what, rule, offset: 0 };
        let reader = Folder::COMMITS.open(first, bytes, &[SectionId::COMMITS])?;
        if reader.header().store_id != *store_id {
            return Err(invalid("they are of another store"));
        }
        let writer = reader.head().get(tag::OBJECT_WRITER).and_then(|bytes| bytes.try_into().ok());
        let writer = writer.ok_or_else(|| invalid("it doesn't say who wrote it"))?;
        let commits = reader.read(reader.find(SectionId::COMMITS, 0)?)?.into_owned();
        let group = Self { first, store_id: *store_id, writer, commits };
        group.check().map(|()| group)
    }

    /// There is a commit, each is whole, and each has a number.
    fn check(&self) -> Result<(), FormatError> {
        let (mut input, mut behind) = (self.input(), self.first);
        while next(&mut input)?.is_some() {
            behind = behind.saturating_add(1);
        }
        if self.first == 0 || behind == self.first || behind > NUMBER_MAX {
            return Err(input.invalid("there is no commit, or one without a number"));
        }
        Ok(())
    }

    fn input(&self) -> Input<'_> {
        Input::new("commits", &self.commits)
    }
}

fn next<'a>(input: &mut Input<'a>) -> Result<Option<&'a [u8]>, FormatError> {
    if input.is_empty() {
        return Ok(None);
    }
    let len = usize::try_from(input.varint_u64()?).unwrap_or(usize::MAX);
    input.take(len).map(Some)
}
