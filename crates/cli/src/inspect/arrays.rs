use keepstone::format::{self, ReadAt, Reader, SectionLayout};
use serde::Serialize;

use super::sections::stored_len;
use crate::arrays::{Array, list};
use crate::text::{Shown, count, cut, size};

/// An array of a container.
#[derive(Debug, Serialize)]
pub(super) struct ArraySummary {
    name: String,
    /// The layout of a value.
    layout: String,
    /// Values in a row.
    width: u32,
    rows: u64,
    /// How its values are kept; absent if all of them are lost.
    stored: Option<&'static str>,
    bytes: u64,
    bytes_stored: u64,
    lost_rows: u64,
    /// Whether rows behind the last one are lost, nobody knows how many.
    end_lost: bool,
}

/// Lists the arrays in file order, and what is wrong with others.
pub(super) fn summarize<R: ReadAt>(
    reader: &Reader<R>,
) -> Result<(Vec<ArraySummary>, Vec<String>), format::Error> {
    let found = list(reader)?;
    Ok((found.arrays.iter().map(|array| summary(reader, array)).collect(), found.faults))
}

fn summary<R: ReadAt>(reader: &Reader<R>, array: &Array) -> ArraySummary {
    ArraySummary {
        name: array.head.name.clone(),
        layout: array.head.layout.to_string(),
        width: array.head.width,
        rows: array.rows(),
        stored: array.values.map(|section| match section.layout() {
            SectionLayout::Coded => "coded",
            SectionLayout::Raw => "raw",
        }),
        bytes: array.bytes(),
        bytes_stored: array.values.map_or(0, |section| stored_len(reader, &section)),
        lost_rows: array.lost_rows,
        end_lost: array.is_end_lost,
    }
}

impl ArraySummary {
    pub(super) const TITLES: [&'static str; 7] =
        ["name", "rows", "row", "layout", "decoded", "stored", "lost rows"];

    pub(super) fn cells(&self) -> [String; 7] {
        let lost = match (self.lost_rows, self.end_lost) {
            (0, false) => String::new(),
            (0, true) => "the end".to_owned(),
            (rows, false) => count(rows),
            (rows, true) => format!("{} and the end", count(rows)),
        };
        [
            Shown(&self.name).to_string(),
            count(self.rows),
            format!("{} x {}", count(self.width), Shown(&cut(&self.layout))),
            self.stored.unwrap_or("lost").to_owned(),
            size(self.bytes),
            size(self.bytes_stored),
            lost,
        ]
    }
}
