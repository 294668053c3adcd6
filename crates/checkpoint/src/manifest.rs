//! What a store consisted of at a moment, FORMAT.md section 14.4.

#[cfg(test)]
mod tests;

use std::mem::replace;

use keepstone_format::{
    Error as FormatError, Metadata, SectionId, Writer,
    wire::{Input, put_varint},
};

use crate::{
    Error,
    backend::Backend,
    object::{Folder, NUMBER_MAX, is_number},
};

/// How often a newest manifest is looked for that is gone when it is read: each time a writer has made a newer one.
const TRIES_MAX: u32 = 64;
/// Bytes that a pack takes in the list at least.
const PACK_LEN_MIN: usize = 3;
/// Bytes that a retired pack takes at least.
const RETIRED_LEN_MIN: usize = 2;

/// All that is known of a store but the states, up to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// 1 for the first, one more for each next.
    pub(crate) number: u64,
    pub(crate) store_id: [u8; 16],
    /// The first commit of the journal that is not in it.
    pub(crate) journal_from: u64,
    /// Packs that something refers to, ascending.
    pub(crate) packs: Vec<PackInfo>,
    /// Packs that nothing refers to any more and that are still there, ascending.
    pub(crate) retired: Vec<Retired>,
    /// The operations that make the catalog.
    pub(crate) operations: Vec<u8>,
}

/// A pack of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackInfo {
    pub(crate) number: u64,
    /// Bytes of the object.
    pub(crate) len: u64,
    /// Bytes of the states in it that checkpoints refer to.
    pub(crate) live: u64,
}

/// A pack that is kept for readers of earlier manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retired {
    pub(crate) number: u64,
    /// Since when, in nanoseconds UTC since 1970, if anybody told.
    pub(crate) since: Option<i64>,
}

impl Manifest {
    /// The name of the object.
    pub(crate) fn name(&self) -> String {
        Folder::MANIFESTS.name(self.number)
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// [`Error::Format`] for what [`decode`](Self::decode) would refuse.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        self.to_container().map_err(Folder::MANIFESTS.failed(self.number))
    }

    /// Takes the object of this number apart.
    ///
    /// # Errors
    /// [`Error::Format`] for what is damaged, newer, or not the manifest of that number.
    pub(crate) fn decode(number: u64, bytes: &[u8]) -> Result<Self, Error> {
        Self::from_container(number, bytes).map_err(Folder::MANIFESTS.failed(number))
    }

    fn to_container(&self) -> Result<Vec<u8>, FormatError> {
        if let Some(rule) = self.broken_rule() {
            return Err(FormatError::Invalid { what: Folder::MANIFESTS.what, rule, offset: 0 });
        }
        let options = Folder::MANIFESTS.options(self.number, self.store_id);
        let mut writer = Writer::new(Vec::with_capacity(self.operations.len() + 1024), options)?;
        writer.coded_from(SectionId::MANIFEST, 0, &[&self.lists()])?;
        writer.coded_from(SectionId::OPERATIONS, 0, &[&self.operations])?;
        Ok(writer.finish(Metadata::new())?.0)
    }

