use keepstone_format::{Kind, Limits, SectionId, salvage};

use super::{ObjectFault, is_damage};
use crate::{
    Error,
    backend::Backend,
    catalog::Catalog,
    manifest::{self, Manifest},
    object::Folder,
    store::open::read_operations,
};

/// The manifests of a store that can be read, the newest first.
#[derive(Debug, Default)]
pub(in crate::store) struct Manifests {
    pub(in crate::store) read: Vec<Read>,
    /// The highest number of any.
    pub(in crate::store) highest: u64,
    /// How many there are.
    pub(in crate::store) count: u64,
    /// Those in which something is wrong.
    pub(in crate::store) faults: Vec<ObjectFault>,
    pub(in crate::store) bytes_read: u64,
}

/// A manifest, and what it makes.
#[derive(Debug)]
pub(in crate::store) struct Read {
    pub(in crate::store) manifest: Manifest,
    pub(in crate::store) catalog: Catalog,
    pub(in crate::store) last_time: Option<i64>,
}

impl Manifests {
    /// Reads all that there are.
    ///
    /// # Errors
    /// [`Error::Format`] for one that a newer version wrote, [`Error::Backend`].
    pub(in crate::store) fn read(backend: &dyn Backend) -> Result<Self, Error> {
        let mut numbers = manifest::numbers(backend)?;
        numbers.reverse();
        let mut found = Self {
            highest: numbers.first().copied().unwrap_or(0),
            count: numbers.len() as u64,
            ..Self::default()
        };
        for number in numbers {
            found.take(backend, number)?;
        }
        Ok(found)
    }

    fn take(&mut self, backend: &dyn Backend, number: u64) -> Result<(), Error> {
        let name = Folder::MANIFESTS.name(number);
        let Some(bytes) = backend.get(&name)? else { return Ok(()) };
        self.bytes_read = self.bytes_read.saturating_add(bytes.len() as u64);
        let decoded = match Manifest::decode(number, &bytes) {
            Ok(manifest) => Some(manifest),
            Err(error) if is_damage(&error) => {
                self.faults.push(ObjectFault::of(&name, &error));
                what_is_left(number, &bytes)?
            }
            Err(error) => return Err(error),
        };
        let Some(manifest) = decoded else { return Ok(()) };
        match read_operations(&manifest) {
            Ok((catalog, last_time)) => self.read.push(Read { manifest, catalog, last_time }),
            Err(error) if is_damage(&error) => self.faults.push(ObjectFault::of(&name, &error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether a manifest is damaged that would have counted.
    pub(in crate::store) fn lacks_newest(&self) -> bool {
        self.read.first().is_none_or(|read| read.manifest.number < self.highest)
    }
}

/// The manifest in a damaged container both of whose sections are whole: each chunk of them has its own checksum.
fn what_is_left(number: u64, bytes: &[u8]) -> Result<Option<Manifest>, Error> {
    let (mut lists, mut operations) = (Vec::new(), Vec::new());
    let limits = Limits::for_file_len(bytes.len() as u64);
    let report = salvage(bytes, &limits, &mut |part| {
        let into = match part.id {
            SectionId::MANIFEST => &mut lists,
            SectionId::OPERATIONS => &mut operations,
            _ => return,
        };
        into.push((part.index, part.bytes.unwrap_or_default().to_vec()));
    });
    let report = match report {
        Ok(report) => report,
        Err(source) if source.kind() == Kind::Damaged => return Ok(None),
        Err(source) => return Err(Error::format(&Folder::MANIFESTS.name(number), source)),
    };
    let is_whole = |id: SectionId| {
        report
            .sections
            .iter()
            .any(|section| section.id == id && section.instance == 0 && section.is_complete())
    };
    // Whose manifest it is stands in the header.
    let Some(header) = report.header.filter(|header| header.kind == Folder::MANIFESTS.kind) else {
        return Ok(None);
    };
    if report.undecoded > 0 || !is_whole(SectionId::MANIFEST) || !is_whole(SectionId::OPERATIONS) {
        return Ok(None);
    }
    let together = |mut parts: Vec<(u32, Vec<u8>)>| {
        parts.sort_by_key(|(index, _)| *index);
        parts.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>()
    };
    Ok(Manifest::from_sections(number, header.store_id, &together(lists), together(operations)).ok())
}
