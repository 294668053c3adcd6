use std::collections::BTreeMap;

use keepstone_format::Limits;
use serde::Deserialize;

use crate::awsv::Warning;
use crate::error::Error;
use crate::reserve::reserve;

/// What one element of a list or map takes in memory at most: half of an item whose map has one entry.
const ELEMENT_SIZE_MAX: u64 = 256;
/// So many elements, 64 MiB at most, are allowed whatever may be decoded.
const ELEMENTS_MIN: u64 = 1 << 18;

/// Takes one postcard value after another from a decoded body, so that each error can name its
/// field and each count is checked before it is believed.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    body_len: u64,
    elements: u64,
    elements_max: u64,
    duplicates: Option<(String, u64)>,
    warnings: Vec<Warning>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8], limits: &Limits) -> Self {
        Self {
            rest: body,
            body_len: body.len() as u64,
            elements: 0,
            elements_max: elements_max(limits),
            duplicates: None,
            warnings: Vec::new(),
        }
    }

    /// Where the next value begins in the body.
    pub(super) fn offset(&self) -> u64 {
        self.body_len - self.rest.len() as u64
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    pub(super) fn value<T: Deserialize<'a>>(&mut self, field: &str) -> Result<T, Error> {
        let offset = self.offset();
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|source| Error::Body {
            field: field.to_owned(),
            offset,
            source,
        })?;
        self.rest = rest;
        Ok(value)
    }

    /// Reads a list whose elements take at least `element_len_min` bytes each.
    pub(super) fn list<T>(
        &mut self,
        field: &str,
        element_len_min: u64,
        mut element: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.count(field, element_len_min)?;
        let mut list = reserve(count)?;
        for index in 0..count {
            let value = element(self).map_err(|e| named(e, field, index))?;
            list.push(value);
        }
        Ok(list)
    }

    pub(super) fn strings(&mut self, field: &str) -> Result<Vec<String>, Error> {
        let count = self.count(field, 1)?;
        let mut list = reserve(count)?;
        for index in 0..count {
            let text = self.value("").map_err(|e| named(e, field, index))?;
            list.push(text);
        }
        Ok(list)
    }

    /// Reads a map; a key that comes again replaces the value before, as in a `HashMap`.
    pub(super) fn map<V: Deserialize<'a>>(&mut self, field: &str) -> Result<BTreeMap<String, V>, Error> {
        let count = self.count(field, 2)?;
        let mut map = BTreeMap::new();
        for index in 0..count {
            let key = self.value("key").map_err(|e| named(e, field, index))?;
            let value = self.value("value").map_err(|e| named(e, field, index))?;
            map.insert(key, value);
        }
        let repeated = (count - map.len()) as u64;
        if repeated > 0 {
            let (_, total) = self.duplicates.get_or_insert_with(|| (field.to_owned(), 0));
            *total += repeated;
        }
        Ok(map)
    }

    /// Ends the body: what is left over becomes a warning.
    pub(super) fn finish(mut self) -> Vec<Warning> {
        if let Some((field, count)) = self.duplicates.take() {
            self.warn(Warning::DuplicateKeys { field, count });
        }
        if !self.rest.is_empty() {
            self.warn(Warning::TrailingBody { offset: self.offset(), len: self.rest.len() as u64 });
        }
        self.warnings
    }

    fn count(&mut self, field: &str, element_len_min: u64) -> Result<usize, Error> {
        let offset = self.offset();
        let count: u64 = self.value(field)?;
        let room = self.rest.len() as u64 / element_len_min;
        if count > room {
            return Err(Error::Count { field: field.to_owned(), offset, count, room });
        }
        self.elements += count;
        if self.elements > self.elements_max {
            return Err(Error::Limit { what: "elements", needs: self.elements, allowed: self.elements_max });
        }
        Ok(usize::try_from(count).expect("not more than the bytes of a slice"))
    }
}

/// How many elements all lists and maps of a save may have: what they take is within what may be decoded.
pub(super) fn elements_max(limits: &Limits) -> u64 {
    ELEMENTS_MIN.max(limits.decoded_max / ELEMENT_SIZE_MAX)
}

/// Called only for an element that fails, so that good files do not pay for paths.
fn named(error: Error, field: &str, index: usize) -> Error {
    error.within(&format!("{field}[{index}]"))
}