    /// What the section MANIFEST holds.
    fn lists(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.journal_from);
        put_varint(&mut out, self.packs.len() as u64);
        let mut before = 0;
        for pack in &self.packs {
            put_varint(&mut out, pack.number - before);
            put_varint(&mut out, pack.len);
            put_varint(&mut out, pack.live);
            before = pack.number;
        }
        put_varint(&mut out, self.retired.len() as u64);
        let mut before = 0;
        for pack in &self.retired {
            put_varint(&mut out, pack.number - before);
            out.push(u8::from(pack.since.is_some()));
            out.extend(pack.since.map(i64::to_le_bytes).into_iter().flatten());
            before = pack.number;
        }
        out
    }

    fn from_container(number: u64, bytes: &[u8]) -> Result<Self, FormatError> {
        let reader = Folder::MANIFESTS.open(number, bytes, &[SectionId::MANIFEST, SectionId::OPERATIONS])?;
        let lists = reader.read(reader.find(SectionId::MANIFEST, 0)?)?;
        let operations = reader.read(reader.find(SectionId::OPERATIONS, 0)?)?.into_owned();
        Self::from_sections(number, reader.header().store_id, &lists, operations)
    }

    /// What its two sections say.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub(crate) fn from_sections(
        number: u64,
        store_id: [u8; 16],
        lists: &[u8],
        operations: Vec<u8>,
    ) -> Result<Self, FormatError> {
        let mut input = Input::new("list of packs", lists);
        let journal_from = input.varint_u64()?;

        let count = input.count(PACK_LEN_MIN)?;
        let mut packs: Vec<PackInfo> = Vec::with_capacity(count);
        for _ in 0..count {
            let number = next_number(&mut input, packs.last().map(|pack| pack.number))?;
            packs.push(PackInfo { number, len: input.varint_u64()?, live: input.varint_u64()? });
        }
        let count = input.count(RETIRED_LEN_MIN)?;
        let mut retired: Vec<Retired> = Vec::with_capacity(count);
        for _ in 0..count {
            let number = next_number(&mut input, retired.last().map(|pack| pack.number))?;
            let since = match input.u8()? {
                0 => None,
                1 => Some(i64::from_le_bytes(input.array()?)),
                _ => return Err(input.invalid("a time is neither there nor not")),
            };
            retired.push(Retired { number, since });
        }
        let manifest = Self { number, store_id, journal_from, packs, retired, operations };
        match manifest.broken_rule() {
            Some(rule) => Err(input.invalid(rule)),
            None => input.finish().map(|()| manifest),
        }
    }

    /// The rule that it breaks, if there is one.
    fn broken_rule(&self) -> Option<&'static str> {
        if !is_number(self.number) || !is_number(self.journal_from) {
            return Some("a number is not one from 1 to 2^62");
        }
        if !ascend(self.packs.iter().map(|pack| pack.number))
            || !ascend(self.retired.iter().map(|pack| pack.number))
        {
            return Some("numbers of packs don't ascend");
        }
        if self
            .retired
            .iter()
            .any(|pack| self.packs.binary_search_by_key(&pack.number, |pack| pack.number).is_ok())
        {
            return Some("a pack is retired and is not");
        }
        if self.packs.iter().any(|pack| pack.live > pack.len) {
            return Some("more of a pack is referred to than it has");
        }
        if self.store_id == [0; 16] {
            return Some("it is of no store");
        }
        None
    }
}

/// Whether these are numbers of objects, each above the one before.
fn ascend(mut numbers: impl Iterator<Item = u64>) -> bool {
    let mut before = 0;
    numbers.all(|number| replace(&mut before, number) < number && is_number(number))
}

fn next_number(input: &mut Input<'_>, before: Option<u64>) -> Result<u64, FormatError> {
    let at = input.clone();
    let step = input.varint_u64()?;
    match before.unwrap_or_default().checked_add(step) {
        Some(number) if step > 0 && number <= NUMBER_MAX => Ok(number),
        _ => Err(at.invalid("numbers of packs don't ascend")),
    }
}

/// Reads the newest manifest, the one with the highest number; none if there is none.
///
/// An earlier one takes its place by nobody's decision but a repair's: what the newest knows is nowhere else.
///
/// # Errors
/// [`Error::Format`] with its name if it is damaged or newer than this build, [`Error::Damaged`] if it is in the list and not there, [`Error::Backend`].
pub(crate) fn newest(backend: &dyn Backend) -> Result<Option<Manifest>, Error> {
    let mut missing = 0;
    for _ in 0..TRIES_MAX {
        let Some(number) = numbers(backend)?.pop() else { return Ok(None) };
        if let Some(bytes) = backend.get(&Folder::MANIFESTS.name(number))? {
            return Manifest::decode(number, &bytes).map(Some);
        }
        missing = number;
    }
    Err(Error::damaged(&Folder::MANIFESTS.name(missing), "it is listed and can't be read"))
}

/// The numbers of all manifests that are there, ascending.
pub(crate) fn numbers(backend: &dyn Backend) -> Result<Vec<u64>, Error> {
    let listed = backend.list(Folder::MANIFESTS.prefix)?;
    let mut numbers: Vec<u64> =
        listed.iter().filter_map(|object| Folder::MANIFESTS.number(&object.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
