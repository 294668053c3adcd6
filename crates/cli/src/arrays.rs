//! The arrays of a container: FORMAT.md, section 10.

use std::{collections::BTreeSet, ops::Range};

use keepstone::format::{ArrayHead, ReadAt, Reader, Section, SectionId, SectionLayout, array::decode_lost};

use crate::error::with_causes;

/// An array whose head is good.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) head: ArrayHead,
    pub(crate) row_len: u32,
    /// Its values; none if all of them are lost.
    pub(crate) values: Option<Section>,
    /// Bytes of it that are lost, and zero instead.
    pub(crate) lost: Vec<Range<u64>>,
}

impl Array {
    pub(crate) fn bytes(&self) -> u64 {
        self.values.map_or(0, |section| section.decoded_len())
    }

    pub(crate) fn rows(&self) -> u64 {
        self.bytes() / u64::from(self.row_len)
    }

    pub(crate) fn lost_rows(&self) -> Vec<Range<u64>> {
        rows_of(&self.lost, self.row_len)
    }
}

/// The arrays of a container, and what about them isn't as it has to be.
#[derive(Debug, Default)]
pub(crate) struct Arrays {
    pub(crate) arrays: Vec<Array>,
    pub(crate) faults: Vec<String>,
}

/// The rows that ranges of bytes are parts of.
pub(crate) fn rows_of(bytes: &[Range<u64>], row_len: u32) -> Vec<Range<u64>> {
    let row_len = u64::from(row_len).max(1);
    let mut rows: Vec<Range<u64>> = Vec::new();
    for range in bytes {
        let (start, end) = (range.start / row_len, range.end.div_ceil(row_len));
        match rows.last_mut() {
            Some(last) if last.end >= start => last.end = last.end.max(end),
            _ => rows.push(start..end),
        }
    }
    rows
}

/// Whether sections with this id are parts of arrays.
pub(crate) fn is_of_array(id: SectionId) -> bool {
    [SectionId::ARRAY_HEAD, SectionId::ARRAY, SectionId::ARRAY_LOST].contains(&id)
}

/// Looks at all arrays of a container; values are not read.
pub(crate) fn list<R: ReadAt>(reader: &Reader<R>) -> Arrays {
    let mut found = Arrays::default();
    let mut names = BTreeSet::new();
    // A place in the order: instance, then head, values, lost ranges.
    let mut last = None;
    for section in reader.sections().iter().filter(|section| is_of_array(section.id())) {
        let (id, instance) = (section.id(), section.instance());
        let place = (instance, id);
        if last.replace(place).is_some_and(|last| last >= place) {
            found.faults.push(format!("section {id}, instance {instance}: out of order"));
        }
        if id == SectionId::ARRAY_HEAD {
            match read(reader, section) {
                Ok(array) if names.insert(array.head.name.clone()) => found.arrays.push(array),
                Ok(array) => found.faults.push(format!("two arrays have the name {:?}", array.head.name)),
                Err(message) => found.faults.push(format!("array {instance}: {message}")),
            }
        }
        if id == SectionId::ARRAY_LOST && reader.find(SectionId::ARRAY, instance).is_err() {
            found.faults.push(format!("section {id}, instance {instance}: there is no array before it"));
        }
    }
    found
}

fn read<R: ReadAt>(reader: &Reader<R>, section: &Section) -> Result<Array, String> {
    let failed = |error: keepstone::format::Error| with_causes(&error);
    if section.layout() != SectionLayout::Coded || section.chunk_count() != 1 {
        return Err("its head is not one chunk".to_owned());
    }
    let head = ArrayHead::decode(&reader.read(section).map_err(failed)?).map_err(failed)?;
    let row_len = head.row_len().map_err(failed)?;
    let values = reader.find(SectionId::ARRAY, section.instance()).ok().copied();
    let len = values.map_or(0, |values| values.decoded_len());
    if !len.is_multiple_of(row_len.into()) {
        return Err(format!("{len} bytes are no whole number of rows of {row_len}"));
    }
    let lost = match reader.find(SectionId::ARRAY_LOST, section.instance()) {
        Ok(lost) if lost.layout() == SectionLayout::Coded => {
            decode_lost(&reader.read(lost).map_err(failed)?, len).map_err(failed)?
        }
        Ok(_) => return Err("its lost ranges are not coded".to_owned()),
        Err(_) => Vec::new(),
    };
    Ok(Array { head, row_len, values, lost })
}
