use std::fmt;

use keepstone::{compat::awsv::Part, format::SalvageReport};
use serde::Serialize;

use super::found::{FoundSection, State};
use crate::text::Shown;

/// A part of a container that could not be saved.
#[derive(Debug, Serialize)]
pub(super) struct Lost {
    /// The part.
    what: String,
    world: Option<u16>,
    component: Option<String>,
    /// Why, in words.
    message: String,
}

impl Lost {
    pub(super) fn new(what: &str, message: impl Into<String>) -> Self {
        Self { what: what.to_owned(), world: None, component: None, message: message.into() }
    }

    pub(super) fn of_world(what: &str, world: u16, message: impl Into<String>) -> Self {
        Self { world: Some(world), ..Self::new(what, message) }
    }

    pub(super) fn column(world: u16, component: &str, message: impl Into<String>) -> Self {
        Self { component: Some(component.to_owned()), ..Self::of_world("column", world, message) }
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
        let message = "tail metadata, and sections of which nothing is left, if there were any";
        lost.push(Lost::new("footer", message));
    }
    lost
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown(&self.what))?;
        if let Some(component) = &self.component {
            write!(f, " {}", Shown(component))?;
        }
        if let Some(world) = self.world {
            write!(f, " of world {world}")?;
        }
        write!(f, ": {}", Shown(&self.message))
    }
}
