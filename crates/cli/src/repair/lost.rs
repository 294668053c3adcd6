use std::{fmt, ops::Range};

use keepstone::{
    compat::awsv::Part,
    format::{SalvageReport, array::UNKNOWN_END},
};
use serde::Serialize;

use super::found::{FoundSection, State};
use crate::arrays::is_of_array;
use crate::text::{Shown, plural};

/// Ranges of rows that are listed for people; JSON lists all.
const ROWS_SHOWN_MAX: usize = 10;

/// A part of a container that could not be saved.
#[derive(Debug, Serialize)]
pub(super) struct Lost {
    /// The part.
    what: String,
    world: Option<u16>,
    /// The part of a world in parts, or the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    /// The last of several parts; absent where nobody knows how many there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    part_last: Option<u32>,
    /// How many entities went with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<u32>,
    /// How many references lead to nothing now.
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<u64>,
    component: Option<String>,
    /// The array that it is of.
    array: Option<String>,
    /// Which rows of the array, if not all of them.
    rows: Vec<Rows>,
    /// Why, in words.
    message: String,
}

/// Rows that follow each other.
#[derive(Debug, Serialize)]
struct Rows {
    start: u64,
    /// Absent where nobody knows how many there were.
    end: Option<u64>,
}

impl Lost {
    pub(super) fn new(what: &str, message: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            world: None,
            part: None,
            part_last: None,
            entities: None,
            references: None,
            component: None,
            array: None,
            rows: Vec::new(),
            message: message.into(),
        }
    }

    pub(super) fn of_world(what: &str, world: u16, message: impl Into<String>) -> Self {
        Self { world: Some(world), ..Self::new(what, message) }
    }

    pub(super) fn column(world: u16, component: &str, message: impl Into<String>) -> Self {
        Self { component: Some(component.to_owned()), ..Self::of_world("column", world, message) }
    }

    /// The order of a linked column.
    pub(super) fn order(world: u16, component: &str) -> Self {
        let message = "the order of the rows with one target, if it was not that of the entities";
        Self::column(world, component, message)
    }

    /// References of a column to what is lost.
    pub(super) fn references(component: &str, references: u64) -> Self {
        let message = format!("{} to lost entities", plural(references, "reference"));
        let what = "references of column".to_owned();
        Self { what, references: Some(references), ..Self::column(0, component, message) }
    }

    /// Parts of a world from `first` to `last`, or nobody knows to which, with so many entities.
    pub(super) fn parts(first: u32, last: Option<u32>, entities: u32, message: &str) -> Self {
        let what = match last {
            Some(last) if last == first => format!("part {first}"),
            Some(last) => format!("parts {first} to {last}"),
            None => format!("part {first} and on"),
        };
        let message = format!("{}: {message}", plural(entities, "entity"));
        let (part, entities) = (Some(first), Some(entities));
        Self { world: Some(0), part, part_last: last, entities, ..Self::new(&what, message) }
    }

    /// Says which part of its world it was in.
    pub(super) fn in_part(self, part: u16) -> Self {
        let part = Some(u32::from(part));
        Self { part, part_last: part, ..self }
    }

    /// Rows of an array; all that it has if there are none.
    pub(super) fn array(name: &str, rows: Vec<Range<u64>>, message: impl Into<String>) -> Self {
        let rows = rows
            .into_iter()
            .map(|Range { start, end }| Rows { start, end: (end != UNKNOWN_END).then_some(end) })
            .collect();
        Self { array: Some(name.to_owned()), rows, ..Self::new("array", message) }
    }

    pub(super) fn section(section: &FoundSection) -> Self {
        let message = match section.state {
            State::Undecoded => "its codec or filter is not in this build; update keepstone",
            _ => "a chunk of it is damaged or missing",
        };
        Self::section_with(section, message)
    }

    pub(super) fn section_with(section: &FoundSection, message: impl Into<String>) -> Self {
        let name = Part::of(section.id).map_or_else(|| section.id.to_string(), |part| part.name().to_owned());
        Self::new(&format!("section {name}, instance {}", section.instance), message)
    }
}

/// What is lost with the ends of a container.
pub(super) fn of_ends(report: &SalvageReport) -> Vec<Lost> {
    let mut lost = Vec::new();
    if report.header.is_none() {
        lost.push(Lost::new("header", "its store; its kind is taken from what the sections hold"));
    }
    if report.head.is_none() {
        lost.push(Lost::new("head metadata", "it is damaged"));
    }
    if !report.has_tables {
        let mut message =
            "tail metadata, and sections of which nothing is left, if there were any".to_owned();
        if report.sections.iter().any(|section| is_of_array(section.id)) {
            message.push_str("; among these may be what earlier repairs lost of the arrays");
        }
        lost.push(Lost::new("footer", message));
    }
    lost
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown(&self.what))?;
        if let Some(array) = &self.array {
            write!(f, " {}", Shown(array))?;
        }
        if let Some(component) = &self.component {
            write!(f, " {}", Shown(component))?;
        }
        match (self.world, self.part) {
            // That is said already.
            (_, Some(_)) if self.entities.is_some() => {}
            (_, Some(part)) => write!(f, " of part {part}")?,
            (Some(world), None) => write!(f, " of world {world}")?,
            (None, None) => {}
        }
        for (place, Rows { start, end }) in self.rows.iter().take(ROWS_SHOWN_MAX).enumerate() {
            let before = if place == 0 { " rows" } else { "," };
            match end {
                Some(end) => write!(f, "{before} {start} to {}", end.saturating_sub(1))?,
                None => write!(f, "{before} {start} and on")?,
            }
        }
        if self.rows.len() > ROWS_SHOWN_MAX {
            write!(f, " and others")?;
        }
        write!(f, ": {}", Shown(&self.message))
    }
}
