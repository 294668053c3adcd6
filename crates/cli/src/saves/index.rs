use std::{collections::BTreeSet, path::Path};

use keepstone::{
    format::{FileKind, Limits, Reader, SectionId},
    storage::{self, OsFiles},
};
use serde::Serialize;

/// Bytes that an index may have: that of a million saves with long heads.
const LEN_MAX: u64 = 1 << 30;
const VERSION: u32 = 1;

/// How an index stands to its directory. Whatever is wrong with it costs time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IndexState {
    Fresh,
    /// It names other files than there are.
    Stale,
    Missing,
    Damaged,
}

impl IndexState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
        }
    }
}

/// What an index names.
pub(super) enum Index {
    Names(BTreeSet<String>),
    Missing,
    Damaged,
}

/// Reads the index of a directory.
pub(super) fn read(dir: &Path) -> Index {
    let path = dir.join("index");
    if !path.is_file() {
        return Index::Missing;
    }
    let mut bytes = Vec::new();
    let read = storage::read(&OsFiles, &path, LEN_MAX, &mut bytes);
    read.ok().and_then(|()| names(&bytes)).map_or(Index::Damaged, Index::Names)
}

impl Index {
    pub(super) fn compared_with(self, there: BTreeSet<&str>) -> IndexState {
        match self {
            Self::Names(names) if names.iter().map(String::as_str).eq(there) => IndexState::Fresh,
            Self::Names(_) => IndexState::Stale,
            Self::Missing => IndexState::Missing,
            Self::Damaged => IndexState::Damaged,
        }
    }
}

/// The names in the container of an index.
fn names(container: &[u8]) -> Option<BTreeSet<String>> {
    let reader = Reader::open(container, Limits::for_file_len(container.len() as u64)).ok()?;
    let section = reader.find(SectionId::INDEX, 0).ok()?;
    // It has no codec, so it has no more bytes than its container.
    let is_index = reader.header().kind == FileKind::INDEX && section.decoded_len() <= container.len() as u64;
    if !is_index {
        return None;
    }
    let body = reader.read(section).ok()?;
    let mut input = &*body;
    if u32::from_le_bytes(take(&mut input)?) != VERSION {
        return None;
    }
    let count = u32::from_le_bytes(take(&mut input)?);
    let mut names = BTreeSet::new();
    for _ in 0..count {
        for _ in 0..2 {
            let [len] = take(&mut input)?;
            let name = str::from_utf8(take_slice(&mut input, len.into())?).ok()?;
            if !name.is_empty() {
                names.insert(name.to_owned());
            }
        }
        let [_state] = take(&mut input)?;
        let _len: [u8; 8] = take(&mut input)?;
        for _ in 0..2 {
            let len = u16::from_le_bytes(take(&mut input)?);
            take_slice(&mut input, len.into())?;
        }
    }
    input.is_empty().then_some(names)
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*taken)
}

fn take_slice<'a>(input: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(taken)
}
